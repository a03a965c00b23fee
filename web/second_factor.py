"""Judging a second factor, the same for a login and for "Confirme que é você"."""

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup
from starlette.requests import Request

from db import attempts, recovery_codes, totp
from db.attempts import Counter
from db.database import Reader, Transaction
from web import log, trusted_devices
from web.activity import note
from web.cookies import digest
from web.factors import recovery_code, written_code
from web.factors import totp as rules
from web.hash_pool import TooBusy
from web.limits import CODE_BACKOFF, ELEVATED, TOTP_DRIFT, TOTP_STEP, TOTP_WINDOW, Cost
from web.moments import told_as
from web.notices import tell
from web.page import wait
from web.panel import Panel

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


async def judge_code(tx: Transaction, request: Request, account_id: int, code: str) -> Verdict:
    """Charge, judge and spend a six-digit code of the account's app, all in the caller's transaction."""
    panel, at = Panel.of(request), Panel.of(request).now()
    app = await totp.find(tx, account_id)
    if app is None:
        return Verdict(CHANGED)
    tried = await charge_code(tx, request, account_id)
    if isinstance(tried, Verdict):
        return tried
    key = panel.seal.open("totp", account_id, app.sealed_key)
    step = rules.matching_step(key, code, at)
    if step is None:
        await note(tx, request, account_id, "totp.failed")
        return _miss(await _why_wrong(tx, request, account_id, key, code), tried.failures)
    if not await totp.spend(tx, account_id, step):
        if await totp.was_told(tx, account_id, step):
            await note(tx, request, account_id, "totp.failed")
            until = rules.until_new_step(step, at)
            return _miss(
                f"Com este código o relógio foi conferido; o próximo aparece em {wait(until)}.", tried.failures
            )
        until = rules.until_new_step(app.last_step, at)
        if until > 3 * TOTP_STEP:  # no code is that far ahead
            await note(tx, request, account_id, "clock.went_back")
            return _miss(f"{CLOCK} {wait(until)}.", tried.failures)
        await note(tx, request, account_id, "totp.repeated")
        half_login = request.state.half_login  # whoever completes it has only been too quick
        await tell(tx, request, account_id, "code_repeated", half_login=half_login.digest if half_login else None)
        return _miss(f"Este código já foi usado; o próximo aparece em {wait(until)}.", tried.failures)
    await forgive_code(tx, request, account_id)
    await note(tx, request, account_id, "totp.ok")
    return Verdict()


async def _why_wrong(tx: Transaction, request: Request, account_id: int, key: bytes, code: str) -> str:
    """Only who proved everything minutes ago is told how far off the phone is, and that code never becomes good."""
    session, at = request.state.session, Panel.of(request).now()
    is_proved = session and session.account_id == account_id and timedelta(0) <= at - session.verified_at < ELEVATED
    if not is_proved:
        return WRONG_CODE
    drift = rules.drift(key, code, at)
    if drift is None:
        return wrong_or_clock_is_off(request)
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


def wrong_or_clock_is_off(request: Request) -> str:
    """Mistyped, or a clock is off by more than can be measured: then the date on the server tells whose it is."""
    panel = Panel.of(request)
    return WRONG_CODE + WHICH_CLOCK.format(told_as("full", panel.now(), panel.settings.time_zone))


async def charge_code(tx: Transaction, request: Request, account_id: int) -> attempts.Attempts | Verdict:
    """Count one try at a code of the account, before it is judged. A Verdict means: wait."""
    return await _charge(tx, request, "totp", account_id)


async def forgive_code(tx: Transaction, request: Request, account_id: int) -> None:
    await attempts.forgive(tx, [await _counter(tx, request, "totp", account_id)])


async def forgive_rehearsals(tx: Transaction, request: Request, account_id: int) -> None:
    await attempts.forgive(tx, [await _counter(tx, request, "rehearsal", account_id)])


async def recovery_digest(
    request: Request, account_id: int, typed: str, *, budget: str = "recovery"
) -> bytes | Verdict:
    """Charge a recovery code and hash it off the loop, before the transaction that judges it; raises TooBusy."""
    panel, code = Panel.of(request), written_code.read(typed)
    if not recovery_code.is_well_formed(code):
        return Verdict(RECOVERY_FORM)
    with panel.hashes.place(own=True) as slots:  # without one it is told at once, and nothing is written
        async with panel.db.transaction() as tx:
            tried = await _charge(tx, request, budget, account_id)
        if isinstance(tried, Verdict):
            return tried
        in_force = await recovery_codes.find(panel.db, account_id)
        if in_force is None:
            return Verdict("Esta conta não tem códigos de recuperação.")
        try:
            cost = Cost.read(in_force.cost)
            return await slots.run(recovery_code.digest, panel.argon2id, code, in_force.salt, cost)
        except TooBusy:
            async with panel.db.transaction() as tx:
                await attempts.refund(tx, [await _counter(tx, request, budget, account_id)], at=panel.now())
            raise


async def judge_recovery(tx: Transaction, request: Request, account_id: int, digest: bytes) -> Verdict:
    """Spend a recovery code that `recovery_digest` charged and hashed."""
    at, counter = Panel.of(request).now(), await _counter(tx, request, "recovery", account_id)
    if not await recovery_codes.spend(tx, account_id, digest, at=at):
        await note(tx, request, account_id, "recovery.failed")
        return _miss(RECOVERY_WRONG, await attempts.failures(tx, counter))
    await attempts.forgive(tx, [counter])
    await note(tx, request, account_id, "recovery.ok")
    return Verdict()


async def _charge(tx: Transaction, request: Request, kind: str, account_id: int) -> attempts.Attempts | Verdict:
    """A Verdict means: wait, or never again."""
    tried = await attempts.charge(tx, [await _counter(tx, request, kind, account_id)], at=Panel.of(request).now())
    if tried.is_closed or tried.wait:
        log.denied(request, f"{kind} backoff")
    if tried.is_closed:
        await note(tx, request, account_id, "totp.locked" if kind == "totp" else "recovery.locked")
        return Verdict(LOCKED if kind == "totp" else RECOVERY_LOCKED)
    if tried.wait:
        return Verdict(f"Foram muitos códigos errados. Tente de novo em {wait(tried.wait)}.", wait=tried.wait)
    return tried


def _miss(message: str, failures: int) -> Verdict:
    left = max(0, CODE_BACKOFF.free - failures)
    return Verdict(message, tries_left=left, then_wait=CODE_BACKOFF.wait_after(failures))


async def _counter(db: Reader, request: Request, kind: str, account_id: int) -> Counter:
    """RFC 4226 §7.3: one for the account, so that parallel logins share a limit; the owner's browsers have others."""
    browser = await trusted_devices.own_browser(db, request, account_id)
    key = attempts_key(account_id) + (digest(browser) if browser else b"")
    return Counter(kind, key, CODE_BACKOFF.wait_after, CODE_BACKOFF.closes_at)


async def forgive_everything(tx: Transaction, account_id: int) -> None:
    """A factor was bound anew or removed: what was tried against the old one counts no more."""
    await attempts.forgive_all(tx, attempts_key(account_id))


def attempts_key(account_id: int) -> bytes:
    """Whose second factor is being tried, as the attempts table knows it."""
    return digest(f"account {account_id}")
