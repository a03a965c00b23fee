"""Changing one's own password, with its strength told while it is typed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from db import accounts
from web import forms, throttle
from web.accounts import (
    forget_tries,
    hash_password,
    judge_password,
    password_refusal,
    set_password,
    try_password,
)
from web.activity import note
from web.notices import tell
from web.page import later, page
from web.panel import Panel
from web.sessions import end_elsewhere
from web.step_up import WRONG_PASSWORD
from web.visitor import acting

FIELDS = ("current", "password", "repeated")
STRENGTHS = ("muito fraca", "muito fraca", "fraca", "boa", "muito boa")
SAME = "A senha nova é igual à atual."
CHANGED = "Senha alterada. As outras sessões desta conta foram encerradas."


async def form(request: Request) -> Response:
    return _form(request)


async def change(request: Request) -> Response:
    """Ask for the current password too (ASVS V6.2.3). Without fields it is a proof just given: show the form."""
    panel, session = Panel.of(request), request.state.session
    typed = await forms.read(request, optional=FIELDS)
    if not any(typed.values()):
        return _form(request)
    if refused := await throttle.charge(request, throttle.AUTH) or await _judge_current(request, typed["current"]):
        return refused
    errors = await password_refusal(panel, typed["password"], typed["repeated"], name=session.account_name)
    if typed["password"] == typed["current"]:
        errors = {"password": SAME}
    if errors:
        return _form(request, errors=errors, status=422)
    await _put_in_force(request, await hash_password(panel, typed["password"]))
    return _form(request, notice=CHANGED)


async def _judge_current(request: Request, password: str) -> Response | None:
    """None when it is the account's, else what to answer."""
    panel, session = Panel.of(request), request.state.session
    account = await accounts.get(panel.db, session.account_id)
    async with try_password(request, session.account_name, account, password) as tried:
        if tried.wait:
            return later(_form(request, errors={"current": tried.refusal}, status=429), tried.wait)
        async with acting(request) as tx:
            if tried.is_right:
                await tried.charge.accept(tx)
                return None
            await note(tx, request, session.account_id, "stepup.failed", "password")
    response = _form(request, errors={"current": WRONG_PASSWORD}, status=422)
    await throttle.settle(request, throttle.AUTH, response)
    return response


async def _put_in_force(request: Request, phc: str) -> None:
    panel, session = Panel.of(request), request.state.session
    async with acting(request) as tx:
        await set_password(tx, panel, session.account_id, phc)
        await forget_tries(tx, panel, session.account_name)
        await end_elsewhere(tx, request)
        await note(tx, request, session.account_id, "password.changed")
        await tell(tx, request, session.account_id, "password_changed")


async def strength(request: Request) -> Response:
    """How guessable the new password is so far, and why it would be refused; nothing of it is kept."""
    typed = (await forms.read(request, "password", optional=("current", "repeated")))["password"]
    refusal, score = await judge_password(Panel.of(request), typed, name=request.state.session.account_name)
    words = STRENGTHS[min(score, 2) if refusal else score]
    return page(
        request, "password/change.html", block="strength", **_context(typed=typed, words=words, refusal=refusal)
    )


def _form(request: Request, *, errors: dict[str, str] | None = None, notice: str = "", status: int = 200) -> Response:
    context = _context(errors=errors or {}, notice=notice, minimum=Panel.of(request).settings.password_min)
    return page(request, "password/change.html", block="card", status=status, **context)


def _context(**context: object) -> dict[str, Any]:
    empty: dict[str, Any] = {"errors": {}, "notice": "", "minimum": 0, "typed": "", "words": "", "refusal": ""}
    return empty | context
