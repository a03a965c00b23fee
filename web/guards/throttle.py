"""How often one network, browser or account may send requests, right or wrong.

The waits after wrong passwords and codes are in web/auth/.
"""

import base64
import json
from datetime import timedelta
from typing import NamedTuple

from starlette.responses import Response

from db import accounts, passkeys, rates
from db.database import Transaction
from db.rates import Rate
from web.audit import log
from web.auth.people import read_name
from web.crypto import budget
from web.http import errors, forms
from web.http.page import later
from web.limits import (
    ACTS,
    AUTH_FAILURES,
    AUTH_POSTS,
    ENROLMENTS,
    EXPORTS,
    RENEWALS,
    STRANGERS_COUNTED,
    STRENGTHS,
    VERIFICATIONS,
    WRITES,
)
from web.panel import Panel
from web.visit.browser import own_browser
from web.visit.cookies import Cookie, digest
from web.visit.visit import Entry, Place, Visit
from web.words.waits import counted


class Throttle(NamedTuple):
    """How many requests a route allows and, where something is proved, how many refused ones (`failures`).

    With `is_budget` a request that was charged may do costly work.
    """

    name: str
    rate: Rate
    failures: Rate | None = None
    is_budget: bool = True


class Owner(NamedTuple):
    """The owner of the account that a request is about, in a browser of their own."""

    account_id: int
    browser: str


AUTH = Throttle("auth", AUTH_POSTS, AUTH_FAILURES)
SIGNATURE = AUTH._replace(is_budget=False)  # counted with AUTH; it takes no hash, and waits for none
ENROLMENT = Throttle("enrolment", ENROLMENTS)
CONFIRMATION = Throttle("confirmation", ACTS)
LINK = Throttle("link", ACTS)
RECOVERY = Throttle("recovery", ACTS)
PASSWORD = Throttle("password", ACTS)
RENEWAL = Throttle("renewal", RENEWALS)
EXPORT = Throttle("export", EXPORTS)
VERIFICATION = Throttle("verification", VERIFICATIONS)
STRENGTH = Throttle("strength", STRENGTHS)
WRITE = Throttle("write", WRITES, is_budget=False)
SHUTTING_OUT = Throttle("shutting out", WRITES, is_budget=False)  # separate: an intruder may have used up WRITE
REFUSALS = {403, 422}


async def charge(visit: Visit, throttle: Throttle) -> Response | None:
    """Count a request, once, before anything of it is judged. Returns the answer when it has to wait, else None."""
    if throttle.name in visit.arrival.charged:
        return None
    panel, owner = visit.panel, await _owner(visit)
    places = _places(visit, throttle, owner)
    visit.arrival.charged[throttle.name] = places
    async with panel.db.transaction() as tx:
        waits = [await _wait(tx, panel, throttle, place) for place in places if place.is_waited_for]
        if not any(waits):
            await _count(tx, panel, throttle.name, throttle.rate, places)
    if not any(waits):
        if throttle.is_budget:
            await _grant(visit, owner)
        return None
    log.denied(visit, f"throttle: {throttle.name}")
    advice = counted("Foram pedidos demais em pouco tempo. Tente de novo em {}.", max(waits))
    return later(errors.refuse(visit, 429, advice=advice), max(waits))


async def _grant(visit: Visit, owner: Owner | None) -> None:
    """Allow costly work. An owner waits here until no other request of theirs does any; raises TooBusy."""
    is_inside, is_first = _is_inside(visit), len(visit.arrival.charged) == 1
    if owner and is_first:
        await visit.arrival.turn.enter_async_context(visit.panel.turns.of((owner.account_id, is_inside)))
    budget.grant(inside=is_inside)


async def count_failure(visit: Visit, throttle: Throttle, response: Response) -> None:
    """Count a charged request among the failures when its answer is a refusal."""
    if throttle.failures and response.status_code in REFUSALS:
        panel, places = visit.panel, visit.arrival.charged[throttle.name]
        async with panel.db.transaction() as tx:
            await _count(tx, panel, rates.failures_of(throttle.name), throttle.failures, places)


async def _wait(tx: Transaction, panel: Panel, throttle: Throttle, place: Place) -> timedelta:
    failures = throttle.failures.times(place.times) if throttle.failures else None
    return await rates.wait(tx, throttle.name, place.key, throttle.rate.times(place.times), failures, at=panel.now())


async def _count(tx: Transaction, panel: Panel, kind: str, rate: Rate, places: list[Place]) -> None:
    for place in places:
        here = rate.times(place.times)
        if await rates.wait(tx, kind, place.key, here, at=panel.now()):
            continue  # it is full already; a request that does not wait for it must not keep it full
        await rates.count(tx, kind, place.key, here, at=panel.now())
        await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=place.key)


async def _owner(visit: Visit) -> Owner | None:
    """None for a stranger."""
    account_id = await _aimed_at(visit)
    browser = await own_browser(visit.panel.db, visit, account_id)
    return Owner(account_id, browser) if account_id and browser else None


def _places(visit: Visit, throttle: Throttle, owner: Owner | None) -> list[Place]:
    """What a request is counted under. An act of somebody signed in counts for the account.

    A try to prove something counts for its network and those around it. In the owner's browser it also counts for that
    browser and waits for that count alone, so that strangers in the same network cannot keep the owner waiting.
    """
    if throttle.failures is None and visit.session:
        return [Place(digest(f"account {visit.session.account_id}"))]
    here = [
        Place(visit.panel.vault.tag("network", network), times, is_waited_for=owner is None)
        for network, times in visit.networks.items()
    ]
    return [Place(digest(owner.browser)), *here] if owner else here


async def _aimed_at(visit: Visit) -> int | None:
    """The account that a request tries or acts for. Without a cookie of ours the visitor is a stranger anyway, and the
    form is not read."""
    session, pending = visit.session, visit.pending_login
    match visit.arrival.entry:
        case None:
            return session.account_id if session else None
        case Entry.PENDING_LOGIN:
            return pending.account_id if pending else None
        case Entry.NAME if session or visit.jar.was_sent(Cookie.DEVICE):
            account = await accounts.find(visit.panel.db, read_name(await forms.peek(visit, "name")))
            return account.id if account else None
        case Entry.PASSKEY if session or visit.jar.was_sent(Cookie.DEVICE):
            return await _named_in(visit, await forms.peek(visit, "answer"))
        case _:
            return None


async def _named_in(visit: Visit, answer: str) -> int | None:
    """Whose passkey it is that an authenticator's answer names, whether or not it proves anything."""
    try:
        told: dict[str, str] = json.loads(answer)
        credential_id = base64.urlsafe_b64decode(told["rawId"] + "==")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    found = await passkeys.find(visit.panel.db, credential_id)
    return found.account_id if found else None


def _is_inside(visit: Visit) -> bool:
    """Whether the request is an act of somebody signed in."""
    return visit.session is not None and visit.arrival.entry is None
