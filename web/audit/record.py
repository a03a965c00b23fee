"""Recording events: an entry of activity in the transaction of the act, with the notice that belongs to the event."""

from db import activity, rates
from db.database import Transaction
from db.rates import Rate
from web.audit import log
from web.audit.events import Event, Failure
from web.audit.notices import notify
from web.limits import BRUTE_FORCE, LOGGED_MAX, STRANGERS_COUNTED, STRANGERS_NOTED, STRANGERS_NOTED_IN_ALL
from web.visit.visit import Visit

EVER = 2**62  # more than are counted in any span


async def record_event(
    tx: Transaction,
    visit: Visit,
    account_id: int | None,
    event: Event,
    detail: str = "",
    *,
    session_id: str = "",
    is_of_another: bool = False,
) -> None:
    """Append an entry and raise the event's notice, in the transaction of the act.

    `session_id` names the session that acted, if it is not the visit's own. With `is_of_another` the entry is of an
    account that did not send the request, and says nothing of where that came from. Many failures without a known
    account become few entries with numbers; the log has a line for each.
    """
    session = visit.session
    by = session_id or (session.id if session else None)
    if Failure.OF_FACTOR in event.failure:
        await _watch(tx, visit)
    tx.on_commit.append(lambda: log.record(visit, event, account_id, by))
    if Failure.OF_STRANGERS in event.failure:
        folded = await _fold(tx, visit)  # counted for known accounts too, so that timing does not tell which exist
        if account_id is None and folded is None:
            return
        detail = folded or detail if account_id is None else detail
    await _append(tx, visit, account_id, event, detail, by=None if is_of_another else by, is_of_another=is_of_another)
    if event.notice:
        await notify(tx, visit, account_id, event.notice, session_id=by)


async def _append(
    tx: Transaction,
    visit: Visit,
    account_id: int | None,
    event: Event,
    detail: str,
    *,
    by: str | None,
    is_of_another: bool,
) -> None:
    await activity.record(
        tx,
        account_id,
        event,
        at=visit.panel.now(),  # lines stand in the order in which they were written
        session_id=by,
        network="" if is_of_another else visit.network,
        user_agent="" if is_of_another else visit.user_agent,
        detail=detail[:LOGGED_MAX],
    )


async def _watch(tx: Transaction, visit: Visit) -> None:
    """Count failures on all accounts and from all networks; when they reach BRUTE_FORCE, tell administrators once."""
    at = visit.panel.now()
    if await rates.count_to(tx, "panel failure", b"", BRUTE_FORCE, at=at) == BRUTE_FORCE.limit:
        await record_event(tx, visit, None, Event.ALERT_BRUTE_FORCE)


async def _fold(tx: Transaction, visit: Visit) -> str | None:
    """Count a failure for its networks and for the whole panel. Returns "" for one of the first in the hour; later a
    text with the number each time it has doubled, and None for those in between."""
    panel, span = visit.panel, STRANGERS_NOTED.span
    places = [
        ("stranger", panel.vault.tag("network", name), STRANGERS_NOTED.limit * times)
        for name, times in visit.networks.items()
    ]
    beyond = []
    for kind, key, most in [*places, ("panel stranger", b"", STRANGERS_NOTED_IN_ALL.limit)]:
        count = await rates.count_to(tx, kind, key, Rate(EVER, span), at=panel.now())
        beyond += [(count, most)] if count > most else []
    await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=places[0][1])
    if not beyond:
        return ""
    count, most = beyond[-1]  # of the widest
    times, left = divmod(count, most)
    return f"{count} vezes em menos de uma hora" if not left and times.bit_count() == 1 else None
