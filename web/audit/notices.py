"""Raising notices. `record_event` raises those that belong to an event; the others depend on more than the event."""

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
    detail: str = "",
) -> None:
    """Raise a notice in the transaction of the act that it is about; without an account, for every administrator.

    The session that acted (`session_id`, else the visit's own) does not show it, except after a failure: an attacker
    may have only the cookie of the owner's open browser, where the owner must see the notice. Of an administrator who
    acted on somebody else `detail` says who it was, and nothing where.
    """
    if account_id is None:
        return await notify_administrators(tx, visit, kind)
    at = visit.at
    this_session = visit.session.id if visit.session else None
    hidden_from = None if kind.is_of_failure else session_id or this_session
    is_told_where = not kind.is_of_administrators
    await notices.raise_notice(
        tx,
        account_id,
        kind,
        at=at,
        shows_at=at + delay,
        network=visit.network if is_told_where else "",
        user_agent=visit.user_agent if is_told_where else "",
        session_id=hidden_from,
        pending_login=pending_login,
        detail=detail,
    )
    await notices.drop_beyond(tx, account_id, kind, limit=NOTICES_COUNTED, at=at)


async def notify_administrators(tx: Transaction, visit: Visit, kind: NoticeKind, detail: str = "") -> None:
    """A notice to everybody who administers, except in the session that acted, where `detail` says what it did."""
    this_session = visit.session.id if visit.session and detail else None
    await notices.raise_for_administrators(tx, kind, at=visit.panel.now(), detail=detail, session_id=this_session)


async def notify_password_known(tx: Transaction, visit: Visit, account_id: int, *, attempt: bytes) -> None:
    """A notice of a right password without its second factor, shown unless what it `attempt` is completed in time.

    `attempt` is the digest of a pending login or of a step-up.
    """
    await notify(tx, visit, account_id, NoticeKind.PASSWORD_KNOWN, delay=PENDING_LOGIN_TTL, pending_login=attempt)


async def notify_unusual_login(tx: Transaction, visit: Visit, account_id: int, session_id: str) -> None:
    """Notices of what is unusual about a login that just succeeded; call it before the login is recorded."""
    failures, login = tuple(FACTOR_FAILURES), Event.SESSION_STARTED
    if await activity.failures_since(tx, account_id, login, failures=failures) >= FAILURES_TOLD:
        await notify(tx, visit, account_id, NoticeKind.MANY_FAILURES)
    keep = visit.panel.settings.log_keep  # older logins are no longer in the activity
    here = visit.network, device(visit.user_agent)
    places = [(place.network, device(place.user_agent)) for place in await activity.places(tx, account_id)]
    is_first = not places and not await accounts.existed(tx, account_id, visit.at - keep)
    if not is_first and here not in places and not await recognise(tx, visit, account_id):
        await notify(tx, visit, account_id, NoticeKind.NEW_DEVICE, session_id=session_id)
