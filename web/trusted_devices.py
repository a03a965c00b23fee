"""Browsers that an account was fully signed in from. They have counters of failures of their own, so that strangers
cannot lock the owner out; the factors are asked all the same (NIST SP 800-63B-4 §5.1)."""

from starlette.requests import Request

from db import trusted_devices
from db.database import Reader, Transaction
from db.trusted_devices import Trust
from web import cookies
from web.cookies import Cookie
from web.limits import TRUSTED_DEVICE_TTL, TRUSTED_DEVICES, TRUSTING_ACCOUNTS
from web.panel import Panel
from web.visitor import network, user_agent


async def recognise(db: Reader, request: Request, account_id: int) -> str | None:
    """The id of this browser among the account's trusted devices; None for a stranger's."""
    trust = await _find(db, request, account_id)
    return trust.id if trust else None


async def _find(db: Reader, request: Request, account_id: int) -> Trust | None:
    digests = {cookies.digest(token) for token in _tokens(request)}
    if not digests:
        return None
    trusts = await trusted_devices.standing_of(db, account_id, at=Panel.of(request).now())
    return next((trust for trust in trusts if trust.digest in digests), None)


def _tokens(request: Request) -> list[str]:
    """The cookie holds one for each account that trusts this browser, so that none is touched by another's login."""
    value = cookies.value(request, Cookie.DEVICE)
    return value.split(".")[:TRUSTING_ACCOUNTS] if value else []


async def only_owner(db: Reader, request: Request) -> int | None:
    """The account that trusts this browser, if it is one alone."""
    owners: set[int] = set()
    for token in _tokens(request):
        owners.update(await trusted_devices.owners(db, cookies.digest(token), at=Panel.of(request).now()))
    return owners.pop() if len(owners) == 1 else None


async def own_browser(db: Reader, request: Request, account_id: int) -> str | None:
    """What tells the owner's browser from strangers': trusted, or signed in just now; None for a stranger's."""
    if device := await recognise(db, request, account_id):
        return f"device {device}"
    session = request.state.session
    return f"session {session.id}" if session and session.account_id == account_id else None


async def trust(tx: Transaction, request: Request, account_id: int) -> None:
    """Trust this browser, with a secret that is new each time; what it is to other accounts stays as it is."""
    panel, token = Panel.of(request), cookies.new_token(Panel.of(request))
    if old := await _find(tx, request, account_id):
        await trusted_devices.change_cookie(tx, old.digest, owner=account_id, to=cookies.digest(token))
    await trusted_devices.trust(
        tx,
        account_id,
        cookies.digest(token),
        id=panel.token_bytes(8).hex(),
        network=network(request),
        user_agent=user_agent(request),
        at=panel.now(),
        ends_at=panel.now() + TRUSTED_DEVICE_TTL,
        keep=TRUSTED_DEVICES,
    )
    kept = [
        other for other in _tokens(request) if await trusted_devices.owners(tx, cookies.digest(other), at=panel.now())
    ]
    value = ".".join([token, *kept][:TRUSTING_ACCOUNTS])
    tx.afterwards.append(lambda: cookies.owe(request, Cookie.DEVICE, value))


async def trust_only_this(tx: Transaction, request: Request, account_id: int) -> None:
    await trusted_devices.forget_all(tx, account_id)
    await trust(tx, request, account_id)
