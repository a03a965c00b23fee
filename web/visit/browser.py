"""Which accounts trust this browser, by the device cookie that it sends."""

from db import trusted_devices
from db.database import Reader
from db.trusted_devices import Trust
from web.limits import TRUSTING_ACCOUNTS
from web.visit import cookies
from web.visit.cookies import Cookie
from web.visit.visit import Visit


async def recognise(db: Reader, visit: Visit, account_id: int | None) -> str | None:
    """The id of this browser among the account's trusted devices; None when it is not one, or without an account."""
    trust = await find_trust(db, visit, account_id)
    return trust.id if trust else None


async def find_trust(db: Reader, visit: Visit, account_id: int | None) -> Trust | None:
    return next((trust for trust in await trusts(db, visit) if trust.owner == account_id), None)


async def trusts(db: Reader, visit: Visit) -> list[Trust]:
    """The accounts that trust this browser. They are looked up once in a request and by the cookie alone, so that the
    time does not depend on the name that is typed."""
    if visit.arrival.trusts is None:
        digests, at = [cookies.digest(token) for token in tokens(visit)], visit.at
        visit.arrival.trusts = await trusted_devices.in_browser(db, digests, at=at) if digests else []
    return visit.arrival.trusts


def tokens(visit: Visit) -> list[str]:
    """The tokens in the device cookie, one for each account that trusts this browser: a login to one account leaves the
    tokens of the others as they are."""
    value = visit.jar.value(Cookie.DEVICE)
    return value.split(".")[:TRUSTING_ACCOUNTS] if value else []


async def only_owner(db: Reader, visit: Visit) -> int | None:
    """The account that trusts this browser; None when no account or more than one does."""
    owners = {trust.owner for trust in await trusts(db, visit)}
    return owners.pop() if len(owners) == 1 else None


async def own_browser(db: Reader, visit: Visit, account_id: int | None) -> str | None:
    """A name for a browser of the account's owner, which is trusted or signed in; None for a stranger's browser."""
    if device := await recognise(db, visit, account_id):
        return f"device {device}"
    session = visit.session
    return f"session {session.id}" if session and session.account_id == account_id else None
