"""Why a browser is signed in no longer: told to the browser that has the cookie, and to nobody else."""

from typing import NamedTuple

from db import endings, pending_logins, sessions
from db.endings import Cause, Ending
from db.sessions import Over
from web.limits import ENDING_TOLD
from web.panel import Panel
from web.visit.cookies import Cookie
from web.visit.visit import Visit


class SentOut(NamedTuple):
    cause: Cause
    account_name: str
    next: str = ""  # where the person was on the way to


def because(panel: Panel, cause: Cause) -> Ending:
    return Ending(cause, panel.now() + ENDING_TOLD)


async def why_out(visit: Visit) -> SentOut | None:
    """Of the last login or session of this browser; None where it had none, or signed out itself."""
    db = visit.panel.db
    if (token := visit.jar.read(Cookie.PENDING_LOGIN)) and not visit.pending_login:
        if late := await pending_logins.over(db, token):
            return SentOut(Cause.LATE, late.account_name, late.next)
        if sent_out := await _recorded(visit, token):
            return sent_out
    if (token := visit.jar.read(Cookie.SESSION)) and not visit.session:
        if over := await sessions.over(db, token):
            return SentOut(_cause(visit, over), over.account_name)
        return await _recorded(visit, token)
    return None


async def _recorded(visit: Visit, token: bytes) -> SentOut | None:
    known = await endings.find(visit.panel.db, token, at=visit.at)
    return SentOut(Cause(known.cause), known.account_name) if known else None


def _cause(visit: Visit, over: Over) -> Cause:
    """Whichever of its limits a session is past."""
    if over.last_seen_at <= visit.at - visit.panel.settings.session_idle:
        return Cause.IDLE
    return Cause.EXPIRED if over.ends_at <= visit.at else Cause.UNENROLLED
