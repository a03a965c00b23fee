"""The protected API instances: list, search, create, rename, delete, show and change the token."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import instances
from db.database import Database, Transaction
from db.instances import Instance, Order
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.instances import add, disclose_token, replace_token
from web.http import forms
from web.http.page import go, is_partial, page
from web.limits import INSTANCE_NAME_MAX, INSTANCES_PAGE
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import session_transaction
from web.words.characters import name_refusal, trim


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


async def list_page(visit: SignedIn) -> Response:
    """A page of all, or of those whose name or id holds what is looked for (`busca`): alone where they are on screen.

    A row that is being renamed there (`linha`) is among them, for the script to put back what was typed.
    """
    block, target = ("rows", "#rows") if "busca" in visit.request.query_params else ("list", "#instances")
    return await _show(visit, typed=forms.typed_before(visit).get("name", ""), block=block, retarget=target)


async def create(visit: SignedIn) -> Response:
    owner = visit.session.account_id
    typed = (await forms.read(visit, "name"))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        return await _show(visit, error=refusal, typed=typed, status=422)
    name = trim(typed)
    async with session_transaction(visit) as tx:
        instance_id = await add(tx, visit, name, owner=owner)
        if instance_id is None:
            return await _show(visit, error=full(visit.panel.settings.instances_max), typed=typed, status=422)
        place = await instances.place(tx, name, instance_id, owner=owner)
    if not is_partial(visit):
        return go(visit, _address(place))
    return await _show(visit, notice=f"Instância {name} criada.", place=place)


def full(most: int) -> str:
    owned = "já há uma instância" if most == 1 else f"já há {most} instâncias"
    return (
        f"Nesta conta {owned}, o máximo deste painel. Exclua uma que não use mais, ou peça a quem cuida do painel que "
        "aumente PANEL_INSTANCES_MAX."
    )


async def row(visit: SignedIn) -> Response:
    return await _show(visit, row=_row(await _own(visit)))


async def rename_form(visit: SignedIn) -> Response:
    instance = await _own(visit)
    return await _show(
        visit,
        row=replace(_row(instance), mode="renaming", typed=forms.typed_before(visit).get("name", instance.name)),
    )


async def rename(visit: SignedIn) -> Response:
    owner, instance = visit.session.account_id, await _own(visit)
    typed = (await forms.read(visit, "name", optional=("linha",)))["name"]
    if refusal := name_refusal(typed, longest=INSTANCE_NAME_MAX):
        failed = replace(_row(instance), mode="renaming", typed=typed, error=refusal)
        return await _show(visit, row=failed, status=422)
    name = trim(typed)
    async with session_transaction(visit) as tx:
        if not await instances.rename(tx, instance.id, owner=owner, name=name):
            raise HTTPException(404)
        await record_event(tx, visit, owner, Event.INSTANCE_RENAMED, f"{instance.name} → {name}")
        place = await instances.place(tx, name, instance.id, owner=owner)
    return await row(visit) if is_partial(visit) else go(visit, _address(place))


async def delete_form(visit: SignedIn) -> Response:
    return await _show(visit, row=replace(_row(await _own(visit)), mode="deleting"))


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
        return go(visit, _address(place))
    return await _show(visit, notice=f"Instância {name} excluída.", place=place)


async def show_token(visit: RecentlyVerified) -> Response:
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        instance = await _own(visit, tx)
        token = await disclose_token(tx, visit, instance.id, owner=visit.session.account_id)
    return await _show(visit, row=_row(instance) if token is None else _shown(instance, token))


async def change_token(visit: RecentlyVerified) -> Response:
    """A new token, shown at once so that it can be copied to where it is used; the old one is dead."""
    instance = await _own(visit)
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        token = await replace_token(tx, visit, instance, owner=visit.session.account_id)
        if token is None:
            raise HTTPException(404)
        row = _shown(await _own(visit, tx), token)
    return await _show(visit, row=row)


async def _own(visit: SignedIn, tx: Transaction | None = None) -> Instance:
    """The person's own instance, as it is inside `tx`; anybody else's does not exist (404)."""
    instance_id: str = visit.request.path_params["id"]
    instance = await instances.find(tx or visit.panel.db, instance_id, owner=visit.session.account_id)
    if instance is None:
        raise HTTPException(404)
    return instance


@dataclass(frozen=True)
class Listed:
    """A page of the list, with how many there are."""

    rows: list[Row]
    first: int  # numbers, of the first and the last row of the page
    last: int
    found: int
    total: int
    earlier: str = ""  # addresses
    later: str = ""


async def _show(
    visit: SignedIn,
    *,
    row: Row | None = None,
    error: str = "",
    typed: str = "",
    notice: str = "",
    status: int = 200,
    block: str = "list",
    retarget: str = "#instances",
    place: int | None = None,
) -> Response:
    """The list with `row` in place of its plain self; for a fragment request only that row, else the list."""
    wanted = trim(visit.request.query_params.get("busca", ""))
    return page(
        visit,
        "instances/list.html",
        block="each" if row else block,
        retarget="" if row else retarget,
        status=status,
        listed=await _listed(visit, row, wanted, place),
        is_alone=_is_alone(row),
        wanted=wanted,
        focused=row.id if row else "",
        error=error,
        typed=typed,
        notice=notice,
        room=4 * INSTANCE_NAME_MAX,  # browsers count an emoji as two, and what is too long is refused in words
    )


def _is_alone(row: Row | None) -> bool:
    """Where no script runs, a row that is being renamed stands alone: nothing beside it could lose what is typed."""
    return row is not None and row.mode == "renaming"


async def _listed(visit: SignedIn, row: Row | None, wanted: str, place: int | None) -> Listed:
    if row is None:
        return await _list(visit, wanted, _asked_place(visit) if place is None else place)
    if _is_alone(row) or is_partial(visit):
        return Listed([row], first=1, last=1, found=1, total=1)
    db, owner = visit.panel.db, visit.session.account_id
    listed = await _list(visit, "", await instances.place(db, row.name, row.id, owner=owner))
    return replace(listed, rows=[row if one.id == row.id else one for one in listed.rows])


async def _list(visit: SignedIn, wanted: str, place: int) -> Listed:
    """The page on which number `place` stands (from 0), of those that are `wanted`; what is being renamed on the screen
    (`linha`) stays on it."""
    db, owner = visit.panel.db, visit.session.account_id
    renaming = visit.request.query_params.getlist("linha")
    if wanted or renaming:
        owned = await instances.owned_by(db, owner)
        like = alike(owned, wanted)
        total, found, after = len(owned), len(like), _page_start(place, len(like))
        on_page = {one.id for one in like[after : after + INSTANCES_PAGE]} | set(renaming)
        shown = [one for one in owned if one.id in on_page]
    else:
        shown, after, total = await _plain_page(db, owner, place)
        found = total
    rows = [_row(one) for one in shown]
    rows = [replace(one, mode="renaming", typed=one.name) if one.id in renaming else one for one in rows]
    earlier = _address(after - INSTANCES_PAGE, wanted) if after else ""
    later = _address(after + INSTANCES_PAGE, wanted) if after + INSTANCES_PAGE < found else ""
    return Listed(rows, after + 1, min(after + INSTANCES_PAGE, found), found, total, earlier, later)


async def _plain_page(db: Database, owner: int, place: int) -> tuple[list[Instance], int, int]:
    """The instances of the page that holds `place`, how many stand before them, and how many there are."""
    if place < INSTANCES_PAGE:
        shown = await instances.page_of(db, owner, Order.NAME, most=INSTANCES_PAGE, after=0)
        if len(shown) < INSTANCES_PAGE:  # these are all
            return shown, 0, len(shown)
    total = (await instances.counts(db, owner)).all
    after = _page_start(place, total)
    return await instances.page_of(db, owner, Order.NAME, most=INSTANCES_PAGE, after=after), after, total


def _page_start(place: int, found: int) -> int:
    """Of the page that holds it; beyond the end the last one."""
    return max(0, min(place, found - 1)) // INSTANCES_PAGE * INSTANCES_PAGE


def _asked_place(visit: SignedIn) -> int:
    asked = visit.request.query_params.get("pagina", "")
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 7
    return (max(1, int(asked)) - 1) * INSTANCES_PAGE if is_number else 0


def _address(place: int, wanted: str = "") -> str:
    """Of the page on which it stands."""
    number = place // INSTANCES_PAGE + 1
    asked = {"busca": wanted} if wanted else {}
    asked |= {"pagina": str(number)} if number > 1 else {}
    return f"/instances?{urlencode(asked)}" if asked else "/instances"


def alike(owned: list[Instance], wanted: str) -> list[Instance]:
    """Those whose name or id holds what is wanted; accents and large letters make no difference."""
    name, id = instances.plain(wanted), wanted.casefold()  # once: one sign may unfold into eighteen
    return [one for one in owned if name in instances.plain(one.name) or id in one.id.casefold()]


def _row(instance: Instance) -> Row:
    is_first_token = instance.token_changed_at == instance.created_at
    return Row(instance.id, instance.name, instance.token_changed_at, is_first_token, instance.paused_at is not None)


def _shown(instance: Instance, token: str) -> Row:
    return replace(_row(instance), mode="shown", token=token)
