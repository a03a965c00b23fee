"""The administrators' choices for everybody."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class Policy(NamedTuple):
    two_factor_required_at: datetime | None  # from this moment on; None: each person chooses

    def requires_two_factor(self, at: datetime) -> bool:
        return self.two_factor_required_at is not None and self.two_factor_required_at <= at


async def get(db: Reader) -> Policy:
    return await db.one(Policy, "SELECT two_factor_required_at FROM policy") or Policy(None)


async def of_account(db: Reader, account_id: int) -> Policy:
    """For everybody, or earlier for this account alone."""
    sql = "SELECT at FROM two_factor_required WHERE account_id = :account_id"
    return await db.one(Policy, sql, account_id=account_id) or Policy(None)


async def require_two_factor(tx: Transaction, *, at: datetime) -> bool:
    """Require a second factor of every account from `at` on; False when it is already required from then or earlier."""
    sql = """
        UPDATE policy SET two_factor_required_at = :at
        WHERE two_factor_required_at IS NULL OR two_factor_required_at > :at RETURNING 1
    """
    return await tx.one(int, sql, at=at) is not None


async def release(tx: Transaction) -> None:
    await tx.run("UPDATE policy SET two_factor_required_at = NULL")
