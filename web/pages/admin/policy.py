"""What administrators choose for everybody: whether a second factor is required, and from when on."""

from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import accounts, factors, policy, sessions
from db.endings import Cause
from db.policy import Policy
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.endings import because
from web.http import forms
from web.http.page import go, is_partial, page
from web.limits import ENROL_ONLY_TTL
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import session_transaction
from web.words.moments import full

DELAYS = {"0": "Agora mesmo", "7": "Daqui a 7 dias", "14": "Daqui a 14 dias", "30": "Daqui a 30 dias"}

NAMED = 100  # without a second factor; beyond it, only that there are more
EARLIER = "A exigência já vale, ou começa antes disso. Nada mudou."


async def form(visit: SignedIn) -> Response:
    is_decided = "decidido" in visit.request.query_params
    return await _form(visit, chosen=forms.typed_before(visit).get("days", ""), is_decided=is_decided)


async def require(visit: RecentlyVerified) -> Response:
    """Make it a rule for everybody, or from an earlier moment than it was; an old page puts nothing off."""
    at = visit.at
    days = (await forms.read(visit, "days"))["days"]
    if days not in DELAYS:
        raise HTTPException(422)
    return await _decide(visit, at + timedelta(days=int(days)))


async def release(visit: VerifiedNow) -> Response:
    """Deixar cada pessoa escolher: it weakens everybody's protection."""
    await forms.read(visit)
    return await _decide(visit, None)


async def _decide(visit: SignedIn, begins_at: datetime | None) -> Response:
    """Whoever decides has a factor of their own, or they might lock themselves out."""
    account_id = visit.session.account_id
    async with session_transaction(visit) as tx:
        if not await factors.has_any(tx, account_id):
            return await _form(visit, status=403)
        if begins_at and not await policy.require_two_factor(tx, at=begins_at):
            return await _form(visit, problem=EARLIER, status=422)
        if begins_at:
            await record_event(
                tx, visit, account_id, Event.POLICY_REQUIRED, full(begins_at, visit.panel.settings.time_zone)
            )
        else:
            await sessions.end_unenrolled(tx, because(visit.panel, Cause.UNENROLLED), at=visit.at, enrol=ENROL_ONLY_TTL)
            await policy.release(tx)
            await record_event(tx, visit, account_id, Event.POLICY_RELEASED)
    return await _form(visit, is_decided=True) if is_partial(visit) else go(visit, "/policy?decidido")


async def _form(
    visit: SignedIn, *, chosen: str = "", problem: str = "", is_decided: bool = False, status: int = 200
) -> Response:
    """Who has no second factor is told to whoever has one."""
    panel, session = visit.panel, visit.session
    current = await policy.get(panel.db)
    unprotected = await accounts.without_two_factor(panel.db, limit=NAMED + 1) if session.has_two_factor else None
    return page(
        visit,
        "policy/edit.html",
        block="card",
        retarget="#policy",
        status=status,
        offers_passkeys=panel.settings.passkey_site is not None,
        required_at=current.two_factor_required_at,
        is_in_force=current.requires_two_factor(visit.at),
        named=NAMED,
        unprotected=unprotected,
        at_once=_at_once(len(unprotected or ())),
        stopped=_people(len(unprotected)) if unprotected else "",
        notice=_said(current, visit.at, len(unprotected or ())) if is_decided else "",
        problem=problem,
        delays=DELAYS,
        chosen=chosen if chosen in DELAYS else "14",
    )


def _at_once(unprotected: int) -> str:
    """What happens to people who have no second factor yet when it is required this very moment."""
    if not unprotected:
        return "Agora mesmo: nada muda para ninguém, todas as contas já têm dois fatores."
    if unprotected == 1:
        return "Agora mesmo: 1 pessoa interrompe o que está fazendo e só pode configurar os dois fatores."
    return f"Agora mesmo: {_people(unprotected)} interrompem o que estão fazendo e só podem configurar os dois fatores."


def _people(count: int) -> str:
    if count == 1:
        return "1 pessoa"
    return f"mais de {NAMED} pessoas" if count > NAMED else f"{count} pessoas"


def _said(decided: Policy, at: datetime, unprotected: int) -> str:
    """What was decided, told by what is in force now."""
    if decided.two_factor_required_at is None:
        return "Pronto: cada pessoa escolhe."
    if not decided.requires_two_factor(at):
        return "Pronto: está marcado. Até lá, quem ainda não tem dois fatores vê em cada página quanto tempo falta."
    if not unprotected:
        return "Pronto: todos precisam de dois fatores, e todas as contas já têm."
    verb = "só pode" if unprotected == 1 else "só podem"
    return f"Pronto: todos precisam de dois fatores. {_people(unprotected)} {verb} configurar os seus agora."
