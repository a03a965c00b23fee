"""Switching the authenticator app on, moving it to another phone, switching it off."""

import asyncio
import contextlib
from datetime import timedelta

from starlette.background import BackgroundTask
from starlette.responses import Response

from db import factors, recovery_codes, totp
from db.database import Transaction
from db.endings import Cause
from db.errors import Unavailable
from db.totp import Enrolment
from web.audit.events import Event
from web.audit.record import record_event
from web.auth import passkeys
from web.auth.outcome import Accepted, Reason, Refused
from web.auth.recovery_codes import early_set, make_set, make_set_early, put_set_in_force
from web.auth.sessions import end_elsewhere
from web.auth.totp import try_code, wrong_or_clock_off
from web.auth.tries import forgive_everything
from web.crypto.workers import TooBusy
from web.factors.totp import clock_drift, in_base32, matching_step, new_key, otpauth_address, read_code
from web.http import forms
from web.http.page import go, later, page
from web.http.refusals import sentence, status_of
from web.limits import ENROLMENT_TRIES, ENROLMENT_TTL, REPLACEMENT_UNDO
from web.pages.security import lockdown
from web.pages.security.hub import sessions_ended, show_hub
from web.pages.security.recovery_codes import draw_qr_code, show_set
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import session_transaction
from web.words.waits import tries_left

OVER = "A configuração passou do tempo. Comece de novo: nada mudou na sua conta."
REQUIRED = "Este painel exige dois fatores: dá para trocar de aparelho, mas não desativar."
DONE = "A autenticação de dois fatores já está ativa. Se você não guardou os códigos de recuperação, gere novos."
ADDED = "Aplicativo adicionado. As chaves de acesso continuam valendo."
REMOVED = "Aplicativo removido. As chaves de acesso continuam valendo."
OFF = "Autenticação de dois fatores desativada."
UNDO_OVER = "O prazo para desfazer a troca passou. O aplicativo novo continua valendo."
TOO_MANY = "Foram cinco códigos errados. Comece de novo com outro QR code: nada mudou na sua conta."


async def begin(visit: RecentlyVerified) -> Response:
    """Make a key and show it, once. Until it is confirmed nothing about the login changes."""
    panel, session, at = visit.panel, visit.session, visit.at
    await forms.read(visit)
    key = new_key(panel.token_bytes)
    address = otpauth_address(key, account=session.account_name, issuer=panel.settings.name)
    qr = await asyncio.to_thread(draw_qr_code, address)  # some milliseconds, in which nobody's page should wait
    async with session_transaction(visit) as tx:
        sealed_key = await panel.seal_in(tx, "totp", session.account_id, key)
        await totp.begin_enrolment(
            tx, session.account_id, session_id=session.id, sealed_key=sealed_key, ends_at=at + ENROLMENT_TTL
        )
        await record_event(tx, visit, session.account_id, Event.TOTP_STARTED)
    response = page(
        visit,
        "totp/enrol.html",
        block="card",
        retarget="#two-factor",
        key=in_base32(key),
        address=address,
        qr=qr,
        has_app=await _has_app(visit),
        error="",
        is_dated=False,
    )
    if not session.has_two_factor:
        response.background = BackgroundTask(_hash_early, visit, sealed_key)
    return response


async def _has_app(visit: SignedIn) -> bool:
    return "totp" in await factors.in_force(visit.panel.db, visit.session.account_id)


async def _hash_early(visit: SignedIn, sealed_key: bytes) -> None:
    """Once the page is sent, as part of what the request was charged for."""
    with contextlib.suppress(TooBusy, Unavailable):  # then they are made when they are needed
        await make_set_early(visit.panel, visit.session.account_id, visit.session.id, sealed_key)


async def confirm(visit: SignedIn) -> Response:
    """A code from the new app puts its key in force; the user and the key come from the session's own row."""
    panel, session, at = visit.panel, visit.session, visit.at
    code = read_code((await forms.read(visit, "code"))["code"])
    if code is None:
        waiting = await totp.find_enrolment(panel.db, session.account_id, session_id=session.id, at=at)
        return await (_refused(visit, Refused(Reason.MALFORMED_CODE)) if waiting else show_hub(visit, problem=OVER))
    async with session_transaction(visit) as tx:
        enrolment = await totp.try_enrolment(
            tx, session.account_id, session_id=session.id, at=at, tries=ENROLMENT_TRIES
        )
    if enrolment is None and session.has_two_factor:
        return await show_hub(visit, notice=DONE)  # a reload of the page that showed the recovery codes
    if enrolment is None:
        return await show_hub(visit, problem=OVER)
    try:
        return await _judge(visit, enrolment, code)
    except Exception:
        async with panel.db.transaction() as tx:
            await totp.refund_enrolment(tx, session.account_id, session_id=session.id)
        raise


async def _judge(visit: SignedIn, enrolment: Enrolment, code: str) -> Response:
    panel, session, at = visit.panel, visit.session, visit.panel.now()
    key = panel.vault.unseal("totp", session.account_id, enrolment.sealed_key)
    step = matching_step(key, code, at)
    if step is None:
        return await _miss(visit, enrolment, clock_drift(key, code, at))
    return await _put_in_force(visit, enrolment, step)


async def _put_in_force(visit: SignedIn, enrolment: Enrolment, step: int) -> Response:
    """The app whose code was right, and with the first one the recovery codes."""
    panel, session, at = visit.panel, visit.session, visit.at
    # Ten hashes take a second: made before the transaction, and thrown away if another request was first.
    fresh = None if session.has_two_factor else early_set(panel, session.account_id, enrolment.sealed_codes)
    if not fresh and not session.has_two_factor:
        fresh = await make_set(panel)
    is_step = await lockdown.is_followed(visit)
    async with session_transaction(visit) as tx:
        has_app = "totp" in await factors.in_force(tx, session.account_id)
        is_confirmed = await totp.confirm(
            tx,
            session.account_id,
            enrolment.sealed_key,
            step=step,
            at=at,
            session_id=session.id,
            undo_ends_at=at + REPLACEMENT_UNDO,
        )
        if not is_confirmed:
            return go(visit, "/security")
        await recovery_codes.acknowledge(tx, session.account_id, at=at)  # a new phone is what a used code calls for
        if fresh:
            await put_set_in_force(tx, visit, fresh)
        further = Event.TOTP_REPLACED if has_app else Event.TOTP_ADDED
        ended = await _changed(tx, visit, Event.TOTP_ENABLED if fresh else further)
    if fresh:
        return await show_set(
            visit, fresh, is_first=True, is_step=is_step, ended=ended, began_again=enrolment.starts > 1
        )
    if is_step:
        return go(visit, lockdown.ADDRESS)
    return await show_hub(
        visit, notice=_replaced(enrolment) + sessions_ended(ended) if has_app else ADDED + sessions_ended(ended)
    )


def _replaced(enrolment: Enrolment) -> str:
    entries = "as entradas antigas" if enrolment.starts > 1 else "a entrada antiga"
    return f"Aparelho trocado. Só o aplicativo novo vale agora. Teste-o e apague {entries} no aplicativo."


async def undo(visit: SignedIn) -> Response:
    """Put the old app back, with a code of the old app: one of the two is always in force, and never both."""
    panel, session = visit.panel, visit.session
    typed = (await forms.read(visit, "code"))["code"]
    if await totp.find_replaced(panel.db, session.account_id, session_id=session.id, at=visit.at) is None:
        return await show_hub(visit, problem=UNDO_OVER)
    async with try_code(visit, session.account_id, typed, replaced_in=session) as judge:
        if isinstance(judge, Refused):
            return await _not_undone(visit, judge)
        async with session_transaction(visit) as tx:
            outcome = await judge(tx)
            if not isinstance(outcome, Accepted):
                return await _not_undone(visit, outcome)
            ended = await _changed(tx, visit, Event.TOTP_UNDONE)
    return await show_hub(visit, notice=f"Troca desfeita. Só o aplicativo de antes vale agora.{sessions_ended(ended)}")


async def _not_undone(visit: SignedIn, refused: Refused) -> Response:
    response = await show_hub(visit, undo_error=sentence(refused), status=status_of(refused))
    return later(response, refused.wait)


async def cancel(visit: SignedIn) -> Response:
    session = visit.session
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        if await totp.cancel_enrolment(tx, session.account_id, session_id=session.id):
            await record_event(tx, visit, session.account_id, Event.TOTP_CANCELLED)
    return go(visit, lockdown.ADDRESS) if await lockdown.is_followed(visit) else await show_hub(visit)


async def remove(visit: VerifiedNow) -> Response:
    """Remove the app: where it is the only factor, two-factor is off, recovery codes included."""
    session = visit.session
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        has_other = await factors.in_force(tx, session.account_id) != ["totp"]
        if not has_other and (why := await passkeys.why_last_stays(tx, visit)):
            problem = REQUIRED if why is Reason.FACTOR_REQUIRED else sentence(Refused(why))
            return await show_hub(visit, problem=problem, status=422)
        if await passkeys.only_one_here(tx, visit) == "totp":
            return await show_hub(visit, problem=sentence(Refused(Reason.ONLY_FACTOR_HERE)), status=422)
        if not await totp.remove(tx, session.account_id):
            return go(visit, "/security")
        if not has_other:
            await recovery_codes.remove(tx, session.account_id)
        ended = await _changed(tx, visit, Event.TOTP_APP_REMOVED if has_other else Event.TOTP_REMOVED)
    return await show_hub(visit, notice=(REMOVED if has_other else OFF) + sessions_ended(ended))


async def _miss(visit: SignedIn, enrolment: Enrolment, drift: timedelta | None) -> Response:
    """The same key stays for another try, five times; only here is a wrong clock measured (RFC 6238 §6)."""
    session = visit.session
    left = ENROLMENT_TRIES - enrolment.misses
    async with session_transaction(visit) as tx:
        if left <= 0:
            await totp.cancel_enrolment(tx, session.account_id, session_id=session.id)
        await record_event(tx, visit, session.account_id, Event.TOTP_FAILED)
    if left <= 0:
        return await show_hub(visit, problem=TOO_MANY)
    return await _refused(visit, wrong_or_clock_off(drift), tries_left(left), is_first=enrolment.misses == 1)


async def _refused(visit: SignedIn, refused: Refused, what_next: str = "", *, is_first: bool = True) -> Response:
    """A code mistyped once says nothing about clocks."""
    return page(
        visit,
        "totp/enrol.html",
        block="confirm",
        status=422,
        key="",
        address="",
        qr=None,
        has_app=await _has_app(visit),
        error=sentence(refused) + what_next,
        is_dated=refused.reason is Reason.WRONG_CODE_OR_CLOCK and not is_first,
    )


async def _changed(tx: Transaction, visit: SignedIn, event: Event) -> int:
    """What follows on another factor, or none: what was tried on the old one is forgotten, and the owner is told.

    Returns how many other sessions ended.
    """
    account_id = visit.session.account_id
    await forgive_everything(tx, account_id)
    await record_event(tx, visit, account_id, event)
    return await end_elsewhere(tx, visit, Cause.FACTOR)
