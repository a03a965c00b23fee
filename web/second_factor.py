"""Judging a second factor, the same wherever it is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from markupsafe import Markup

from db import attempts, recovery_codes, totp
from db.attempts import Counter
from db.database import Reader, Transaction
from db.recovery_codes import RecoverySet
from db.sessions import Session
from web import trusted_devices
from web.activity import note
from web.cookies import digest
from web.factors import recovery_code, written_code
from web.factors import totp as rules
from web.hash_pool import Slots
from web.limits import CODE_BACKOFF, ELEVATED, SALT_BYTES, TOTP_DRIFT, TOTP_STEP, TOTP_WINDOW, Cost
from web.moments import told_as
from web.notices import tell
from web.page import wait
from web.panel import Panel
from web.seal import KEY_BYTES
from web.tries import Try, charged
from web.visit import Visit

SET_KEY = "recovery"  # the purpose that it is sealed for
CODE_FORM = "O código tem seis números. Digite o que o aplicativo mostra agora."
RECOVERY_FORM = "Um código de recuperação tem 16 letras e números, em quatro grupos."
WRONG_CODE = "Código incorreto. Digite o que o aplicativo mostra agora."
WHICH_CLOCK = Markup(
    " O servidor marca {}. Se o celular mostra outra data ou outra hora, um dos dois relógios está errado: "
    "<span data-witness>o do celular se acerta com a hora automática; o do servidor, com quem cuida do painel.</span>"
)
CHANGED = "A proteção desta conta mudou enquanto isso. Entre de novo."
CLOCK = "O relógio do servidor voltou no tempo. Entre com um código de recuperação, ou tente de novo em"
RECOVERY_WRONG = "Este código de recuperação não vale: foi digitado errado ou já foi usado."
REPLACED_WRONG = "Código incorreto. Digite o que o aplicativo antigo mostra agora."
LOCKED = "Este aplicativo foi bloqueado depois de 100 códigos errados. Entre com um código de recuperação."
RECOVERY_LOCKED = "Foram 100 códigos de recuperação errados. Entre com o aplicativo, ou procure quem cuida do painel."


@dataclass(frozen=True)
class Verdict:
    """`message` is empty when the factor was accepted; `wait` is set when it was not even judged.

    `tries_left` counts until a wait of `then_wait`; None where that is not told.
    """

    message: str = ""
    wait: timedelta | None = None
    tries_left: int | None = None
    then_wait: timedelta = timedelta(0)

    @property
    def is_accepted(self) -> bool:
        return not self.message

    @property
    def status(self) -> int:
        return 429 if self.wait else 422


Judge = Callable[[Transaction], Awaitable[Verdict]]  # judges, spends and notes, in the caller's transaction


@asynccontextmanager
async def try_code(
    visit: Visit, account_id: int, typed: str, *, replaced_in: Session | None = None
) -> AsyncIterator[Judge | Verdict]:
    """Charge a six-digit code of the account's app, or of the one that a session replaced, which is put back when
    it is right. A Verdict: it was refused unjudged."""
    code = rules.read_code(typed)
    if code is None:
        yield Verdict(CODE_FORM)
        return
    judge = partial(_judge_replaced, replaced_in.id) if replaced_in else _judge_code
    async with _charged(visit, "totp", account_id) as charge:
        yield charge if isinstance(charge, Verdict) else partial(judge, visit, account_id, charge, code)


@asynccontextmanager
async def try_recovery(
    visit: Visit, account_id: int, typed: str, *, is_rehearsal: bool = False
) -> AsyncIterator[Judge | Verdict]:
    """Charge a recovery code and hash it off the loop, before the transaction that judges it; raises TooBusy.

    Where there are no codes, none is right, at the same price.
    """
    panel, code = visit.panel, written_code.read(typed)
    if not recovery_code.is_well_formed(code):
        yield Verdict(RECOVERY_FORM)
        return
    kind, judge = ("rehearsal", _judge_rehearsal) if is_rehearsal else ("recovery", _judge_recovery)
    with panel.hashes.place(own=True) as slots:  # without one it is told at once, and nothing is written
        async with _charged(visit, kind, account_id) as charge:
            if isinstance(charge, Verdict):
                yield charge
                return
            in_force = await recovery_codes.find(panel.db, account_id)
            yield partial(judge, visit, account_id, charge, await hash_code(panel, slots, account_id, code, in_force))


async def hash_code(panel: Panel, slots: Slots, account_id: int, code: str, in_force: RecoverySet | None) -> bytes:
    """What is kept of a code of this set; raises BrokenSeal when that was another account's."""
    salt, cost, key = bytes(SALT_BYTES), panel.settings.hash_cost, bytes(KEY_BYTES)
    if in_force:
        salt, cost = in_force.salt, Cost.read(in_force.cost)
        key = panel.seal.open(SET_KEY, account_id, in_force.sealed_key)
    return await slots.run(recovery_code.digest, panel.argon2id, code, salt, cost, key)


async def _judge_code(visit: Visit, account_id: int, charge: Try, code: str, tx: Transaction) -> Verdict:
    panel, at, failures = visit.panel, visit.panel.now(), charge.standing.failures
    app = await totp.find(tx, account_id)
    if app is None:
        return Verdict(CHANGED)
    key = panel.seal.open("totp", account_id, app.sealed_key)
    step = rules.matching_step(key, code, at)
    if step is None:
        await charge.fail(tx, visit, account_id, "totp.failed")
        return _miss(await _why_wrong(tx, visit, account_id, key, code), failures)
    if await totp.spend(tx, account_id, step):
        await charge.accept(tx)
        await note(tx, visit, account_id, "totp.ok")
        return Verdict()
    if await totp.was_told(tx, account_id, step):
        await charge.fail(tx, visit, account_id, "totp.failed")
        until = wait(rules.until_new_step(step, at))
        return _miss(f"Com este código o relógio foi conferido; o próximo aparece em {until}.", failures)
    until_new = rules.until_new_step(app.last_step, at)
    if until_new > 3 * TOTP_STEP:  # no code is that far ahead: the fault is the server's, and nothing was judged
        await note(tx, visit, account_id, "clock.went_back")
        return Verdict(f"{CLOCK} {wait(until_new)}.")
    await charge.fail(tx, visit, account_id, "totp.repeated")
    pending = visit.pending_login  # whoever completes it has only been too quick
    await tell(tx, visit, account_id, "code_repeated", half_login=pending.digest if pending else None)
    return _miss(f"Este código já foi usado; o próximo aparece em {wait(until_new)}.", failures)


async def _judge_replaced(
    session_id: str, visit: Visit, account_id: int, charge: Try, code: str, tx: Transaction
) -> Verdict:
    panel, at = visit.panel, visit.panel.now()
    old = await totp.find_replaced(tx, account_id, session_id=session_id, at=at)
    if old is None:
        return Verdict(CHANGED)
    step = rules.matching_step(panel.seal.open("totp", account_id, old.sealed_key), code, at)
    if step is None or not await totp.undo_replacement(tx, account_id, old.sealed_key, step=step):
        await charge.fail(tx, visit, account_id, "totp.failed")
        return Verdict(REPLACED_WRONG)
    await charge.accept(tx)
    return Verdict()


async def _judge_recovery(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Verdict:
    if not await recovery_codes.spend(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, "recovery.failed")
        return _miss(RECOVERY_WRONG, charge.standing.failures)
    await charge.accept(tx)
    await note(tx, visit, account_id, "recovery.ok")
    return Verdict()


async def _judge_rehearsal(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Verdict:
    if not await recovery_codes.rehearse(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, "recovery.rehearsal_failed")
        return Verdict(RECOVERY_WRONG)
    await charge.accept(tx)
    await note(tx, visit, account_id, "recovery.rehearsed")
    return Verdict()


async def _why_wrong(tx: Transaction, visit: Visit, account_id: int, key: bytes, code: str) -> str:
    """Only who proved everything minutes ago is told how far off the phone is, and that code never becomes good."""
    session, at = visit.session, visit.panel.now()
    is_proved = session and session.account_id == account_id and timedelta(0) <= at - session.verified_at < ELEVATED
    if not is_proved:
        return WRONG_CODE
    drift = rules.drift(key, code, at)
    if drift is None:
        return wrong_or_clock_is_off(visit)
    await totp.tell_step(tx, account_id, rules.step_at(at + drift), oldest=rules.step_at(at) - TOTP_WINDOW)
    return clock_is_off(drift)


def clock_is_off(drift: timedelta) -> str:
    """Positive: the phone is ahead."""
    seconds = int(abs(drift).total_seconds())
    direction = "adiantado" if drift > timedelta(0) else "atrasado"
    if seconds > (TOTP_DRIFT * TOTP_STEP).total_seconds():
        return (
            f"O relógio do seu celular parece estar {round(seconds / 3600)} h {direction}. "
            "Ligue nele a data, a hora e o fuso automáticos e tente de novo."
        )
    off = f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "") if seconds >= 60 else f"{seconds} s"
    return f"O relógio do seu celular parece estar {off} {direction}. Ligue nele a hora automática e tente de novo."


def wrong_or_clock_is_off(visit: Visit) -> str:
    """Mistyped, or a clock is off by more than can be measured: then the date on the server tells whose it is."""
    return WRONG_CODE + WHICH_CLOCK.format(told_as("full", visit.at, visit.panel.settings.time_zone))


@asynccontextmanager
async def _charged(visit: Visit, kind: str, account_id: int) -> AsyncIterator[Try | Verdict]:
    """A Verdict means: wait, or never again."""
    panel = visit.panel
    async with charged(visit, [await _counter(panel.db, visit, kind, account_id)], kind=kind) as charge:
        if charge.standing.is_closed:
            async with panel.db.transaction() as tx:
                await note(tx, visit, account_id, "totp.locked" if kind == "totp" else "recovery.locked")
            yield Verdict(LOCKED if kind == "totp" else RECOVERY_LOCKED)
        elif left := charge.standing.wait:
            yield Verdict(f"Foram muitos códigos errados. Tente de novo em {wait(left)}.", wait=left)
        else:
            yield charge


def _miss(message: str, failures: int) -> Verdict:
    left = max(0, CODE_BACKOFF.free - failures)
    return Verdict(message, tries_left=left, then_wait=CODE_BACKOFF.wait_after(failures))


async def _counter(db: Reader, visit: Visit, kind: str, account_id: int) -> Counter:
    """RFC 4226 §7.3: one for the account, so that parallel logins share a limit; the owner's browsers have others."""
    browser = await trusted_devices.own_browser(db, visit, account_id)
    key = attempts_key(account_id) + (digest(browser) if browser else b"")
    return Counter(kind, key, CODE_BACKOFF.wait_after, CODE_BACKOFF.closes_at)


async def forgive_everything(tx: Transaction, account_id: int) -> None:
    """A factor was bound anew or removed: what was tried against the old one counts no more."""
    await attempts.forgive_all(tx, attempts_key(account_id))


def attempts_key(account_id: int) -> bytes:
    """Whose second factor is being tried, as the attempts table knows it."""
    return digest(f"account {account_id}")
