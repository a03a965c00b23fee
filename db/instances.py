"""The protected API instances. Every query names the owner, so that another account's instance is never found."""

import re
import unicodedata
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from db.database import Reader, Transaction


class Instance(NamedTuple):
    id: str
    name: str
    sealed_token: bytes
    created_at: datetime
    token_changed_at: datetime
    paused_at: datetime | None


_COLUMNS = "id, name, sealed_token, created_at, token_changed_at, paused_at"


class Counts(NamedTuple):
    all: int
    paused: int


class Order(Enum):
    """Of a list, in SQL; an index holds each of them."""

    NAME = "sort_name, id"
    NAME_BACK = "sort_name DESC, id DESC"
    NEWEST = "token_changed_at DESC, sort_name, id"  # of one second, by name
    OLDEST = "token_changed_at, sort_name, id"


IN_ORDER = {
    order: f"""
        SELECT {_COLUMNS} FROM instances WHERE account_id = :owner ORDER BY {order.value} LIMIT :limit OFFSET :after
    """  # noqa: S608, constants
    for order in Order
}


def plain(text: str) -> str:
    """Without accents and capitals."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def sort_name(name: str) -> str:
    """What names are sorted by: Água beside agua and before Zebra, Loja 9 before Loja 10."""
    return re.sub("[0-9]+", _with_its_length, plain(name))


def _with_its_length(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{len(digits):02}{digits}"


async def owned_by(db: Reader, owner: int, order: Order = Order.NAME) -> list[Instance]:
    return await db.all(Instance, IN_ORDER[order], owner=owner, limit=-1, after=0)


async def page_of(db: Reader, owner: int, order: Order, *, limit: int, after: int) -> list[Instance]:
    """One page of them: at most `limit`, after skipping `after`."""
    return await db.few(Instance, IN_ORDER[order], owner=owner, limit=limit, after=after)


async def counts(db: Reader, owner: int) -> Counts:
    sql = "SELECT count(*), count(paused_at) FROM instances WHERE account_id = :owner"
    return await db.one(Counts, sql, owner=owner) or Counts(0, 0)


async def place(db: Reader, name: str, instance_id: str, *, owner: int) -> int:
    """How many of the owner's instances come before this name and id in the order of names."""
    sql = "SELECT count(*) FROM instances WHERE account_id = :owner AND (sort_name, id) < (:sort_name, :id)"
    return await db.one(int, sql, owner=owner, sort_name=sort_name(name), id=instance_id) or 0


async def namesake(db: Reader, name: str, *, owner: int, apart_from: str = "") -> str | None:
    """The name of another that is called the same, accents and capitals apart."""
    sql = "SELECT name FROM instances WHERE account_id = :owner AND sort_name = :sort_name AND id <> :apart_from"
    alike = await db.all(str, sql, owner=owner, sort_name=sort_name(name), apart_from=apart_from)
    return next((other for other in alike if plain(other) == plain(name)), None)  # Loja 9 is not Loja 009


async def names(db: Reader, account_name: str) -> list[str]:
    sql = """
        SELECT instances.name FROM instances JOIN accounts ON accounts.id = instances.account_id
        WHERE accounts.name = :account_name
    """
    return await db.all(str, sql, account_name=account_name)


async def find(db: Reader, instance_id: str, *, owner: int) -> Instance | None:
    sql = f"SELECT {_COLUMNS} FROM instances WHERE id = :id AND account_id = :owner"  # noqa: S608, a constant
    return await db.one(Instance, sql, id=instance_id, owner=owner)


async def create(
    tx: Transaction, instance_id: str, *, owner: int, name: str, sealed_token: bytes, at: datetime, limit: int
) -> bool:
    """False when the owner has `limit` already."""
    sql = """
        INSERT INTO instances (id, account_id, name, sort_name, sealed_token, created_at, token_changed_at)
        SELECT :id, :owner, :name, :sort_name, :sealed_token, :at, :at
        WHERE (SELECT count(*) FROM instances WHERE account_id = :owner) < :limit
        RETURNING 1
    """
    made = {"id": instance_id, "owner": owner, "name": name, "sealed_token": sealed_token, "sort_name": sort_name(name)}
    return await tx.one(int, sql, **made, at=at, limit=limit) is not None


async def rename(tx: Transaction, instance_id: str, *, owner: int, name: str) -> bool:
    sql = """
        UPDATE instances SET name = :name, sort_name = :sort_name WHERE id = :id AND account_id = :owner RETURNING 1
    """
    return await tx.one(int, sql, id=instance_id, owner=owner, name=name, sort_name=sort_name(name)) is not None


async def change_token(tx: Transaction, instance_id: str, *, owner: int, sealed_token: bytes, at: datetime) -> bool:
    sql = """
        UPDATE instances SET sealed_token = :sealed_token, token_changed_at = :at, paused_at = NULL
        WHERE id = :id AND account_id = :owner RETURNING 1
    """
    return await tx.one(int, sql, id=instance_id, owner=owner, sealed_token=sealed_token, at=at) is not None


async def paused(tx: Transaction, owner: int) -> list[Instance]:
    sql = f"""
        SELECT {_COLUMNS} FROM instances WHERE account_id = :owner AND paused_at IS NOT NULL ORDER BY sort_name, id
    """  # noqa: S608, a constant
    return await tx.all(Instance, sql, owner=owner)


async def pause_all(tx: Transaction, owner: int, *, at: datetime) -> int:
    """Pause every token: it is shown to nobody until it is changed or reopened. Returns how many were paused."""
    sql = "UPDATE instances SET paused_at = :at WHERE account_id = :owner AND paused_at IS NULL RETURNING 1"
    return len(await tx.all(int, sql, owner=owner, at=at))


async def reopen_all(tx: Transaction, owner: int) -> int:
    sql = "UPDATE instances SET paused_at = NULL WHERE account_id = :owner AND paused_at IS NOT NULL RETURNING 1"
    return len(await tx.all(int, sql, owner=owner))


async def delete(tx: Transaction, instance_id: str, *, owner: int) -> str | None:
    """The name it had; None when it is not theirs or already gone."""
    sql = "DELETE FROM instances WHERE id = :id AND account_id = :owner RETURNING name"
    return await tx.one(str, sql, id=instance_id, owner=owner)
