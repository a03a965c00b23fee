"""Devices: where the account is signed in; sign one out, or all the others."""

from collections.abc import Sequence
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import sessions, trusted_devices
from db.endings import Cause
from db.sessions import Device
from db.trusted_devices import TrustedDevice
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.endings import because
from web.http import forms
from web.http.page import page
from web.visit.browser import recognise
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import session_transaction
from web.words.devices import device
from web.words.places import origin

D = TypeVar("D", Device, TrustedDevice)

METHODS = {
    "password": "senha",
    "totp": "senha e código",
    "passkey": "chave de acesso",
    "recovery": "senha e código de recuperação",
}


async def list_page(visit: SignedIn) -> Response:
    return await _show(visit)


async def end(visit: RecentlyVerified) -> Response:
    """Sign one of the person's other devices out; this one signs out with Sair."""
    session = visit.session
    ended: str = visit.request.path_params["id"]
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        ending = because(visit.panel, Cause.ELSEWHERE)
        if ended == session.id or not await sessions.end(tx, ended, owner=session.account_id, ending=ending):
            raise HTTPException(404)
        await record_event(tx, visit, session.account_id, Event.SESSION_ENDED, "other")
    return await _show(visit, notice="Sessão encerrada.")


async def end_others(visit: RecentlyVerified) -> Response:
    session = visit.session
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        ending = because(visit.panel, Cause.ELSEWHERE)
        count = await sessions.end_others(tx, session.account_id, ending, keep=session.id)
        await record_event(tx, visit, session.account_id, Event.SESSION_OTHERS_ENDED, str(count))
    return await _show(visit, notice="Só esta sessão continua aberta.")


async def forget_device(visit: RecentlyVerified) -> Response:
    """Trust a browser no longer; it signs in like any other from here on."""
    session = visit.session
    device_id: str = visit.request.path_params["id"]
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        if not await trusted_devices.forget(tx, device_id, owner=session.account_id):
            raise HTTPException(404)
        await record_event(tx, visit, session.account_id, Event.DEVICE_FORGOTTEN)
    return await _show(visit, notice="Dispositivo esquecido.")


async def _show(visit: SignedIn, *, notice: str = "") -> Response:
    panel, owner = visit.panel, visit.session.account_id
    opened = await sessions.owned_by(panel.db, owner, at=visit.at, idle=panel.settings.session_idle)
    trusted = await trusted_devices.owned_by(panel.db, owner, at=visit.at)
    this_device = await recognise(panel.db, visit, owner)
    return page(
        visit,
        "sessions/list.html",
        block="list",
        retarget="#sessions",
        devices=_own_first(opened, visit.session.id),
        trusted=_own_first(trusted, this_device),
        alike=_alike(opened) | _alike(trusted),
        notice=notice,
        here=visit.network,
        this_device=this_device,
        methods=METHODS,
    )


def _own_first(devices: list[D], own: str | None) -> list[D]:
    return sorted(devices, key=lambda one: one.id != own)


def _alike(devices: Sequence[D]) -> set[str]:
    """The ids of those that read as another one does: the hour at which they came in tells them apart."""
    read = [(device(one.user_agent), origin(one.network, is_at_server=False)) for one in devices]
    return {one.id for one, words in zip(devices, read, strict=True) if read.count(words) > 1}
