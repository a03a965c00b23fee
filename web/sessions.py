"""Devices: where the account is signed in; sign one out, or all the others."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db import half_logins, sessions, trusted_devices
from db.database import Transaction
from web import forms
from web.activity import note
from web.page import page
from web.panel import Panel
from web.step_up import renew
from web.trusted_devices import recognise, trust_only_this
from web.visitor import acting

METHODS = {"password": "senha", "totp": "senha e código", "recovery": "senha e código de recuperação"}


async def list_page(request: Request) -> Response:
    return await _show(request)


async def end(request: Request) -> Response:
    """Sign one of the person's other devices out; this one signs out with Sair."""
    session, ended = request.state.session, request.path_params["id"]
    await forms.read(request)
    async with acting(request) as tx:
        if ended == session.id or not await sessions.end(tx, ended, owner=session.account_id):
            raise HTTPException(404)
        await note(tx, request, session.account_id, "session.ended", "other")
    return await _show(request, notice="Sessão encerrada.")


async def end_others(request: Request) -> Response:
    session = request.state.session
    await forms.read(request)
    async with acting(request) as tx:
        count = await sessions.end_others(tx, session.account_id, keep=session.id)
        await note(tx, request, session.account_id, "session.others_ended", str(count))
    return await _show(request, notice="Só esta sessão continua aberta.")


async def end_elsewhere(tx: Transaction, request: Request) -> int:
    """What proves who the owner is has changed: the account stays open and trusted in this browser alone.

    The session gets another cookie (ASVS V7.4.3, V7.2.4). Returns how many other sessions ended.
    """
    session = request.state.session
    ended = await sessions.end_others(tx, session.account_id, keep=session.id)
    if ended:
        await note(tx, request, session.account_id, "session.others_ended", str(ended))
    await half_logins.end_all(tx, session.account_id)
    await trust_only_this(tx, request, session.account_id)
    await renew(tx, request)
    return ended


async def forget_device(request: Request) -> Response:
    """Trust a browser no longer; it signs in like any other from here on."""
    session = request.state.session
    await forms.read(request)
    async with acting(request) as tx:
        if not await trusted_devices.forget(tx, request.path_params["id"], owner=session.account_id):
            raise HTTPException(404)
        await note(tx, request, session.account_id, "device.forgotten")
    return await _show(request, notice="Dispositivo esquecido.")


async def _show(request: Request, *, notice: str = "") -> Response:
    panel, session = Panel.of(request), request.state.session
    devices = await sessions.owned_by(panel.db, session.account_id, at=panel.now(), idle=panel.settings.session_idle)
    return page(
        request,
        "sessions/list.html",
        block="list",
        retarget="#sessions",
        devices=devices,
        trusted=await trusted_devices.owned_by(panel.db, session.account_id, at=panel.now()),
        notice=notice,
        this_device=await recognise(panel.db, request, session.account_id),
        methods=METHODS,
    )
