"""Judging a second factor, the same wherever it is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from db import attempts, recovery_codes, totp
from db.attempts import Counter
from db.database import Reader, Transaction
from db.recovery_codes import RecoverySet
from db.sessions import Session
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth.outcome import Outcome, Proof, Reason, Refused
from web.auth.tries import Try, charged
from web.crypto.vault import KEY_BYTES
from web.crypto.workers import Slots
from web.factors import human_code, recovery_code
from web.factors.totp import clock_drift, matching_step, read_code, step_at, until_new_step
from web.limits import CODE_BACKOFF, SALT_BYTES, STEP_UP_WINDOW, TOTP_DRIFT, TOTP_STEP, TOTP_WINDOW, Cost
from web.panel import Panel
from web.visit.browser import own_browser
from web.visit.cookies import digest
from web.visit.visit import Visit

SET_KEY = "recovery"  # the purpose that it is sealed for
Judge = Callable[[Transaction], Awaitable[Outcome]]  # judges, spends and notes, in the caller's transaction


@asynccontextmanager
async def try_code(
    visit: Visit, account_id: int, typed: str, *, replaced_in: Session | None = None
) -> AsyncIterator[Judge | Refused]:
    """Charge a six-digit code of the account's app, or of the one that a session replaced, which is put back when
    it is right. Refused: without being judged."""
    code = read_code(typed)
    if code is None:
        yield Refused(Reason.MALFORMED_CODE)
        return
    judge = partial(_judge_replaced, replaced_in.id) if replaced_in else _judge_code
    async with _charged(visit, "totp", account_id) as charge:
        yield partial(judge, visit, account_id, charge, code) if isinstance(charge, Try) else charge


@asynccontextmanager
async def try_recovery(
    visit: Visit, account_id: int, typed: str, *, is_rehearsal: bool = False
) -> AsyncIterator[Judge | Refused]:
    """Charge a recovery code and hash it off the loop, before the transaction that judges it; raises TooBusy.

    Where there are no codes, none is right, at the same price.
    """
    panel, code = visit.panel, human_code.read(typed)
    if not recovery_code.is_well_formed(code):
        yield Refused(Reason.MALFORMED_RECOVERY_CODE)
        return
    kind, judge = ("rehearsal", _judge_rehearsal) if is_rehearsal else ("recovery", _judge_recovery)
    with panel.hash_workers.reserve(reserved=True) as slots:  # without one it is told at once, and nothing is written
        async with _charged(visit, kind, account_id) as charge:
            if isinstance(charge, Refused):
                yield charge
                return
            in_force = await recovery_codes.find(panel.db, account_id)
            yield partial(judge, visit, account_id, charge, await hash_code(panel, slots, account_id, code, in_force))


async def hash_code(panel: Panel, slots: Slots, account_id: int, code: str, in_force: RecoverySet | None) -> bytes:
    """What is kept of a code of this set; raises BrokenSeal when that was another account's."""
    salt, cost, key = bytes(SALT_BYTES), panel.settings.hash_cost, bytes(KEY_BYTES)
    if in_force:
        salt, cost = in_force.salt, Cost.read(in_force.cost)
        key = panel.vault.unseal(SET_KEY, account_id, in_force.sealed_key)
    return await slots.run(recovery_code.digest, panel.argon2id, code, salt, cost, key)


async def _judge_code(visit: Visit, account_id: int, charge: Try, code: str, tx: Transaction) -> Outcome:
    panel, at, failures = visit.panel, visit.panel.now(), charge.standing.failures
    app = await totp.find(tx, account_id)
    if app is None:
        return Refused(Reason.FACTOR_CHANGED)
    key = panel.vault.unseal("totp", account_id, app.sealed_key)
    step = matching_step(key, code, at)
    if step is None:
        await charge.fail(tx, visit, account_id, Event.TOTP_FAILED)
        return _miss(await _why_wrong(tx, visit, account_id, key, code), failures)
    if await totp.spend(tx, account_id, step):
        accepted = await charge.accept(tx, Proof.CODE, step=step)
        await record_event(tx, visit, account_id, Event.TOTP_OK)
        return accepted
    if await totp.was_told(tx, account_id, step):
        await charge.fail(tx, visit, account_id, Event.TOTP_FAILED)
        return _miss(Refused(Reason.CODE_DISCLOSED, next_code=until_new_step(step, at)), failures)
    until_new = until_new_step(app.last_step, at)
    if until_new > 3 * TOTP_STEP:  # no code is that far ahead: the fault is the server's, and nothing was judged
        await record_event(tx, visit, account_id, Event.CLOCK_WENT_BACK)
        return Refused(Reason.SERVER_CLOCK_WENT_BACK, next_code=until_new)
    await charge.fail(tx, visit, account_id, Event.TOTP_REPEATED)
    pending = visit.pending_login  # whoever completes it has only been too quick
    await notify(tx, visit, account_id, NoticeKind.CODE_REPEATED, pending_login=pending.digest if pending else None)
    return _miss(Refused(Reason.CODE_USED, next_code=until_new), failures)


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


async def _judge_recovery(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Outcome:
    if not await recovery_codes.spend(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, Event.RECOVERY_FAILED)
        return _miss(Refused(Reason.WRONG_RECOVERY_CODE), charge.standing.failures)
    accepted = await charge.accept(tx, Proof.RECOVERY_CODE)
    await record_event(tx, visit, account_id, Event.RECOVERY_OK)
    return accepted


async def _judge_rehearsal(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Outcome:
    if not await recovery_codes.rehearse(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, Event.RECOVERY_REHEARSAL_FAILED)
        return Refused(Reason.WRONG_RECOVERY_CODE)
    accepted = await charge.accept(tx, Proof.REHEARSED_CODE)
    await record_event(tx, visit, account_id, Event.RECOVERY_REHEARSED)
    return accepted


async def _why_wrong(tx: Transaction, visit: Visit, account_id: int, key: bytes, code: str) -> Refused:
    """Only who proved everything minutes ago is told how far off the phone is, and that code never becomes good."""
    session, at = visit.session, visit.panel.now()
    is_proved = (
        session and session.account_id == account_id and timedelta(0) <= at - session.verified_at < STEP_UP_WINDOW
    )
    if not is_proved:
        return Refused(Reason.WRONG_CODE)
    drift = clock_drift(key, code, at)
    if drift is not None:
        await totp.tell_step(tx, account_id, step_at(at + drift), oldest=step_at(at) - TOTP_WINDOW)
    return wrong_or_clock_off(drift)


def wrong_or_clock_off(drift: timedelta | None) -> Refused:
    """None: mistyped, or a clock is off by more than can be measured; then the date on the server tells whose it is."""
    if drift is None:
        return Refused(Reason.WRONG_CODE_OR_CLOCK)
    by_hours = abs(drift) > TOTP_DRIFT * TOTP_STEP
    return Refused(Reason.CLOCK_OFF_BY_HOURS if by_hours else Reason.CLOCK_OFF, drift=drift)


@asynccontextmanager
async def _charged(visit: Visit, kind: str, account_id: int) -> AsyncIterator[Try | Refused]:
    """Refused: wait, or never again."""
    panel = visit.panel
    async with charged(visit, [await _counter(panel.db, visit, kind, account_id)], kind=kind) as charge:
        if charge.standing.is_closed:
            async with panel.db.transaction() as tx:
                await record_event(
                    tx, visit, account_id, Event.TOTP_LOCKED if kind == "totp" else Event.RECOVERY_LOCKED
                )
            yield Refused(Reason.APP_CLOSED if kind == "totp" else Reason.RECOVERY_CLOSED)
        elif left := charge.standing.wait:
            yield Refused(Reason.CODE_BACKOFF, wait=left)
        else:
            yield charge


def _miss(refused: Refused, failures: int) -> Refused:
    left = max(0, CODE_BACKOFF.free - failures)
    return replace(refused, tries_left=left, then_wait=CODE_BACKOFF.wait_after(failures))


async def _counter(db: Reader, visit: Visit, kind: str, account_id: int) -> Counter:
    """RFC 4226 §7.3: one for the account, so that parallel logins share a limit; the owner's browsers have others."""
    browser = await own_browser(db, visit, account_id)
    key = attempts_key(account_id) + (digest(browser) if browser else b"")
    return Counter(kind, key, CODE_BACKOFF.wait_after, CODE_BACKOFF.closes_at)


async def forgive_everything(tx: Transaction, account_id: int) -> None:
    """A factor was bound anew or removed: what was tried against the old one counts no more."""
    await attempts.forgive_all(tx, attempts_key(account_id))


def attempts_key(account_id: int) -> bytes:
    """Whose second factor is being tried, as the attempts table knows it."""
    return digest(f"account {account_id}")
