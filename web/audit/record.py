"""Recording events: a line of activity in the transaction of what it tells, with the notice that it calls for."""

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
    tx: Transaction, visit: Visit, account_id: int | None, event: Event, detail: str = "", *, session_id: str = ""
) -> None:
    """Append what this request did, in the transaction that does it; by its own session unless told otherwise.

    With it goes the notice that it calls for. Of what nobody we know did in vain, much becomes few lines with
    numbers; the log has every one.
    """
    session = visit.session
    by = session_id or (session.id if session else None)
    if Failure.OF_FACTOR in event.failure:
        await _watch(tx, visit)
    tx.on_commit.append(lambda: log.record(visit, event, account_id, by))
    if Failure.OF_STRANGERS in event.failure:
        folded = await _fold(tx, visit)  # counted for those we know too: time must not tell who that is
        if account_id is None and folded is None:
            return
        detail = folded or detail if account_id is None else detail
    await activity.record(
        tx,
        account_id,
        event,
        at=visit.panel.now(),  # lines stand in the order in which they were written
        session_id=by,
        network=visit.network,
        user_agent=visit.user_agent,
        detail=detail[:LOGGED_MAX],
    )
    if event.notice:
        await notify(tx, visit, account_id, event.notice, session_id=by)


async def _watch(tx: Transaction, visit: Visit) -> None:
    """Many failures, on whatever accounts and from wherever, are somebody guessing: administrators are told once."""
    at = visit.panel.now()
    if await rates.count_to(tx, "panel failure", b"", BRUTE_FORCE, at=at) == BRUTE_FORCE.most:
        await record_event(tx, visit, None, Event.ALERT_BRUTE_FORCE)


async def _fold(tx: Transaction, visit: Visit) -> str | None:
    """Count a failure, for its networks and for the whole panel: "" for one of the first in the hour, afterwards a
    number each time it has doubled, and in between None."""
    panel, span = visit.panel, STRANGERS_NOTED.span
    places = [
        ("stranger", panel.vault.tag("network", name), STRANGERS_NOTED.most * times)
        for name, times in visit.networks.items()
    ]
    beyond = []
    for kind, key, most in [*places, ("panel stranger", b"", STRANGERS_NOTED_IN_ALL.most)]:
        count = await rates.count_to(tx, kind, key, Rate(EVER, span), at=panel.now())
        beyond += [(count, most)] if count > most else []
    await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=places[0][1])
    if not beyond:
        return ""
    count, most = beyond[-1]  # of the widest
    times, left = divmod(count, most)
    return f"{count} vezes em menos de uma hora" if not left and times.bit_count() == 1 else None
