"""Who is here: the session or the pending login that the cookies of a visit stand for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from db import delayed_acts, notices, pending_logins, recovery_codes, sessions
from db.database import Reader, Transaction
from db.sessions import Session
from web.limits import ENROL_ONLY_TTL, NOTICES_APART
from web.panel import Panel
from web.visit.cookies import Cookie
from web.visit.visit import SignedIn, Visit


class SessionEnded(Exception):
    """The session was ended elsewhere during this request; the door answers with the login."""


class NotAllowed(Exception):
    """Whoever is signed in does not administer the panel by now, or has no second factor; the door answers 403."""


async def find_session(db: Reader, panel: Panel, token: bytes, *, at: datetime) -> Session | None:
    return await sessions.find(db, token, at=at, idle=panel.settings.session_idle, enrol=ENROL_ONLY_TTL)


async def identify(visit: Visit) -> None:
    """Find the session and the pending login that the cookies stand for, and what the session has to be told."""
    panel, arrival, jar, at = visit.panel, visit.arrival, visit.jar, visit.at
    arrival.is_identified, arrival.session, arrival.pending_login = True, None, None
    arrival.notices, arrival.delayed_acts = [], []
    if token := jar.read(Cookie.SESSION):
        arrival.session = session = await find_session(panel.db, panel, token, at=at)
        if session:
            jar.queue_under_new_name(Cookie.SESSION)
        if session and not session.enrols_only:
            await find_told(visit, session)
    if token := jar.read(Cookie.PENDING_LOGIN):
        arrival.pending_login = await pending_logins.find(panel.db, token, at=at)
        if arrival.pending_login:
            jar.queue_under_new_name(Cookie.PENDING_LOGIN)


async def find_told(visit: Visit, session: Session) -> None:
    """The notices that the session shows, what administrators began with its account, and how many recovery codes are
    left since one was used."""
    arrival, db, owner = visit.arrival, visit.panel.db, session.account_id
    arrival.notices, arrival.delayed_acts, arrival.recovery_left = [], [], None
    if session.has_notices:
        pending = notices.pending(db, owner, session_id=session.id, at=visit.at, limit=NOTICES_APART)
        arrival.notices = await pending
    if session.has_delayed_acts:
        arrival.delayed_acts = await delayed_acts.about(db, owner)
    if session.has_used_recovery:
        codes = await recovery_codes.find(db, owner)
        arrival.recovery_left = codes.left if codes else None


@asynccontextmanager
async def session_transaction(visit: SignedIn) -> AsyncIterator[Transaction]:
    """A transaction for an act of somebody signed in.

    Raises SessionEnded, before anything is done, when by now the session has ended or has another cookie.
    """
    async with visit.panel.db.transaction() as tx:
        await _session_by_now(tx, visit)
        yield tx


@asynccontextmanager
async def administrator_transaction(visit: SignedIn) -> AsyncIterator[Transaction]:
    """A transaction for what an administrator does with somebody else.

    Raises NotAllowed, before anything is done, when by now the session does not administer or its account has no second
    factor. Whoever acts in it stays such an administrator: so there is always one.
    """
    async with visit.panel.db.transaction() as tx:
        session = await _session_by_now(tx, visit)
        if not (session.administers and session.has_two_factor):
            raise NotAllowed
        yield tx


async def _session_by_now(tx: Transaction, visit: SignedIn) -> Session:
    session = await find_session(tx, visit.panel, visit.session.digest, at=visit.panel.now())
    if session is None:
        raise SessionEnded
    return session
