"""Browsers that an account was fully signed in from. They have counters of failures of their own, so that strangers
cannot lock the owner out; the factors are asked all the same (NIST SP 800-63B-4 §5.1)."""

from db import trusted_devices
from db.database import Reader, Transaction
from db.trusted_devices import Trust
from web.limits import TRUSTED_DEVICE_TTL, TRUSTED_DEVICES, TRUSTING_ACCOUNTS
from web.visit import cookies
from web.visit.cookies import Cookie
from web.visit.visit import Visit


async def recognise(db: Reader, visit: Visit, account_id: int | None) -> str | None:
    """The id of this browser among the account's trusted devices; None for a stranger's, and for nobody's."""
    trust = await _find(db, visit, account_id)
    return trust.id if trust else None


async def _find(db: Reader, visit: Visit, account_id: int | None) -> Trust | None:
    return next((trust for trust in await _trusts(db, visit) if trust.owner == account_id), None)


async def _trusts(db: Reader, visit: Visit) -> list[Trust]:
    """Looked up once in a request, and by its cookie alone: it takes the same whatever name is typed beside it."""
    if visit.arrival.trusts is None:
        digests, at = [cookies.digest(token) for token in _tokens(visit)], visit.at
        visit.arrival.trusts = await trusted_devices.in_browser(db, digests, at=at) if digests else []
    return visit.arrival.trusts


def _tokens(visit: Visit) -> list[str]:
    """The cookie holds one for each account that trusts this browser, so that none is touched by another's login."""
    value = visit.jar.value(Cookie.DEVICE)
    return value.split(".")[:TRUSTING_ACCOUNTS] if value else []


async def only_owner(db: Reader, visit: Visit) -> int | None:
    """The account that trusts this browser, if it is one alone."""
    owners = {trust.owner for trust in await _trusts(db, visit)}
    return owners.pop() if len(owners) == 1 else None


async def own_browser(db: Reader, visit: Visit, account_id: int | None) -> str | None:
    """What tells the owner's browser from strangers': trusted, or signed in just now; None for a stranger's."""
    if device := await recognise(db, visit, account_id):
        return f"device {device}"
    session = visit.session
    return f"session {session.id}" if session and session.account_id == account_id else None


async def trust(tx: Transaction, visit: Visit, account_id: int) -> None:
    """Trust this browser, with a secret that is new each time; what it is to other accounts stays as it is."""
    panel, token = visit.panel, cookies.new_token(visit.panel)
    if old := await _find(tx, visit, account_id):
        await trusted_devices.change_cookie(tx, old.digest, owner=account_id, to=cookies.digest(token))
    await trusted_devices.trust(
        tx,
        account_id,
        cookies.digest(token),
        id=panel.token_bytes(8).hex(),
        network=visit.network,
        user_agent=visit.user_agent,
        at=visit.at,
        ends_at=visit.at + TRUSTED_DEVICE_TTL,
        keep=TRUSTED_DEVICES,
    )
    others = {trust.digest for trust in await _trusts(tx, visit) if trust.owner != account_id}
    kept = [other for other in _tokens(visit) if cookies.digest(other) in others]
    value = ".".join([token, *kept][:TRUSTING_ACCOUNTS])
    tx.on_commit.append(lambda: visit.jar.queue(Cookie.DEVICE, value))


async def trust_only_this(tx: Transaction, visit: Visit, account_id: int) -> None:
    await trusted_devices.forget_all(tx, account_id)
    await trust(tx, visit, account_id)
