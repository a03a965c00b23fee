"""Chaves de acesso: which passkeys open the account, one more, another name, one less."""

import json

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import factors, passkeys, sessions
from web.auth import passkeys as service
from web.auth.outcome import Reason, Refused
from web.crypto.workers import TooBusy
from web.http import forms
from web.http.page import go, later, page
from web.http.refusals import passkey_obstacle, sentence
from web.limits import BUSY_RETRY, PASSKEY_NAME_MAX, PASSKEYS
from web.pages.security import lockdown
from web.pages.security.hub import sessions_ended
from web.pages.security.recovery_codes import show_set
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import session_transaction
from web.words.characters import name_refusal, trim

BUSY = "O painel está ocupado, e a chave de acesso ainda não vale. Envie-a de novo em alguns segundos."
ADDED = "Chave de acesso adicionada. Dê a ela um nome que você reconheça."


async def list_page(visit: SignedIn) -> Response:
    return await _show(visit)


async def begin(visit: RecentlyVerified) -> Response:
    """Hand the browser what it asks an authenticator with. Nothing is added before that has answered."""
    await forms.read(visit)
    if passkey_obstacle(visit):
        return await _show(visit, status=422)
    options = await service.registration_options(visit)
    if isinstance(options, Refused):
        return await _show(visit, problem=sentence(options), status=422)
    return page(
        visit,
        "passkeys/create.html",
        block="create",
        retarget="#ask-passkey",
        options=json.dumps(options),
        others=await _others(visit),
    )


async def _others(visit: SignedIn) -> int:
    """How many other sessions are open, beside a further factor: with the first of all they end anyway."""
    panel, session = visit.panel, visit.session
    opened = await sessions.owned_by(panel.db, session.account_id, at=visit.at, idle=panel.settings.session_idle)
    return len(opened) - 1 if session.has_two_factor else 0


async def confirm(visit: SignedIn) -> Response:
    """Add what the authenticator made. With the first factor of all come the recovery codes."""
    typed = await forms.read(visit, "answer", optional=("ends_others",))
    is_step = await lockdown.is_followed(visit)
    try:
        added = await service.register(visit, typed["answer"], ends_others=bool(typed["ends_others"]))
    except TooBusy:  # the authenticator has made it already, and what was asked is not answered yet
        return later(await _show(visit, problem=BUSY, unsent=typed["answer"], status=503), BUSY_RETRY)
    if isinstance(added, Refused):
        return await _show(visit, problem=sentence(added), status=422)
    if added.fresh:
        return await show_set(visit, added.fresh, is_first=True, is_step=is_step, is_of_passkey=True, ended=added.ended)
    if is_step:
        return go(visit, lockdown.ADDRESS)
    return await _show(visit, notice=ADDED + sessions_ended(added.ended), opened=added.passkey.id)


async def rename(visit: SignedIn) -> Response:
    name, passkey_id = (await forms.read(visit, "name"))["name"], _id(visit)
    if refusal := name_refusal(name, longest=PASSKEY_NAME_MAX):
        return await _show(visit, opened=passkey_id, name_error=refusal, typed=name, status=422)
    async with session_transaction(visit) as tx:
        if not await service.rename(tx, visit, passkey_id, name):
            raise HTTPException(404)
    return await _show(visit, notice=f"Agora ela se chama {trim(name)}.")


async def remove(visit: RecentlyVerified) -> Response:
    """The last factor of all takes the recovery codes with it."""
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        removed = await service.remove(tx, visit, _id(visit))
    if removed is None:
        raise HTTPException(404)
    if isinstance(removed, Refused):
        return await _show(visit, problem=sentence(removed), status=422)
    if await lockdown.is_followed(visit):
        return go(visit, lockdown.ADDRESS)
    is_off = " Os dois fatores estão desativados." if removed.is_last else ""
    return await _show(visit, notice=f"Chave de acesso removida.{is_off}{sessions_ended(removed.ended)}")


def _id(visit: SignedIn) -> str:
    passkey_id: str = visit.request.path_params["id"]
    return passkey_id


async def _show(
    visit: SignedIn,
    *,
    notice: str = "",
    problem: str = "",
    opened: str = "",
    name_error: str = "",
    typed: str = "",
    unsent: str = "",
    status: int = 200,
) -> Response:
    """The list; `opened` is the one that stands open. Password managers would forget what is still `unsent`."""
    panel, session = visit.panel, visit.session
    owned = await passkeys.owned_by(panel.db, session.account_id)
    signals = None if unsent else await service.signals(visit)
    site = panel.settings.passkey_site
    return page(
        visit,
        "passkeys/list.html",
        block="card",
        retarget="#two-factor",
        status=status,
        passkeys=owned,
        here=site.rp_id if site else "",
        obstacle=passkey_obstacle(visit),
        is_full=len(owned) >= PASSKEYS,
        **await _kept(visit),
        signals=json.dumps(signals) if signals else "",
        notice=notice,
        problem=problem,
        opened=opened,
        name_error=name_error,
        typed=typed,
        unsent=unsent,
        name_max=PASSKEY_NAME_MAX,
    )


async def _kept(visit: SignedIn) -> dict[str, object]:
    """Which passkeys have to stay for now, and why."""
    db = visit.panel.db
    is_last = len(await factors.in_force(db, visit.session.account_id)) == 1
    why = await service.why_last_stays(db, visit) if is_last else None
    return {
        "is_last": is_last,
        "why_kept": sentence(Refused(why)) if why else "",
        "only_one_here": await service.only_one_here(db, visit),
        "why_only": sentence(Refused(Reason.ONLY_FACTOR_HERE)),
    }
