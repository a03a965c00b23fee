"""How often something was done in a span of time, shared by all processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from db.database import Reader, Transaction


@dataclass(frozen=True)
class _Row:
    count: int
    begins_at: datetime


async def wait(db: Reader, kind: str, key: bytes, *, most: int, span: timedelta, at: datetime) -> timedelta:
    """How long until it may be done again: zero while it was done fewer than `most` times in the span."""
    sql = "SELECT count, begins_at FROM rates WHERE kind = :kind AND key = :key AND begins_at <= :at"
    row = await db.one(_Row, sql, kind=kind, key=key, at=at)  # a moment to come is a mistake of the clock
    if row is None or row.count < most:
        return timedelta(0)
    return max(row.begins_at + span - at, timedelta(0))


async def count(tx: Transaction, kind: str, key: bytes, *, most: int, span: timedelta, at: datetime) -> int:
    """Count one, and return how many in this span, which begins with the first and anew when `most` is reached."""
    sql = """
        INSERT INTO rates (kind, key, count, begins_at) VALUES (:kind, :key, 1, :at)
        ON CONFLICT (kind, key) DO UPDATE SET
            count = CASE WHEN begins_at > :since AND begins_at <= :at THEN count + 1 ELSE 1 END,
            begins_at = CASE WHEN begins_at > :since AND begins_at <= :at AND count + 1 < :most
                THEN begins_at ELSE :at END
        RETURNING count
    """
    return await tx.one(int, sql, kind=kind, key=key, at=at, since=at - span, most=most) or 0


async def drop_beyond(tx: Transaction, most: int, *, spare: bytes) -> None:
    """Keep no more than `most` rows; the oldest go first, never those of the key `spare`."""
    excess = (await tx.one(int, "SELECT count(*) FROM rates") or 0) - most
    sql = """
        DELETE FROM rates WHERE (kind, key) IN (
            SELECT kind, key FROM rates WHERE key <> :spare ORDER BY begins_at LIMIT :excess)
    """
    if excess > 0:
        await tx.run(sql, excess=excess, spare=spare)
