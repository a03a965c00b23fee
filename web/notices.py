"""Avisos: what somebody did with the account, told on every page until the owner says it was them, or was not."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import accounts, activity, notices
from db.database import Transaction
from web import forms
from web.activity import note
from web.events import FACTOR_FAILURES, Event, NoticeKind
from web.limits import FAILURES_TOLD, HALF_LOGIN_TTL, NOTICES_COUNTED
from web.page import device, go
from web.redirects import safe_path
from web.trusted_devices import recognise
from web.visit import SignedIn, Visit
from web.visitor import acting


async def mine(visit: SignedIn) -> Response:
    """Fui eu: the notice is done with."""
    back = (await forms.read(visit, optional=("back",)))["back"]
    await _acknowledge(visit, Event.NOTICE_MINE)
    return go(visit, safe_path(back))


async def not_mine(visit: SignedIn) -> Response:
    """Não fui eu: on to what to do on a bad day."""
    await forms.read(visit)
    await _acknowledge(visit, Event.NOTICE_NOT_MINE, is_done_well=True)  # pressed twice: the way on is the same
    return go(visit, "/security/bad-day")


async def tell(
    tx: Transaction,
    visit: Visit,
    account_id: int,
    kind: NoticeKind,
    *,
    delay: timedelta = timedelta(0),
    half_login: bytes | None = None,
    session_id: str | None = None,
) -> None:
    """Raise a notice in the transaction of what it tells. The session that did it (`session_id`) is spared, unless it
    failed at it: then whoever did may hold no more than a cookie of the owner's own open browser.
    """
    at = visit.at
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
        half_login=half_login,
    )
    await notices.drop_beyond(tx, account_id, kind, most=NOTICES_COUNTED, at=at)


async def tell_of_password(tx: Transaction, visit: Visit, account_id: int, *, waits_for: bytes) -> None:
    """The password was right, the second factor is owed: told unless what it `waits_for` is completed in time."""
    await tell(tx, visit, account_id, NoticeKind.PASSWORD_KNOWN, delay=HALF_LOGIN_TTL, half_login=waits_for)


async def tell_of_login(tx: Transaction, visit: Visit, account_id: int, session_id: str) -> None:
    """What is unusual about a login that just succeeded; asked before the login is noted."""
    failures, login = tuple(FACTOR_FAILURES), Event.SESSION_STARTED
    if await activity.failures_since(tx, account_id, login, failures=failures) >= FAILURES_TOLD:
        await tell(tx, visit, account_id, NoticeKind.MANY_FAILURES)
    keep = visit.panel.settings.log_keep  # beyond it, no login is remembered
    here = visit.network, device(visit.user_agent)
    places = [(place.network, device(place.user_agent)) for place in await activity.places(tx, account_id)]
    is_first = not places and not await accounts.existed(tx, account_id, visit.at - keep)
    if not is_first and here not in places and not await recognise(tx, visit, account_id):
        await tell(tx, visit, account_id, NoticeKind.NEW_DEVICE, session_id=session_id)


async def _acknowledge(visit: SignedIn, event: Event, *, is_done_well: bool = False) -> None:
    """Raises HTTPException for what this session is not told of and, unless that `is_done_well`, is done with."""
    session, owner = visit.session, visit.session.account_id
    id: int = visit.request.path_params["id"]
    if id.bit_length() > 63:  # no row can have it, and SQLite would not take it
        raise HTTPException(404)
    async with acting(visit) as tx:
        if await notices.acknowledge(tx, id, owner=owner, session_id=session.id, at=visit.at):
            await note(tx, visit, owner, event)
        elif not (is_done_well and await notices.is_done(tx, id, owner=owner, session_id=session.id)):
            raise HTTPException(404)
