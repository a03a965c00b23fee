"""Right passwords whose second factor is still missing. Each ends by success, after five wrong codes, or by time."""

from datetime import datetime
from typing import NamedTuple

from db import endings
from db.database import Reader, Transaction
from db.endings import Ended, Ending


class PendingLogin(NamedTuple):
    digest: bytes
    account_id: int
    account_name: str
    next: str
    ends_at: datetime


async def begin(
    tx: Transaction,
    account_id: int,
    digest: bytes,
    *,
    next: str,
    at: datetime,
    ends_at: datetime,
    is_trusted: bool,
    keep: int,
) -> None:
    """Start one; of the account's others `keep` - 1 stay, those of trusted devices first, then the newest."""
    crowded = """
        DELETE FROM pending_logins WHERE account_id = :account_id AND digest NOT IN (
            SELECT digest FROM pending_logins WHERE account_id = :account_id AND ends_at > :at
            ORDER BY is_trusted DESC, created_at DESC LIMIT :stay)
    """
    await tx.run(crowded, account_id=account_id, at=at, stay=keep - 1)
    sql = """
        INSERT INTO pending_logins (digest, account_id, next, created_at, ends_at, is_trusted)
        VALUES (:digest, :account_id, :next, :at, :ends_at, :is_trusted)
    """
    found = {"digest": digest, "account_id": account_id, "next": next, "is_trusted": is_trusted}
    await tx.run(sql, at=at, ends_at=ends_at, **found)


async def find(db: Reader, digest: bytes, *, at: datetime) -> PendingLogin | None:
    sql = """
        SELECT digest, account_id, accounts.name, next, ends_at
        FROM pending_logins JOIN accounts ON accounts.id = account_id
        WHERE digest = :digest AND ends_at > :at AND disabled_at IS NULL
    """
    return await db.one(PendingLogin, sql, digest=digest, at=at)


async def over(db: Reader, digest: bytes) -> PendingLogin | None:
    """The pending login of a cookie that `find` did not find, as long as its row is there."""
    sql = """
        SELECT digest, account_id, accounts.name, next, ends_at
        FROM pending_logins JOIN accounts ON accounts.id = account_id WHERE digest = :digest
    """
    return await db.one(PendingLogin, sql, digest=digest)


async def miss(tx: Transaction, digest: bytes, ending: Ending, *, tries: int) -> int:
    """Count a wrong code and return how many tries are left; at none the pending login is over."""
    sql = "UPDATE pending_logins SET misses = misses + 1 WHERE digest = :digest RETURNING :tries - misses"
    left = max(0, await tx.one(int, sql, digest=digest, tries=tries) or 0)
    if not left:
        gone = "DELETE FROM pending_logins WHERE digest = :digest RETURNING digest, account_id"
        await endings.record(tx, await tx.all(Ended, gone, digest=digest), ending)
    return left


async def end(tx: Transaction, digest: bytes) -> None:
    await tx.run("DELETE FROM pending_logins WHERE digest = :digest", digest=digest)


async def end_of_everybody(tx: Transaction) -> None:
    await tx.run("DELETE FROM pending_logins")


async def end_all(tx: Transaction, account_id: int) -> None:
    await tx.run("DELETE FROM pending_logins WHERE account_id = :account_id", account_id=account_id)
