"""How often something was tried in vain. A try is charged before it is judged and forgiven when it was right."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.database import Reader, Transaction


@dataclass(frozen=True)
class Counter:
    """What one kind of failure adds up under. `wait_after` tells how long to wait after so many."""

    kind: str
    key: bytes
    wait_after: Callable[[int], timedelta]
    closes_at: int | None = None  # failures


@dataclass(frozen=True)
class Attempts:
    """Consecutive failures, this try included. With a wait, or closed, it was not counted and must not be judged."""

    failures: int
    wait: timedelta = timedelta(0)
    is_closed: bool = False


@dataclass(frozen=True)
class _Row:
    failures: int
    opens_at: datetime


async def charge(tx: Transaction, counters: Iterable[Counter], *, at: datetime) -> Attempts:
    """Count one try in every counter, or in none when one of them says no; answers for the one that counts most.

    Read and written in one transaction, so parallel tries take turns.
    """
    counters = list(counters)
    before = [await _standing(tx, counter, at=at) for counter in counters]
    if any(standing.is_closed for standing in before):
        return next(standing for standing in before if standing.is_closed)
    if any(standing.wait for standing in before):
        return max(before, key=lambda standing: standing.wait)
    for counter, standing in zip(counters, before, strict=True):
        await _set(tx, counter, standing.failures + 1, opens_at=at + counter.wait_after(standing.failures + 1))
    return Attempts(max(standing.failures for standing in before) + 1)


async def _standing(tx: Transaction, counter: Counter, *, at: datetime) -> Attempts:
    row = await tx.one(_Row, _FIND, kind=counter.kind, key=counter.key) or _Row(0, at)
    if counter.closes_at is not None and row.failures >= counter.closes_at:
        return Attempts(row.failures, is_closed=True)
    wait, longest = row.opens_at - at, counter.wait_after(row.failures)
    if wait > longest + timedelta(seconds=1):  # the clock was ahead for a while; its mistake ends here
        wait = longest
        await _set(tx, counter, row.failures, opens_at=at + longest)
    return Attempts(row.failures, max(wait, timedelta(0)))


async def _set(tx: Transaction, counter: Counter, failures: int, *, opens_at: datetime) -> None:
    sql = """
        INSERT INTO attempts (kind, key, failures, opens_at) VALUES (:kind, :key, :failures, :opens_at)
        ON CONFLICT (kind, key) DO UPDATE SET failures = excluded.failures, opens_at = excluded.opens_at
    """
    await tx.run(sql, kind=counter.kind, key=counter.key, failures=failures, opens_at=opens_at)


async def failures(db: Reader, counter: Counter) -> int:
    row = await db.one(_Row, _FIND, kind=counter.kind, key=counter.key)
    return row.failures if row else 0


_FIND = "SELECT failures, opens_at FROM attempts WHERE kind = :kind AND key = :key"


async def refund(tx: Transaction, counters: Iterable[Counter], *, at: datetime) -> None:
    """Take one try back that was charged but never judged."""
    sql = """
        UPDATE attempts SET failures = failures - 1, opens_at = :at
        WHERE kind = :kind AND key = :key AND failures > 0
    """
    for counter in counters:
        await tx.run(sql, kind=counter.kind, key=counter.key, at=at)


async def forgive(tx: Transaction, counters: Iterable[Counter]) -> None:
    for counter in counters:
        await tx.run("DELETE FROM attempts WHERE kind = :kind AND key = :key", kind=counter.kind, key=counter.key)


async def forgive_all(tx: Transaction, keys_beginning: bytes) -> None:
    """Forget every kind of failure whose key begins like this."""
    sql = "DELETE FROM attempts WHERE key BETWEEN :beginning AND :end"
    await tx.run(sql, beginning=keys_beginning, end=keys_beginning + b"\xff" * 64)  # longer than what may follow


async def drop_beyond(tx: Transaction, most: int, *, kinds: tuple[str, str], spare: bytes) -> None:
    """Keep no more than `most` rows of two kinds; the oldest go first, never those whose key begins with `spare`."""
    found = {"one": kinds[0], "other": kinds[1]}
    count = await tx.one(int, "SELECT count(*) FROM attempts WHERE kind IN (:one, :other)", **found) or 0
    sql = """
        DELETE FROM attempts WHERE (kind, key) IN (
            SELECT kind, key FROM attempts
            WHERE kind IN (:one, :other) AND substr(key, 1, length(:spare)) <> :spare
            ORDER BY opens_at LIMIT :excess)
    """
    if count > most:
        await tx.run(sql, excess=count - most, spare=spare, **found)
