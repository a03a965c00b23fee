"""How often one place may knock, whatever it says. The waits after wrong passwords and codes are with those."""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from db import rates, trusted_devices
from db.database import Transaction
from web import cookies, errors, log
from web.cookies import Cookie, digest
from web.limits import (
    AUTH_FAILURES,
    AUTH_POSTS,
    ENROLMENTS,
    EXPORTS,
    STRANGERS_COUNTED,
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
REFUSALS = {403, 422}


async def charge(request: Request, throttle: Throttle) -> Response | None:
    """Count one request, before anything of it is judged; the answer when it has to wait."""
    panel = Panel.of(request)
    async with panel.db.transaction() as tx:
        key = await _key(tx, request)
        left = max([await _wait(tx, panel, name, key, rate) for name, rate in _counted(throttle)])
        if not left:
            await _count(tx, panel, throttle.name, key, throttle.rate)
    if not left:
        return None
    log.denied(request, f"throttle: {throttle.name}")
    advice = f"Foram pedidos demais em pouco tempo. Tente de novo em {wait(left)}."
    return later(errors.refuse(request, 429, advice=advice), left)


async def settle(request: Request, throttle: Throttle, response: Response) -> None:
    """Count a refusal among the failures."""
    if throttle.failures and response.status_code in REFUSALS:
        async with Panel.of(request).db.transaction() as tx:
            await _count(tx, Panel.of(request), f"{throttle.name} failure", await _key(tx, request), throttle.failures)


def _counted(throttle: Throttle) -> list[tuple[str, Rate]]:
    counted = [(throttle.name, throttle.rate)]
    return counted + ([(f"{throttle.name} failure", throttle.failures)] if throttle.failures else [])


async def _wait(tx: Transaction, panel: Panel, name: str, key: bytes, rate: Rate) -> timedelta:
    return await rates.wait(tx, name, key, most=rate.most, span=rate.span, at=panel.now())


async def _count(tx: Transaction, panel: Panel, name: str, key: bytes, rate: Rate) -> None:
    await rates.count(tx, name, key, most=rate.most, span=rate.span, at=panel.now())
    await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=key)


async def _key(tx: Transaction, request: Request) -> bytes:
    """Whoever is signed in counts for their account, a trusted device for itself, everybody else for their network."""
    panel = Panel.of(request)
    if session := request.state.session:
        return digest(f"account {session.account_id}")
    token = cookies.read(request, Cookie.DEVICE)
    if token and (devices := await trusted_devices.standing_for(tx, token, at=panel.now())):
        return digest(f"device {devices[0].id}")
    return panel.seal.tag("network", network(request))
