"""What the panel does by itself: once an hour it deletes what has expired, and carries out what is due."""

import asyncio

from db import activity, delayed_acts, expiry
from db.delayed_acts import Kind
from db.errors import Unavailable
from web.audit import log
from web.auth.delayed_acts import carry_out_due
from web.limits import ENDING_TOLD, HOUSEKEEPING, PASSWORD_FAILURES_KEPT, PRUNED_AT_ONCE, TAKEOVER_SPAN
from web.panel import Panel
from web.runtime import spare, work_files
from web.visit.scope import at_terminal


async def clear(panel: Panel) -> int:
    """Delete expired sessions, pending logins, keys and codes, old activity, and files that killed commands left, and
    carry out what is due; returns how many rows were deleted.

    It works in batches: others who write get a turn between two of them.
    """
    total = 0
    for clear_some in (_clear_expired, _clear_activity):
        while count := await clear_some(panel):
            total += count
    await _carry_out_due(panel)
    await asyncio.to_thread(work_files.clear, panel.settings.data, panel.now())
    return total


async def _carry_out_due(panel: Panel) -> None:
    """What administrators began with people's second factors."""
    due = await delayed_acts.due(panel.db, Kind.FACTOR_RESET, at=panel.now(), limit=PRUNED_AT_ONCE)
    for account_id in due:
        async with panel.db.transaction() as tx:
            await carry_out_due(tx, at_terminal(panel), account_id)


async def _clear_expired(panel: Panel) -> int:
    settings, at = panel.settings, panel.now()
    async with panel.db.transaction() as tx:
        return await expiry.clear(
            tx,
            at=at,
            idle=settings.session_idle,
            forget_after=PASSWORD_FAILURES_KEPT,
            lapse_after=TAKEOVER_SPAN,
            keep_log=settings.log_keep,
            told_until=at + ENDING_TOLD,
            limit=PRUNED_AT_ONCE,
        )


async def _clear_activity(panel: Panel) -> int:
    at = panel.now()
    async with panel.db.transaction() as tx:
        return await activity.prune(tx, before=at - panel.settings.log_keep, now=at, limit=PRUNED_AT_ONCE)


async def every_hour(panel: Panel) -> None:
    """Runs until it is cancelled. A failure is logged, and the work tried again in an hour."""
    while True:
        try:
            await clear(panel)
        except Unavailable as busy:
            log.trouble("housekeeping.busy", busy)
        except Exception as wrong:
            log.trouble("housekeeping.failed", wrong)
        await asyncio.sleep(HOUSEKEEPING.total_seconds())
        await asyncio.to_thread(spare.keep, panel.settings.data)  # a command may have given it up
