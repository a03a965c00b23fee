"""What happened: appended in the transaction of what it tells, read, never updated."""

import hashlib
import json
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class _Linked:
    """Everything an entry says, in the order in which it is hashed; moments as they are stored."""

    id: int
    seconds: int
    account_id: int | None
    session_id: str | None
    event: str
    network: str
    user_agent: str
    detail: str
    link: bytes | None

    def link_after(self, before: bytes) -> bytes:
        said = list(vars(self).values())[:-1]
        return hashlib.sha256(before + json.dumps(said, ensure_ascii=True).encode("ascii")).digest()


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
    """Append one entry, linked to the last; `account_id` is None for somebody we do not know."""
    last: _Linked | None = tx.written.get("activity") or await tx.one(_Linked, f"{_LINKED} ORDER BY id DESC LIMIT 1")
    entry_id = last.id + 1 if last else 1
    entry = _Linked(
        entry_id, int(at.timestamp()), account_id, session_id, event, network, user_agent, detail, link=None
    )
    sql = """
        INSERT INTO activity (id, at, account_id, session_id, event, network, user_agent, detail, link)
        VALUES (:id, :seconds, :account_id, :session_id, :event, :network, :user_agent, :detail, :link)
    """
    tx.written["activity"] = entry = replace(entry, link=entry.link_after((last and last.link) or b""))
    await tx.run(sql, **vars(entry))


async def first_broken(db: Reader) -> int | None:
    """The number of the first entry that does not follow from the one before it; None when all do."""
    while True:
        pruned = await db.one(_End, _PRUNED)
        broken = await _first_broken_after(db, pruned)
        if broken is None or pruned == await db.one(_End, _PRUNED):  # else entries were removed meanwhile
            return broken


async def _first_broken_after(db: Reader, pruned: "_End | None") -> int | None:
    before, number = (pruned and pruned.link) or b"", pruned.id if pruned else 0
    while lines := await db.all(_Linked, f"{_LINKED} WHERE id > :number ORDER BY id LIMIT 1000", number=number):
        for line in lines:
            is_first = not before
            if line.link is None and not is_first:
                return line.id
            if line.link is not None and (line.id != number + 1 or line.link != line.link_after(before)):
                return line.id
            before, number = line.link or b"", line.id
    return None


_PRUNED = "SELECT last_id, link FROM activity_pruned"


@dataclass(frozen=True)
class _End:
    """Where the entries end that were removed."""

    id: int
    link: bytes | None


async def prune(tx: Transaction, *, before: datetime, now: datetime, most: int) -> int:
    """Remove the oldest entries from before a moment, the newest entry never; returns how many, at most `most`.

    What a clock that was ahead dated into the future goes with its neighbours.
    """
    last = await tx.one(
        _End,
        """
        SELECT id, link FROM activity
        WHERE id < coalesce(
                (SELECT id FROM activity
                    WHERE at BETWEEN :before AND :now AND id < (SELECT min(id) FROM activity) + :most
                    ORDER BY id LIMIT 1),
                (SELECT max(id) FROM activity))
            AND id < (SELECT min(id) FROM activity) + :most
        ORDER BY id DESC LIMIT 1
        """,
        before=before,
        now=now,
        most=most,
    )
    if last is None:
        return 0
    mark = """
        INSERT INTO activity_pruned (id, last_id, link) VALUES (1, :last, :link)
        ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, link = excluded.link
    """
    await tx.run(mark, last=last.id, link=last.link)
    return len(await tx.all(int, "DELETE FROM activity WHERE id <= :last RETURNING 1", last=last.id))


@dataclass(frozen=True)
class Place:
    """Where an account was signed in from, and with which browser."""

    network: str
    user_agent: str


async def places(db: Reader, account_id: int) -> list[Place]:
    sql = (
        "SELECT DISTINCT network, user_agent FROM activity WHERE account_id = :account_id AND event = 'session.started'"
    )
    return await db.all(Place, sql, account_id=account_id)


async def failures_since_login(db: Reader, account_id: int) -> int:
    sql = """
        SELECT count(*) FROM activity WHERE account_id = :account_id
            AND event IN (
                'login.password_failed', 'totp.failed', 'totp.repeated', 'recovery.failed', 'recovery.rehearsal_failed')
            AND id > coalesce(
                (SELECT max(id) FROM activity WHERE account_id = :account_id AND event = 'session.started'), 0)
    """
    return await db.one(int, sql, account_id=account_id) or 0


async def of_account(
    db: Reader,
    account_id: int,
    *,
    kinds: str,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
) -> list[Entry]:
    """The newest `limit` entries, or the newest older than entry `before`, since a moment and until before another.

    `kinds` are the first words of events between spaces, such as ` login session `; empty for all.
    """
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM activity
        WHERE account_id = :account_id AND (:before IS NULL OR id < :before) AND (:since IS NULL OR at >= :since)
            AND (:until IS NULL OR at < :until)
            AND (:kinds = '' OR instr(:kinds, ' ' || substr(event, 1, instr(event, '.') - 1) || ' ') > 0)
        ORDER BY id DESC LIMIT :limit
    """
    period = {"since": since, "until": until}
    return await db.all(Entry, sql, account_id=account_id, kinds=kinds, before=before, limit=limit, **period)


async def latest_at(db: Reader) -> datetime | None:
    rows = await db.all(
        Entry, "SELECT id, at, event, network, user_agent, detail FROM activity ORDER BY id DESC LIMIT 1"
    )
    return rows[0].at if rows else None


_LINKED = "SELECT id, at, account_id, session_id, event, network, user_agent, detail, link FROM activity"
