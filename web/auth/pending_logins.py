"""Pending logins: the password was right, the second factor is still missing."""

from db import notices, pending_logins
from db.database import Transaction
from web.audit.notices import notify_password_known
from web.limits import PENDING_LOGIN_TTL, PENDING_LOGINS_LIVE
from web.visit import cookies
from web.visit.browser import recognise
from web.visit.visit import Pending, Visit


async def begin(tx: Transaction, visit: Visit, account_id: int, next: str) -> tuple[str, Pending]:
    """Returns its token, and the visit from here on, whose pending login it is."""
    panel, at = visit.panel, visit.at
    token = cookies.new_token(panel)
    digest = cookies.digest(token)
    if old := visit.pending_login:
        await pending_logins.end(tx, old.digest)
        await notices.carry(tx, old.digest, owner=account_id, to=digest)
    await notify_password_known(tx, visit, account_id, attempt=digest)
    await pending_logins.begin(
        tx,
        account_id,
        digest,
        next=next,
        at=at,
        ends_at=at + PENDING_LOGIN_TTL,
        is_trusted=await recognise(tx, visit, account_id) is not None,
        keep=PENDING_LOGINS_LIVE,
    )
    visit.arrival.pending_login = await pending_logins.find(tx, digest, at=at)
    return token, Pending(visit.arrival)
