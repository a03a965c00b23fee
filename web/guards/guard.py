"""The doors: who is here, and what they must have proved."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from db import notices, sessions
from db.errors import DatabaseError
from web.audit import log
from web.auth.outcome import Accepted, Proof
from web.crypto import budget
from web.crypto.workers import TooBusy
from web.guards import step_up
from web.guards.perimeter import SAFE_METHODS
from web.guards.throttle import Throttle, charge, count_failure
from web.http import errors, forms
from web.http.page import go, is_partial
from web.http.redirects import to_login
from web.limits import BODY_MAX, ENROL_ONLY_TTL, SESSION_TOUCH, STEP_UP_WINDOW
from web.visit.cookies import Cookie
from web.visit.scope import visit_of
from web.visit.visit import Entry, Pending, RecentlyVerified, SignedIn, VerifiedNow, Visit, section_of
from web.visit.visitor import NotAllowed, SessionEnded, identify

ADMINISTRATORS_ONLY = "Só quem administra este painel abre isto."

V = TypeVar("V", bound=Visit)
V_co = TypeVar("V_co", bound=Visit, covariant=True)
Handler = Callable[[V], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Door(Generic[V_co]):
    """What a route asks of a visitor. `admit` returns a visit of the type that this guarantees, or a refusal."""

    name: str
    admit: Callable[[Visit, "Demand"], Awaitable[V_co | Response]]


class Demand(NamedTuple):
    """What a route asks. With `allows_enrolment` it is also open to sessions that may only switch a second factor on.

    Only a route whose throttle is a budget may do costly work.
    """

    door: Door[Visit]
    section: str  # the entry of the navigation that it stands under
    allows_enrolment: bool = False
    admin_only: bool = False
    throttle: Throttle | None = None
    entry: Entry | None = None
    purpose: str = ""  # what "Confirme que é você" is asked for

    @property
    def is_about_others(self) -> bool:
        """Whoever looks after others has a second factor of their own first (P11)."""
        return self.admin_only and self.section == "/people"


class GuardedRoute(Route):
    """A route that says who may call it."""

    def __init__(self, path: str, endpoint: Endpoint, demand: Demand, *, method: str, body_max: int | None = None):
        super().__init__(path, endpoint, methods=[method], max_body_size=body_max)
        self.guarded, self.demand = endpoint, demand


def get(
    path: str,
    handler: Handler[V],
    state: Door[V],
    *,
    allows_enrolment: bool = False,
    admin_only: bool = False,
    section: str = "",
    purpose: str = "",
) -> GuardedRoute:
    """A page that demands a proof needs a POST beside it: that is where the proof is sent."""
    demand = Demand(state, section or section_of(path), allows_enrolment, admin_only, purpose=purpose)
    return GuardedRoute(path, _guarded(handler, state, demand), demand, method="GET")


def post(
    path: str,
    handler: Handler[V],
    state: Door[V],
    *,
    allows_enrolment: bool = False,
    admin_only: bool = False,
    section: str = "",
    throttle: Throttle | None = None,
    entry: Entry | None = None,
    purpose: str = "",
) -> GuardedRoute:
    """A form. Only these routes read a body, so the limit of its size is set here."""
    demand = Demand(state, section or section_of(path), allows_enrolment, admin_only, throttle, entry, purpose)
    return GuardedRoute(path, _guarded(handler, state, demand), demand, method="POST", body_max=BODY_MAX)


def demand_of(route: BaseRoute) -> Demand | None:
    """None for a route that was not made by `get` or `post`: it must not be served."""
    return route.demand if isinstance(route, GuardedRoute) else None


def lacks_budget(route: BaseRoute) -> bool:
    """Whether its handler reaches costly work that it was not given a throttle for."""
    if not isinstance(route, GuardedRoute):
        return False
    throttle = route.demand.throttle
    return not (throttle and throttle.is_budget) and budget.reaches(route.guarded)


def lacks_entry(route: BaseRoute) -> bool:
    """Whether it counts requests of strangers without saying whose account they try."""
    if not isinstance(route, GuardedRoute):
        return False
    demand = route.demand
    return bool(demand.throttle) and demand.door in (State.ANYONE, State.PENDING_LOGIN) and demand.entry is None


def _guarded(handler: Handler[V], door: Door[V], demand: Demand) -> Endpoint:
    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        budget.begin()
        visit = visit_of(request)
        arrival = visit.arrival
        arrival.section, arrival.entry, arrival.purpose = demand.section, demand.entry, demand.purpose
        unreadable = await _read_form(visit)
        await identify(visit)
        await _touch(visit)
        try:
            if unreadable and (visit.session or visit.pending_login):
                raise unreadable
            async with visit.arrival.turn:
                admitted = await door.admit(visit, demand)
                if isinstance(admitted, Visit):
                    response = await _let_in(admitted, demand.throttle, handler)
                else:
                    response = admitted
        except SessionEnded:
            return await to_login(visit)
        except NotAllowed:
            response = errors.deny(visit, 403, "role", advice=ADMINISTRATORS_ONLY)
        except HTTPException as refused:
            response = await errors.http_error(request, refused)
        except TooBusy as busy:  # what was proved before stays proved: its cookie has to arrive
            response = await errors.too_busy(request, busy)
        except Exception as broken:
            if not visit.jar.queued:
                raise
            response = await errors.fault(request, broken)
        await _note_greeting(visit)
        visit.jar.apply(response)
        return response

    return guarded


async def _touch(visit: Visit) -> None:
    """Note that the session is in use. If this cannot be written at once, it is left out: nobody waits for it."""
    panel, session = visit.panel, visit.session
    if session is None or panel.now() - session.last_seen_at < min(SESSION_TOUCH, panel.settings.session_idle / 10):
        return
    try:
        async with panel.db.transaction(waits=False) as tx:
            await sessions.touch(tx, session.id, at=panel.now())
    except DatabaseError as refused:
        log.trouble("session.untouched", refused)


async def _note_greeting(visit: Visit) -> None:
    """What was told once is told no more. If this cannot be written at once, the next page tells it again."""
    panel, session, greeting = visit.panel, visit.session, visit.arrival.greeting
    if session is None or greeting is None:
        return
    try:
        async with panel.db.transaction(waits=False) as tx:
            owner = session.account_id
            await notices.acknowledge(tx, greeting.id, owner=owner, session_id=session.id, at=panel.now())
    except DatabaseError as refused:
        log.trouble("greeting.untold", refused)


async def _read_form(visit: Visit) -> HTTPException | None:
    """Read the whole form before looking up the session, because a session may end while a form comes in slowly.

    Returns why the form cannot be read, else None. The form of a stranger is not read until the door lets it in.
    """
    if visit.request.method in SAFE_METHODS:
        return None
    if not (visit.jar.value(Cookie.SESSION) or visit.jar.value(Cookie.PENDING_LOGIN)):
        return None
    try:
        await forms.remaining(visit)
    except HTTPException as unreadable:
        return unreadable
    return None


async def _let_in(visit: V, throttle: Throttle | None, handler: Handler[V]) -> Response:
    if throttle is None:
        return await handler(visit)
    if refused := await charge(visit, throttle):
        return refused
    response = await handler(visit)
    await count_failure(visit, throttle, response)
    return response


async def _anyone(visit: Visit, _: Demand) -> Visit:
    return visit


async def _pending(visit: Visit, _: Demand) -> Pending | Response:
    if visit.pending_login is None:
        return await _turn_away(visit, Cookie.PENDING_LOGIN)
    return Pending(visit.arrival)


async def _signed_in(visit: Visit, demand: Demand) -> SignedIn | Response:
    if visit.session is None:
        return await _turn_away(visit, Cookie.SESSION)
    if visit.session.enrols_only and not demand.allows_enrolment:
        return _to_enrolment(visit)
    if demand.admin_only and not visit.session.administers:
        return errors.deny(visit, 403, "role", advice=ADMINISTRATORS_ONLY)
    if demand.is_about_others and not visit.session.has_two_factor and visit.request.method not in SAFE_METHODS:
        return errors.deny(visit, 403, "own factor", advice="Ative antes os seus dois fatores, em Segurança.")
    return SignedIn(visit.arrival)


async def _recently_verified(visit: Visit, demand: Demand) -> RecentlyVerified | Response:
    here = await _signed_in(visit, demand)
    if not isinstance(here, SignedIn):
        return here
    within = ENROL_ONLY_TTL if here.session.enrols_only else STEP_UP_WINDOW
    match await step_up.demand(here, within=within):
        case Accepted(Proof.EARLIER):
            return RecentlyVerified(visit.arrival)
        case Accepted():
            return VerifiedNow(visit.arrival)
        case answer:
            return answer


async def _verified_now(visit: Visit, demand: Demand) -> VerifiedNow | Response:
    here = await _signed_in(visit, demand)
    if not isinstance(here, SignedIn):
        return here
    answer = await step_up.demand(here, within=timedelta(0))
    return VerifiedNow(visit.arrival) if isinstance(answer, Accepted) else answer


async def _binding(visit: Visit, demand: Demand) -> RecentlyVerified | Response:
    """A session that began with a recovery code needs no other proof: the phone is lost, and the code may have been the
    last one."""
    session = visit.session
    asks_now = session is not None and session.has_two_factor and not session.is_of_recovery
    return await (_verified_now if asks_now else _recently_verified)(visit, demand)


async def _turn_away(visit: Visit, lacking: Cookie) -> Response:
    """Send the visitor to the login. An invalid cookie, or a POST that skips a step, gets a line in the log."""
    if visit.jar.was_sent(Cookie.SESSION) or visit.request.method not in SAFE_METHODS:
        log.denied(visit, "session" if lacking is Cookie.SESSION else "pending login")
    return await to_login(visit, lacking)


def _to_enrolment(visit: Visit) -> Response:
    log.denied(visit, "second factor required")
    if is_partial(visit):
        return Response(status_code=403, headers={"HX-Redirect": "/security"})
    return go(visit, "/security")


class State:
    """The doors that a route can have."""

    ANYONE = Door("ANYONE", _anyone)
    # A right password, the second factor still missing.
    PENDING_LOGIN = Door("PENDING_LOGIN", _pending)
    SIGNED_IN = Door("SIGNED_IN", _signed_in)
    # Signed in, and every enrolled factor proved within five minutes.
    RECENTLY_VERIFIED = Door("RECENTLY_VERIFIED", _recently_verified)
    # Signed in, and every enrolled factor proved with this very request.
    VERIFY_NOW = Door("VERIFY_NOW", _verified_now)
    # As VERIFY_NOW where there is a second factor that works, else as RECENTLY_VERIFIED.
    BINDING = Door("BINDING", _binding)
