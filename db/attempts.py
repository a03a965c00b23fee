"""How often something was tried in vain. A try is charged before it is judged and forgiven when it was right."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.database import Reader, Transaction

WaitAfter = Callable[[int], timedelta]


@dataclass(frozen=True)
class Attempts:
    """Consecutive failures, and the wait left; with a wait the try was not counted and must not be judged."""

    failures: int
    wait: timedelta


@dataclass(frozen=True)
class _Row:
    failures: int
    opens_at: datetime


async def charge(tx: Transaction, kind: str, key: bytes, *, at: datetime, wait_after: WaitAfter) -> Attempts:
    """Count one try, unless it has to wait. `wait_after` tells how long after so many failures.

    Read and written in one transaction, so parallel tries take turns.
    """
    before = await tx.one(_Row, _FIND, kind=kind, key=key) or _Row(0, at)
    wait, longest = before.opens_at - at, wait_after(before.failures)
    if wait > longest + timedelta(seconds=1):  # the clock was ahead for a while; its mistake ends here
        wait = longest
        await tx.run(_SET, kind=kind, key=key, failures=before.failures, opens_at=at + longest)
    if wait > timedelta(0):
        return Attempts(before.failures, wait)
    failures = before.failures + 1
    await tx.run(_SET, kind=kind, key=key, failures=failures, opens_at=at + wait_after(failures))
    return Attempts(failures, timedelta(0))


async def failures(db: Reader, kind: str, key: bytes) -> int:
    row = await db.one(_Row, _FIND, kind=kind, key=key)
    return row.failures if row else 0


async def forgive_all(tx: Transaction, keys_beginning: bytes) -> None:
    """Forget every kind of failure whose key begins like this."""
    sql = "DELETE FROM attempts WHERE substr(key, 1, length(:beginning)) = :beginning"
    await tx.run(sql, beginning=keys_beginning)


_SET = """
    INSERT INTO attempts (kind, key, failures, opens_at) VALUES (:kind, :key, :failures, :opens_at)
    ON CONFLICT (kind, key) DO UPDATE SET failures = excluded.failures, opens_at = excluded.opens_at
"""
_FIND = "SELECT failures, opens_at FROM attempts WHERE kind = :kind AND key = :key"


async def refund(tx: Transaction, kind: str, key: bytes, *, at: datetime) -> None:
    """Take one try back that was charged but never judged."""
    sql = """
        UPDATE attempts SET failures = failures - 1, opens_at = :at
        WHERE kind = :kind AND key = :key AND failures > 0
    """
    await tx.run(sql, kind=kind, key=key, at=at)


async def forgive(tx: Transaction, kind: str, key: bytes) -> None:
    await tx.run("DELETE FROM attempts WHERE kind = :kind AND key = :key", kind=kind, key=key)
