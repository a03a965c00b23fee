"""Counters of failed tries. A try is charged before it is judged; when it was right, the counter is reset."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from db.database import Reader, Transaction


class Counter(NamedTuple):
    """Where failures of one kind are counted. `wait_after` gives the wait after that many of them."""

    kind: str
    key: bytes
    wait_after: Callable[[int], timedelta]
    closes_at: int | None = None  # failures


class Attempts(NamedTuple):
    """Consecutive failures, this try included. When there is a wait, or `is_closed`, the try was not counted and must
    not be judged."""

    failures: int
    wait: timedelta = timedelta(0)
    is_closed: bool = False


class _Row(NamedTuple):
    kind: str
    key: bytes
    failures: int
    opens_at: datetime


async def charge(tx: Transaction, counter: Counter, wider: Counter | None = None, *, at: datetime) -> Attempts:
    """Count one try in every counter given, or in none when one of them is closed or has a wait.

    Returns the state of the stricter counter. It is read and written in one transaction, so parallel tries take turns.
    """
    rows = await _rows(tx, counter, wider)
    counters = [counter, wider] if wider else [counter]
    before = [await _standing(tx, counter, rows.get((counter.kind, counter.key)), at=at) for counter in counters]
    if any(standing.is_closed for standing in before):
        return next(standing for standing in before if standing.is_closed)
    if any(standing.wait for standing in before):
        return max(before, key=lambda standing: standing.wait)
    for counter, standing in zip(counters, before, strict=True):
        await _set(tx, counter, standing.failures + 1, opens_at=at + counter.wait_after(standing.failures + 1))
    return Attempts(max(standing.failures for standing in before) + 1)


async def _rows(db: Reader, counter: Counter, wider: Counter | None) -> dict[tuple[str, bytes], "_Row"]:
    sql = """
        SELECT kind, key, failures, opens_at FROM attempts
        WHERE (kind = :kind AND key = :key) OR (kind = :wider_kind AND key = :wider_key)
    """  # without a wider counter its kind is NULL, which matches no row
    beyond = {"wider_kind": wider and wider.kind, "wider_key": wider and wider.key}
    found = await db.all(_Row, sql, kind=counter.kind, key=counter.key, **beyond)
    return {(row.kind, row.key): row for row in found}


async def _standing(tx: Transaction, counter: Counter, row: "_Row | None", *, at: datetime) -> Attempts:
    if row is None:
        return Attempts(0)
    if counter.closes_at is not None and row.failures >= counter.closes_at:
        return Attempts(row.failures, is_closed=True)
    wait, longest = row.opens_at - at, counter.wait_after(row.failures)
    if wait > longest + timedelta(seconds=1):  # written while the clock was ahead: shorten it
        wait = longest
        await _set(tx, counter, row.failures, opens_at=at + longest)
    return Attempts(row.failures, max(wait, timedelta(0)))


async def _set(tx: Transaction, counter: Counter, failures: int, *, opens_at: datetime) -> None:
    sql = """
        INSERT INTO attempts (kind, key, failures, opens_at) VALUES (:kind, :key, :failures, :opens_at)
        ON CONFLICT (kind, key) DO UPDATE SET failures = excluded.failures, opens_at = excluded.opens_at
    """
    await tx.run(sql, kind=counter.kind, key=counter.key, failures=failures, opens_at=opens_at)


async def wait(db: Reader, counter: Counter, *, at: datetime) -> timedelta:
    """How long nothing is judged that this counter counts. Nothing is counted by asking."""
    row = (await _rows(db, counter, None)).get((counter.kind, counter.key))
    if row is None:
        return timedelta(0)
    return min(max(row.opens_at - at, timedelta(0)), counter.wait_after(row.failures))


async def refund(tx: Transaction, counters: Iterable[Counter], *, at: datetime) -> None:
    """Take back one try that was charged but never judged; a counter that falls to zero is deleted."""
    last = "DELETE FROM attempts WHERE kind = :kind AND key = :key AND failures <= 1"
    one_of_several = "UPDATE attempts SET failures = failures - 1, opens_at = :at WHERE kind = :kind AND key = :key"
    for counter in counters:
        await tx.run(last, kind=counter.kind, key=counter.key)
        await tx.run(one_of_several, kind=counter.kind, key=counter.key, at=at)


async def forgive(tx: Transaction, counters: Iterable[Counter]) -> None:
    for counter in counters:
        await tx.run("DELETE FROM attempts WHERE kind = :kind AND key = :key", kind=counter.kind, key=counter.key)


async def are_counted(db: Reader, keys_beginning: bytes) -> bool:
    """Whether there is a counter, of any kind, whose key begins with `keys_beginning`."""
    sql = "SELECT EXISTS (SELECT 1 FROM attempts WHERE key BETWEEN :beginning AND :end)"
    found = await db.all(int, sql, beginning=keys_beginning, end=keys_beginning + b"\xff" * 64)
    return bool(found[0])


async def forgive_all(tx: Transaction, keys_beginning: bytes) -> None:
    """Delete every counter, of any kind, whose key begins with `keys_beginning`."""
    sql = "DELETE FROM attempts WHERE key BETWEEN :beginning AND :end"
    await tx.run(sql, beginning=keys_beginning, end=keys_beginning + b"\xff" * 64)  # the rest of a key is shorter


async def drop_beyond(tx: Transaction, limit: int, *, spare: bytes) -> None:
    """Keep at most `limit` rows of a name tried from a network; the oldest go first, never the one with key `spare`."""
    sql = """
        DELETE FROM attempts WHERE (kind, key) IN (
            SELECT kind, key FROM attempts WHERE kind = 'password' AND key <> :spare
            ORDER BY opens_at LIMIT (
                SELECT CASE WHEN count(*) > :limit THEN count(*) - :limit ELSE 0 END
                FROM attempts WHERE kind = 'password'))
    """
    await tx.run(sql, spare=spare, limit=limit)
