"""The session of a visit is typed: no code reads it untyped from the request, or makes up a visit with one."""

import ast
import gc
import inspect
import tomllib
import weakref
from collections.abc import Callable, Iterator

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Scope

from tests.support.clock import Clock
from tests.support.people import ORIGIN
from web.app import create_app
from web.guards.guard import State, demand_of, get
from web.http.page import ROOT
from web.routes import DEMO_ROUTES
from web.settings import Settings
from web.visit.scope import arrive
from web.visit.visit import Pending, RecentlyVerified, SignedIn, VerifiedNow, Visit

SOURCES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file.read_text() for file in (ROOT / "web").rglob("*.py")
}
TYPED = {
    "web.visit.browser",
    "web.visit.scope",
    "web.visit.visit",
    "web.visit.visitor",
    "web.visit.cookies",
    "web.http.forms",
    "web.guards.guard",
    "web.http.errors",
    "web.guards.throttle",
    "web.auth.tries",
    "web.auth.pending_logins",
    "web.auth.recovery_codes",
    "web.auth.sessions",
    "web.auth.step_up",
    "web.auth.trusted_devices",
}
TYPED |= {
    "web.auth.passkeys",
    "web.auth.passwords",
    "web.auth.people",
    "web.pages.entry.login",
    "web.pages.entry.challenge",
    "web.auth.totp",
    "web.guards.step_up",
    "web.auth.outcome",
    "web.http.refusals",
}
KNOWN = {
    "ANYONE": Visit,
    "PENDING_LOGIN": Pending,
    "SIGNED_IN": SignedIn,
    "RECENTLY_VERIFIED": RecentlyVerified,
    "VERIFY_NOW": VerifiedNow,
    "BINDING": RecentlyVerified,
}


def untyped(node: ast.AST) -> bool:
    """Whether the node reads `request.state`, or the visit in the scope, which have no types."""
    is_attribute = isinstance(node, ast.Attribute) and node.attr in ("state", "_state")
    return is_attribute or (isinstance(node, ast.Constant) and node.value in ("state", "panel.arrival"))


def blind(node: ast.AST) -> bool:
    """Whether the node names something that hides types."""
    name = node.name if isinstance(node, ast.alias) else node.id if isinstance(node, ast.Name) else ""
    return name in {"Any", "cast", "getattr", "hasattr", "setattr", "vars"}


def scope(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "scope"


def request(node: ast.AST) -> bool:
    return isinstance(node, ast.alias) and node.name in ("Request", "HTTPConnection")


def made_up(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("Arrival", "Visit", "visit.Arrival", "visit.Visit")


def let_in(node: ast.AST) -> bool:
    names = {kind.__name__ for kind in KNOWN.values() if kind is not Visit}
    return isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("visit.") in names


def accepted(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("Accepted", "outcome.Accepted")


def put_in_place(node: ast.AST) -> bool:
    """Whether the node sets the session or the pending login of a visit."""
    if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
        return False
    return node.attr in ("session", "pending_login", "arrival", "is_identified")


ONLY_IN = [
    (untyped, {"web.visit.scope", "web.cli.roster"}),  # there it is the state of a person
    (scope, {"web.visit.scope", "web.guards.perimeter", "web.http.redirects"}),
    (request, {"web.visit.scope", "web.guards.perimeter", "web.guards.guard", "web.http.errors", "web.visit.visit"}),
    (made_up, {"web.visit.scope"}),
    (let_in, {"web.guards.guard", "web.auth.pending_logins"}),
    (
        accepted,
        {
            "web.auth.passkeys",
            "web.auth.tries",
            "web.pages.entry.setup",
            "web.pages.entry.activation",
            "web.guards.step_up",
        },
    ),
    (put_in_place, {"web.visit.visit", "web.visit.visitor", "web.auth.sessions", "web.auth.pending_logins"}),
    (blind, set(SOURCES) - TYPED),
]


def found(source: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source))


@pytest.mark.parametrize(("sign", "modules"), ONLY_IN)
def test_who_is_here_is_found_out_in_few_places(sign: Callable[[ast.AST], bool], modules: set[str]) -> None:
    assert {name for name, source in SOURCES.items() if any(map(sign, found(source)))} <= modules


@pytest.mark.parametrize(
    ("sign", "source"),
    [
        (untyped, "request.state.session"),
        (untyped, "visit.request.state['session']"),
        (untyped, "getattr(request.state, 'session', None)"),
        (untyped, "request.scope['state']['session']"),
        (untyped, "scope.get('state')"),
        (untyped, "request.scope['panel.arrival']"),
        (scope, "visit.request.scope['session']"),
        (request, "from starlette.requests import Request"),
        (made_up, "Visit(arrival)"),
        (let_in, "SignedIn(arrival)"),
        (let_in, "visit.VerifiedNow(arrival)"),
        (accepted, "return Accepted(Proof.CODE)"),
        (put_in_place, "visit.arrival.session = session"),
        (put_in_place, "arrival.session, at = session, 1"),
        (blind, "from typing import Any"),
        (blind, "getattr(visit, name)"),
    ],
)
def test_an_untyped_read_would_be_seen(sign: Callable[[ast.AST], bool], source: str) -> None:
    assert any(map(sign, found(source)))


def test_types_are_strict_wherever_it_is_decided_who_is_here() -> None:
    """A test of the settings: the check itself is mypy's (`python3 run.py check`)."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    [strict] = [one for one in overrides if one.get("disallow_any_expr")]
    assert set(strict.pop("module")) == TYPED
    assert strict == dict.fromkeys(
        [f"disallow_any_{what}" for what in ("decorated", "explicit", "expr", "unimported")], True
    )
    assert not [name for name in TYPED if "type: ignore" in SOURCES[name]]


def test_a_handler_takes_no_more_than_its_door_guarantees() -> None:
    for route in DEMO_ROUTES:
        demand = demand_of(route)
        assert demand
        [taken] = inspect.signature(route.endpoint).parameters.values()  # type: ignore[attr-defined]
        assert issubclass(KNOWN[demand.door.name], taken.annotation), route


def test_a_visit_without_a_session_cannot_be_used_as_one_with_it(client: TestClient) -> None:
    begun: Scope = {"type": "http", "state": client.app_state, "path": "/", "headers": [], "client": None}
    nobody = arrive(Request(begun))
    assert (nobody.session, nobody.pending_login) == (None, None)
    with pytest.raises(TypeError):
        _ = SignedIn(nobody.arrival).session
    with pytest.raises(TypeError):
        _ = Pending(nobody.arrival).pending_login


def test_nothing_of_a_visit_stays_in_memory_once_it_is_answered(settings: Settings, clock: Clock) -> None:
    """Without a run of the garbage collector: until then who was signed in could be found there."""
    arrivals = []

    async def handler(visit: Visit) -> Response:
        arrivals.append(weakref.ref(visit.arrival))
        if visit.path == "/fault":
            raise HTTPException(404)
        return Response("answered")

    app = create_app(settings, now=clock, routes=[get(path, handler, State.ANYONE) for path in ("/here", "/fault")])
    with TestClient(app, base_url=ORIGIN) as client:
        gc.disable()
        try:
            assert [client.get(path).status_code for path in ("/here", "/fault")] == [200, 404]
            assert [arrival() for arrival in arrivals] == [None, None]
        finally:
            gc.enable()
