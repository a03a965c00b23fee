"""Creating, renaming and deleting instances."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import instances
from db.database import Transaction
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.instances import add
from web.http import forms
from web.http.page import go, is_partial
from web.limits import INSTANCE_NAME_MAX
from web.pages.instances.listing import Asked, Said, just_made, own, row_of, show
from web.visit.visit import SignedIn
from web.visit.visitor import session_transaction
from web.words.characters import name_refusal, trim


async def create(visit: SignedIn) -> Response:
    owner = visit.session.account_id
    typed = (await forms.read(visit, "name"))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        return await show(visit, Said(error=refusal, typed=typed), status=422)
    name = trim(typed)
    async with session_transaction(visit) as tx:
        if taken := await _taken(tx, name, owner=owner):
            return await show(visit, Said(error=taken, typed=typed), status=422)
        instance_id = await add(tx, visit, name, owner=owner)
        if instance_id is None:
            return await show(visit, Said(error=full(visit.panel.settings.instances_max), typed=typed), status=422)
    if not is_partial(visit):
        response = go(visit, "/instances")
        forms.hand_on(visit, response, "/instances", owner, {"made": instance_id})
        return response
    return await show(visit, lead=await just_made(visit, instance_id), place=0)


async def _taken(tx: Transaction, name: str, *, owner: int, apart_from: str = "") -> str:
    """Whoever has two of a name changes the token of the wrong one some day."""
    other = await instances.namesake(tx, name, owner=owner, apart_from=apart_from)
    return f"Já existe uma instância com o nome {other}. Escolha outro, para não confundir as duas." if other else ""


def full(most: int) -> str:
    owned = "já há uma instância" if most == 1 else f"já há {most} instâncias"
    return (
        f"Nesta conta {owned}, o máximo deste painel. Exclua uma que não use mais, ou peça a quem cuida do painel que "
        "aumente PANEL_INSTANCES_MAX."
    )


async def row(visit: SignedIn) -> Response:
    return await show(visit, row=row_of(await own(visit)))


async def rename_form(visit: SignedIn) -> Response:
    instance = await own(visit)
    return await show(
        visit,
        row=row_of(instance)._replace(mode="renaming", typed=forms.typed_before(visit).get("name", instance.name)),
    )


async def rename(visit: SignedIn) -> Response:
    owner, instance = visit.session.account_id, await own(visit)
    typed = (await forms.read(visit, "name", optional=("linha",)))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        failed = row_of(instance)._replace(mode="renaming", typed=typed, error=refusal)
        return await show(visit, row=failed, status=422)
    name = trim(typed)
    async with session_transaction(visit) as tx:
        if taken := await _taken(tx, name, owner=owner, apart_from=instance.id):
            failed = row_of(instance)._replace(mode="renaming", typed=typed, error=taken)
            return await show(visit, row=failed, status=422)
        if not await instances.rename(tx, instance.id, owner=owner, name=name):
            raise HTTPException(404)
        await record_event(tx, visit, owner, Event.INSTANCE_RENAMED, f"{instance.name} → {name}")
        place = await instances.place(tx, name, instance.id, owner=owner)
    return await row(visit) if is_partial(visit) else go(visit, Asked(place=place).at(place))


async def delete_form(visit: SignedIn) -> Response:
    return await show(visit, row=row_of(await own(visit))._replace(mode="deleting"))


async def delete(visit: SignedIn) -> Response:
    owner = visit.session.account_id
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        instance_id: str = visit.request.path_params["id"]
        name = await instances.delete(tx, instance_id, owner=owner)
        if name is None:
            raise HTTPException(404)
        await record_event(tx, visit, owner, Event.INSTANCE_DELETED, name)
        place = await instances.place(tx, name, instance_id, owner=owner)
    if not is_partial(visit):
        return go(visit, Asked(place=place).at(place))
    return await show(visit, Said(notice=f"Instância {name} excluída."), place=place)
