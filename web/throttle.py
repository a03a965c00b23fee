"""How often one place may knock, whatever it says. The waits after wrong passwords and codes are with those."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from db import accounts, rates
from db.database import Transaction
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
from web.visitor import network


@dataclass(frozen=True)
class Throttle:
    """What a door counts, and what it counts besides when the answer is a refusal; nothing by default."""

    name: str
    rate: Rate
    failures: Rate | None = None


AUTH = Throttle("auth", AUTH_POSTS, AUTH_FAILURES)
ENROLMENT = Throttle("enrolment", ENROLMENTS)
EXPORT = Throttle("export", EXPORTS)
VERIFICATION = Throttle("verification", VERIFICATIONS)
STRENGTH = Throttle("strength", STRENGTHS)
REFUSALS = {403, 422}


async def limited(request: Request, throttle: Throttle, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    """Count one request before anything of it is judged, let it in or tell it to wait, and count a refusal again."""
    panel, key = Panel.of(request), await _key(request)
    if refused := await _charge(request, throttle, key):
        return refused
    response = await handler(request)
    if throttle.failures and response.status_code in REFUSALS:
        async with panel.db.transaction() as tx:
            await _count(tx, panel, f"{throttle.name} failure", key, throttle.failures)
    return response


async def _charge(request: Request, throttle: Throttle, key: bytes) -> Response | None:
    panel = Panel.of(request)
    async with panel.db.transaction() as tx:
        left = max([await _wait(tx, panel, name, key, rate) for name, rate in _counted(throttle)])
        if not left:
            await _count(tx, panel, throttle.name, key, throttle.rate)
    if not left:
        return None
    log.denied(request, f"throttle: {throttle.name}")
    advice = f"Foram pedidos demais em pouco tempo. Tente de novo em {wait(left)}."
    return later(errors.refuse(request, 429, advice=advice), left)


def _counted(throttle: Throttle) -> list[tuple[str, Rate]]:
    counted = [(throttle.name, throttle.rate)]
    return counted + ([(f"{throttle.name} failure", throttle.failures)] if throttle.failures else [])


async def _wait(tx: Transaction, panel: Panel, name: str, key: bytes, rate: Rate) -> timedelta:
    return await rates.wait(tx, name, key, most=rate.most, span=rate.span, at=panel.now())


async def _count(tx: Transaction, panel: Panel, name: str, key: bytes, rate: Rate) -> None:
    await rates.count(tx, name, key, most=rate.most, span=rate.span, at=panel.now())
    await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=key)


async def _key(request: Request) -> bytes:
    """Whoever tries an account on a browser of its owner counts for that account, everybody else for their network."""
    panel, account_id = Panel.of(request), await _aimed_at(request)
    if account_id and await trusted_devices.own_browser(panel.db, request, account_id):
        return digest(f"account {account_id}")
    return panel.seal.tag("network", network(request))


async def _aimed_at(request: Request) -> int | None:
    """The account that a request is about; of a stranger's it is not asked, so that their form is not read yet."""
    session, half_login = request.state.session, request.state.half_login
    if not (session or cookies.read(request, Cookie.DEVICE)):
        return None
    if name := await forms.peek(request, "name"):
        account = await accounts.find(Panel.of(request).db, read_name(name))
        return account.id if account else None
    known = half_login or session
    return known.account_id if known else None
