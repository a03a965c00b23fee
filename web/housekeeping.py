"""What the panel does by itself: once an hour it takes away what is over."""

import asyncio
import sqlite3

from db import activity, expiry
from web import log
from web.limits import HOUSEKEEPING, PASSWORD_FAILURES_KEPT, PRUNED_AT_ONCE
from web.panel import Panel


async def clear(panel: Panel) -> int:
    """Remove expired sessions, half-logins, keys and codes, and activity past its time; returns how many rows went.

    Old activity goes in batches: whoever wants to write meanwhile gets a turn between two of them.
    """
    at, settings = panel.now(), panel.settings
    async with panel.db.transaction() as tx:
        total = await expiry.clear(
            tx, at=at, idle=settings.session_idle, forget_after=PASSWORD_FAILURES_KEPT, keep_log=settings.log_keep
        )
    while True:
        async with panel.db.transaction() as tx:
            count = await activity.prune(tx, before=at - settings.log_keep, now=at, most=PRUNED_AT_ONCE)
        if not count:
            return total
        total += count


async def every_hour(panel: Panel) -> None:
    """Until cancelled. A database that is busy just now is tried again in an hour."""
    while True:
        try:
            await clear(panel)
        except sqlite3.OperationalError as busy:
            log.trouble("housekeeping.busy", busy)
        await asyncio.sleep(HOUSEKEEPING.total_seconds())
