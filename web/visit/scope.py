"""Where a visit begins: with a request, whose untyped scope is read here alone, or at the terminal."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from web.limits import USER_AGENT_MAX
from web.panel import Panel
from web.visit.cookies import Jar
from web.visit.visit import Arrival, Visit, section_of
from web.words.places import TERMINAL


def panel_of(scope: Scope) -> Panel:
    panel: Panel = scope["state"]["panel"]
    return panel


def arrive(request: Request) -> Visit:
    """Begin a visit. The scope must hold the visitor's address and scheme already (`forwarded.resolve`)."""
    panel = panel_of(request.scope)
    path: str = request.scope["path"]
    jar = Jar(request.headers, path, short_id=panel.short_id, is_secure=not panel.settings.allow_http)
    arrival = Arrival(
        panel,
        path,
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", "")[:USER_AGENT_MAX],
        jar=jar,
        at=panel.now(),
        section=section_of(path),
        request=request,
    )
    request.scope["panel.arrival"] = arrival
    return Visit(arrival)


def leave(scope: Scope) -> None:
    """End the visit, once it is answered. Scope and visit hold each other: else only the garbage collector could free
    them, which looks at everything else as well, and who was signed in would stay in memory until then."""
    scope.pop("panel.arrival", None)


def visit_of(request: Request) -> Visit:
    """The visit that this request belongs to."""
    arrival: Arrival = request.scope["panel.arrival"]
    arrival.request = request  # the one whose body can be read
    return Visit(arrival)


def at_terminal(panel: Panel) -> Visit:
    """A visit by the person at the terminal of the server, which has no request and no session."""
    jar = Jar(Headers(), "", short_id=panel.short_id, is_secure=True)
    return Visit(Arrival(panel, "", address=TERMINAL, user_agent="", jar=jar, at=panel.now(), section=""))
