"""How often one place may knock, whatever it says. The waits after wrong passwords and codes are with those."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from db import accounts, rates
from db.database import Transaction
from db.rates import Limit
from web import cookies, errors, forms, log, trusted_devices
from web.accounts import read_name
from web.cookies import Cookie, digest
from web.limits import (
    AUTH_FAILURES,
    AUTH_POSTS,
    ENROLMENTS,
    EXPORTS,
    STRANGERS_COUNTED,
    STRENGTHS,
    VERIFICATIONS,
    Rate,
)
from web.page import later, wait
from web.panel import Panel
from web.visitor import networks


@dataclass(frozen=True)
class Throttle:
    """What a door counts; where something is proved, also what it counts when the answer is a refusal."""

    name: str
    rate: Rate
    failures: Rate | None = None

    def limits(self, times: int = 1) -> list[Limit]:
        """That of requests first, that of failures last."""
        named = [(self.name, self.rate)] + ([(f"{self.name} failure", self.failures)] if self.failures else [])
        return [Limit(name, rate.most * times, rate.span) for name, rate in named]


@dataclass(frozen=True)
class Place:
    """Where a request counts, and how many times the usual number is allowed there."""

    key: bytes
    times: int = 1
    is_waited_for: bool = True


AUTH = Throttle("auth", AUTH_POSTS, AUTH_FAILURES)
ENROLMENT = Throttle("enrolment", ENROLMENTS)
EXPORT = Throttle("export", EXPORTS)
VERIFICATION = Throttle("verification", VERIFICATIONS)
STRENGTH = Throttle("strength", STRENGTHS)
REFUSALS = {403, 422}


async def charge(request: Request, throttle: Throttle) -> Response | None:
    """Count a request, once, before anything of it is judged; the answer when it has to wait."""
    charged: dict[Throttle, list[Place]] = getattr(request.state, "charged", {})
    if throttle in charged:
        return None
    panel, places = Panel.of(request), await _places(request, throttle)
    request.state.charged = charged | {throttle: places}
    async with panel.db.transaction() as tx:
        waits = [
            await rates.wait(tx, place.key, throttle.limits(place.times), at=panel.now())
            for place in places
            if place.is_waited_for
        ]
        if not any(waits):
            await _count(tx, panel, throttle, places, 0)
    if not any(waits):
        return None
    log.denied(request, f"throttle: {throttle.name}")
    advice = f"Foram pedidos demais em pouco tempo. Tente de novo em {wait(max(waits))}."
    return later(errors.refuse(request, 429, advice=advice), max(waits))


async def settle(request: Request, throttle: Throttle, response: Response) -> None:
    """Count a refusal of what was charged among the failures."""
    if throttle.failures and response.status_code in REFUSALS:
        panel, places = Panel.of(request), request.state.charged[throttle]
        async with panel.db.transaction() as tx:
            await _count(tx, panel, throttle, places, -1)


async def _count(tx: Transaction, panel: Panel, throttle: Throttle, places: list[Place], which: int) -> None:
    for place in places:
        limit = throttle.limits(place.times)[which]
        if await rates.wait(tx, place.key, [limit], at=panel.now()):
            continue  # it is closed already; who does not wait for it must not keep it so
        await rates.count(tx, place.key, limit, at=panel.now())
        await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=place.key)


async def _places(request: Request, throttle: Throttle) -> list[Place]:
    """What somebody signed in asks for counts for their account. Who tries to prove something counts for their network
    and those around it, and on a browser of the account's owner for that browser too, and waits for that alone:
    strangers beside it keep it waiting no more.
    """
    panel = Panel.of(request)
    if throttle.failures is None:
        return [Place(digest(f"account {request.state.session.account_id}"))]
    account_id = await _aimed_at(request)
    browser = await trusted_devices.own_browser(panel.db, request, account_id)
    here = [
        Place(panel.seal.tag("network", network), times, is_waited_for=browser is None)
        for network, times in networks(request).items()
    ]
    return [Place(digest(browser)), *here] if browser else here


async def _aimed_at(request: Request) -> int | None:
    """The account that is tried; without any cookie of ours the form is not read for it: it would be a stranger's."""
    session, half_login, path = request.state.session, request.state.half_login, request.scope["path"]
    if path == "/login" and (session or cookies.has_come(request, Cookie.DEVICE)):
        account = await accounts.find(Panel.of(request).db, read_name(await forms.peek(request, "name")))
        return account.id if account else None
    if path.startswith("/login/"):
        return half_login.account_id if half_login else None
    is_inside = session and path not in ("/login", "/activate", "/setup")
    return session.account_id if is_inside else None
