"""The challenge: the second factor, after the password."""

from starlette.responses import Response

from db import notices, pending_logins
from db.database import Transaction
from db.endings import Cause
from web.auth import offers, passkeys
from web.auth.endings import because
from web.auth.outcome import Accepted, Reason, Refused
from web.auth.recovery_codes import try_recovery
from web.auth.sessions import begin_session
from web.auth.totp import try_code
from web.auth.tries import Judge
from web.http import forms
from web.http.page import go, later, page
from web.http.redirects import login_path
from web.http.refusals import sentence, status_of
from web.limits import PENDING_LOGIN_TRIES
from web.pages.entry.login import CHALLENGES, is_passkey_gone, signed_in, waiting_for
from web.visit.visit import Pending
from web.words.waits import counted, tries_left

CHALLENGE, RECOVERY = CHALLENGES["code"], CHALLENGES["recovery"]
OVER = f"Foram {PENDING_LOGIN_TRIES} códigos incorretos, e esta tentativa de entrar terminou."


async def code_form(visit: Pending) -> Response:
    return await _challenge(visit, CHALLENGE, waiting=await waiting_for(visit, "code", visit.pending_login.account_id))


async def recovery_form(visit: Pending) -> Response:
    waiting = await waiting_for(visit, "recovery", visit.pending_login.account_id)
    return await _challenge(visit, RECOVERY, waiting=waiting)


async def enter_code(visit: Pending) -> Response:
    """The code of the moment, once: whoever ends the pending login begins the session."""
    typed = (await forms.read(visit, "code"))["code"]
    async with try_code(visit, visit.pending_login.account_id, typed) as judge:
        return await _judge(visit, judge, CHALLENGE)


async def enter_recovery(visit: Pending) -> Response:
    typed = (await forms.read(visit, "code"))["code"]
    async with try_recovery(visit, visit.pending_login.account_id, typed) as judge:
        return await _judge(visit, judge, RECOVERY)


async def enter_passkey(visit: Pending) -> Response:
    """In place of the code. Nobody guesses a signature: a refused one takes no try, and the pending login goes on."""
    answer = (await forms.read(visit, "answer"))["answer"]
    match await passkeys.complete(visit, answer):
        case Refused() as refused:
            return await _challenge(visit, CHALLENGE, refused_passkey=refused)
        case None:
            return go(visit, login_path(visit.pending_login.next))  # a parallel request was first
        case token:
            return await _signed_in(visit, token)


async def _judge(visit: Pending, judge: Judge | Refused, template: str) -> Response:
    panel, pending_login = visit.panel, visit.pending_login
    if isinstance(judge, Refused):
        return await _challenge(visit, template, judge)
    async with panel.db.transaction() as tx:
        if await pending_logins.find(tx, pending_login.digest, at=panel.now()) is None:
            return go(visit, login_path(pending_login.next))  # a parallel request was first
        match await judge(tx):
            case Accepted() as accepted:
                return await _finish(tx, visit, accepted)
            case Refused() as refused:
                return await _miss(tx, visit, refused, template)


async def _finish(tx: Transaction, visit: Pending, accepted: Accepted) -> Response:
    pending_login = visit.pending_login
    await pending_logins.end(tx, pending_login.digest)
    await notices.withdraw(tx, pending_login.digest, owner=pending_login.account_id, at=visit.panel.now())
    token = await begin_session(tx, visit, pending_login.account_id, accepted)
    return await _signed_in(visit, token)


async def _signed_in(visit: Pending, token: str) -> Response:
    """On to where the login began; password managers are told of the passkeys that the account has."""
    pending_login = visit.pending_login
    signals = await passkeys.signals_of(visit, pending_login.account_id, pending_login.account_name)
    return signed_in(visit, token, pending_login.next, signals)


async def _miss(tx: Transaction, visit: Pending, refused: Refused, template: str) -> Response:
    pending_login = visit.pending_login
    if refused.tries_left is None:
        return await _challenge(visit, template, refused)
    left = await pending_logins.miss(
        tx, pending_login.digest, because(visit.panel, Cause.MISSES), tries=PENDING_LOGIN_TRIES
    )
    if not left:
        await notices.hasten(tx, pending_login.digest, at=visit.panel.now())
    return await _challenge(visit, template, refused, left=left)


async def _challenge(
    visit: Pending,
    template: str,
    refused: Refused | None = None,
    *,
    left: int | None = None,
    waiting: str = "",
    refused_passkey: Refused | None = None,
) -> Response:
    """The challenge, with why it was refused; with no tries `left` this pending login is over."""
    next = visit.pending_login.next
    why = OVER if left == 0 else sentence(refused) if refused else ""
    response = page(
        visit,
        template,
        block="form",
        status=status_of(why_not) if (why_not := refused or refused_passkey) else 200,
        account_name=visit.pending_login.account_name,
        ends_in=visit.pending_login.ends_at - visit.at,
        error=why + _what_next(refused, left) if refused else "",
        is_wrong=refused is not None and refused.reason is Reason.WRONG_CODE,
        is_dated=refused is not None and refused.reason is Reason.WRONG_CODE_OR_CLOCK,
        is_over=left == 0,
        again=login_path(next),
        again_by_recovery=login_path(next, com="recuperacao"),
        waiting=waiting,
        offer=await offers.at_login(visit),
        passkey_error=sentence(refused_passkey) if refused_passkey else "",
        is_passkey_gone=is_passkey_gone(visit, refused_passkey),
    )
    return later(response, refused.wait) if refused else response


def _what_next(refused: Refused, left: int | None) -> str:
    if refused.then_wait:
        return counted(" Outro código é aceito em {}.", refused.then_wait)
    if left and refused.tries_left:
        return tries_left(min(left, refused.tries_left))
    return ""
