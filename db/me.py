"""What the panel knows about one account, for its owner to read: no secret, nor a digest of one."""

from dataclasses import dataclass
from datetime import datetime

from db.database import Reader


@dataclass(frozen=True)
class Profile:
    name: str
    is_admin: bool
    created_at: datetime
    zone: str  # that they chose for dates; "" while their browser says it


async def profile(db: Reader, account_id: int) -> Profile | None:
    """None for an account that is gone."""
    sql = "SELECT name, role = 'admin', created_at, zone FROM accounts WHERE id = :account_id"
    return await db.one(Profile, sql, account_id=account_id)
