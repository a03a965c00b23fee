"""First run: whoever reads the server's terminal makes the first account."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import accounts, factors, instances, recovery_codes
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.outcome import Accepted, Proof
from web.auth.passwords import hash_password, password_refusal
from web.auth.people import create_administrator, name_refusal, read_name
from web.auth.sessions import begin_session
from web.crypto.workers import TooBusy
from web.factors import human_code
from web.http import forms
from web.http.page import later, page
from web.http.refusals import name_sentence, passkey_obstacle, password_errors
from web.limits import BUSY_RETRY, SETUP_TTL
from web.pages.entry.login import BUSY, signed_in
from web.visit.visit import SignedIn, Visit
from web.words.waits import duration

WRONG_CODE = (
    "Este código não vale. Copie o que aparece no terminal do servidor; "
    f"ele dura {duration(SETUP_TTL)} e muda a cada início."
)


async def form(visit: Visit) -> Response:
    await _only_first(visit)
    return _form(visit)


async def create(visit: Visit) -> Response:
    """Make the first account, an administrator, and sign it in. Of two posts at once one spends the code."""
    await _only_first(visit)
    typed = await forms.read(visit, "setup_code", "name", "password", "repeated")
    panel, at = visit.panel, visit.at
    name, digest = read_name(typed["name"]), human_code.digest(human_code.read(typed["setup_code"]))
    if not await accounts.knows_setup(panel.db, digest, at=at):
        async with panel.db.transaction() as tx:
            await record_event(tx, visit, None, Event.ACCOUNT_SETUP_FAILED)
        return _form(visit, typed, {"setup_code": WRONG_CODE}, 403)
    try:
        refused = await password_refusal(panel, typed["password"], typed["repeated"], name=name)
        errors = password_errors(refused, panel)
        if refusal := name_refusal(name):
            errors["name"] = name_sentence(refusal, name)
        phc = "" if errors else await hash_password(panel, typed["password"])
    except TooBusy:
        return later(_form(visit, typed, {"password": BUSY}, 503), BUSY_RETRY)
    if errors:
        return _form(visit, typed, errors, 422)
    async with panel.db.transaction() as tx:
        is_first = await accounts.spend_setup(tx, digest, at=at)
        account_id = await create_administrator(tx, visit, name, phc) if is_first else None
        if account_id is None:
            return _form(visit, typed, {"setup_code": WRONG_CODE}, 403)
        token = await begin_session(tx, visit, account_id, Accepted(Proof.SETUP_CODE))
    return signed_in(visit, token, "/welcome")


async def welcome(visit: SignedIn) -> Response:
    """The three steps of a new account, and which of them are done; the way on after each."""
    db, account_id = visit.panel.db, visit.session.account_id
    codes = await recovery_codes.find(db, account_id)
    return page(
        visit,
        "setup/welcome.html",
        has_app="totp" in await factors.in_force(db, account_id),
        passkey_obstacle=passkey_obstacle(visit),
        has_codes_at_hand=bool(codes and codes.rehearsed_at),
        has_instances=bool((await instances.counts(db, account_id)).all),
    )


async def _only_first(visit: Visit) -> None:
    if await accounts.exist(visit.panel.db):
        raise HTTPException(404)


def _form(
    visit: Visit, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    minimum = visit.panel.settings.password_min
    kept = typed or {"setup_code": "", "name": ""}
    return page(visit, "setup/form.html", block="form", status=status, typed=kept, errors=errors or {}, minimum=minimum)
