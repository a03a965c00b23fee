"""Choosing a password with a code from the operator: for a new account, or after a reset."""

from starlette.responses import Response

from db import accounts, activity
from db.accounts import Account
from db.database import Transaction
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth import pending_logins
from web.auth.outcome import Accepted, Proof
from web.auth.passwords import forget_tries, hash_password, password_refusal, set_password
from web.auth.sessions import begin_session
from web.crypto.workers import TooBusy
from web.factors import human_code
from web.http import forms
from web.http.page import go, later, page
from web.http.redirects import HOME
from web.http.refusals import password_errors
from web.limits import BUSY_RETRY
from web.pages.entry.login import BUSY, signed_in, to_challenge
from web.visit.visit import Visit

WRONG_CODE = (
    "Este código não vale: foi digitado errado, já foi usado ou passou do prazo. Peça outro a quem cuida do painel."
)


async def form(visit: Visit) -> Response:
    """Somebody signed in has no use for it: Back leads here from their first pages. Without the #, browsers would carry
    the code of the address along."""
    return go(visit, "/security#content") if visit.session else _form(visit)


async def activate(visit: Visit) -> Response:
    """The code alone tells whose account it is; with a password it is spent."""
    typed = await forms.read(visit, "activation_code", optional=("password", "repeated"))
    code = typed["activation_code"]
    name = await accounts.find_activation(visit.panel.db, _digest(code), at=visit.at)
    if name is None:
        async with visit.panel.db.transaction() as tx:
            await record_event(tx, visit, None, Event.ACCOUNT_ACTIVATION_FAILED)
        return _form(visit, code, {"activation_code": WRONG_CODE}, 422)
    if not (typed["password"] or typed["repeated"]):
        return _form(visit, code, name=name)
    return await _choose(visit, name, code, typed["password"], typed["repeated"])


async def _choose(visit: Visit, name: str, code: str, password: str, repeated: str) -> Response:
    panel = visit.panel
    try:
        refused = await password_refusal(panel, password, repeated, name=name)
        if refused:
            return _form(visit, code, password_errors(refused, panel), 422, name=name)
        phc = await hash_password(panel, password)
    except TooBusy:
        return later(_form(visit, code, {"password": BUSY}, 503, name=name), BUSY_RETRY)
    async with panel.db.transaction() as tx:
        account_id = await accounts.spend_activation(tx, _digest(code), at=visit.at)
        account = await accounts.get(tx, account_id) if account_id is not None else None
        if account is None:
            return _form(visit, code, {"activation_code": WRONG_CODE}, 422)
        await set_password(tx, panel, account.id, phc)
        return await _let_in(tx, visit, account)


async def _let_in(tx: Transaction, visit: Visit, account: Account) -> Response:
    """As a login does: where there is a second factor, it is asked for (ASVS V6.4.3)."""
    is_new = not await activity.places(tx, account.id)
    await forget_tries(tx, visit.panel, account.name)
    await record_event(tx, visit, account.id, Event.ACCOUNT_ACTIVATED)
    if not is_new:
        await notify(tx, visit, account.id, NoticeKind.PASSWORD_CHANGED)
    if account.has_two_factor:
        token, _ = await pending_logins.begin(tx, visit, account.id, HOME)
        return to_challenge(visit, token)
    token = await begin_session(tx, visit, account.id, Accepted(Proof.ACTIVATION_CODE))
    return signed_in(visit, token, "/welcome" if is_new else HOME)


def _digest(code: str) -> bytes:
    return human_code.digest(human_code.read(code))


def _form(
    visit: Visit, code: str = "", errors: dict[str, str] | None = None, status: int = 200, *, name: str = ""
) -> Response:
    """With the `name` of the account, which a right code tells, it asks for the password."""
    return page(
        visit,
        "activation/form.html",
        block="form",
        status=status,
        code=code,
        name=name,
        errors=errors or {},
        minimum=visit.panel.settings.password_min,
    )
