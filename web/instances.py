"""The protected API instances: list, search, create, rename, delete, show and change the token."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db import instances
from db.database import Transaction
from db.instances import Instance
from web import forms
from web.activity import note
from web.characters import name_refusal, trim
from web.cookies import new_token
from web.limits import INSTANCE_NAME_MAX
from web.page import go, is_partial, page
from web.panel import Panel
from web.visitor import acting

PURPOSE = "instance"


@dataclass(frozen=True)
class Row:
    """One instance as the page may see it; the token only while it is shown."""

    id: str
    name: str
    token_changed_at: datetime
    is_first_token: bool
    is_paused: bool
    mode: str = ""  # "shown", "renaming", "deleting"
    token: str = ""
    typed: str = ""
    error: str = ""


async def list_page(request: Request) -> Response:
    """All, or those whose name or id holds what is looked for (`busca`): alone where the list is on screen already.

    A row that is being renamed there (`linha`) is among them, for the script to put back what was typed.
    """
    block, target = ("rows", "#rows") if "busca" in request.query_params else ("list", "#instances")
    return await _show(request, typed=forms.typed_before(request).get("name", ""), block=block, retarget=target)


async def create(request: Request) -> Response:
    panel, owner = Panel.of(request), request.state.session.account_id
    typed = (await forms.read(request, "name"))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        return await _show(request, error=refusal, typed=typed, status=422)
    name = trim(typed)
    async with acting(request) as tx:
        await add(tx, panel, owner, name)
        await note(tx, request, owner, "instance.created", name)
    if not is_partial(request):
        return go(request, "/instances")
    return await _show(request, notice=f"Instância {name} criada.")


async def add(tx: Transaction, panel: Panel, owner: int, name: str) -> None:
    """A new instance: 128 random bits name it, 256 are its token."""
    instance_id = panel.token_bytes(16).hex().upper()
    sealed = await panel.seal_in(tx, PURPOSE, _bound_to(instance_id, owner), new_token(panel).encode("ascii"))
    await instances.create(tx, instance_id, owner=owner, name=name, sealed_token=sealed, at=panel.now())


async def row(request: Request) -> Response:
    return await _show(request, row=_row(await _own(request)))


async def rename_form(request: Request) -> Response:
    instance = await _own(request)
    return await _show(
        request,
        row=replace(_row(instance), mode="renaming", typed=forms.typed_before(request).get("name", instance.name)),
    )


async def rename(request: Request) -> Response:
    owner, instance = request.state.session.account_id, await _own(request)
    typed = (await forms.read(request, "name", optional=("linha",)))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        failed = replace(_row(instance), mode="renaming", typed=typed, error=refusal)
        return await _show(request, row=failed, status=422)
    name = trim(typed)
    async with acting(request) as tx:
        if not await instances.rename(tx, instance.id, owner=owner, name=name):
            raise HTTPException(404)
        await note(tx, request, owner, "instance.renamed", f"{instance.name} → {name}")
    return await row(request) if is_partial(request) else go(request, "/instances")


async def delete_form(request: Request) -> Response:
    return await _show(request, row=replace(_row(await _own(request)), mode="deleting"))


async def delete(request: Request) -> Response:
    owner = request.state.session.account_id
    await forms.read(request)
    async with acting(request) as tx:
        name = await instances.delete(tx, request.path_params["id"], owner=owner)
        if name is None:
            raise HTTPException(404)
        await note(tx, request, owner, "instance.deleted", name)
    if not is_partial(request):
        return go(request, "/instances")
    return await _show(request, notice=f"Instância {name} excluída.")


async def show_token(request: Request) -> Response:
    panel, owner = Panel.of(request), request.state.session.account_id
    await forms.read(request)
    async with acting(request) as tx:
        instance = await _own(request, tx)
        if not instance.paused_at:
            await note(tx, request, owner, "instance.token_shown", instance.name)
        row = _row(instance) if instance.paused_at else _shown(panel, instance, owner)
    return await _show(request, row=row)


async def change_token(request: Request) -> Response:
    """A new token, shown at once so that it can be copied to where it is used; the old one is dead."""
    panel, owner, instance = Panel.of(request), request.state.session.account_id, await _own(request)
    await forms.read(request)
    async with acting(request) as tx:
        sealed = await panel.seal_in(tx, PURPOSE, _bound_to(instance.id, owner), new_token(panel).encode("ascii"))
        if not await instances.change_token(tx, instance.id, owner=owner, sealed_token=sealed, at=panel.now()):
            raise HTTPException(404)
        await note(tx, request, owner, "instance.token_changed", instance.name)
        row = _shown(panel, await _own(request, tx), owner)
    return await _show(request, row=row)


async def _own(request: Request, tx: Transaction | None = None) -> Instance:
    """The person's own instance, as it is inside `tx`; anybody else's does not exist (404)."""
    owner = request.state.session.account_id
    instance = await instances.find(tx or Panel.of(request).db, request.path_params["id"], owner=owner)
    if instance is None:
        raise HTTPException(404)
    return instance


async def _show(
    request: Request,
    *,
    row: Row | None = None,
    error: str = "",
    typed: str = "",
    notice: str = "",
    status: int = 200,
    block: str = "list",
    retarget: str = "#instances",
) -> Response:
    """The list with `row` in place of its plain self; for a fragment request only that row, else the list.

    Where no script runs, a row that is being renamed stands alone: nothing beside it could lose what is typed.
    """
    rows: list[Row] = []
    wanted = trim(request.query_params.get("busca", ""))
    is_alone = row is not None and row.mode == "renaming"
    if row and is_alone:
        rows = [row]
    elif row is None or not is_partial(request):
        renaming = request.query_params.getlist("linha")
        owned = await instances.owned_by(Panel.of(request).db, request.state.session.account_id)
        rows = [row if row and row.id == instance.id else _row(instance) for instance in owned]
        rows = [replace(one, mode="renaming", typed=one.name) if one.id in renaming else one for one in rows]
    return page(
        request,
        "instances/list.html",
        block="row" if row else block,
        retarget="" if row else retarget,
        status=status,
        rows=[one for one in rows if one.mode or _is_like(one, wanted)],  # what is being worked on always stays
        found=sum(_is_like(one, wanted) for one in rows),
        total=len(rows),
        is_alone=is_alone,
        wanted=wanted,
        row=row,
        focused=row.id if row else "",
        error=error,
        typed=typed,
        notice=notice,
        room=4 * INSTANCE_NAME_MAX,  # browsers count an emoji as two, and what is too long is refused in words
    )


def _is_like(row: Row, wanted: str) -> bool:
    """Accents and large letters make no difference."""
    return _plain(wanted) in _plain(row.name) or wanted.casefold() in row.id.casefold()


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _row(instance: Instance) -> Row:
    is_first_token = instance.token_changed_at == instance.created_at
    return Row(instance.id, instance.name, instance.token_changed_at, is_first_token, instance.paused_at is not None)


def _bound_to(instance_id: str, owner: int) -> str:
    """What a token is sealed for: moved to another instance, or with it to another account, it does not open."""
    return f"{instance_id} {owner}"


def _shown(panel: Panel, instance: Instance, owner: int) -> Row:
    token = panel.seal.open(PURPOSE, _bound_to(instance.id, owner), instance.sealed_token).decode("ascii")
    return replace(_row(instance), mode="shown", token=token)
