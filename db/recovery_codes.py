"""The recovery codes of an account: one set at a time, each code spent once."""

from collections.abc import Iterable
from datetime import datetime

from db.database import Reader, Transaction


async def replace(tx: Transaction, account_id: int, digests: Iterable[bytes], *, salt: bytes, at: datetime) -> None:
    """Put a new set in force; the codes of the old one die."""
    await remove(tx, account_id)
    sql = "INSERT INTO recovery_sets (account_id, salt, made_at) VALUES (:account_id, :salt, :at)"
    await tx.run(sql, account_id=account_id, salt=salt, at=at)
    for digest in digests:
        sql = "INSERT INTO recovery_codes (account_id, digest) VALUES (:account_id, :digest)"
        await tx.run(sql, account_id=account_id, digest=digest)


async def salt(db: Reader, account_id: int) -> bytes | None:
    """What a code must be hashed with to be compared; None without a set."""
    return await db.one(bytes, "SELECT salt FROM recovery_sets WHERE account_id = :account_id", account_id=account_id)


async def spend(tx: Transaction, account_id: int, digest: bytes, *, at: datetime) -> bool:
    """Use a code up; False when it is not of the set in force, or spent."""
    sql = """
        UPDATE recovery_codes SET used_at = :at
        WHERE account_id = :account_id AND digest = :digest AND used_at IS NULL RETURNING 1
    """
    return await tx.one(int, sql, account_id=account_id, digest=digest, at=at) is not None


async def left(db: Reader, account_id: int) -> int:
    sql = "SELECT count(*) FROM recovery_codes WHERE account_id = :account_id AND used_at IS NULL"
    return await db.one(int, sql, account_id=account_id) or 0


async def remove(tx: Transaction, account_id: int) -> None:
    await tx.run("DELETE FROM recovery_sets WHERE account_id = :account_id", account_id=account_id)
