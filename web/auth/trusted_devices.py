"""Browsers that an account was fully signed in from. They have counters of failures of their own, so that strangers
cannot lock the owner out; the factors are asked all the same (NIST SP 800-63B-4 §5.1)."""

from db import trusted_devices
from db.database import Transaction
from web.limits import TRUSTED_DEVICE_TTL, TRUSTED_DEVICES, TRUSTING_ACCOUNTS
from web.visit import browser, cookies
from web.visit.cookies import Cookie
from web.visit.visit import Visit


async def trust(tx: Transaction, visit: Visit, account_id: int) -> None:
    """Trust this browser, with a new secret each time; the trust of other accounts in it stays as it is."""
    panel, token = visit.panel, cookies.new_token(visit.panel)
    if old := await browser.find_trust(tx, visit, account_id):
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
    others = {trust.digest for trust in await browser.trusts(tx, visit) if trust.owner != account_id}
    kept = [other for other in browser.tokens(visit) if cookies.digest(other) in others]
    value = ".".join([token, *kept][:TRUSTING_ACCOUNTS])
    tx.on_commit.append(lambda: visit.jar.queue(Cookie.DEVICE, value))


async def trust_only_this(tx: Transaction, visit: Visit, account_id: int) -> None:
    await trusted_devices.forget_all(tx, account_id)
    await trust(tx, visit, account_id)
