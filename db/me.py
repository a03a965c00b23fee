"""What the panel knows about one account, for its owner to read: no secret, nor a digest of one."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader


class Profile(NamedTuple):
    name: str
    is_admin: bool
    created_at: datetime
    has_password: bool
    zone: str  # that they chose for dates; "" while their browser says it
    last_login_at: datetime | None
    two_factor_required_at: datetime | None  # of them alone
    password_link_at: datetime | None  # when an administrator last began each
    factor_reset_at: datetime | None
    activation_ends_at: datetime | None


async def profile(db: Reader, account_id: int) -> Profile | None:
    """None for an account that is gone."""
    sql = """
        SELECT name, role = 'admin', created_at, sealed_password IS NOT NULL, zone, last_login_at,
            two_factor_required_at, password_link_at, factor_reset_at,
            (SELECT ends_at FROM activations WHERE account_id = accounts.id)
        FROM accounts WHERE id = :account_id
    """
    return await db.one(Profile, sql, account_id=account_id)


class UsedCode(NamedTuple):
    used_at: datetime
    acknowledged_at: datetime | None


async def used_codes(db: Reader, account_id: int) -> list[UsedCode]:
    sql = """
        SELECT used_at, acknowledged_at FROM recovery_codes
        WHERE account_id = :account_id AND used_at IS NOT NULL ORDER BY used_at
    """
    return await db.all(UsedCode, sql, account_id=account_id)


class PendingLogin(NamedTuple):
    created_at: datetime
    misses: int


async def pending_logins(db: Reader, account_id: int, *, at: datetime) -> list[PendingLogin]:
    sql = """
        SELECT created_at, misses FROM pending_logins
        WHERE account_id = :account_id AND ends_at > :at ORDER BY created_at DESC
    """
    return await db.all(PendingLogin, sql, account_id=account_id, at=at)


class Ended(NamedTuple):
    cause: str
    told_until: datetime


async def ended(db: Reader, account_id: int) -> list[Ended]:
    """Why sessions and logins ended, as long as it is kept; the last of them first."""
    sql = "SELECT cause, ends_at FROM endings WHERE account_id = :account_id ORDER BY ends_at DESC"
    return await db.all(Ended, sql, account_id=account_id)


class Notice(NamedTuple):
    id: int
    kind: str
    at: datetime
    network: str
    user_agent: str
    detail: str
    acknowledged_at: datetime | None


async def notices(
    db: Reader, account_id: int, *, at: datetime, after: tuple[datetime, int], limit: int
) -> list[Notice]:
    """All that are shown by `at` or were, the oldest first: the next `limit` after a moment and id."""
    sql = """
        SELECT id, kind, at, network, user_agent, detail, acknowledged_at FROM notices
        WHERE account_id = :account_id AND acknowledged_at IS NULL AND shows_at <= :shown AND (at, id) > (:after, :id)
        UNION ALL
        SELECT id, kind, at, network, user_agent, detail, acknowledged_at FROM notices
        WHERE account_id = :account_id AND acknowledged_at IS NOT NULL AND (at, id) > (:after, :id)
        ORDER BY at, id LIMIT :limit
    """
    return await db.all(Notice, sql, account_id=account_id, shown=at, after=after[0], id=after[1], limit=limit)
