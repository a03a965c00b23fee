"""The doors: who is here, and what they must have proved."""

import contextlib
import functools
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from db import sessions
from db.database import Taken
from web import budget, cookies, errors, forms, log, step_up
from web.cookies import Cookie
from web.hash_pool import TooBusy
from web.limits import BODY_MAX, ELEVATED, ENROL_ONLY_TTL, SESSION_TOUCH
from web.page import go, is_partial
from web.panel import Panel
from web.perimeter import SAFE_METHODS
from web.redirects import to_login
from web.throttle import Throttle, charge, settle
from web.visitor import SessionEnded, identify

Handler = Callable[[Request], Awaitable[Response]]


class State(Enum):
    """What a route asks of whoever calls it."""

    ANYONE = auto()
    HALF_LOGIN = auto()  # a right password, the second factor still owed
    SIGNED_IN = auto()
    VERIFIED = auto()  # signed in, and every enrolled factor proved within five minutes
    PROVED = auto()  # signed in, and every enrolled factor proved with this very request


@dataclass(frozen=True)
class Demand:
    """What a door asks. One that `enrols` is open, too, to whoever may only switch a second factor on.

    Costly work is reached with a throttle alone: it is the budget that is charged for it.
    """

    state: State
    enrols: bool = False
    admins: bool = False
    throttle: Throttle | None = None


def get(path: str, handler: Handler, state: State, *, enrols: bool = False, admins: bool = False) -> Route:
    """A page that demands a proof needs a POST beside it: that is where the proof is sent."""
    return Route(path, _door(handler, Demand(state, enrols, admins)), methods=["GET"])


def get_kept(path: str, handler: Handler, state: State, *, enrols: bool = False) -> Route:
    """A page that holds no secret and follows from the request, the database and the second alone."""
    door = _door(handler, Demand(state, enrols))

    @functools.wraps(door)
    async def perhaps_kept(request: Request) -> Response:
        panel = Panel.of(request)
        stamp = await panel.db.version(), int(panel.now().timestamp())
        if page := panel.kept.recall(request, stamp):
            return page
        response = await door(request)
        panel.kept.keep(request, stamp, response)
        return response

    return Route(path, perhaps_kept, methods=["GET"])


def post(
    path: str,
    handler: Handler,
    state: State,
    *,
    enrols: bool = False,
    admins: bool = False,
    throttle: Throttle | None = None,
) -> Route:
    """A form. Nothing but these reads a body, so the limit of the body stands here."""
    door = _door(handler, Demand(state, enrols, admins, throttle))
    return Route(path, door, methods=["POST"], max_body_size=BODY_MAX)


def demand_of(route: BaseRoute) -> Demand | None:
    """None for a route that was not made by `get` or `post`: it must not be served."""
    return getattr(getattr(route, "endpoint", None), "demand", None)


def lacks_budget(route: BaseRoute) -> bool:
    """Whether its handler reaches costly work that it was not given a throttle for."""
    demand = demand_of(route)
    return isinstance(route, Route) and not (demand and demand.throttle) and budget.reaches(route.endpoint)


def _door(handler: Handler, demand: Demand) -> Handler:
    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        budget.begin()
        unreadable = await _arrival(request)
        await identify(request)
        await _touch(request)
        try:
            if unreadable and (request.state.session or request.state.half_login):
                raise unreadable
            async with contextlib.AsyncExitStack() as request.state.turn:
                response = await _admit(request, demand) or await _let_in(request, demand.throttle, handler)
        except SessionEnded:
            return await to_login(request)
        except HTTPException as refused:
            response = await errors.http_error(request, refused)
        except TooBusy as busy:  # what was proved before stays proved: its cookie has to arrive
            response = await errors.too_busy(request, busy)
        except Exception as broken:
            if not cookies.jar_of(request).owed:
                raise
            response = await errors.fault(request, broken)
        cookies.jar_of(request).settle(response)
        return response

    guarded.demand = demand  # type: ignore[attr-defined]
    return guarded


async def _touch(request: Request) -> None:
    """The session is in use. That this cannot be written, or not at once, is no reason to keep anybody waiting."""
    panel, session = Panel.of(request), request.state.session
    if session is None or panel.now() - session.last_seen_at < SESSION_TOUCH:
        return
    try:
        async with panel.db.transaction(waits=False) as tx:
            await sessions.touch(tx, session.id, at=panel.now())
    except Taken:
        log.trouble("session.untouched", "another write")
    except sqlite3.OperationalError as refused:
        log.trouble("session.untouched", refused)


async def _arrival(request: Request) -> HTTPException | None:
    """Wait for all that somebody posted before it is asked who they are: a session may end while it comes in slowly.

    Returns why it cannot be read. Of strangers nothing is read before they are let in.
    """
    is_known = cookies.jar_of(request).value(Cookie.SESSION) or cookies.jar_of(request).value(Cookie.HALF_LOGIN)
    if request.method in SAFE_METHODS or not is_known:
        return None
    try:
        await forms.rest(request)
    except HTTPException as unreadable:
        return unreadable
    return None


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
        return None if request.state.half_login else await _turn_away(request, Cookie.HALF_LOGIN)
    if session is None:
        return await _turn_away(request, Cookie.SESSION)
    if session.enrols_only and not demand.enrols:
        return _to_enrolment(request)
    if demand.admins and not session.administers:
        return errors.deny(request, 403, "role", advice="Só quem administra este painel abre isto.")
    if state is State.SIGNED_IN:
        return None
    if state is State.PROVED:
        return await step_up.demand(request, within=timedelta(0))
    return await step_up.demand(request, within=ENROL_ONLY_TTL if session.enrols_only else ELEVATED)


async def _turn_away(request: Request, lacking: Cookie) -> Response:
    """To the login. A cookie that stands for nothing, or a post past a step, is worth a line in the log."""
    if cookies.jar_of(request).has_come(Cookie.SESSION) or request.method not in SAFE_METHODS:
        log.denied(request, "session" if lacking is Cookie.SESSION else "half-login")
    return await to_login(request, lacking)


def _to_enrolment(request: Request) -> Response:
    log.denied(request, "second factor required")
    if is_partial(request):
        return Response(status_code=403, headers={"HX-Redirect": "/security"})
    return go(request, "/security")
