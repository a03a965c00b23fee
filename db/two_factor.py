"""How an account is protected, for the page that shows it: one query over several tables."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db.database import Reader


class Overview(NamedTuple):
    """With `confirmed_at` None there is no app, with `salt` None there are no recovery codes."""

    confirmed_at: datetime | None
    is_enrolling: bool  # begun by this session
    undo_ends_at: datetime | None  # until when this session may put the replaced app back
    open_sessions: int
    salt: bytes | None
    made_at: datetime | None
    rehearsed_at: datetime | None
    codes_left: int
    passkeys: int
    has_password: bool  # False while a link is open that chooses another


async def overview(db: Reader, account_id: int, *, session_id: str, at: datetime, idle: timedelta) -> Overview | None:
    """None for an account that is gone."""
    sql = """
        SELECT totp.confirmed_at,
            EXISTS (SELECT 1 FROM totp_enrolments
                WHERE account_id = accounts.id AND session_id = :session_id AND ends_at > :at),
            (SELECT ends_at FROM totp_replaced
                WHERE account_id = accounts.id AND session_id = :session_id AND ends_at > :at),
            (SELECT count(*) FROM sessions
                WHERE account_id = accounts.id AND ends_at > :at AND last_seen_at > :idle_since),
            salt, made_at, rehearsed_at,
            (SELECT count(*) FROM recovery_codes WHERE account_id = accounts.id AND used_at IS NULL),
            (SELECT count(*) FROM passkeys WHERE account_id = accounts.id),
            accounts.sealed_password IS NOT NULL
        FROM accounts LEFT JOIN totp ON totp.account_id = accounts.id
            LEFT JOIN recovery_sets ON recovery_sets.account_id = accounts.id
        WHERE accounts.id = :account_id
    """
    moments = {"at": at, "idle_since": at - idle}
    return await db.one(Overview, sql, account_id=account_id, session_id=session_id, **moments)
