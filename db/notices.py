"""Notices: what the owner of an account should know, shown until they acknowledge it."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class Notice(NamedTuple):
    id: int
    kind: str
    at: datetime  # the last time
    times: int
    places: int  # networks it came from
    network: str  # of the last time
    user_agent: str
    detail: str  # who did it, and why


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
    detail: str = "",
) -> None:
    """Show the owner a notice from `shows_at` on, in every session but `session_id`, which did what it is about.

    When the login `pending_login` is completed, the notice is withdrawn.
    """
    sql = """
        INSERT INTO notices (account_id, session_id, pending_login, kind, at, shows_at, network, user_agent, detail)
        VALUES (:account_id, :session_id, :pending_login, :kind, :at, :shows_at, :network, :user_agent, :detail)
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
        detail=detail,
    )


async def drop_beyond(tx: Transaction, account_id: int, kind: str, *, limit: int, at: datetime) -> None:
    """Keep only the newest `limit` notices of a kind, of those that are shown by now and not acknowledged."""
    sql = """
        DELETE FROM notices
        WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at AND kind = :kind AND id <= (
            SELECT id FROM notices
            WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at AND kind = :kind
            ORDER BY id DESC LIMIT 1 OFFSET :limit)
    """
    await tx.run(sql, account_id=account_id, kind=kind, limit=limit, at=at)


async def raise_for_administrators(
    tx: Transaction, kind: str, *, at: datetime, detail: str = "", session_id: str | None = None
) -> None:
    """Show every active administrator a notice about the panel as a whole, except in the session that did it."""
    sql = """
        INSERT INTO notices (account_id, session_id, kind, at, shows_at, network, user_agent, detail)
        SELECT id, :session_id, :kind, :at, :at, '', '', :detail FROM accounts
        WHERE role = 'admin' AND disabled_at IS NULL
    """
    await tx.run(sql, kind=kind, at=at, detail=detail, session_id=session_id)


async def withdraw_kinds(tx: Transaction, kinds: tuple[str, ...], *, owner: int, at: datetime) -> None:
    """Withdraw an account's notices of these kinds, and what all of them said, also those acknowledged before."""
    which = {"owner": owner, "kinds": kinds}
    sql = """
        UPDATE notices SET detail = ''
        WHERE account_id = :owner AND kind IN (:kinds) AND acknowledged_at IS NOT NULL
    """
    await tx.run(sql, **which)
    sql = """
        UPDATE notices SET detail = '', acknowledged_at = :at
        WHERE account_id = :owner AND kind IN (:kinds) AND acknowledged_at IS NULL
    """
    await tx.run(sql, at=at, **which)


async def withdraw(tx: Transaction, pending_login: bytes, *, owner: int, at: datetime) -> None:
    """Withdraw the notices of a pending login that was completed, hence was the owner's.

    Those shown by now are acknowledged, not deleted: an open page may hold the id, which a later notice must not get.
    """
    await withdraw_waiting(tx, pending_login, owner=owner, at=at)
    sql = """
        UPDATE notices SET acknowledged_at = :at
        WHERE pending_login = :pending_login AND account_id = :owner AND acknowledged_at IS NULL
    """
    await tx.run(sql, pending_login=pending_login, owner=owner, at=at)


async def carry(tx: Transaction, pending_login: bytes, *, owner: int, to: bytes) -> None:
    """Move the notices of a pending login to the one `to` that replaces it in the same browser."""
    sql = "UPDATE notices SET pending_login = :to WHERE pending_login = :pending_login AND account_id = :owner"
    await tx.run(sql, pending_login=pending_login, owner=owner, to=to)


async def withdraw_waiting(tx: Transaction, pending_login: bytes, *, owner: int, at: datetime) -> None:
    """Delete the notices that are not shown yet, because the owner proved everything in time."""
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
    """Show the notices of a pending login now, because it ended early; those already shown keep their time."""
    sql = "UPDATE notices SET shows_at = :at WHERE pending_login = :pending_login AND shows_at > :at"
    await tx.run(sql, pending_login=pending_login, at=at)


async def pending(db: Reader, account_id: int, *, session_id: str, at: datetime, limit: int) -> list[Notice]:
    """What this session shows, the newest first: one notice for each kind, so that many of one hide no other.

    Acts of sessions are one notice for each network and browser, because one answer could be true of one place and
    false of another, and each `detail` is a notice of its own: the newest `limit` of a kind, and others once these are
    acknowledged.
    """
    sql = """
        SELECT latest.id, latest.kind, alike.at, times, places, latest.network, latest.user_agent, latest.detail
        FROM (
            SELECT max(id) AS id, max(at) AS at, count(*) AS times, count(DISTINCT network) AS places,
                row_number() OVER (PARTITION BY kind ORDER BY max(id) DESC) AS nth
            FROM notices
            WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :at
                AND (session_id IS NULL OR session_id <> :session_id)
            GROUP BY kind, detail, CASE WHEN session_id IS NULL THEN '' ELSE network || ' ' || user_agent END) AS alike
        JOIN notices AS latest ON latest.id = alike.id
        WHERE nth <= :limit ORDER BY latest.id DESC
    """
    return await db.all(Notice, sql, account_id=account_id, session_id=session_id, at=at, limit=limit)


async def acknowledge(tx: Transaction, notice_id: int, *, owner: int, session_id: str, at: datetime) -> bool:
    """Acknowledge a notice and the earlier ones that `pending` shows as one with it. False when this session does not
    show it: it is another account's, not yet due, about the session's own act, or acknowledged already."""
    sql = """
        UPDATE notices SET acknowledged_at = :at
        WHERE id <= :id AND account_id = :owner AND acknowledged_at IS NULL AND shows_at <= :at
            AND (session_id IS NULL OR session_id <> :session_id)
            AND (kind, detail, CASE WHEN session_id IS NULL THEN '' ELSE network || ' ' || user_agent END) = (
                SELECT kind, detail, CASE WHEN session_id IS NULL THEN '' ELSE network || ' ' || user_agent END
                FROM notices
                WHERE id = :id AND account_id = :owner AND acknowledged_at IS NULL AND shows_at <= :at
                    AND (session_id IS NULL OR session_id <> :session_id))
        RETURNING 1
    """
    return bool(await tx.all(int, sql, id=notice_id, owner=owner, session_id=session_id, at=at))


async def acknowledge_all(tx: Transaction, *, owner: int, session_id: str, at: datetime) -> None:
    """Acknowledge every notice that this session shows, also those that wait for an answer to others of their kind."""
    sql = """
        UPDATE notices SET acknowledged_at = :at
        WHERE account_id = :owner AND acknowledged_at IS NULL AND shows_at <= :at
            AND (session_id IS NULL OR session_id <> :session_id)
    """
    await tx.run(sql, owner=owner, session_id=session_id, at=at)


async def is_done(db: Reader, notice_id: int, *, owner: int, session_id: str) -> bool:
    """Whether a notice for this session was acknowledged, here or elsewhere, or withdrawn."""
    sql = """
        SELECT 1 FROM notices WHERE id = :id AND account_id = :owner AND acknowledged_at IS NOT NULL
            AND (session_id IS NULL OR session_id <> :session_id)
    """
    return bool(await db.one(int, sql, id=notice_id, owner=owner, session_id=session_id))
