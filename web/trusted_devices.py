"""Browsers that an account was fully signed in from. They have counters of failures of their own, so that strangers
cannot lock the owner out; the factors are asked all the same (NIST SP 800-63B-4 §5.1)."""

from starlette.requests import Request

from db import trusted_devices
from db.database import Reader, Transaction
from web import cookies
from web.cookies import Cookie
from web.limits import TRUSTED_DEVICE_TTL, TRUSTED_DEVICES
from web.panel import Panel
from web.visitor import network, user_agent


async def recognise(db: Reader, request: Request, account_id: int) -> str | None:
    """The id of this browser among the account's trusted devices; None for a stranger's."""
    token = cookies.read(request, Cookie.DEVICE)
    trusts = await trusted_devices.standing_for(db, token, at=Panel.of(request).now()) if token else []
    return next((trust.id for trust in trusts if trust.account_id == account_id), None)


async def own_browser(db: Reader, request: Request, account_id: int) -> str | None:
    """What tells the owner's browser from strangers': trusted, or signed in just now; None for a stranger's."""
    if device := await recognise(db, request, account_id):
        return f"device {device}"
    session = request.state.session
    return f"session {session.id}" if session and session.account_id == account_id else None


async def trust(tx: Transaction, request: Request, account_id: int) -> None:
    """Trust this browser, with a secret that is new each time, whoever else uses it."""
    panel, token = Panel.of(request), cookies.new_token(Panel.of(request))
    if old := cookies.read(request, Cookie.DEVICE):
        await trusted_devices.change_cookie(tx, old, to=cookies.digest(token))
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
    tx.afterwards.append(lambda: cookies.owe(request, Cookie.DEVICE, token))


async def trust_only_this(tx: Transaction, request: Request, account_id: int) -> None:
    await trusted_devices.forget_all(tx, account_id)
    await trust(tx, request, account_id)
