"""Choosing a password with a code from the operator: for a new account, or after a reset."""

from starlette.responses import Response

from db import accounts, activity
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth.passwords import forget_tries, hash_password, password_refusal, set_password
from web.crypto.workers import TooBusy
from web.factors import human_code
from web.http import forms
from web.http.page import later, page
from web.http.refusals import password_errors
from web.limits import BUSY_RETRY
from web.pages.entry.login import BUSY, show_form
from web.visit.visit import Visit

WRONG_CODE = (
    "Este código não vale: foi digitado errado, já foi usado ou passou do prazo. Peça outro a quem cuida do painel."
)


async def form(visit: Visit) -> Response:
    return _form(visit)


async def activate(visit: Visit) -> Response:
    """The code alone tells whose account it is; with a password it is spent, and Entrar follows, the name filled in.

    The second factor, where there is one, is asked at that login (ASVS V6.4.3).
    """
    typed = await forms.read(visit, "activation_code", optional=("password", "repeated"))
    panel, at = visit.panel, visit.at
    digest = human_code.digest(human_code.read(typed["activation_code"]))
    name = await accounts.find_activation(panel.db, digest, at=at)
    if name is None:
        async with panel.db.transaction() as tx:
            await record_event(tx, visit, None, Event.ACCOUNT_ACTIVATION_FAILED)
        return _form(visit, typed["activation_code"], {"activation_code": WRONG_CODE}, 422)
    if not (typed["password"] or typed["repeated"]):
        return _form(visit, typed["activation_code"], name=name)
    try:
        refused = await password_refusal(panel, typed["password"], typed["repeated"], name=name)
        errors = password_errors(refused, panel)
        phc = "" if errors else await hash_password(panel, typed["password"])
    except TooBusy:
        return later(_form(visit, typed["activation_code"], {"password": BUSY}, 503, name=name), BUSY_RETRY)
    if errors:
        return _form(visit, typed["activation_code"], errors, 422, name=name)
    async with panel.db.transaction() as tx:
        account_id = await accounts.spend_activation(tx, digest, at=at)
        if account_id is None:
            return _form(visit, typed["activation_code"], {"activation_code": WRONG_CODE}, 422)
        await set_password(tx, panel, account_id, phc)
        await forget_tries(tx, panel, name)
        await record_event(tx, visit, account_id, Event.ACCOUNT_ACTIVATED)
        if await activity.places(tx, account_id):  # to somebody new it is no change
            await notify(tx, visit, account_id, NoticeKind.PASSWORD_CHANGED)
    return show_form(visit, name=name, notice="Senha definida. Agora entre com ela.")


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
