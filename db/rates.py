"""How often something was done in a span of time, shared by all processes."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db.database import Reader, Transaction


class Rate(NamedTuple):
    """At most so many in a span of time."""

    limit: int
    span: timedelta

    def times(self, factor: int) -> "Rate":
        """The rate that allows `factor` times as many in the same span."""
        return Rate(self.limit * factor, self.span)


class _Row(NamedTuple):
    kind: str
    counted: int
    begins_at: datetime


def failures_of(kind: str) -> str:
    """The kind under which the failures of `kind` are counted."""
    return f"{kind} failure"


async def wait(
    db: Reader, kind: str, key: bytes, rate: Rate, failures: Rate | None = None, *, at: datetime
) -> timedelta:
    """How long until the next one is allowed; zero while the count, and the count of failures if `failures` is given,
    are below their rates."""
    sql = """
        SELECT kind, count AS counted, begins_at FROM rates
        WHERE key = :key AND kind IN (:kind, :failures) AND begins_at <= :at
    """  # a later moment was written while the clock was ahead
    rates = {kind: rate} | ({failures_of(kind): failures} if failures else {})
    found = await db.all(_Row, sql, key=key, kind=kind, failures=failures_of(kind), at=at)
    full = [row for row in found if row.kind in rates and row.counted >= rates[row.kind].limit]
    return max([row.begins_at + rates[row.kind].span - at for row in full] + [timedelta(0)])


_COUNT = """
    INSERT INTO rates (kind, key, count, begins_at) VALUES (:kind, :key, 1, :at)
    ON CONFLICT (kind, key) DO UPDATE SET
        count = CASE WHEN rates.begins_at > :since AND rates.begins_at <= :at THEN rates.count + 1 ELSE 1 END,
        begins_at = CASE
            WHEN rates.begins_at > :since AND rates.begins_at <= :at AND rates.count + 1 < :limit
            THEN rates.begins_at ELSE :at END
"""


async def count(tx: Transaction, kind: str, key: bytes, rate: Rate, *, at: datetime) -> None:
    """Count one. The span begins with the first one, and again with the one that reaches the rate."""
    await tx.run(_COUNT, kind=kind, key=key, at=at, since=at - rate.span, limit=rate.limit)


async def count_to(tx: Transaction, kind: str, key: bytes, rate: Rate, *, at: datetime) -> int:
    """Count one, and return how many there are in this span."""
    counted = {"kind": kind, "key": key, "since": at - rate.span, "limit": rate.limit}
    return await tx.one(int, _COUNT + "RETURNING count", **counted, at=at) or 0


async def drop_beyond(tx: Transaction, limit: int, *, spare: bytes) -> None:
    """Keep at most `limit` rows in all: the oldest that strangers made go first, never those of the key `spare`."""
    sql = """
        DELETE FROM rates WHERE (kind, key) IN (
            SELECT kind, key FROM rates WHERE kind || '' IN ('auth', 'auth failure', 'stranger') AND key <> :spare
            ORDER BY begins_at LIMIT (
                SELECT CASE WHEN count(*) > :limit THEN count(*) - :limit ELSE 0 END FROM rates))
    """  # `kind || ''` keeps SQLite off the index by kind: the one by age is a hundred times quicker here
    await tx.run(sql, limit=limit, spare=spare)
