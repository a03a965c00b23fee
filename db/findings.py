"""What a running panel noticed about its surroundings since it started: one row for each kind of finding."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class Finding(NamedTuple):
    kind: str
    detail: str
    at: datetime


async def record(tx: Transaction, kind: str, detail: str, *, at: datetime) -> None:
    """Store a finding; an earlier one of the same kind stays, because it tells since when."""
    sql = "INSERT INTO findings (kind, detail, at) VALUES (:kind, :detail, :at) ON CONFLICT (kind) DO NOTHING"
    await tx.run(sql, kind=kind, detail=detail, at=at)


async def every(db: Reader) -> list[Finding]:
    return await db.all(Finding, "SELECT kind, detail, at FROM findings ORDER BY kind")


async def forget(tx: Transaction) -> None:
    await tx.run("DELETE FROM findings")
