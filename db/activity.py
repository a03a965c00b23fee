"""What happened: appended in the transaction of what it tells, read, never updated."""

from dataclasses import dataclass
from datetime import datetime

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Entry:
    id: int
    at: datetime
    event: str
    network: str
    user_agent: str
    detail: str


async def record(
    tx: Transaction,
    account_id: int | None,
    event: str,
    *,
    at: datetime,
    network: str,
    user_agent: str = "",
    session_id: str | None = None,
    detail: str = "",
) -> None:
    """Append one entry; `account_id` is None for somebody we do not know."""
    sql = """
        INSERT INTO activity (at, account_id, session_id, event, network, user_agent, detail)
        VALUES (:at, :account_id, :session_id, :event, :network, :user_agent, :detail)
    """
    await tx.run(
        sql,
        at=at,
        account_id=account_id,
        session_id=session_id,
        event=event,
        network=network,
        user_agent=user_agent,
        detail=detail,
    )


async def of_account(db: Reader, account_id: int, *, before: int | None, limit: int) -> list[Entry]:
    """The newest `limit` entries, or the newest older than entry `before`."""
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM activity
        WHERE account_id = :account_id AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
    """
    return await db.all(Entry, sql, account_id=account_id, before=before, limit=limit)


async def latest_at(db: Reader) -> datetime | None:
    rows = await db.all(
        Entry, "SELECT id, at, event, network, user_agent, detail FROM activity ORDER BY id DESC LIMIT 1"
    )
    return rows[0].at if rows else None
