"""Why sessions and pending logins ended; kept for a while, for the browser that still has the cookie."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from db.database import Reader, Transaction


class Cause(StrEnum):
    """As the database names it."""

    IDLE = "idle"
    EXPIRED = "expired"  # its longest time was over
    UNENROLLED = "unenrolled"  # a required second factor was not switched on in time
    ELSEWHERE = "elsewhere"  # ended in another session of the account
    LOCKED = "locked"
    PASSWORD = "password"  # the password is another one now
    FACTOR = "factor"
    LIMIT = "limit"  # more sessions than there may be
    OPERATOR = "operator"
    PASSWORD_ERASED = "password_erased"  # by the operator, as the next one
    FACTOR_REMOVED = "factor_removed"
    LATE = "late"  # the second factor did not come in time
    MISSES = "misses"  # wrong codes


class Ending(NamedTuple):
    cause: Cause
    told_until: datetime


class Ended(NamedTuple):
    digest: bytes
    account_id: int


class Known(NamedTuple):
    cause: str
    account_name: str


async def record(tx: Transaction, ended: Sequence[Ended], ending: Ending) -> int:
    """Keep why these ended; returns how many they are."""
    sql = """
        INSERT INTO endings (digest, account_id, cause, ends_at) VALUES (:digest, :account_id, :cause, :until)
        ON CONFLICT DO NOTHING
    """
    why = {"cause": ending.cause.value, "until": ending.told_until}
    for one in ended:
        await tx.run(sql, digest=one.digest, account_id=one.account_id, **why)
    return len(ended)


async def find(db: Reader, digest: bytes, *, at: datetime) -> Known | None:
    """Why what this cookie stood for ended."""
    sql = """
        SELECT cause, accounts.name FROM endings JOIN accounts ON accounts.id = account_id
        WHERE digest = :digest AND ends_at > :at
    """
    return await db.one(Known, sql, digest=digest, at=at)


# Of what is about to be removed because its time is over.
_TIMELY = {
    Cause.LATE: """
        INSERT INTO endings (digest, account_id, cause, ends_at)
        SELECT digest, account_id, :cause, :until FROM pending_logins WHERE ends_at <= :at LIMIT :limit
        ON CONFLICT DO NOTHING
    """,
    Cause.IDLE: """
        INSERT INTO endings (digest, account_id, cause, ends_at)
        SELECT digest, account_id, :cause, :until FROM sessions WHERE last_seen_at <= :idle_since LIMIT :limit
        ON CONFLICT DO NOTHING
    """,
    Cause.EXPIRED: """
        INSERT INTO endings (digest, account_id, cause, ends_at)
        SELECT digest, account_id, :cause, :until FROM sessions WHERE ends_at <= :at LIMIT :limit
        ON CONFLICT DO NOTHING
    """,
}


async def record_expired(tx: Transaction, *, at: datetime, idle_since: datetime, until: datetime, limit: int) -> None:
    moments = {"at": at, "idle_since": idle_since, "until": until}
    for cause, statement in _TIMELY.items():
        await tx.run(statement, cause=cause.value, limit=limit, **moments)
