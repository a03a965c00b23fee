"""What the owner of an account should know of, until they say that they do."""

from dataclasses import dataclass
from datetime import datetime

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Notice:
    id: int
    kind: str
    at: datetime  # the last time
    times: int
    places: int  # networks it came from
    network: str  # of the last time
    user_agent: str


async def raise_notice(
    tx: Transaction,
    account_id: int,
    kind: str,
    *,
    at: datetime,
    shows_at: datetime,
    network: str,
    user_agent: str = "",
    session_id: str | None = None,
    pending_login: bytes | None = None,
) -> None:
    """Tell the owner from `shows_at` on, in every session but the one that did it."""
    sql = """
        INSERT INTO notices (account_id, session_id, pending_login, kind, at, shows_at, network, user_agent)
        VALUES (:account_id, :session_id, :pending_login, :kind, :at, :shows_at, :network, :user_agent)
    """
    await tx.run(
        sql,
        account_id=account_id,
        session_id=session_id,
        pending_login=pending_login,
        kind=kind,
        at=at,
        shows_at=shows_at,
        network=network,
        user_agent=user_agent,
    )


async def drop_beyond(tx: Transaction, account_id: int, kind: str, *, most: int, at: datetime) -> None:
    """Of those of a kind that are told by now and not acknowledged, only the newest stay."""
    sql = """
        DELETE FROM notices
        WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at AND kind = :kind AND id <= (
            SELECT id FROM notices
            WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at AND kind = :kind
            ORDER BY id DESC LIMIT 1 OFFSET :most)
    """
    await tx.run(sql, account_id=account_id, kind=kind, most=most, at=at)


async def raise_for_administrators(tx: Transaction, kind: str, *, at: datetime) -> None:
    """What concerns the panel as a whole."""
    sql = """
        INSERT INTO notices (account_id, kind, at, shows_at, network, user_agent)
        SELECT id, :kind, :at, :at, '', '' FROM accounts WHERE role = 'admin'
    """
    await tx.run(sql, kind=kind, at=at)


async def withdraw(tx: Transaction, pending_login: bytes, *, owner: int, at: datetime) -> None:
    """The pending login was the owner's after all: it was completed.

    What was told by now is done with but stays: its number is on a page, whose button would answer for the next notice.
    """
    await withdraw_waiting(tx, pending_login, owner=owner, at=at)
    sql = """
        UPDATE notices SET acknowledged_at = :at
        WHERE pending_login = :pending_login AND account_id = :owner AND acknowledged_at IS NULL
    """
    await tx.run(sql, pending_login=pending_login, owner=owner, at=at)


async def carry(tx: Transaction, pending_login: bytes, *, owner: int, to: bytes) -> None:
    """The same browser gave the owner's password again: the notices of the one before wait for the new one."""
    sql = "UPDATE notices SET pending_login = :to WHERE pending_login = :pending_login AND account_id = :owner"
    await tx.run(sql, pending_login=pending_login, owner=owner, to=to)


async def withdraw_waiting(tx: Transaction, pending_login: bytes, *, owner: int, at: datetime) -> None:
    """It was the owner after all, who proved it in time; what was told by now stays."""
    sql = "DELETE FROM notices WHERE pending_login = :pending_login AND account_id = :owner AND shows_at > :at"
    await tx.run(sql, pending_login=pending_login, owner=owner, at=at)


async def waiting(db: Reader, pending_login: bytes) -> int:
    return (
        await db.one(
            int, "SELECT count(*) FROM notices WHERE pending_login = :pending_login", pending_login=pending_login
        )
        or 0
    )


async def hasten(tx: Transaction, pending_login: bytes, *, at: datetime) -> None:
    """The pending login is over before its time: tell now, unless it was told before."""
    sql = "UPDATE notices SET shows_at = :at WHERE pending_login = :pending_login AND shows_at > :at"
    await tx.run(sql, pending_login=pending_login, at=at)


async def pending(db: Reader, account_id: int, *, session_id: str, at: datetime) -> list[Notice]:
    """One for each kind, however often it happened: nobody floods another out of sight. The newest first."""
    sql = """
        SELECT latest.id, latest.kind, alike.at, times, places, latest.network, latest.user_agent
        FROM (
            SELECT max(id) AS id, max(at) AS at, count(*) AS times, count(DISTINCT network) AS places FROM notices
            WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at
                AND (session_id IS NULL OR session_id <> :session_id)
            GROUP BY kind) AS alike
        JOIN notices AS latest ON latest.id = alike.id ORDER BY latest.id DESC
    """
    return await db.all(Notice, sql, account_id=account_id, session_id=session_id, at=at)


async def acknowledge(tx: Transaction, notice_id: int, *, owner: int, session_id: str, at: datetime) -> bool:
    """With those of its kind before it. False when this session is not to be told of it: not theirs, not yet due,
    its own doing, or done with."""
    sql = """
        UPDATE notices SET acknowledged_at = :at
        WHERE id <= :id AND account_id = :owner AND acknowledged_at IS NULL AND shows_at <= :at
            AND (session_id IS NULL OR session_id <> :session_id)
            AND kind = (
                SELECT kind FROM notices
                WHERE id = :id AND account_id = :owner AND acknowledged_at IS NULL AND shows_at <= :at
                    AND (session_id IS NULL OR session_id <> :session_id))
        RETURNING 1
    """
    return bool(await tx.all(int, sql, id=notice_id, owner=owner, session_id=session_id, at=at))


async def is_done(db: Reader, notice_id: int, *, owner: int, session_id: str) -> bool:
    """Whether this session was told of it and it is acknowledged, here or elsewhere, or withdrawn."""
    sql = """
        SELECT 1 FROM notices WHERE id = :id AND account_id = :owner AND acknowledged_at IS NOT NULL
            AND (session_id IS NULL OR session_id <> :session_id)
    """
    return bool(await db.one(int, sql, id=notice_id, owner=owner, session_id=session_id))
