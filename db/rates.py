"""How often something was done in a span of time, shared by all processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Limit:
    """So many of a kind in a span."""

    kind: str
    most: int
    span: timedelta


@dataclass(frozen=True)
class _Row:
    kind: str
    count: int
    begins_at: datetime


async def wait(db: Reader, key: bytes, limits: Sequence[Limit], *, at: datetime) -> timedelta:
    """How long until it may be done again, by one limit or two: zero while each was reached less than fully."""
    sql = """
        SELECT kind, count, begins_at FROM rates
        WHERE key = :key AND kind IN (:one, :other) AND begins_at <= :at
    """  # a moment to come is a mistake of the clock
    found = await db.all(_Row, sql, key=key, one=limits[0].kind, other=limits[-1].kind, at=at)
    rows = {row.kind: row for row in found}
    full = [
        (rows[limit.kind], limit) for limit in limits if limit.kind in rows and rows[limit.kind].count >= limit.most
    ]
    return max([row.begins_at + limit.span - at for row, limit in full] + [timedelta(0)])


_COUNT = """
    INSERT INTO rates (kind, key, count, begins_at) VALUES (:kind, :key, 1, :at)
    ON CONFLICT (kind, key) DO UPDATE SET
        count = CASE WHEN rates.begins_at > :since AND rates.begins_at <= :at THEN rates.count + 1 ELSE 1 END,
        begins_at = CASE
            WHEN rates.begins_at > :since AND rates.begins_at <= :at AND rates.count + 1 < :most
            THEN rates.begins_at ELSE :at END
"""


async def count(tx: Transaction, key: bytes, limit: Limit, *, at: datetime) -> None:
    """Count one in this span, which begins with the first and anew when the limit is reached."""
    await tx.run(_COUNT, kind=limit.kind, key=key, at=at, since=at - limit.span, most=limit.most)


async def count_to(tx: Transaction, key: bytes, limit: Limit, *, at: datetime) -> int:
    """Count one, and return how many there are in this span."""
    counted = {"kind": limit.kind, "key": key, "since": at - limit.span, "most": limit.most}
    return await tx.one(int, _COUNT + "RETURNING count", **counted, at=at) or 0


async def drop_beyond(tx: Transaction, most: int, *, spare: bytes) -> None:
    """Keep no more than `most` rows in all: the oldest that strangers made go first, never those of the key `spare`."""
    sql = """
        DELETE FROM rates WHERE (kind, key) IN (
            SELECT kind, key FROM rates WHERE kind || '' IN ('auth', 'auth failure', 'stranger') AND key <> :spare
            ORDER BY begins_at LIMIT (
                SELECT CASE WHEN count(*) > :most THEN count(*) - :most ELSE 0 END FROM rates))
    """  # `kind || ''`: in the order of the index by age, which is a hundred times quicker than by kind
    await tx.run(sql, most=most, spare=spare)
