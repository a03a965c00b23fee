"""The bad day: one button that shuts everybody else out, then step by step back to safety."""

from starlette.requests import Request
from starlette.responses import Response

from db import instances, recovery_codes, sessions
from web import forms
from web.activity import note
from web.page import page
from web.panel import Panel
from web.sessions import end_elsewhere
from web.visitor import acting


async def show(request: Request) -> Response:
    return await _show(request)


async def lock(request: Request) -> Response:
    """Bloquear tudo: the other sessions end, other devices lose their trust, tokens pause; all of it or nothing."""
    session, at = request.state.session, Panel.of(request).now()
    await forms.read(request)
    async with acting(request) as tx:
        ended = await end_elsewhere(tx, request)
        paused = await instances.pause_all(tx, session.account_id, at=at)
        await note(tx, request, session.account_id, "account.locked", f"{ended} · {paused}")
    return await _show(request, notice="Tudo bloqueado: só esta sessão está aberta e todos os tokens estão pausados.")


async def reopen(request: Request) -> Response:
    """The tokens can be seen again as they are; whoever fears that one leaked changes it instead."""
    session = request.state.session
    await forms.read(request)
    async with acting(request) as tx:
        count = await instances.reopen_all(tx, session.account_id)
        await note(tx, request, session.account_id, "account.reopened", str(count))
    return await _show(request, notice="Tokens reabertos. Os que podem ter vazado, troque em Instâncias.")


async def _show(request: Request, *, notice: str = "") -> Response:
    panel, session = Panel.of(request), request.state.session
    devices = await sessions.owned_by(panel.db, session.account_id, at=panel.now(), idle=panel.settings.session_idle)
    counts = await instances.counts(panel.db, session.account_id)
    return page(
        request,
        "bad_day/steps.html",
        block="steps",
        retarget="#bad-day",
        notice=notice,
        others=len(devices) - 1,
        running=counts.all - counts.paused,
        paused=counts.paused,
        has_two_factor=session.has_two_factor,
        has_codes=await recovery_codes.find(panel.db, session.account_id) is not None,
    )
