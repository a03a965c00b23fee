"""Takes away what is over, so that nothing stays on disk longer than it serves (ASVS V14.2.7)."""

from datetime import datetime, timedelta

from db.database import Transaction

# Counters of wrong codes are not among them: they add up, however slowly, to the hundred that closes an app.
_OVER = (
    """DELETE FROM pending_logins WHERE digest IN
        (SELECT digest FROM pending_logins WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM totp_enrolments WHERE account_id IN
        (SELECT account_id FROM totp_enrolments WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM totp_replaced WHERE account_id IN
        (SELECT account_id FROM totp_replaced WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM activations WHERE account_id IN
        (SELECT account_id FROM activations WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM attempts WHERE (kind, key) IN
        (SELECT kind, key FROM attempts WHERE kind = 'password' AND opens_at <= :forgotten LIMIT :most) RETURNING 1""",
    """DELETE FROM rates WHERE (kind, key) IN
        (SELECT kind, key FROM rates WHERE begins_at <= :forgotten LIMIT :most) RETURNING 1""",
    """DELETE FROM notices WHERE id IN
        (SELECT id FROM notices WHERE at <= :log_since LIMIT :most) RETURNING 1""",
    """DELETE FROM trusted_devices WHERE (digest, account_id) IN
        (SELECT digest, account_id FROM trusted_devices WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM former_cookies WHERE digest IN
        (SELECT digest FROM former_cookies WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM sessions WHERE digest IN
        (SELECT digest FROM sessions WHERE ends_at <= :at LIMIT :most) RETURNING 1""",
    """DELETE FROM sessions WHERE digest IN
        (SELECT digest FROM sessions WHERE last_seen_at <= :idle_since LIMIT :most) RETURNING 1""",
    "DELETE FROM setup_codes WHERE ends_at <= :at RETURNING 1",  # one at most; last, for it knows no limit
)


async def clear(
    tx: Transaction, *, at: datetime, idle: timedelta, forget_after: timedelta, keep_log: timedelta, most: int
) -> int:
    """Remove what is over, wrong passwords older than `forget_after` and notices older than `keep_log`, seen or not.

    Returns how many rows went; `most` means that there may be more.
    """
    moments = {"at": at, "idle_since": at - idle, "forgotten": at - forget_after, "log_since": at - keep_log}
    gone = 0
    for statement in _OVER:
        gone += len(await tx.all(int, statement, **moments, most=most - gone))
    return gone
