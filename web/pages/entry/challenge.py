"""The challenge after the password, and the hub that shows a person's factors."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from db import notices, pending_logins, two_factor
from db.database import Transaction
from db.two_factor import Overview
from web.auth.codes import Judge, try_code, try_recovery
from web.auth.outcome import Accepted, Refused
from web.factors import recovery_code
from web.http import forms
from web.http.page import go, later, page
from web.http.refusals import sentence, status_of
from web.limits import PENDING_LOGIN_TRIES, RECOVERY_WARN_AT
from web.pages.entry.login import complete_login, signed_in
from web.visit.visit import Pending, SignedIn
from web.visit.visitor import SessionEnded
from web.words.waits import counted, tries_left

CHALLENGE, RECOVERY = "two_factor/challenge.html", "two_factor/recovery.html"


@dataclass(frozen=True)
class Codes:
    """The recovery codes in force as the page may see them."""

    left: int
    made_at: datetime
    rehearsed_at: datetime | None
    is_rehearsal_due: bool
    fingerprint: str


async def hub(visit: SignedIn) -> Response:
    return await show_hub(visit)


async def show_hub(
    visit: SignedIn, *, notice: str = "", problem: str = "", undo_error: str = "", status: int = 200
) -> Response:
    """The section Segurança; for a fragment request the card of the second factor alone."""
    panel, session, at = visit.panel, visit.session, visit.at
    found = await two_factor.overview(
        panel.db, session.account_id, session_id=session.id, at=at, idle=panel.settings.session_idle
    )
    if found is None:
        raise SessionEnded
    return page(
        visit,
        "two_factor/hub.html",
        block="card",
        retarget="#two-factor",
        active_since=found.confirmed_at,
        is_enrolling=found.is_enrolling,
        codes=_codes(found, at),
        open_sessions=found.open_sessions,
        undo_until=found.undo_ends_at,
        undo_error=undo_error,
        status=status,
        warn_at=RECOVERY_WARN_AT,
        notice=notice,
        problem=problem,
    )


def _codes(found: Overview, at: datetime) -> Codes | None:
    if found.salt is None or found.made_at is None:
        return None
    is_due = recovery_code.is_rehearsal_due(found.made_at, found.rehearsed_at, at)
    return Codes(found.codes_left, found.made_at, found.rehearsed_at, is_due, recovery_code.fingerprint(found.salt))


async def code_form(visit: Pending) -> Response:
    return _challenge(visit, CHALLENGE)


async def recovery_form(visit: Pending) -> Response:
    return _challenge(visit, RECOVERY)


async def enter_code(visit: Pending) -> Response:
    """The code of the moment, once: whoever ends the pending login begins the session."""
    typed = (await forms.read(visit, "code"))["code"]
    async with try_code(visit, visit.pending_login.account_id, typed) as judge:
        return await _judge(visit, judge, CHALLENGE)


async def enter_recovery(visit: Pending) -> Response:
    typed = (await forms.read(visit, "code"))["code"]
    async with try_recovery(visit, visit.pending_login.account_id, typed) as judge:
        return await _judge(visit, judge, RECOVERY)


async def _judge(visit: Pending, judge: Judge | Refused, template: str) -> Response:
    panel, pending_login = visit.panel, visit.pending_login
    if isinstance(judge, Refused):
        return _challenge(visit, template, judge)
    async with panel.db.transaction() as tx:
        if await pending_logins.find(tx, pending_login.digest, at=panel.now()) is None:
            return go(visit, "/login")  # a parallel request was first
        match await judge(tx):
            case Accepted() as accepted:
                return await _finish(tx, visit, accepted)
            case Refused() as refused:
                return await _miss(tx, visit, refused, template)


async def _finish(tx: Transaction, visit: Pending, accepted: Accepted) -> Response:
    pending_login = visit.pending_login
    await pending_logins.end(tx, pending_login.digest)
    await notices.withdraw(tx, pending_login.digest, owner=pending_login.account_id, at=visit.panel.now())
    token = await complete_login(tx, visit, pending_login.account_id, accepted)
    return signed_in(visit, token, pending_login.next)


async def _miss(tx: Transaction, visit: Pending, refused: Refused, template: str) -> Response:
    pending_login = visit.pending_login
    if refused.tries_left is None:
        return _challenge(visit, template, refused)
    left = await pending_logins.miss(tx, pending_login.digest, tries=PENDING_LOGIN_TRIES)
    if not left:
        await notices.hasten(tx, pending_login.digest, at=visit.panel.now())
    return _challenge(visit, template, refused, left=left)


def _challenge(visit: Pending, template: str, refused: Refused | None = None, *, left: int | None = None) -> Response:
    """The challenge, with why it was refused; with no tries `left` this pending login is over."""
    response = page(
        visit,
        template,
        block="form",
        status=status_of(refused) if refused else 200,
        account_name=visit.pending_login.account_name,
        error=sentence(refused, visit) + _what_next(refused, left) if refused else "",
        is_over=left == 0,
    )
    return later(response, refused.wait) if refused else response


def _what_next(refused: Refused, left: int | None) -> str:
    if refused.then_wait:
        return counted(" Só dá para tentar de novo em {}.", refused.then_wait)
    if left and refused.tries_left:
        return tries_left(min(left, refused.tries_left))
    return ""
