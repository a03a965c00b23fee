"""What an administrator began to do with a person's account, and what is done later unless somebody stops it."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from db.database import Reader, Transaction


class Kind(StrEnum):
    """As the database names it."""

    FACTOR_RESET = "factor_reset"  # done when it is due
    PASSWORD_LINK = "password_link"  # when it is due, an administrator may make the link


class DelayedAct(NamedTuple):
    account_id: int
    kind: str
    reason: str
    made_by: int
    maker: str  # the name of the administrator
    made_at: datetime
    due_at: datetime


_RETURNED = """
    RETURNING account_id, kind, reason, made_by, (SELECT name FROM accounts WHERE id = made_by), made_at, due_at
"""


async def begin(
    tx: Transaction, account_id: int, kind: Kind, *, reason: str, made_by: int, at: datetime, due_at: datetime
) -> DelayedAct | None:
    """None when there is one of this kind already."""
    sql = """
        INSERT INTO delayed_acts (account_id, kind, reason, made_by, made_at, due_at)
        VALUES (:account_id, :kind, :reason, :made_by, :at, :due_at) ON CONFLICT DO NOTHING
    """
    why = {"kind": kind.value, "reason": reason, "made_by": made_by}
    return await tx.one(DelayedAct, sql + _RETURNED, account_id=account_id, at=at, due_at=due_at, **why)


async def about(db: Reader, account_id: int) -> list[DelayedAct]:
    """What is begun with an account, at most one of each kind."""
    sql = """
        SELECT account_id, kind, reason, made_by, accounts.name, made_at, due_at
        FROM delayed_acts JOIN accounts ON accounts.id = made_by WHERE account_id = :account_id LIMIT 2
    """
    return await db.few(DelayedAct, sql, account_id=account_id)


async def take(tx: Transaction, account_id: int, kind: Kind) -> DelayedAct | None:
    """Remove it: whoever gets it decides what becomes of it."""
    sql = "DELETE FROM delayed_acts WHERE account_id = :account_id AND kind = :kind" + _RETURNED  # noqa: S608, a constant
    return await tx.one(DelayedAct, sql, account_id=account_id, kind=kind.value)


async def take_due(tx: Transaction, account_id: int, kind: Kind, *, at: datetime) -> DelayedAct | None:
    sql = f"""
        DELETE FROM delayed_acts WHERE account_id = :account_id AND kind = :kind AND due_at <= :at {_RETURNED}
    """  # noqa: S608, a constant
    return await tx.one(DelayedAct, sql, account_id=account_id, kind=kind.value, at=at)


async def take_begun_by(tx: Transaction, administrator: int) -> list[DelayedAct]:
    sql = "DELETE FROM delayed_acts WHERE made_by = :made_by" + _RETURNED  # noqa: S608, a constant
    return await tx.all(DelayedAct, sql, made_by=administrator)


async def end_about(tx: Transaction, account_id: int) -> None:
    await tx.run("DELETE FROM delayed_acts WHERE account_id = :account_id", account_id=account_id)


async def due(db: Reader, kind: Kind, *, at: datetime, limit: int) -> list[int]:
    """Accounts for which one is due, those that wait longest first."""
    sql = "SELECT account_id FROM delayed_acts WHERE kind = :kind AND due_at <= :at ORDER BY due_at LIMIT :limit"
    return await db.all(int, sql, kind=kind.value, at=at, limit=limit)
