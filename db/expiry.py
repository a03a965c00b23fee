"""Deletes expired rows, so that nothing stays on disk longer than it is needed (ASVS V14.2.7)."""

from datetime import datetime, timedelta

from db import endings
from db.database import Transaction

# Counters of wrong codes never expire: a hundred wrong codes close an app, however slowly they come.
_EXPIRED = (
    """DELETE FROM pending_logins WHERE digest IN
        (SELECT digest FROM pending_logins WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM totp_enrolments WHERE account_id IN
        (SELECT account_id FROM totp_enrolments WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM totp_replaced WHERE account_id IN
        (SELECT account_id FROM totp_replaced WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM activations WHERE account_id IN
        (SELECT account_id FROM activations WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM attempts WHERE (kind, key) IN
        (SELECT kind, key FROM attempts WHERE kind = 'password' AND opens_at <= :forgotten LIMIT :limit) RETURNING 1""",
    """DELETE FROM rates WHERE (kind, key) IN
        (SELECT kind, key FROM rates WHERE begins_at <= :forgotten LIMIT :limit) RETURNING 1""",
    """DELETE FROM notices WHERE id IN
        (SELECT id FROM notices WHERE at <= :log_since LIMIT :limit) RETURNING 1""",
    """DELETE FROM trusted_devices WHERE (digest, account_id) IN
        (SELECT digest, account_id FROM trusted_devices WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM endings WHERE digest IN
        (SELECT digest FROM endings WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM delayed_acts WHERE (account_id, kind) IN
        (SELECT account_id, kind FROM delayed_acts WHERE kind = 'password_link' AND due_at <= :lapsed LIMIT :limit)
        RETURNING 1""",
    """DELETE FROM used_challenges WHERE digest IN
        (SELECT digest FROM used_challenges WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM former_cookies WHERE digest IN
        (SELECT digest FROM former_cookies WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM sessions WHERE digest IN
        (SELECT digest FROM sessions WHERE ends_at <= :at LIMIT :limit) RETURNING 1""",
    """DELETE FROM sessions WHERE digest IN
        (SELECT digest FROM sessions WHERE last_seen_at <= :idle_since LIMIT :limit) RETURNING 1""",
    "DELETE FROM setup_codes WHERE ends_at <= :at RETURNING 1",  # one row at most; last, because it has no LIMIT
)


async def clear(
    tx: Transaction,
    *,
    at: datetime,
    idle: timedelta,
    forget_after: timedelta,
    lapse_after: timedelta,
    keep_log: timedelta,
    told_until: datetime,
    limit: int,
) -> int:
    """Delete expired rows, failures and rates older than `forget_after`, leave for password links that nobody made
    within `lapse_after`, and all notices older than `keep_log`.

    Returns how many rows were deleted; when it is `limit`, there may be more.
    """
    moments = {"at": at, "idle_since": at - idle, "forgotten": at - forget_after, "log_since": at - keep_log}
    moments["lapsed"] = at - lapse_after
    await endings.record_expired(tx, at=at, idle_since=at - idle, until=told_until, limit=limit)
    gone = 0
    for statement in _EXPIRED:
        gone += len(await tx.all(int, statement, **moments, limit=limit - gone))
    return gone
