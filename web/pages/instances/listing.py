"""The list of the protected API instances: a page of it, or what was looked for, with what its rows ask and show."""

from datetime import datetime
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import instances
from db.database import Database, Transaction
from db.instances import Instance, Order
from web.http import forms
from web.http.page import address, is_partial, page
from web.limits import INSTANCE_NAME_MAX, INSTANCES_PAGE
from web.visit.visit import SignedIn
from web.words.characters import trim

BY_NAME = "nome"
ORDERS = {BY_NAME: Order.NAME, "nome-z": Order.NAME_BACK, "novas": Order.NEWEST, "antigas": Order.OLDEST}


class Row(NamedTuple):
    """One instance as the page may see it; the token only while it is given."""

    id: str
    name: str
    created_at: datetime
    token_changed_at: datetime
    is_paused: bool
    was_paused: bool = False  # until this very answer
    mode: str = ""  # "new", "shown", "copied", "changing", "stale", "changed", "renaming", "deleting"
    token: str = ""
    typed: str = ""
    error: str = ""

    @property
    def is_first_token(self) -> bool:
        return self.token_changed_at == self.created_at

    @property
    def version(self) -> str:
        """Of its token, for a page to say which one it was about."""
        return str(int(self.token_changed_at.timestamp()))


class Said(NamedTuple):
    """What the list says of something that was asked for, beside the field or above the rows."""

    error: str = ""
    typed: str = ""
    notice: str = ""
    many: str = ""  # of all paused ones: "asked", "changed"
    changed: tuple[str, ...] = ()  # name, id and new token of each


NOTHING = Said()


class Asked(NamedTuple):
    """Which part of the list is wanted: those with these words, in this order, the page where number `place` stands."""

    wanted: str = ""
    order: str = BY_NAME
    place: int = 0

    def by(self, order: str) -> str:
        return Asked(self.wanted, order).at(0)

    def at(self, place: int) -> str:
        """The address of the page on which it stands."""
        number = place // INSTANCES_PAGE + 1
        order = "" if self.order == BY_NAME else self.order
        return address(
            "/instances", {"busca": self.wanted, "ordem": order, "pagina": str(number) if number > 1 else ""}
        )


class Listed(NamedTuple):
    """A page of the list, with how many there are."""

    rows: list[Row]
    after: int = 0  # so many stand before them
    found: int = 1
    total: int = 1
    paused: int = 0

    @property
    def page(self) -> int:
        return self.after // INSTANCES_PAGE + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // INSTANCES_PAGE))

    @property
    def last(self) -> int:
        return min(self.after + INSTANCES_PAGE, self.found)


async def list_page(visit: SignedIn) -> Response:
    """A page of all, or of those whose name or id holds what is looked for (`busca`): alone where they are on screen.

    A row that is being renamed there (`linha`) is among them, for the script to put back what was typed. The one that
    was just made stands first, once, at the plain address.
    """
    block, target = ("rows", "#rows") if "busca" in visit.request.query_params else ("list", "#instances")
    handed_on = {} if visit.request.query_params else forms.typed_before(visit)
    return await show(
        visit,
        Said(typed=handed_on.get("name", "")),
        lead=await just_made(visit, handed_on.get("made", "")),
        block=block,
        retarget=target,
    )


async def just_made(visit: SignedIn, made: str) -> Row | None:
    instance = await instances.find(visit.panel.db, made, owner=visit.session.account_id) if made else None
    return row_of(instance)._replace(mode="new") if instance else None


async def own(visit: SignedIn, tx: Transaction | None = None) -> Instance:
    """The person's own instance, as it is inside `tx`; anybody else's does not exist (404)."""
    instance_id: str = visit.request.path_params["id"]
    instance = await instances.find(tx or visit.panel.db, instance_id, owner=visit.session.account_id)
    if instance is None:
        raise HTTPException(404)
    return instance


async def show(
    visit: SignedIn,
    said: Said = NOTHING,
    *,
    row: Row | None = None,
    lead: Row | None = None,
    status: int = 200,
    block: str = "list",
    retarget: str = "#instances",
    place: int | None = None,
) -> Response:
    """The list with `row` in place of its plain self; for a fragment request only that row, else the list.

    `lead` stands before all others.
    """
    asked = _asked(visit) if place is None else Asked(place=place)
    listed = await _listed(visit, row, asked)
    if lead:
        listed = listed._replace(rows=[lead, *(one for one in listed.rows if one.id != lead.id)])
    return page(
        visit,
        "instances/list.html",
        block="each" if row else block,
        retarget=f"#row-{row.id[:8]}" if row else retarget,
        status=status,
        listed=listed,
        asked=asked,
        said=said,
        lacking=_lacking(visit, listed),
        is_alone=_is_alone(row),
        focused=row.id if row else "",
        room=4 * INSTANCE_NAME_MAX,  # browsers count an emoji as two, and what is too long is refused in words
    )


def _is_alone(row: Row | None) -> bool:
    """Where no script runs, a row that is being renamed stands alone: nothing beside it could lose what is typed."""
    return row is not None and row.mode == "renaming"


async def _listed(visit: SignedIn, row: Row | None, asked: Asked) -> Listed:
    if row is None:
        return await _list(visit, asked)
    if _is_alone(row):
        return Listed([row])
    db, owner = visit.panel.db, visit.session.account_id
    if is_partial(visit):
        counts = await instances.counts(db, owner)  # which the page tells beside its rows
        return Listed([row], total=counts.all, paused=counts.paused)
    listed = await _list(visit, Asked(place=await instances.place(db, row.name, row.id, owner=owner)))
    return listed._replace(rows=[row if one.id == row.id else one for one in listed.rows])


async def _list(visit: SignedIn, asked: Asked) -> Listed:
    """What is being renamed on the screen (`linha`) stays on it."""
    db, owner = visit.panel.db, visit.session.account_id
    renaming = visit.request.query_params.getlist("linha")
    if not (asked.wanted or renaming):
        return await _plain_page(db, owner, asked)
    owned = await instances.owned_by(db, owner, ORDERS[asked.order])
    like = alike(owned, asked.wanted)
    after = _page_start(asked.place, len(like))
    on_page = {one.id for one in like[after : after + INSTANCES_PAGE]} | set(renaming)
    rows = [row_of(one) for one in owned if one.id in on_page]
    rows = [one._replace(mode="renaming", typed=one.name) if one.id in renaming else one for one in rows]
    return Listed(rows, after, len(like), len(owned), sum(one.paused_at is not None for one in owned))


async def _plain_page(db: Database, owner: int, asked: Asked) -> Listed:
    """The page that holds the place; how many there are is asked only where a page does not tell."""
    order = ORDERS[asked.order]
    if asked.place < INSTANCES_PAGE:
        shown = await instances.page_of(db, owner, order, limit=INSTANCES_PAGE, after=0)
        if len(shown) < INSTANCES_PAGE:  # these are all
            rows = [row_of(one) for one in shown]
            return Listed(rows, 0, len(rows), len(rows), sum(one.is_paused for one in rows))
    counts = await instances.counts(db, owner)
    after = _page_start(asked.place, counts.all)
    shown = await instances.page_of(db, owner, order, limit=INSTANCES_PAGE, after=after)
    return Listed([row_of(one) for one in shown], after, counts.all, counts.all, counts.paused)


def _page_start(place: int, found: int) -> int:
    """Of the page that holds it; beyond the end the last one."""
    return max(0, min(place, found - 1)) // INSTANCES_PAGE * INSTANCES_PAGE


def _asked(visit: SignedIn) -> Asked:
    """As the address says; what there is not, is the first there is."""
    query = visit.request.query_params
    if not query:
        return Asked()
    wanted, order, number = trim(query.get("busca", "")), query.get("ordem", BY_NAME), query.get("pagina", "")
    is_number = number.isascii() and number.isdigit() and len(number) < 7
    place = (max(1, int(number)) - 1) * INSTANCES_PAGE if is_number else 0
    return Asked(wanted, order if order in ORDERS else BY_NAME, place)


def _lacking(visit: SignedIn, listed: Listed) -> str:
    """What the address asks that there is not, and what stands there instead."""
    query = visit.request.query_params
    if not query:
        return ""
    if query.get("ordem", BY_NAME) not in ORDERS:
        return "Não existe essa ordem. A lista está por nome, de A a Z."
    if query.get("pagina", "") not in ("", str(listed.page)):
        return f"Não existe essa página. Esta é a {listed.page} de {listed.pages}."
    return ""


def alike(owned: list[Instance], wanted: str) -> list[Instance]:
    """Those whose name or id holds what is wanted; accents and large letters make no difference."""
    name, id = instances.plain(wanted), wanted.casefold()  # once: one sign may unfold into eighteen
    return [one for one in owned if name in instances.plain(one.name) or id in one.id.casefold()]


def row_of(instance: Instance) -> Row:
    is_paused = instance.paused_at is not None
    return Row(instance.id, instance.name, instance.created_at, instance.token_changed_at, is_paused)
