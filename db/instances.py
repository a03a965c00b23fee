"""The protected API instances. Every query names the owner, so that another account's instance is never found."""

from dataclasses import dataclass
from datetime import datetime

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Instance:
    id: str
    name: str
    sealed_token: bytes
    created_at: datetime
    token_changed_at: datetime
    paused_at: datetime | None


_COLUMNS = "id, name, sealed_token, created_at, token_changed_at, paused_at"


@dataclass(frozen=True)
class Counts:
    all: int
    paused: int


async def owned_by(db: Reader, owner: int) -> list[Instance]:
    """In the order of their names."""
    sql = f"SELECT {_COLUMNS} FROM instances WHERE account_id = :owner ORDER BY name, id"  # noqa: S608, a constant
    return await db.all(Instance, sql, owner=owner)


async def page_of(db: Reader, owner: int, *, most: int, after: int) -> list[Instance]:
    """One page of them in the same order: at most `most`, after skipping `after`."""
    sql = f"""
        SELECT {_COLUMNS} FROM instances WHERE account_id = :owner ORDER BY name, id LIMIT :most OFFSET :after
    """  # noqa: S608, a constant
    return await db.few(Instance, sql, owner=owner, most=most, after=after)


async def counts(db: Reader, owner: int) -> Counts:
    sql = "SELECT count(*), count(paused_at) FROM instances WHERE account_id = :owner"
    return await db.one(Counts, sql, owner=owner) or Counts(0, 0)


async def place(db: Reader, name: str, instance_id: str, *, owner: int) -> int:
    """How many of the owner's instances come before this name and id in the order of names."""
    sql = "SELECT count(*) FROM instances WHERE account_id = :owner AND (name, id) < (:name, :id)"
    return await db.one(int, sql, owner=owner, name=name, id=instance_id) or 0


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
    tx: Transaction, instance_id: str, *, owner: int, name: str, sealed_token: bytes, at: datetime, most: int
) -> bool:
    """False when the owner has `most` already."""
    sql = """
        INSERT INTO instances (id, account_id, name, sealed_token, created_at, token_changed_at)
        SELECT :id, :owner, :name, :sealed_token, :at, :at
        WHERE (SELECT count(*) FROM instances WHERE account_id = :owner) < :most
        RETURNING 1
    """
    made = {"id": instance_id, "owner": owner, "name": name, "sealed_token": sealed_token}
    return await tx.one(int, sql, **made, at=at, most=most) is not None


async def rename(tx: Transaction, instance_id: str, *, owner: int, name: str) -> bool:
    sql = "UPDATE instances SET name = :name WHERE id = :id AND account_id = :owner RETURNING 1"
    return await tx.one(int, sql, id=instance_id, owner=owner, name=name) is not None


async def change_token(tx: Transaction, instance_id: str, *, owner: int, sealed_token: bytes, at: datetime) -> bool:
    sql = """
        UPDATE instances SET sealed_token = :sealed_token, token_changed_at = :at, paused_at = NULL
        WHERE id = :id AND account_id = :owner RETURNING 1
    """
    return await tx.one(int, sql, id=instance_id, owner=owner, sealed_token=sealed_token, at=at) is not None


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
