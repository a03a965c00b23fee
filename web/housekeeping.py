"""What the panel does by itself: once an hour it takes away what is over."""

import asyncio
import logging
import sqlite3

from db import expiry
from web.limits import HOUSEKEEPING, PASSWORD_FAILURES_KEPT
from web.panel import Panel

log = logging.getLogger("panel")


async def clear(panel: Panel) -> int:
    """Remove expired sessions, half-logins, keys and codes; returns how many rows went."""
    async with panel.db.transaction() as tx:
        return await expiry.clear(
            tx, at=panel.now(), idle=panel.settings.session_idle, forget_after=PASSWORD_FAILURES_KEPT
        )


async def every_hour(panel: Panel) -> None:
    """Until cancelled. A database that is busy just now is tried again in an hour."""
    while True:
        try:
            await clear(panel)
        except sqlite3.OperationalError as busy:
            log.warning("housekeeping: %s", busy)
        await asyncio.sleep(HOUSEKEEPING.total_seconds())
