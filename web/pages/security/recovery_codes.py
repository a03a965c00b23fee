"""Recovery codes: a set of ten, shown once."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from db import factors, recovery_codes
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.outcome import Accepted, Outcome, Reason, Refused
from web.auth.recovery_codes import FreshSet, hash_code, make_set, put_set_in_force, try_rehearsal
from web.auth.sessions import renew_session
from web.crypto.budget import costly
from web.factors import human_code, recovery_code
from web.factors.totp import qr_code
from web.http import forms
from web.http.page import go, later, page
from web.http.redirects import page_or_above
from web.http.refusals import sentence, status_of
from web.limits import RECOVERY_CODES
from web.pages.security import lockdown
from web.pages.security.hub import show_hub
from web.runtime.running import outside_address
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import session_transaction
from web.words.moments import full
from web.words.zones import zone_or

draw_qr_code = costly(qr_code)

REHEARSED = "O código vale e continua valendo: ele não foi gasto. No dia em que o celular se perder, é só usá-lo."
NOT_ON_THE_SHEET = "Este código não está na folha. Veja letra por letra."  # of new codes, none is used up
JUST_RENEWED = "Outro pedido acabou de gerar códigos novos. Se você não os guardou, gere outros agora."


async def renew(visit: VerifiedNow) -> Response:
    """A new set; the codes of the old one die. Of two requests at once only one shows codes, and those count."""
    panel, session = visit.panel, visit.session
    await forms.read(visit)
    if not session.has_two_factor:
        return go(visit, "/security")
    before = await recovery_codes.find(panel.db, session.account_id)
    fresh, is_step = await make_set(panel), await lockdown.is_followed(visit)
    async with session_transaction(visit) as tx:
        if not await factors.has_any(tx, session.account_id):
            return go(visit, "/security")
        now = await recovery_codes.find(tx, session.account_id)
        if (before and before.salt) != (now and now.salt):
            return await show_hub(visit, problem=JUST_RENEWED)
        await put_set_in_force(tx, visit, fresh)
        await renew_session(tx, visit)
        await record_event(tx, visit, session.account_id, Event.RECOVERY_RENEWED)
    return await show_set(visit, fresh, is_first=False, is_step=is_step)


async def replace_used(visit: RecentlyVerified) -> Response:
    """One code in the place of the one that was used, shown once; the other nine stay as they are on the sheet."""
    panel, session = visit.panel, visit.session
    await forms.read(visit)
    in_force = await recovery_codes.find(panel.db, session.account_id)
    if in_force is None:
        return go(visit, "/security")
    code = recovery_code.new(panel.token_bytes)
    with panel.hash_workers.reserve(is_owner=True) as slots:
        digest = await hash_code(panel, slots, session.account_id, code, in_force)
    async with session_transaction(visit) as tx:
        if not await recovery_codes.replace_used(tx, session.account_id, digest, salt=in_force.salt):
            return go(visit, "/security")
        await renew_session(tx, visit)
        await record_event(tx, visit, session.account_id, Event.RECOVERY_REPLACED)
    return page(
        visit,
        "recovery_codes/replacement.html",
        code=human_code.grouped(code),
        fingerprint=recovery_code.fingerprint(in_force.salt),
    )


async def acknowledge(visit: SignedIn) -> Response:
    """Entendi: the owner knows that a code was used."""
    session = visit.session
    back = (await forms.read(visit, optional=("back",)))["back"]
    async with session_transaction(visit) as tx:
        if await recovery_codes.acknowledge(tx, session.account_id, at=visit.at):
            await record_event(tx, visit, session.account_id, Event.RECOVERY_ACKNOWLEDGED)
    return go(visit, page_or_above(visit, back))


async def rehearsal_form(visit: SignedIn) -> Response:
    """Where the page of new codes leads, in place of how to keep them; typing one back may be left for later."""
    if not visit.session.has_two_factor:
        return go(visit, "/security")
    return _typed_back(visit, _back(visit.request.query_params.get("back", "")))


async def rehearse(visit: RecentlyVerified) -> Response:
    """Check one saved code without spending it: of new codes where those stand, else in the card of Segurança.

    Without a code it is the first press of the button: show the form.
    """
    form = await forms.read(visit, optional=("code", "back"))
    outcome = await try_rehearsal(visit, form["code"]) if form["code"] else None
    if form["back"]:
        return _typed_back(visit, _back(form["back"]), outcome)
    match outcome:
        case Accepted():
            return await show_hub(visit, notice=REHEARSED, has_rehearsed=True)
        case Refused():
            response = await show_hub(visit, rehearsal=sentence(outcome), status=status_of(outcome))
            return later(response, outcome.wait)
    return await show_hub(visit, rehearsal="")


def _back(path: str) -> str:
    """The first codes are part of the first steps, others may be a step of the bad day."""
    return path if path in ("/welcome", lockdown.ADDRESS) else "/security"


def _typed_back(visit: SignedIn, back: str, outcome: Outcome | None = None) -> Response:
    if isinstance(outcome, Accepted) and back != "/security":
        return go(visit, back)
    refused = outcome if isinstance(outcome, Refused) else None
    is_unlike = refused is not None and refused.reason is Reason.WRONG_RECOVERY_CODE
    response = page(
        visit,
        "recovery_codes/rehearse.html",
        block="card",
        retarget="#keep",
        status=status_of(refused) if refused else 200,
        error=NOT_ON_THE_SHEET if is_unlike else sentence(refused) if refused else "",
        is_done=isinstance(outcome, Accepted),
        back=back,
    )
    return later(response, refused.wait) if refused else response


async def as_file(visit: SignedIn) -> Response:
    """The codes just shown, sent back as a text file: no address holds them, so no history keeps them."""
    panel, session = visit.panel, visit.session
    typed = await forms.read(visit, "codes", optional=("fuso",))
    codes, zone = typed["codes"].split(), zone_or(typed["fuso"], visit.zone)
    if len(codes) != RECOVERY_CODES or not all(recovery_code.is_well_formed(human_code.read(code)) for code in codes):
        raise HTTPException(422)
    in_force = await recovery_codes.find(panel.db, session.account_id)
    number = f" · conjunto {recovery_code.fingerprint(in_force.salt)}" if in_force else ""
    head = [f"{panel.settings.name} · conta {session.account_name}", f"{full(visit.at, zone)}{number}"]
    how = [f"{place}. {line}" for place, line in enumerate(_how(outside_address(panel.settings)), start=1)]
    attachment = {"Content-Disposition": 'attachment; filename="codigos-de-recuperacao.txt"'}
    sheet = [*head, "", *how, "", *(f"[ ] {code}" for code in codes), ""]
    return PlainTextResponse("\n".join(sheet), headers=attachment)


async def show_set(
    visit: SignedIn,
    fresh: FreshSet,
    *,
    is_first: bool,
    is_step: bool,
    is_of_passkey: bool = False,
    ended: int = 0,
    began_again: bool = False,
) -> Response:
    """The only time these codes are seen: they exist in this answer and on the person's paper."""
    codes, address = [human_code.grouped(code) for code in fresh.codes], outside_address(visit.panel.settings)
    return page(
        visit,
        "recovery_codes/show.html",
        block="card",
        retarget="#two-factor",
        codes=codes,
        fingerprint=recovery_code.fingerprint(fresh.salt),
        is_first=is_first,
        is_step=is_step,
        is_of_passkey=is_of_passkey,
        ended=ended,
        began_again=began_again,
        day=visit.at,
        how=_how(address),
        qr=await asyncio.to_thread(draw_qr_code, f"{address}/login/recovery"),
    )


def _how(address: str) -> list[str]:
    """What the paper says to whoever needs it."""
    return [
        f"Abra {address} e digite usuário e senha.",
        "Escolha “Usar um código de recuperação”.",
        "Digite um código e risque o quadrado dele: cada um vale uma vez.",
    ]
