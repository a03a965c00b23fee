"""The doors: which host and origin a request may come from, who is here, and what they must have proved."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from web import cookies, errors, log, step_up
from web.cookies import Cookie
from web.hash_pool import TooBusy
from web.limits import BODY_MAX, ELEVATED, ENROL_ONLY_TTL, HEADERS_MAX, URL_MAX
from web.page import go, is_partial
from web.panel import Panel
from web.redirects import SessionEnded, to_login
from web.settings import is_loopback
from web.throttle import Throttle, charge, settle
from web.visitor import identify

Handler = Callable[[Request], Awaitable[Response]]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class State(Enum):
    """What a route asks of whoever calls it."""

    ANYONE = auto()
    HALF_LOGIN = auto()  # a right password, the second factor still owed
    SIGNED_IN = auto()
    VERIFIED = auto()  # signed in, and every enrolled factor proved within five minutes
    PROVED = auto()  # signed in, and every enrolled factor proved with this very request


@dataclass(frozen=True)
class Demand:
    """What a door asks. One that `enrols` is open, too, to whoever may only switch a second factor on."""

    state: State
    enrols: bool = False
    admins: bool = False
    throttle: Throttle | None = None


def get(path: str, handler: Handler, state: State, *, enrols: bool = False, admins: bool = False) -> Route:
    """A page that demands a proof needs a POST beside it: that is where the proof is sent."""
    return Route(path, _door(handler, Demand(state, enrols, admins)), methods=["GET"])


def post(
    path: str,
    handler: Handler,
    state: State,
    *,
    enrols: bool = False,
    admins: bool = False,
    throttle: Throttle | None = None,
) -> Route:
    door = _door(handler, Demand(state, enrols, admins, throttle))
    return Route(path, door, methods=["POST"], max_body_size=BODY_MAX)


def demand_of(route: BaseRoute) -> Demand | None:
    """None for a route that was not made by `get` or `post`: it must not be served."""
    return getattr(getattr(route, "endpoint", None), "demand", None)


def _door(handler: Handler, demand: Demand) -> Handler:
    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        await identify(request)
        try:
            response = await _admit(request, demand) or await _let_in(request, demand.throttle, handler)
        except SessionEnded:
            return await to_login(request)
        except HTTPException as refused:
            response = await errors.http_error(request, refused)
        except TooBusy as busy:  # what was proved before stays proved: its cookie has to arrive
            response = await errors.too_busy(request, busy)
        except Exception as broken:
            if not cookies.owed(request):
                raise
            response = await errors.fault(request, broken)
        cookies.settle(request, response)
        return response

    guarded.demand = demand  # type: ignore[attr-defined]
    return guarded


async def _let_in(request: Request, throttle: Throttle | None, handler: Handler) -> Response:
    if throttle is None:
        return await handler(request)
    if refused := await charge(request, throttle):
        return refused
    response = await handler(request)
    await settle(request, throttle, response)
    return response


async def _admit(request: Request, demand: Demand) -> Response | None:
    """None when the way is free, else what to answer instead."""
    state, session = demand.state, request.state.session
    if state is State.ANYONE:
        return None
    if state is State.HALF_LOGIN:
        return None if request.state.half_login else await _turn_away(request, "half-login")
    if session is None:
        return await _turn_away(request, "session")
    if session.enrols_only and not demand.enrols:
        return _to_enrolment(request)
    if demand.admins and not session.administers:
        return _denied(request, 403, "role", advice="Só quem administra este painel abre isto.")
    if state is State.SIGNED_IN:
        return None
    if state is State.PROVED:
        return await step_up.demand(request, within=timedelta(0))
    return await step_up.demand(request, within=ENROL_ONLY_TTL if session.enrols_only else ELEVATED)


async def _turn_away(request: Request, lacking: str) -> Response:
    """To the login. A cookie that stands for nothing, or a post past a step, is worth a line in the log."""
    if cookies.value(request, Cookie.SESSION) or request.method not in SAFE_METHODS:
        log.denied(request, lacking)
    return await to_login(request)


def _to_enrolment(request: Request) -> Response:
    log.denied(request, "second factor required")
    if is_partial(request):
        return Response(status_code=403, headers={"HX-Redirect": "/security"})
    return go(request, "/security")


class Perimeter:
    """Refuses, before anything is routed, unknown hosts, plain HTTP beyond this machine, and posts from elsewhere.

    It stands around the application, whose own answer to a body that is too large has other words.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope["app"] = self._app
        request = Request(scope, receive)
        request.state.request_id = Panel.of(request).token_bytes(8).hex()
        refusal = _refusal(request)
        await (refusal or self._app)(scope, receive, send)


def _refusal(request: Request) -> Response | None:
    settings, scope = Panel.of(request).settings, request.scope
    if len(scope["raw_path"]) + len(scope["query_string"]) > URL_MAX:
        return _denied(request, 414, "url")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_MAX:
        return _denied(request, 431, "headers")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > BODY_MAX):
        return _denied(request, 413, "body")
    hosts = request.headers.getlist("host")
    hostname = _hostname(hosts[0]) if len(hosts) == 1 else None
    if not settings.knows_host(hostname):
        return _denied(request, 400, "host")
    is_private = scope["scheme"] == "https" or is_loopback(hostname or "")
    request.state.is_exposed = settings.allow_http and not is_private
    if not is_private and not settings.allow_http:
        if request.method == "GET" and settings.public_url:
            return RedirectResponse(settings.public_url + request.scope["path"], 308)
        return _denied(request, 403, "http", words=426)
    if request.method not in SAFE_METHODS and not _is_same_origin(request, hosts[0]):
        return _denied(request, 403, "origin")
    return None


def _is_same_origin(request: Request, host: str) -> bool:
    """OWASP CSRF Prevention, "Verifying origin with standard headers": every supported browser sends one of the two."""
    origins, sites = request.headers.getlist("origin"), request.headers.getlist("sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    if origins and origins[0] and origins[0] == Panel.of(request).settings.public_url:
        return True
    if sites:
        return sites[0] == "same-origin"
    return bool(origins) and origins[0] in (f"http://{host}", f"https://{host}")


def _hostname(host: str) -> str | None:
    """The name in a Host header; None when it holds anything but a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
        is_bare = parts.netloc == host and "@" not in host and not (parts.path or parts.query or parts.fragment)
        return parts.hostname if is_bare and parts.port != 0 else None
    except ValueError:
        return None


def _denied(request: Request, status: int, reason: str, *, words: int | None = None, advice: str = "") -> Response:
    log.denied(request, reason)
    return errors.refuse(request, status, words=words, advice=advice)
