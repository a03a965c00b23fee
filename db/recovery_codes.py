"""The recovery codes of an account: one set at a time, each code spent once."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class RecoverySet(NamedTuple):
    """A typed code is hashed with `salt`, `cost` and the key before it is compared; `left` counts the codes not yet
    spent."""

    salt: bytes
    cost: str  # as in a PHC string
    sealed_key: bytes
    made_at: datetime
    rehearsed_at: datetime | None
    left: int


async def replace(
    tx: Transaction,
    account_id: int,
    digests: Iterable[bytes],
    *,
    salt: bytes,
    cost: str,
    sealed_key: bytes,
    at: datetime,
) -> None:
    """Put a new set in force; the codes of the old one are no longer accepted."""
    await remove(tx, account_id)
    sql = """
        INSERT INTO recovery_sets (account_id, salt, cost, sealed_key, made_at)
        VALUES (:account_id, :salt, :cost, :sealed_key, :at)
    """
    await tx.run(sql, account_id=account_id, salt=salt, cost=cost, sealed_key=sealed_key, at=at)
    for digest in digests:
        sql = "INSERT INTO recovery_codes (account_id, digest) VALUES (:account_id, :digest)"
        await tx.run(sql, account_id=account_id, digest=digest)


async def find(db: Reader, account_id: int) -> RecoverySet | None:
    """The set in force."""
    sql = """
        SELECT salt, cost, sealed_key, made_at, rehearsed_at,
            (SELECT count(*) FROM recovery_codes
             WHERE recovery_codes.account_id = recovery_sets.account_id AND used_at IS NULL)
        FROM recovery_sets WHERE account_id = :account_id
    """
    return await db.one(RecoverySet, sql, account_id=account_id)


async def rehearse(tx: Transaction, account_id: int, digest: bytes, *, at: datetime) -> bool:
    """Record that the owner has an unspent code at hand, without spending it; False when it is not one."""
    sql = """
        UPDATE recovery_sets SET rehearsed_at = :at WHERE account_id = :account_id AND EXISTS (
            SELECT 1 FROM recovery_codes
            WHERE recovery_codes.account_id = :account_id AND digest = :digest AND used_at IS NULL)
        RETURNING 1
    """
    return await tx.one(int, sql, account_id=account_id, digest=digest, at=at) is not None


async def spend(tx: Transaction, account_id: int, digest: bytes, *, at: datetime) -> bool:
    """Use a code up; False when it is not of the set in force, or spent."""
    sql = """
        UPDATE recovery_codes SET used_at = :at
        WHERE account_id = :account_id AND digest = :digest AND used_at IS NULL RETURNING 1
    """
    return await tx.one(int, sql, account_id=account_id, digest=digest, at=at) is not None


async def replace_used(tx: Transaction, account_id: int, digest: bytes, *, salt: bytes) -> bool:
    """Put a new code, hashed with `salt`, in the place of a used one that the owner has not acknowledged.

    False when there is none, or when the set in force has another salt.
    """
    sql = """
        UPDATE recovery_codes SET digest = :digest, used_at = NULL
        WHERE account_id = :account_id
            AND digest = (SELECT digest FROM recovery_codes
                WHERE account_id = :account_id AND used_at IS NOT NULL AND acknowledged_at IS NULL LIMIT 1)
            AND EXISTS (SELECT 1 FROM recovery_sets WHERE account_id = :account_id AND salt = :salt)
        RETURNING 1
    """
    return await tx.one(int, sql, account_id=account_id, digest=digest, salt=salt) is not None


async def acknowledge(tx: Transaction, account_id: int, *, at: datetime) -> bool:
    """Record that the owner knows which codes were used; False when all uses were acknowledged already."""
    sql = """
        UPDATE recovery_codes SET acknowledged_at = :at
        WHERE account_id = :account_id AND used_at IS NOT NULL AND acknowledged_at IS NULL RETURNING 1
    """
    return bool(await tx.all(int, sql, account_id=account_id, at=at))


async def remove(tx: Transaction, account_id: int) -> None:
    await tx.run("DELETE FROM recovery_sets WHERE account_id = :account_id", account_id=account_id)
