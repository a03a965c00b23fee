"""The activity: entries that are appended in the transaction of the act they record, and never changed.

Each entry holds a link, a MAC over its content and the link of the entry before it, so that tampering shows.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from db import schema
from db.database import Reader, Transaction


class Entry(NamedTuple):
    id: int
    at: datetime
    event: str
    network: str
    user_agent: str
    detail: str


class Linked(NamedTuple):
    """An entry with its link. The fields stand in the order in which they are hashed."""

    id: int
    seconds: int  # Unix time
    account_id: int | None
    session_id: str | None
    event: str
    network: str
    user_agent: str
    detail: str
    link: bytes | None

    def said(self) -> bytes:
        return json.dumps(self[:-1], ensure_ascii=True).encode("ascii")

    def link_after(self, before: bytes, key: bytes) -> bytes:
        return hmac.digest(key, before + self.said(), hashlib.sha256)


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
    last: Linked | None = tx.written.get("activity") or await tx.one(Linked, f"{_LINKED} ORDER BY id DESC LIMIT 1")
    entry_id = last.id + 1 if last else 1
    entry = Linked(entry_id, int(at.timestamp()), account_id, session_id, event, network, user_agent, detail, link=None)
    sql = """
        INSERT INTO activity (id, at, account_id, session_id, event, network, user_agent, detail, link)
        VALUES (:id, :seconds, :account_id, :session_id, :event, :network, :user_agent, :detail, :link)
    """
    tx.written["activity"] = entry = entry._replace(link=entry.link_after((last and last.link) or b"", tx.chain_key))
    await tx.run(sql, **entry._asdict())


async def first_broken(db: Reader) -> int | None:
    """The id of the first entry whose link is wrong; None when every link is right."""
    while True:
        pruned = await _pruned(db)
        broken = await _first_broken_after(db, pruned)
        if broken is None or pruned == await _pruned(db):  # else entries were pruned meanwhile: check again
            return broken


async def _first_broken_after(db: Reader, pruned: "_LastPruned") -> int | None:
    before, number = pruned.link or b"", pruned.id
    if number and pruned.proof != pruned.proof_by(db.chain_key):
        return number + 1
    while lines := await db.all(Linked, f"{_LINKED} WHERE id > :number ORDER BY id LIMIT 1000", number=number):
        for line in lines:
            if line.id != number + 1 or line.link != line.link_after(before, db.chain_key):
                return line.id
            before, number = line.link, line.id
    return None


async def link_anew(
    tx: Transaction,
    key: bytes,
    *,
    was: Callable[[Linked, bytes], bytes | None],
    pruned_was: Callable[["_LastPruned"], bool],
) -> None:
    """Make the links anew with another key, up to the first entry whose old link is wrong: that one stays broken.

    `was` computes the old link of an entry from the one before it; `pruned_was` tells whether the old proof is right.
    """
    async with schema.without_trigger(tx, "activity_is_never_changed"):
        pruned = await _pruned(tx)
        if pruned_was(pruned) or not pruned.id:
            await tx.run("UPDATE activity_pruned SET proof = :proof", proof=pruned.proof_by(key))
            await _link_anew_after(tx, pruned, key, was)


async def _link_anew_after(
    tx: Transaction, pruned: "_LastPruned", key: bytes, was: Callable[[Linked, bytes], bytes | None]
) -> None:
    before, fresh, number = pruned.link or b"", pruned.link or b"", pruned.id
    while lines := await tx.all(Linked, f"{_LINKED} WHERE id > :number ORDER BY id LIMIT 1000", number=number):
        for line in lines:
            if line.id != number + 1 or line.link != was(line, before):
                return
            before, fresh, number = line.link or b"", line.link_after(fresh, key), line.id
            await tx.run("UPDATE activity SET link = :link WHERE id = :id", link=fresh, id=number)


class _LastPruned(NamedTuple):
    """The last entry that was pruned, with a MAC as proof that the panel itself pruned the entries up to it."""

    id: int
    link: bytes | None
    proof: bytes | None = None

    def proof_by(self, key: bytes) -> bytes:
        return hmac.digest(key, b"pruned %d " % self.id + (self.link or b""), hashlib.sha256)


async def _pruned(db: Reader) -> _LastPruned:
    return await db.one(_LastPruned, "SELECT last_id, link, proof FROM activity_pruned") or _LastPruned(0, None)


async def prune(tx: Transaction, *, before: datetime, now: datetime, limit: int) -> int:
    """Remove the oldest entries dated before `before`, at most `limit`, never the newest one; returns how many.

    An entry that a wrong clock dated into the future is removed together with the entries around it.
    """
    last = await tx.one(
        _LastPruned,
        """
        SELECT id, link FROM activity
        WHERE id < coalesce(
                (SELECT id FROM activity
                    WHERE at BETWEEN :before AND :now AND id < (SELECT min(id) FROM activity) + :limit
                    ORDER BY id LIMIT 1),
                (SELECT max(id) FROM activity))
            AND id < (SELECT min(id) FROM activity) + :limit
        ORDER BY id DESC LIMIT 1
        """,
        before=before,
        now=now,
        limit=limit,
    )
    if last is None:
        return 0
    mark = """
        INSERT INTO activity_pruned (id, last_id, link, proof) VALUES (1, :last, :link, :proof)
        ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, link = excluded.link, proof = excluded.proof
    """
    await tx.run(mark, last=last.id, link=last.link, proof=last.proof_by(tx.chain_key))
    return len(await tx.all(int, "DELETE FROM activity WHERE id <= :last RETURNING 1", last=last.id))


class Place(NamedTuple):
    """Where an account was signed in from, and with which browser."""

    network: str
    user_agent: str


async def places(db: Reader, account_id: int) -> list[Place]:
    sql = (
        "SELECT DISTINCT network, user_agent FROM activity WHERE account_id = :account_id AND event = 'session.started'"
    )
    return await db.all(Place, sql, account_id=account_id)


async def failures_since(tx: Transaction, account_id: int, event: str, *, failures: tuple[str, ...]) -> int:
    """How many entries of the kinds `failures` the account has since its last `event`."""
    sql = """
        SELECT count(*) FROM activity WHERE account_id = :account_id AND event IN (:failures)
            AND id > coalesce((SELECT max(id) FROM activity WHERE account_id = :account_id AND event = :event), 0)
    """
    return await tx.one(int, sql, account_id=account_id, event=event, failures=failures) or 0


async def since_latest(db: Reader, account_id: int, event: str, *, among: tuple[str, ...]) -> list[Entry]:
    """The latest `event` and what came after it `among` these, the last of each kind and detail, in the order in which
    they came; nothing where it never was."""
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM activity WHERE id IN (
            SELECT max(id) FROM activity
            WHERE account_id = :account_id AND event IN (:among)
                AND id >= (SELECT max(id) FROM activity WHERE account_id = :account_id AND event = :event)
            GROUP BY event, detail)
        ORDER BY id
    """
    return await db.all(Entry, sql, account_id=account_id, event=event, among=among)


async def recent(db: Reader, account_id: int, *, among: tuple[str, ...], within: int) -> Entry | None:
    """The latest event `among` these of the account's newest `within` entries, however many there are."""
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM (
            SELECT id, at, event, network, user_agent, detail FROM activity
            WHERE account_id = :account_id ORDER BY id DESC LIMIT :within)
        WHERE event IN (:among) ORDER BY id DESC LIMIT 1
    """
    found = await db.all(Entry, sql, account_id=account_id, among=among, within=within)
    return found[0] if found else None


async def of_account(
    db: Reader,
    account_id: int,
    *,
    events: tuple[str, ...] | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
) -> list[Entry]:
    """The newest `limit` entries with ids below `before`, from `since` until just before `until`; None sets no bound.

    With `events` None all are found, also events that only other versions of the panel know.
    """
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM activity
        WHERE account_id = :account_id AND id < coalesce(:before, id + 1)
            AND at >= coalesce(:since, at) AND at < coalesce(:until, at + 1)
            AND (:is_any OR event IN (:events))
        ORDER BY id DESC LIMIT :limit
    """
    chosen = {"is_any": events is None, "events": events or (), "since": since, "until": until}
    return await db.all(Entry, sql, account_id=account_id, before=before, limit=limit, **chosen)


async def newest(db: Reader, account_id: int, *, before: int | None, limit: int) -> list[Entry]:
    """As `of_account` without a choice of events or time: an index holds these rows in order, so it costs the same
    however many entries there are."""
    sql = """
        SELECT id, at, event, network, user_agent, detail FROM activity
        WHERE account_id = :account_id AND id < coalesce(:before, 9223372036854775807) ORDER BY id DESC LIMIT :limit
    """
    return await db.few(Entry, sql, account_id=account_id, before=before, limit=limit)


async def latest_at(db: Reader) -> datetime | None:
    rows = await db.all(
        Entry, "SELECT id, at, event, network, user_agent, detail FROM activity ORDER BY id DESC LIMIT 1"
    )
    return rows[0].at if rows else None


_LINKED = "SELECT id, at, account_id, session_id, event, network, user_agent, detail, link FROM activity"
