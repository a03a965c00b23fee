"""Judging codes of the authenticator app, the same wherever one is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from db import totp
from db.database import Transaction
from db.sessions import Session
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth.outcome import Outcome, Proof, Reason, Refused
from web.auth.tries import Judge, Try, charged_second_factor, missed
from web.factors.totp import clock_drift, matching_step, read_code, step_at, until_new_step
from web.limits import STEP_UP_WINDOW, TOTP_DRIFT, TOTP_STEP, TOTP_WINDOW
from web.visit.visit import Visit


@asynccontextmanager
async def try_code(
    visit: Visit, account_id: int, typed: str, *, replaced_in: Session | None = None
) -> AsyncIterator[Judge | Refused]:
    """Charge a six-digit code of the account's app, and give what judges it, or a refusal without judgement.

    With `replaced_in` it is a code of the app that this session replaced: a right one puts that app back.
    """
    code = read_code(typed)
    if code is None:
        yield Refused(Reason.MALFORMED_CODE)
        return
    judge = partial(_judge_replaced, replaced_in.id) if replaced_in else _judge_code
    async with charged_second_factor(visit, "totp", account_id) as charge:
        yield partial(judge, visit, account_id, charge, code) if isinstance(charge, Try) else charge


async def _judge_code(visit: Visit, account_id: int, charge: Try, code: str, tx: Transaction) -> Outcome:
    panel, at, failures = visit.panel, visit.panel.now(), charge.standing.failures
    app = await totp.find(tx, account_id)
    if app is None:
        return Refused(Reason.FACTOR_CHANGED)
    key = panel.vault.unseal("totp", account_id, app.sealed_key)
    step = matching_step(key, code, at)
    if step is None:
        await charge.fail(tx, visit, account_id, Event.TOTP_FAILED)
        return missed(await _why_wrong(tx, visit, account_id, key, code), failures)
    if await totp.spend(tx, account_id, step):
        accepted = await charge.accept(tx, Proof.CODE, step=step)
        await record_event(tx, visit, account_id, Event.TOTP_OK)
        return accepted
    if await totp.was_disclosed(tx, account_id, step):
        await charge.fail(tx, visit, account_id, Event.TOTP_FAILED)
        return missed(Refused(Reason.CODE_DISCLOSED, next_code=until_new_step(step, at)), failures)
    until_new = until_new_step(app.last_step, at)
    if until_new > 3 * TOTP_STEP:  # no code is that far ahead: the fault is the server's, and nothing was judged
        await record_event(tx, visit, account_id, Event.CLOCK_WENT_BACK)
        return Refused(Reason.SERVER_CLOCK_WENT_BACK, next_code=until_new)
    await charge.fail(tx, visit, account_id, Event.TOTP_REPEATED)
    pending = visit.pending_login  # its completion withdraws the notice: the owner was too quick
    await notify(tx, visit, account_id, NoticeKind.CODE_REPEATED, pending_login=pending.digest if pending else None)
    return missed(Refused(Reason.CODE_USED, next_code=until_new), failures)


async def _judge_replaced(
    session_id: str, visit: Visit, account_id: int, charge: Try, code: str, tx: Transaction
) -> Outcome:
    panel, at = visit.panel, visit.panel.now()
    old = await totp.find_replaced(tx, account_id, session_id=session_id, at=at)
    if old is None:
        return Refused(Reason.FACTOR_CHANGED)
    step = matching_step(panel.vault.unseal("totp", account_id, old.sealed_key), code, at)
    if step is None or not await totp.undo_replacement(tx, account_id, old.sealed_key, step=step):
        await charge.fail(tx, visit, account_id, Event.TOTP_FAILED)
        return Refused(Reason.WRONG_CODE_OF_OLD_APP)
    return await charge.accept(tx, Proof.CODE_OF_OLD_APP, step=step)


async def _why_wrong(tx: Transaction, visit: Visit, account_id: int, key: bytes, code: str) -> Refused:
    """Only a session that proved everything minutes ago is told how far off the phone's clock is. The step of that code
    is then never accepted."""
    session, at = visit.session, visit.panel.now()
    is_proved = (
        session and session.account_id == account_id and timedelta(0) <= at - session.verified_at < STEP_UP_WINDOW
    )
    if not is_proved:
        return Refused(Reason.WRONG_CODE)
    drift = clock_drift(key, code, at)
    if drift is not None:
        await totp.disclose_step(tx, account_id, step_at(at + drift), oldest=step_at(at) - TOTP_WINDOW)
    return wrong_or_clock_off(drift)


def wrong_or_clock_off(drift: timedelta | None) -> Refused:
    """`drift` None: the code was mistyped, or a clock is off by more than can be measured. The sentence then shows the
    server's date, so that the person sees which clock is wrong."""
    if drift is None:
        return Refused(Reason.WRONG_CODE_OR_CLOCK)
    by_hours = abs(drift) > TOTP_DRIFT * TOTP_STEP
    return Refused(Reason.CLOCK_OFF_BY_HOURS if by_hours else Reason.CLOCK_OFF, drift=drift)
