"""Changing one's own password, with its strength told while it is typed."""

from typing import Any

from starlette.responses import Response

from db import accounts
from db.endings import Cause
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.outcome import Accepted, Proof, Refused
from web.auth.passwords import (
    RightPassword,
    forget_tries,
    hash_password,
    is_password,
    judge_password,
    password_refusal,
    set_password,
    try_password,
)
from web.auth.sessions import end_elsewhere
from web.guards import step_up, throttle
from web.http import forms
from web.http.page import go, later, page
from web.http.refusals import password_errors, password_sentence, sentence, status_of
from web.pages.security import lockdown
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import session_transaction

FIELDS = ("current", "current_proved", "password", "repeated")
STRENGTHS = ("muito fraca", "muito fraca", "fraca", "boa", "muito boa")
SAME = "A senha nova é igual à atual."
CHANGED = "Senha alterada. As outras sessões desta conta foram encerradas."


async def form(visit: RecentlyVerified) -> Response:
    return await _form(visit, is_erased=await _is_erased(visit))


async def _is_erased(visit: SignedIn) -> bool:
    """Whether a link has to choose the password: a passkey opens the account meanwhile."""
    account = await accounts.get(visit.panel.db, visit.session.account_id)
    return account is not None and account.sealed_password is None


async def change(visit: RecentlyVerified) -> Response:
    """Ask for the current password too (ASVS V6.2.3), once: by this form, or by what was typed on the way to it. A
    passkey proves no password.

    Without fields it is a proof just given: show the form.
    """
    typed = await forms.read(visit, optional=FIELDS)
    if await _is_erased(visit):
        return await _form(visit, is_erased=True, status=422)
    is_proved = visit.arrival.has_typed_password or step_up.has_proved_password(visit, typed["current_proved"])
    if not any(typed.values()):
        return await _form(visit, is_proved=is_proved)
    if not is_proved:
        if refused := await throttle.charge(visit, throttle.AUTH):
            return refused
        judged = await _judge_current(visit, typed["current"])
        if not isinstance(judged, Accepted):
            return judged
    return await _choose(visit, typed)


async def _choose(visit: SignedIn, typed: dict[str, str]) -> Response:
    """Whoever mistypes the new one has proved the current one all the same."""
    panel, session = visit.panel, visit.session
    refusal = await password_refusal(panel, typed["password"], typed["repeated"], name=session.account_name)
    errors = password_errors(refusal, panel)
    if not errors and await _is_current(visit, typed):
        errors = {"password": SAME}
    if errors:
        return await _form(visit, errors=errors, status=422, is_proved=True)
    is_step = await lockdown.is_followed(visit)
    await _put_in_force(visit, await hash_password(panel, typed["password"]))
    return go(visit, lockdown.ADDRESS) if is_step else await _form(visit, notice=CHANGED)


async def _is_current(visit: SignedIn, typed: dict[str, str]) -> bool:
    if typed["current"]:
        return typed["password"] == typed["current"]
    account = await accounts.get(visit.panel.db, visit.session.account_id)
    return await is_password(visit.panel, account, typed["password"])


async def _judge_current(visit: SignedIn, password: str) -> Accepted | Response:
    """Accepted when it is the account's, else what to answer."""
    panel, session = visit.panel, visit.session
    account = await accounts.get(panel.db, session.account_id)
    async with try_password(visit, session.account_name, account, password) as tried:
        if isinstance(tried, Refused) and tried.wait:
            return await _refused(visit, tried)
        async with session_transaction(visit) as tx:
            if isinstance(tried, RightPassword):
                return await tried.charge.accept(tx, Proof.PASSWORD)
            await record_event(tx, visit, session.account_id, Event.STEPUP_FAILED, "password")
    response = await _refused(visit, tried)
    await throttle.count_failure(visit, throttle.AUTH, response)
    return response


async def _put_in_force(visit: SignedIn, phc: str) -> None:
    panel, session = visit.panel, visit.session
    async with session_transaction(visit) as tx:
        await set_password(tx, panel, session.account_id, phc)
        await forget_tries(tx, panel, session.account_name)
        await end_elsewhere(tx, visit, Cause.PASSWORD)
        await record_event(tx, visit, session.account_id, Event.PASSWORD_CHANGED)


async def strength(visit: SignedIn) -> Response:
    """How guessable the new password is so far, and why it would be refused; nothing of it is kept."""
    typed = (await forms.read(visit, "password", optional=("current", "current_proved", "repeated")))["password"]
    judged = await judge_password(visit.panel, typed, name=visit.session.account_name)
    words = STRENGTHS[min(judged.score, 2) if judged.refusal else judged.score]
    refusal = password_sentence(judged.refusal, visit.panel) if judged.refusal else ""
    return page(visit, "password/change.html", block="strength", **_context(typed=typed, words=words, refusal=refusal))


async def _refused(visit: SignedIn, refused: Refused) -> Response:
    response = await _form(visit, errors={"current": sentence(refused)}, status=status_of(refused))
    return later(response, refused.wait)


async def _form(
    visit: SignedIn,
    *,
    errors: dict[str, str] | None = None,
    notice: str = "",
    status: int = 200,
    is_proved: bool = False,
    is_erased: bool = False,
) -> Response:
    proof = step_up.password_proof(visit) if is_proved else ""
    context = _context(
        errors=errors or {},
        notice=notice,
        minimum=visit.panel.settings.password_min,
        proof=proof,
        is_erased=is_erased,
        is_step=not notice and await lockdown.is_followed(visit),
    )
    return page(visit, "password/change.html", block="card", status=status, **context)


def _context(**context: object) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "errors": {},
        "notice": "",
        "minimum": 0,
        "proof": "",
        "is_step": False,
        "is_erased": False,
        "typed": "",
        "words": "",
        "refusal": "",
    }
    return empty | context
