"""People who sign in, and the codes with which they choose a password."""

from dataclasses import dataclass
from datetime import datetime

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Account:
    """`sealed_password` is None until the person has chosen one."""

    id: int
    name: str
    sealed_password: bytes | None
    has_two_factor: bool


_ACCOUNT = """
    SELECT id, name, sealed_password,
        EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id)
    FROM accounts
"""


async def find(db: Reader, name: str) -> Account | None:
    return await db.one(Account, _ACCOUNT + "WHERE name = :name", name=name)


async def get(db: Reader, account_id: int) -> Account | None:
    return await db.one(Account, _ACCOUNT + "WHERE id = :id", id=account_id)


async def latest_id(db: Reader) -> int:
    return await db.one(int, "SELECT coalesce(max(id), 0) FROM accounts") or 0


async def with_password_from(db: Reader, account_id: int) -> Account | None:
    """Of the accounts with a password the first whose id is at least `account_id`, else the last."""
    sql = """
        WHERE id = coalesce(
            (SELECT id FROM accounts WHERE id >= :id AND sealed_password IS NOT NULL ORDER BY id LIMIT 1),
            (SELECT id FROM accounts WHERE sealed_password IS NOT NULL ORDER BY id DESC LIMIT 1))
    """
    return await db.one(Account, _ACCOUNT + sql, id=account_id)


async def existed(db: Reader, account_id: int, at: datetime) -> bool:
    """Whether the account had been created by `at`, a moment in the past."""
    sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE id = :id AND created_at <= :at)"
    return bool(await db.one(int, sql, id=account_id, at=at))


async def without_two_factor(db: Reader, *, limit: int) -> list[str]:
    """The names of accounts without a second factor, in alphabetical order, at most `limit` of them."""
    sql = """
        SELECT name FROM accounts
        WHERE NOT EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id)
        ORDER BY name LIMIT :limit
    """
    return await db.all(str, sql, limit=limit)


async def exist(db: Reader) -> bool:
    return bool(await db.one(int, "SELECT EXISTS (SELECT 1 FROM accounts)"))


async def create(tx: Transaction, name: str, *, role: str, at: datetime) -> int | None:
    """Its id; None when the name is taken."""
    sql = """
        INSERT INTO accounts (name, role, created_at) VALUES (:name, :role, :at)
        ON CONFLICT (name) DO NOTHING RETURNING id
    """
    return await tx.one(int, sql, name=name, role=role, at=at)


async def set_password(tx: Transaction, account_id: int, sealed: bytes | None) -> None:
    await tx.run("UPDATE accounts SET sealed_password = :sealed WHERE id = :id", sealed=sealed, id=account_id)


async def offer_setup(tx: Transaction, digest: bytes, *, ends_at: datetime) -> None:
    """Store the code that may create the first account; an earlier one is no longer accepted."""
    sql = """
        INSERT INTO setup_codes (id, digest, ends_at) VALUES (1, :digest, :ends_at)
        ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, ends_at = excluded.ends_at
    """
    await tx.run(sql, digest=digest, ends_at=ends_at)


async def knows_setup(db: Reader, digest: bytes, *, at: datetime) -> bool:
    """Whether this is the set-up code, without spending it."""
    sql = "SELECT EXISTS (SELECT 1 FROM setup_codes WHERE digest = :digest AND ends_at > :at)"
    return bool(await db.one(int, sql, digest=digest, at=at))


async def spend_setup(tx: Transaction, digest: bytes, *, at: datetime) -> bool:
    """Spend the set-up code; False when it is wrong, expired or spent, or when an account exists already."""
    sql = """
        DELETE FROM setup_codes
        WHERE digest = :digest AND ends_at > :at AND NOT EXISTS (SELECT 1 FROM accounts) RETURNING id
    """
    return await tx.one(int, sql, digest=digest, at=at) is not None


async def offer_activation(tx: Transaction, account_id: int, digest: bytes, *, ends_at: datetime) -> None:
    """Store the code that may choose the account's password; an earlier one is no longer accepted."""
    sql = """
        INSERT INTO activations (account_id, digest, ends_at) VALUES (:account_id, :digest, :ends_at)
        ON CONFLICT (account_id) DO UPDATE SET digest = excluded.digest, ends_at = excluded.ends_at
    """
    await tx.run(sql, account_id=account_id, digest=digest, ends_at=ends_at)


async def find_activation(db: Reader, digest: bytes, *, at: datetime) -> str | None:
    """The name of the account that a live code belongs to."""
    sql = """
        SELECT name FROM activations JOIN accounts ON accounts.id = account_id
        WHERE digest = :digest AND ends_at > :at
    """
    return await db.one(str, sql, digest=digest, at=at)


async def spend_activation(tx: Transaction, digest: bytes, *, at: datetime) -> int | None:
    """Spend an activation code and return its account's id; None when it is wrong, expired or spent."""
    sql = "DELETE FROM activations WHERE digest = :digest AND ends_at > :at RETURNING account_id"
    return await tx.one(int, sql, digest=digest, at=at)
