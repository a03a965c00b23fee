""" "Confirme que é você": every enrolled factor again, in place, before something sensitive goes on by itself.

The form posts to the interrupted action with what was typed there, so one request both proves and acts.
"""

import base64
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from db import accounts, notices, sessions
from db.database import Transaction
from web.audit import log
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify, notify_password_known
from web.audit.record import record_event
from web.auth.codes import try_code, try_recovery
from web.auth.outcome import Accepted, Outcome, Proof, Refused
from web.auth.passwords import try_password
from web.crypto.vault import BrokenSeal
from web.guards import throttle
from web.http import forms
from web.http.page import later, page
from web.http.redirects import page_above
from web.http.refusals import sentence, status_of
from web.limits import FIELD_MAX, FORMER_COOKIE_TTL, PENDING_LOGIN_TRIES
from web.visit.cookies import Cookie, digest, new_token
from web.visit.visit import SignedIn
from web.visit.visitor import SessionEnded, find_session, session_transaction
from web.words.characters import joined

PASSWORD, CODE, RECOVERY, KEPT = "step_up_password", "step_up_code", "step_up_recovery", "step_up_kept"


async def demand(visit: SignedIn, *, within: timedelta) -> Accepted | Response:
    """Accepted once every factor is proved: by this request or, not longer ago than `within`, by one before."""
    session = visit.session
    proof = await forms.pop(visit, PASSWORD, CODE, RECOVERY, KEPT)
    await forms.put_back(visit, _open(visit, proof.pop(KEPT, "")))
    if not proof:
        age = visit.panel.now() - session.verified_at  # below zero when the clock went back since
        return Accepted(Proof.EARLIER) if timedelta(0) <= age < within else await _ask(visit)
    if refused := await throttle.charge(visit, throttle.AUTH):
        return refused
    field, outcome = await _judge(visit, proof)
    match outcome:
        case Accepted():
            return outcome
        case Refused():
            return await _ask_again(visit, field, outcome)


async def _ask_again(visit: SignedIn, field: str, refused: Refused) -> Response:
    errors = {field: sentence(refused, visit)}
    response = await _ask(visit, errors=errors, status=status_of(refused), is_recovering=field == RECOVERY)
    await throttle.count_failure(visit, throttle.AUTH, response)
    return later(response, refused.wait)


async def _judge(visit: SignedIn, proof: dict[str, str]) -> tuple[str, Outcome]:
    """Accepted when the session is verified now; refused, for what was typed in this field."""
    panel, session = visit.panel, visit.session
    account = await accounts.get(panel.db, session.account_id)
    async with try_password(visit, session.account_name, account, proof.get(PASSWORD, "")) as tried:
        if isinstance(tried, Refused) and tried.wait:
            return PASSWORD, tried
        async with session_transaction(visit) as tx:
            if isinstance(tried, Refused):
                await record_event(tx, visit, session.account_id, Event.STEPUP_FAILED, "password")
                return PASSWORD, tried
            accepted = await tried.charge.accept(tx, Proof.PASSWORD)
            if not session.has_two_factor:
                await _succeed(tx, visit)
                return PASSWORD, accepted
            await notify_password_known(tx, visit, session.account_id, waits_for=_waiting(visit))
    return await _judge_second_factor(visit, proof)


async def _judge_second_factor(visit: SignedIn, proof: dict[str, str]) -> tuple[str, Outcome]:
    account_id = visit.session.account_id
    field = RECOVERY if joined(proof.get(RECOVERY, "")) else CODE
    trying = try_recovery if field == RECOVERY else try_code
    async with trying(visit, account_id, proof.get(field, "")) as judge:
        if isinstance(judge, Refused):
            return field, judge
        async with session_transaction(visit) as tx:
            outcome = await judge(tx)
            if isinstance(outcome, Accepted):
                await _succeed(tx, visit)
                if outcome.proof is Proof.RECOVERY_CODE:
                    await notify(tx, visit, account_id, NoticeKind.RECOVERY_USED)
            else:
                await _miss(tx, visit, field)
    return field, outcome


async def _miss(tx: Transaction, visit: SignedIn, field: str) -> None:
    """As at the challenge of a login: after five right passwords without their code the owner is told at once."""
    await record_event(tx, visit, visit.session.account_id, Event.STEPUP_FAILED, field.removeprefix("step_up_"))
    if await notices.waiting(tx, _waiting(visit)) >= PENDING_LOGIN_TRIES:
        await notices.hasten(tx, _waiting(visit), at=visit.panel.now())


async def _succeed(tx: Transaction, visit: SignedIn) -> None:
    session, at = visit.session, visit.panel.now()
    await sessions.verify(tx, session.id, at=at)
    await notices.withdraw_waiting(tx, _waiting(visit), owner=session.account_id, at=at)
    await renew(tx, visit)
    await record_event(tx, visit, session.account_id, Event.STEPUP_OK)


def _waiting(visit: SignedIn) -> bytes:
    """What a notice of a right password waits for here: that this session proves everything."""
    return digest(f"step-up {visit.session.id}")


async def renew(tx: Transaction, visit: SignedIn) -> None:
    """Give this session another cookie and read it anew; the door sends the cookie with any answer (ASVS V7.2.4).

    Raises SessionEnded when it was ended, or given another, meanwhile, so that nothing it began is done.
    """
    panel, token = visit.panel, new_token(visit.panel)
    former_ends_at = panel.now() + FORMER_COOKIE_TTL
    await sessions.renew(tx, visit.session.digest, to=digest(token), former_ends_at=former_ends_at)
    session = await find_session(tx, panel, digest(token), at=panel.now())
    if session is None:
        raise SessionEnded
    visit.arrival.session = session
    tx.on_commit.append(lambda: visit.jar.queue(Cookie.SESSION, token))


async def _ask(
    visit: SignedIn, *, errors: dict[str, str] | None = None, status: int = 403, is_recovering: bool = False
) -> Response:
    readable, secret = await forms.remaining(visit)
    return page(
        visit,
        "step_up/form.html",
        block="form",
        status=status,
        carried=readable | _seal(visit, secret),
        errors=errors or {},
        is_recovering=is_recovering,
        place=_place(visit),
        way_back=page_above(visit, visit.path),
    )


def _seal(visit: SignedIn, secret: dict[str, str]) -> dict[str, str]:
    """Secrets that were typed wait in the page, sealed for this session and this action; too long, they do not."""
    if not secret:
        return {}
    sealed = visit.panel.vault.seal("step-up", _owner(visit), urlencode(secret).encode("ascii"))
    kept = base64.urlsafe_b64encode(sealed).decode("ascii")
    return {KEPT: kept} if len(kept) <= FIELD_MAX else {}


def _open(visit: SignedIn, kept: str) -> dict[str, str]:
    try:
        sealed = base64.urlsafe_b64decode(kept)
        typed = visit.panel.vault.unseal("step-up", _owner(visit), sealed).decode("ascii") if kept else ""
    except (BrokenSeal, ValueError):  # another session's, another action's, or made up
        log.denied(visit, "seal")
        return {}
    return dict(parse_qsl(typed, keep_blank_values=True))


def _owner(visit: SignedIn) -> str:
    return f"{visit.session.id} {visit.path}"


def _place(visit: SignedIn) -> str:
    """The id of what the form stands in for; htmx names its target as `tag#id`."""
    target = re.fullmatch(r"[a-z]+#([A-Za-z][\w-]{0,63})", visit.request.headers.get("hx-target", ""), re.ASCII)
    return target[1] if target else "step-up"
