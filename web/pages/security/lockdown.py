"""The bad day: one button that shuts everybody else out, then step by step back to safety."""

from starlette.responses import Response

from db import instances, recovery_codes, sessions
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.sessions import end_elsewhere
from web.http import forms
from web.http.page import page
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import session_transaction


async def show(visit: SignedIn) -> Response:
    return await _show(visit)


async def lock(visit: RecentlyVerified) -> Response:
    """Bloquear tudo: the other sessions end, other devices lose their trust, tokens pause; all of it or nothing."""
    session, at = visit.session, visit.at
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        ended = await end_elsewhere(tx, visit)
        paused = await instances.pause_all(tx, session.account_id, at=at)
        await record_event(tx, visit, session.account_id, Event.ACCOUNT_LOCKED, f"{ended} · {paused}")
    return await _show(visit, notice="Tudo bloqueado: só esta sessão está aberta e todos os tokens estão pausados.")


async def reopen(visit: VerifiedNow) -> Response:
    """The tokens can be seen again as they are; whoever fears that one leaked changes it instead."""
    session = visit.session
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        count = await instances.reopen_all(tx, session.account_id)
        await record_event(tx, visit, session.account_id, Event.ACCOUNT_REOPENED, str(count))
    return await _show(visit, notice="Tokens reabertos. Os que podem ter vazado, troque em Instâncias.")


async def _show(visit: SignedIn, *, notice: str = "") -> Response:
    panel, session = visit.panel, visit.session
    devices = await sessions.owned_by(panel.db, session.account_id, at=visit.at, idle=panel.settings.session_idle)
    counts = await instances.counts(panel.db, session.account_id)
    return page(
        visit,
        "lockdown/steps.html",
        block="steps",
        retarget="#bad-day",
        notice=notice,
        others=len(devices) - 1,
        running=counts.all - counts.paused,
        paused=counts.paused,
        has_two_factor=session.has_two_factor,
        has_codes=await recovery_codes.find(panel.db, session.account_id) is not None,
    )
