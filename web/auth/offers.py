"""Which second factors somebody is offered, and in which order: the one that was used last comes first."""

from dataclasses import dataclass

from db import passkeys, totp
from web.auth.passkeys import Told, second_factor_options, step_up_options
from web.factors.totp import step_at
from web.visit.visit import Pending, SignedIn, Visit


@dataclass(frozen=True)
class Offer:
    """`passkey` is what an authenticator is asked; None when the account has none of this address."""

    passkey: Told | None = None
    has_app: bool = False
    is_passkey_first: bool = False


async def at_login(visit: Pending) -> Offer:
    return await _offer(visit, visit.pending_login.account_id, await second_factor_options(visit))


async def at_step_up(visit: SignedIn) -> Offer:
    """Nothing where the password is the only factor."""
    if not visit.session.has_two_factor:
        return Offer()
    return await _offer(visit, visit.session.account_id, await step_up_options(visit))


async def _offer(visit: Visit, account_id: int, passkey: Told | None) -> Offer:
    last_step = await totp.last_step(visit.panel.db, account_id)
    if passkey is None or last_step is None:
        return Offer(passkey, last_step is not None, passkey is not None)
    used_at = (await passkeys.owned_by(visit.panel.db, account_id))[0].last_used_at
    return Offer(passkey, True, used_at is not None and step_at(used_at) >= last_step)
