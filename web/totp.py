"""Switching the authenticator app on, moving it to another phone, switching it off."""

import asyncio
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from db import policy, totp
from db import recovery_codes as stored_codes
from db.database import Transaction
from db.totp import Enrolment
from web import forms, recovery_codes
from web.activity import note
from web.budget import costly
from web.factors import totp as rules
from web.limits import ENROLMENT_TRIES, ENROLMENT_TTL, REPLACEMENT_UNDO
from web.notices import tell
from web.page import go, later, page, tries_left
from web.panel import Panel
from web.second_factor import (
    CODE_FORM,
    Verdict,
    clock_is_off,
    forgive_everything,
    try_code,
    wrong_or_clock_is_off,
)
from web.sessions import end_elsewhere
from web.two_factor import show_hub
from web.visitor import acting

OVER = "A configuração passou do tempo. Comece de novo: nada mudou na sua conta."
REQUIRED = "Este painel exige dois fatores de todos: dá para trocar de aparelho, mas não desativar."
DONE = "A autenticação de dois fatores já está ativa. Se você não guardou os códigos de recuperação, gere novos."
UNDO_OVER = "O prazo para desfazer a troca passou. O aplicativo novo continua valendo."
TOO_MANY = "Foram cinco códigos errados. Comece de novo com outro QR code: nada mudou na sua conta."


qr_code = costly(rules.qr_code)


async def begin(request: Request) -> Response:
    """Make a key and show it, once. Until it is confirmed nothing about the login changes."""
    panel, session, at = Panel.of(request), request.state.session, Panel.of(request).now()
    await forms.read(request)
    key = rules.new_key(panel.token_bytes)
    address = rules.address(key, account=session.account_name, issuer=panel.settings.name)
    qr = await asyncio.to_thread(qr_code, address)  # some milliseconds, in which nobody's page should wait
    async with acting(request) as tx:
        await totp.begin_enrolment(
            tx,
            session.account_id,
            session_id=session.id,
            sealed_key=await panel.seal_in(tx, "totp", session.account_id, key),
            ends_at=at + ENROLMENT_TTL,
        )
        await note(tx, request, session.account_id, "totp.started")
    return page(
        request,
        "totp/enrol.html",
        block="card",
        key=rules.text(key),
        address=address,
        qr=qr,
        error="",
    )


async def confirm(request: Request) -> Response:
    """A code from the new app puts its key in force; the user and the key come from the session's own row."""
    panel, session, at = Panel.of(request), request.state.session, Panel.of(request).now()
    code = rules.read_code((await forms.read(request, "code"))["code"])
    if code is None:
        waiting = await totp.find_enrolment(panel.db, session.account_id, session_id=session.id, at=at)
        return _refused(request, CODE_FORM) if waiting else await show_hub(request, problem=OVER)
    async with acting(request) as tx:
        enrolment = await totp.try_enrolment(
            tx, session.account_id, session_id=session.id, at=at, tries=ENROLMENT_TRIES
        )
    if enrolment is None and session.has_two_factor:
        return await show_hub(request, notice=DONE)  # a reload of the page that showed the recovery codes
    if enrolment is None:
        return await show_hub(request, problem=OVER)
    try:
        return await _judge(request, enrolment, code)
    except Exception:
        async with panel.db.transaction() as tx:
            await totp.refund_enrolment(tx, session.account_id, session_id=session.id)
        raise


async def _judge(request: Request, enrolment: Enrolment, code: str) -> Response:
    panel, session, at = Panel.of(request), request.state.session, Panel.of(request).now()
    key = panel.seal.open("totp", session.account_id, enrolment.sealed_key)
    step = rules.matching_step(key, code, at)
    if step is None:
        return await _miss(request, enrolment, rules.drift(key, code, at))
    return await _put_in_force(request, enrolment.sealed_key, step)


async def _put_in_force(request: Request, sealed_key: bytes, step: int) -> Response:
    """The app whose code was right, and with the first one the recovery codes."""
    panel, session, at = Panel.of(request), request.state.session, Panel.of(request).now()
    # Ten hashes take a second: made before the transaction, and thrown away if another request was first.
    fresh = None if session.has_two_factor else await recovery_codes.make(panel)
    async with acting(request) as tx:
        is_confirmed = await totp.confirm(
            tx,
            session.account_id,
            sealed_key,
            step=step,
            at=at,
            session_id=session.id,
            undo_ends_at=at + REPLACEMENT_UNDO,
        )
        if not is_confirmed:
            return go(request, "/security")
        await stored_codes.acknowledge(tx, session.account_id, at=at)  # a new phone is what a used code calls for
        if fresh:
            await recovery_codes.put_in_force(tx, request, fresh)
        ended = await _changed(tx, request, "totp.enabled" if fresh else "totp.replaced")
    if fresh:
        return recovery_codes.show(request, fresh, is_first=True, ended=ended)
    return await show_hub(request, notice=f"Aparelho trocado. Só o aplicativo novo vale agora.{_ended(ended)}")


async def undo(request: Request) -> Response:
    """Put the old app back, with a code of the old app: one of the two is always in force, and never both."""
    panel, session = Panel.of(request), request.state.session
    typed = (await forms.read(request, "code"))["code"]
    if await totp.find_replaced(panel.db, session.account_id, session_id=session.id, at=panel.now()) is None:
        return await show_hub(request, problem=UNDO_OVER)
    async with try_code(request, session.account_id, typed, is_replaced=True) as judge:
        if isinstance(judge, Verdict):
            return await _not_undone(request, judge)
        async with acting(request) as tx:
            verdict = await judge(tx)
            if not verdict.is_accepted:
                return await _not_undone(request, verdict)
            ended = await _changed(tx, request, "totp.undone")
    return await show_hub(request, notice=f"Troca desfeita. Só o aplicativo de antes vale agora.{_ended(ended)}")


async def _not_undone(request: Request, verdict: Verdict) -> Response:
    response = await show_hub(request, undo_error=verdict.message, status=verdict.status)
    return later(response, verdict.wait) if verdict.wait else response


async def cancel(request: Request) -> Response:
    session = request.state.session
    await forms.read(request)
    async with acting(request) as tx:
        if await totp.cancel_enrolment(tx, session.account_id, session_id=session.id):
            await note(tx, request, session.account_id, "totp.cancelled")
    return await show_hub(request)


async def remove(request: Request) -> Response:
    """Switch the second factor off, recovery codes included."""
    panel, session = Panel.of(request), request.state.session
    await forms.read(request)
    async with acting(request) as tx:
        if (await policy.get(tx)).requires_two_factor(panel.now()):
            return await show_hub(request, problem=REQUIRED, status=422)
        if not await totp.remove(tx, session.account_id):
            return go(request, "/security")
        await stored_codes.remove(tx, session.account_id)
        ended = await _changed(tx, request, "totp.removed")
    return await show_hub(request, notice=f"Autenticação de dois fatores desativada.{_ended(ended)}")


async def _miss(request: Request, enrolment: Enrolment, drift: timedelta | None) -> Response:
    """The same key stays for another try, five times; only here is a wrong clock measured (RFC 6238 §6)."""
    session = request.state.session
    left = ENROLMENT_TRIES - enrolment.misses
    async with acting(request) as tx:
        if left <= 0:
            await totp.cancel_enrolment(tx, session.account_id, session_id=session.id)
        await note(tx, request, session.account_id, "totp.failed")
    if left <= 0:
        return await show_hub(request, problem=TOO_MANY)
    return _refused(request, (clock_is_off(drift) if drift else wrong_or_clock_is_off(request)) + tries_left(left))


def _refused(request: Request, error: str) -> Response:
    return page(request, "totp/enrol.html", block="confirm", status=422, key="", address="", qr=None, error=error)


async def _changed(tx: Transaction, request: Request, event: str) -> int:
    """What follows on another factor, or none: what was tried on the old one is forgotten, and the owner is told.

    Returns how many other sessions ended.
    """
    account_id = request.state.session.account_id
    await forgive_everything(tx, account_id)
    await note(tx, request, account_id, event)
    await tell(tx, request, account_id, "factor_changed")
    return await end_elsewhere(tx, request)


def _ended(count: int) -> str:
    if not count:
        return ""
    return " A outra sessão foi encerrada." if count == 1 else f" As outras {count} sessões foram encerradas."
