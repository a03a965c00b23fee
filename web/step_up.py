""" "Confirme que é você": every enrolled factor again, in place, before something sensitive goes on by itself.

The form posts to the interrupted action with what was typed there, so one request both proves and acts.
"""

import base64
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from db import accounts, notices, sessions
from db.database import Transaction
from web import cookies, forms, log, throttle
from web.accounts import try_password
from web.activity import note
from web.characters import joined
from web.cookies import Cookie, digest, new_token
from web.limits import FIELD_MAX, FORMER_COOKIE_TTL, HALF_LOGIN_TRIES
from web.notices import tell, tell_of_password
from web.page import later, page
from web.panel import Panel
from web.redirects import page_above
from web.seal import BrokenSeal
from web.second_factor import Verdict, try_code, try_recovery
from web.visitor import SessionEnded, acting, find_session

PASSWORD, CODE, RECOVERY, KEPT = "proof_password", "proof_code", "proof_recovery", "proof_kept"
WRONG_PASSWORD = "Senha incorreta."


async def demand(request: Request, *, within: timedelta) -> Response | None:
    """None once every factor is proved: by this request or, not longer ago than `within`, by one before."""
    session = request.state.session
    proof = await forms.take(request, PASSWORD, CODE, RECOVERY, KEPT)
    await forms.put_back(request, _open(request, proof.pop(KEPT, "")))
    if not proof:
        age = Panel.of(request).now() - session.verified_at  # below zero when the clock went back since
        return None if timedelta(0) <= age < within else await _ask(request)
    if refused := await throttle.charge(request, throttle.AUTH):
        return refused
    errors, verdict = await _judge(request, proof)
    if not errors:
        return None
    response = await _ask(request, errors=errors, status=verdict.status, is_recovering=RECOVERY in errors)
    await throttle.settle(request, throttle.AUTH, response)
    return later(response, verdict.wait) if verdict.wait else response


async def _judge(request: Request, proof: dict[str, str]) -> tuple[dict[str, str], Verdict]:
    """A sentence per field that is wrong; none when the session is verified now."""
    panel, session = Panel.of(request), request.state.session
    account = await accounts.get(panel.db, session.account_id)
    async with try_password(request, session.account_name, account, proof.get(PASSWORD, "")) as tried:
        if tried.wait:
            return {PASSWORD: tried.refusal}, Verdict(wait=tried.wait)
        async with acting(request) as tx:
            if not tried.is_right:
                await note(tx, request, session.account_id, "stepup.failed", "password")
                return {PASSWORD: WRONG_PASSWORD}, Verdict()
            await tried.charge.accept(tx)
            if not session.has_two_factor:
                await _succeed(tx, request)
                return {}, Verdict()
            await tell_of_password(tx, request, session.account_id, waits_for=_waiting(request))
    field, verdict = await _judge_second_factor(request, proof)
    return ({} if verdict.is_accepted else {field: verdict.message}), verdict


async def _judge_second_factor(request: Request, proof: dict[str, str]) -> tuple[str, Verdict]:
    account_id = request.state.session.account_id
    field = RECOVERY if joined(proof.get(RECOVERY, "")) else CODE
    trying = try_recovery if field == RECOVERY else try_code
    async with trying(request, account_id, proof.get(field, "")) as judge:
        if isinstance(judge, Verdict):
            return field, judge
        async with acting(request) as tx:
            verdict = await judge(tx)
            if verdict.is_accepted:
                await _succeed(tx, request)
                if field == RECOVERY:
                    await tell(tx, request, account_id, "recovery_used")
            else:
                await _miss(tx, request, field)
    return field, verdict


async def _miss(tx: Transaction, request: Request, field: str) -> None:
    """As at the challenge of a login: after five right passwords without their code the owner is told at once."""
    await note(tx, request, request.state.session.account_id, "stepup.failed", field.removeprefix("proof_"))
    if await notices.waiting(tx, _waiting(request)) >= HALF_LOGIN_TRIES:
        await notices.hasten(tx, _waiting(request), at=Panel.of(request).now())


async def _succeed(tx: Transaction, request: Request) -> None:
    session, at = request.state.session, Panel.of(request).now()
    await sessions.verify(tx, session.id, at=at)
    await notices.withdraw_waiting(tx, _waiting(request), owner=session.account_id, at=at)
    await renew(tx, request)
    await note(tx, request, session.account_id, "stepup.ok")


def _waiting(request: Request) -> bytes:
    """What a notice of a right password waits for here: that this session proves everything."""
    return digest(f"step-up {request.state.session.id}")


async def renew(tx: Transaction, request: Request) -> None:
    """Give this session another cookie and read it anew; the door sends the cookie with any answer (ASVS V7.2.4).

    Raises SessionEnded when it was ended, or given another, meanwhile, so that nothing it began is done.
    """
    panel, token = Panel.of(request), new_token(Panel.of(request))
    former_ends_at = panel.now() + FORMER_COOKIE_TTL
    await sessions.renew(tx, request.state.session.digest, to=digest(token), former_ends_at=former_ends_at)
    session = await find_session(tx, panel, digest(token))
    if session is None:
        raise SessionEnded
    request.state.session = session
    tx.afterwards.append(lambda: cookies.jar_of(request).owe(Cookie.SESSION, token))


async def _ask(
    request: Request, *, errors: dict[str, str] | None = None, status: int = 403, is_recovering: bool = False
) -> Response:
    readable, secret = await forms.rest(request)
    return page(
        request,
        "step_up/form.html",
        block="form",
        status=status,
        carried=readable | _seal(request, secret),
        errors=errors or {},
        is_recovering=is_recovering,
        place=_place(request),
        way_back=page_above(request, request.scope["path"]),
    )


def _seal(request: Request, secret: dict[str, str]) -> dict[str, str]:
    """Secrets that were typed wait in the page, sealed for this session and this action; too long, they do not."""
    if not secret:
        return {}
    sealed = Panel.of(request).seal.close("step-up", _owner(request), urlencode(secret).encode("ascii"))
    kept = base64.urlsafe_b64encode(sealed).decode("ascii")
    return {KEPT: kept} if len(kept) <= FIELD_MAX else {}


def _open(request: Request, kept: str) -> dict[str, str]:
    try:
        sealed = base64.urlsafe_b64decode(kept)
        typed = Panel.of(request).seal.open("step-up", _owner(request), sealed).decode("ascii") if kept else ""
    except (BrokenSeal, ValueError):  # another session's, another action's, or made up
        log.denied(request, "seal")
        return {}
    return dict(parse_qsl(typed, keep_blank_values=True))


def _owner(request: Request) -> str:
    return f"{request.state.session.id} {request.scope['path']}"


def _place(request: Request) -> str:
    """The id of what the form stands in for; htmx names its target as `tag#id`."""
    target = re.fullmatch(r"[a-z]+#([A-Za-z][\w-]{0,63})", request.headers.get("hx-target", ""), re.ASCII)
    return target[1] if target else "step-up"
