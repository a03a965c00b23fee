"""People who sign in, and the codes with which they choose a password."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from db.database import Reader, Transaction


class Account(NamedTuple):
    """`sealed_password` is None until the person has chosen one."""

    id: int
    name: str
    sealed_password: bytes | None
    has_two_factor: bool
    administers: bool
    is_disabled: bool
    is_invited: bool  # never chose a password and was never signed in


class Activation(StrEnum):
    """What a code is for, as the database names it."""

    INVITATION = "invitation"
    PASSWORD = "password"


_ACCOUNT = """
    SELECT id, name, sealed_password,
        EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id),
        role = 'admin', disabled_at IS NOT NULL, sealed_password IS NULL AND last_login_at IS NULL
    FROM accounts
"""


async def find(db: Reader, name: str) -> Account | None:
    return await db.one(Account, _ACCOUNT + "WHERE name = :name", name=name)


async def get(db: Reader, account_id: int) -> Account | None:
    return await db.one(Account, _ACCOUNT + "WHERE id = :id", id=account_id)


async def disabled(db: Reader) -> list[Account]:
    return await db.all(Account, _ACCOUNT + "WHERE disabled_at IS NOT NULL ORDER BY name")


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
    account_id = await tx.one(int, sql, name=name, role=role, at=at)
    if account_id is not None:
        await _note_parts(tx, account_id, name)
    return account_id


async def _note_parts(tx: Transaction, account_id: int, name: str) -> None:
    """Let the account be found by any part of its name, which never changes."""
    sql = """
        WITH RECURSIVE parts (part) AS (
            SELECT :name UNION ALL SELECT substr(part, 2) FROM parts WHERE length(part) > 1)
        INSERT INTO name_parts (part, account_id) SELECT DISTINCT part, :account_id FROM parts
    """
    await tx.run(sql, account_id=account_id, name=name)


async def set_password(tx: Transaction, account_id: int, sealed: bytes | None) -> None:
    await tx.run("UPDATE accounts SET sealed_password = :sealed WHERE id = :id", sealed=sealed, id=account_id)


async def note_login(tx: Transaction, account_id: int, *, at: datetime) -> None:
    await tx.run("UPDATE accounts SET last_login_at = :at WHERE id = :id", at=at, id=account_id)


async def set_role(tx: Transaction, account_id: int, role: str) -> None:
    await tx.run("UPDATE accounts SET role = :role WHERE id = :id", role=role, id=account_id)


async def disable(tx: Transaction, account_id: int, *, at: datetime) -> None:
    await tx.run("UPDATE accounts SET disabled_at = :at WHERE id = :id", at=at, id=account_id)


async def enable(tx: Transaction, account_id: int) -> None:
    await tx.run("UPDATE accounts SET disabled_at = NULL WHERE id = :id", id=account_id)


async def require_two_factor(tx: Transaction, account_id: int, *, at: datetime) -> None:
    """The rule for this account alone. That for everybody stands beside it."""
    await tx.run("UPDATE accounts SET two_factor_required_at = :at WHERE id = :id", at=at, id=account_id)


async def release_two_factor(tx: Transaction, account_id: int) -> bool:
    """False when there was no rule for this account alone."""
    sql = """
        UPDATE accounts SET two_factor_required_at = NULL
        WHERE id = :id AND two_factor_required_at IS NOT NULL RETURNING 1
    """
    return await tx.one(int, sql, id=account_id) is not None


class Helped(NamedTuple):
    """When an administrator last began each on a page; a reset that was delayed counts again when it is done."""

    password_link_at: datetime | None
    factor_reset_at: datetime | None


async def helped(db: Reader, account_id: int) -> Helped:
    sql = "SELECT password_link_at, factor_reset_at FROM accounts WHERE id = :id"
    return await db.one(Helped, sql, id=account_id) or Helped(None, None)


async def note_password_link(tx: Transaction, account_id: int, *, at: datetime) -> None:
    await tx.run("UPDATE accounts SET password_link_at = :at WHERE id = :id", at=at, id=account_id)


async def note_factor_reset(tx: Transaction, account_id: int, *, at: datetime) -> None:
    await tx.run("UPDATE accounts SET factor_reset_at = :at WHERE id = :id", at=at, id=account_id)


async def has_administrator(db: Reader, *, apart_from: int = 0) -> bool:
    """Whether there is an active administrator with a password and a second factor, apart from this account."""
    sql = """
        SELECT EXISTS (SELECT 1 FROM accounts
            WHERE role = 'admin' AND id <> :apart_from AND disabled_at IS NULL AND sealed_password IS NOT NULL
                AND EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id))
    """
    return await db.all(int, sql, apart_from=apart_from) == [1]


async def is_last_administrator(db: Reader, account_id: int) -> bool:
    """Of an administrator: whether others, who are active, would have none with a password and a second factor without
    this one."""
    others = "SELECT EXISTS (SELECT 1 FROM accounts WHERE id <> :id AND disabled_at IS NULL)"
    is_last = not await has_administrator(db, apart_from=account_id)
    return is_last and await db.all(int, others, id=account_id) == [1]


async def set_zone(tx: Transaction, account_id: int, zone: str) -> None:
    """The time zone that the person wants dates in; "" leaves it to their browser."""
    await tx.run("UPDATE accounts SET zone = :zone WHERE id = :id", zone=zone, id=account_id)


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


async def offer_activation(
    tx: Transaction,
    account_id: int,
    digest: bytes,
    *,
    kind: Activation,
    made_by: int | None,
    at: datetime,
    ends_at: datetime,
) -> None:
    """Store the code that may choose the account's password; an earlier one is no longer accepted.

    `made_by` is None for the terminal.
    """
    sql = """
        INSERT INTO activations (account_id, digest, kind, made_by, made_at, ends_at)
        VALUES (:account_id, :digest, :kind, :made_by, :at, :ends_at)
        ON CONFLICT (account_id) DO UPDATE SET digest = excluded.digest, kind = excluded.kind,
            made_by = excluded.made_by, made_at = excluded.made_at, ends_at = excluded.ends_at
    """
    made = {"kind": kind.value, "made_by": made_by, "at": at, "ends_at": ends_at}
    await tx.run(sql, account_id=account_id, digest=digest, **made)


async def find_activation(db: Reader, digest: bytes, *, at: datetime) -> str | None:
    """The name of the account that a live code belongs to; a disabled account has none."""
    sql = """
        SELECT name FROM activations JOIN accounts ON accounts.id = account_id
        WHERE digest = :digest AND ends_at > :at AND disabled_at IS NULL
    """
    return await db.one(str, sql, digest=digest, at=at)


async def spend_activation(tx: Transaction, digest: bytes, *, at: datetime) -> int | None:
    """Spend an activation code and return its account's id; None when it is wrong, expired or spent."""
    sql = """
        DELETE FROM activations WHERE digest = :digest AND ends_at > :at
            AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account_id AND disabled_at IS NULL)
        RETURNING account_id
    """
    return await tx.one(int, sql, digest=digest, at=at)


async def end_activation(tx: Transaction, account_id: int) -> bool:
    """False when there was no code."""
    sql = "DELETE FROM activations WHERE account_id = :account_id RETURNING 1"
    return await tx.one(int, sql, account_id=account_id) is not None


class Ended(NamedTuple):
    account_id: int
    kind: str


async def end_activations_made_by(tx: Transaction, administrator: int) -> list[Ended]:
    sql = "DELETE FROM activations WHERE made_by = :made_by RETURNING account_id, kind"
    return await tx.all(Ended, sql, made_by=administrator)
