"""Raising notices: with the event that calls for one (web/pages/activity.py does it), or where more is to be judged."""

from datetime import timedelta

from db import accounts, activity, notices
from db.database import Transaction
from web.audit.events import FACTOR_FAILURES, Event, NoticeKind
from web.limits import FAILURES_TOLD, NOTICES_COUNTED, PENDING_LOGIN_TTL
from web.visit.browser import recognise
from web.visit.visit import Visit
from web.words.devices import device


async def notify(
    tx: Transaction,
    visit: Visit,
    account_id: int | None,
    kind: NoticeKind,
    *,
    delay: timedelta = timedelta(0),
    pending_login: bytes | None = None,
    session_id: str | None = None,
) -> None:
    """Raise a notice in the transaction of what it tells. The session that did it (`session_id`) is spared, unless it
    failed at it: then whoever did may hold no more than a cookie of the owner's own open browser.

    An `account_id` of None: it is of the panel as a whole, and every administrator is told.
    """
    at = visit.at
    if account_id is None:
        return await notices.raise_for_administrators(tx, kind, at=visit.panel.now())
    own = visit.session.id if visit.session else None
    spared = None if kind.is_of_failure else session_id or own
    await notices.raise_notice(
        tx,
        account_id,
        kind,
        at=at,
        shows_at=at + delay,
        network=visit.network,
        user_agent=visit.user_agent,
        session_id=spared,
        pending_login=pending_login,
    )
    await notices.drop_beyond(tx, account_id, kind, most=NOTICES_COUNTED, at=at)


async def notify_password_known(tx: Transaction, visit: Visit, account_id: int, *, waits_for: bytes) -> None:
    """The password was right, the second factor is owed: told unless what it `waits_for` is completed in time."""
    await notify(tx, visit, account_id, NoticeKind.PASSWORD_KNOWN, delay=PENDING_LOGIN_TTL, pending_login=waits_for)


async def notify_unusual_login(tx: Transaction, visit: Visit, account_id: int, session_id: str) -> None:
    """What is unusual about a login that just succeeded; asked before the login is noted."""
    failures, login = tuple(FACTOR_FAILURES), Event.SESSION_STARTED
    if await activity.failures_since(tx, account_id, login, failures=failures) >= FAILURES_TOLD:
        await notify(tx, visit, account_id, NoticeKind.MANY_FAILURES)
    keep = visit.panel.settings.log_keep  # beyond it, no login is remembered
    here = visit.network, device(visit.user_agent)
    places = [(place.network, device(place.user_agent)) for place in await activity.places(tx, account_id)]
    is_first = not places and not await accounts.existed(tx, account_id, visit.at - keep)
    if not is_first and here not in places and not await recognise(tx, visit, account_id):
        await notify(tx, visit, account_id, NoticeKind.NEW_DEVICE, session_id=session_id)
