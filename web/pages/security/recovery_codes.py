"""Recovery codes: a set of ten, shown once."""

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from db import factors, recovery_codes
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.outcome import Accepted, Outcome, Refused
from web.auth.recovery_codes import FreshSet, hash_code, make_set, put_set_in_force, try_recovery
from web.auth.sessions import renew_session
from web.factors import human_code, recovery_code
from web.http import forms
from web.http.page import go, later, page
from web.http.redirects import safe_path
from web.http.refusals import sentence, status_of
from web.limits import RECOVERY_CODES
from web.pages.security.hub import show_hub
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import session_transaction
from web.words.moments import full, zone_or

JUST_RENEWED = "Outro pedido acabou de gerar códigos novos. Se você não os guardou, gere outros agora."


async def renew(visit: VerifiedNow) -> Response:
    """A new set; the codes of the old one die. Of two requests at once only one shows codes, and those count."""
    panel, session = visit.panel, visit.session
    await forms.read(visit)
    if not session.has_two_factor:
        return go(visit, "/security")
    before = await recovery_codes.find(panel.db, session.account_id)
    fresh = await make_set(panel)
    async with session_transaction(visit) as tx:
        if not await factors.has_any(tx, session.account_id):
            return go(visit, "/security")
        now = await recovery_codes.find(tx, session.account_id)
        if (before and before.salt) != (now and now.salt):
            return await show_hub(visit, problem=JUST_RENEWED)
        await put_set_in_force(tx, visit, fresh)
        await renew_session(tx, visit)
        await record_event(tx, visit, session.account_id, Event.RECOVERY_RENEWED)
    return show_set(visit, fresh, is_first=False)


async def replace_used(visit: RecentlyVerified) -> Response:
    """One code in the place of the one that was used, shown once; the other nine stay as they are on the sheet."""
    panel, session = visit.panel, visit.session
    await forms.read(visit)
    in_force = await recovery_codes.find(panel.db, session.account_id)
    if in_force is None:
        return go(visit, "/security")
    code = recovery_code.new(panel.token_bytes)
    with panel.hash_workers.reserve(reserved=True) as slots:
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
    return go(visit, safe_path(back))


async def rehearse(visit: RecentlyVerified) -> Response:
    """Check one saved code without spending it; without fields it is the first press of the button: show the form."""
    account_id = visit.session.account_id
    typed = (await forms.read(visit, optional=("code",)))["code"]
    if not typed:
        return _rehearsal(visit)
    async with try_recovery(visit, account_id, typed, is_rehearsal=True) as judge:
        if isinstance(judge, Refused):
            return _rehearsal(visit, judge)
        async with session_transaction(visit) as tx:
            outcome = await judge(tx)
    return _rehearsal(visit, outcome)


def _rehearsal(visit: SignedIn, outcome: Outcome | None = None) -> Response:
    """None before anything was typed."""
    refused = outcome if isinstance(outcome, Refused) else None
    response = page(
        visit,
        "recovery_codes/rehearse.html",
        block="card",
        status=status_of(refused) if refused else 200,
        error=sentence(refused, visit) if refused else "",
        is_done=isinstance(outcome, Accepted),
    )
    return later(response, refused.wait) if refused else response


async def as_file(visit: SignedIn) -> Response:
    """The codes just shown, sent back as a text file: no address holds them, so no history keeps them."""
    panel, session = visit.panel, visit.session
    typed = await forms.read(visit, "codes", optional=("fuso",))
    codes, zone = typed["codes"].split(), zone_or(typed["fuso"], panel.settings.time_zone)
    if len(codes) != RECOVERY_CODES or not all(recovery_code.is_well_formed(human_code.read(code)) for code in codes):
        raise HTTPException(422)
    head = f"{panel.settings.name} · {session.account_name} · {full(visit.at, zone)}"
    attachment = {"Content-Disposition": 'attachment; filename="codigos-de-recuperacao.txt"'}
    return PlainTextResponse("\n".join([head, "", *codes, ""]), headers=attachment)


def show_set(visit: SignedIn, fresh: FreshSet, *, is_first: bool, ended: int = 0) -> Response:
    """The only time these codes are seen: they exist in this answer and on the person's paper."""
    codes = [human_code.grouped(code) for code in fresh.codes]
    return page(
        visit,
        "recovery_codes/show.html",
        block="card",
        retarget="#two-factor",
        codes=codes,
        fingerprint=recovery_code.fingerprint(fresh.salt),
        is_first=is_first,
        ended=ended,
        day=visit.at,
    )
