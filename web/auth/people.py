"""Accounts: their names, and what whoever looks after the panel does with them, at the terminal or elsewhere.

Every act is whole: with what it ends, what it forgets and its line of activity; `event` tells where it was done.
"""

import re
from datetime import timedelta
from enum import Enum, auto

from db import accounts, pending_logins, recovery_codes, sessions, totp, trusted_devices
from db.accounts import Account
from db.database import Transaction
from db.endings import Cause
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.endings import because
from web.auth.passwords import forget_tries, set_password
from web.auth.tries import forgive_everything
from web.factors import human_code
from web.factors.totp import step_at
from web.limits import ACTIVATION_BITS, INVITATION_TTL, RESET_TTL, SETUP_BITS, SETUP_TTL, TOTP_WINDOW
from web.visit.visit import Visit
from web.words.characters import trim

RESERVED = {"root", "system", "sistema", "terminal", "painel", "security", "seguranca", "suporte"}


class NameRefusal(Enum):
    """Why nobody gets this name. Each has its sentence in web/http/refusals.py."""

    RESERVED = auto()
    MALFORMED = auto()
    TAKEN = auto()


def read_name(typed: str) -> str:
    """One spelling: lower case, without the blank that a phone's keyboard adds."""
    return trim(typed).lower()


def name_refusal(name: str) -> NameRefusal | None:
    """Why this can name no account; None when it can, unless it is taken."""
    if name in RESERVED:
        return NameRefusal.RESERVED
    return None if re.fullmatch(r"[a-z0-9][a-z0-9._-]{2,31}", name) else NameRefusal.MALFORMED


async def offer_setup_code(tx: Transaction, visit: Visit) -> str | None:
    """A new code that makes the first account; None once somebody has one."""
    if await accounts.exist(tx):
        return None
    code = human_code.new(visit.panel.token_bytes, bits=SETUP_BITS)
    await accounts.offer_setup(tx, human_code.digest(code), ends_at=visit.at + SETUP_TTL)
    return human_code.grouped(code)


async def create_administrator(tx: Transaction, visit: Visit, name: str, phc: str) -> int | None:
    """An account that has its password from the start; None when the name is taken."""
    account_id = await accounts.create(tx, name, role="admin", at=visit.at)
    if account_id is None:
        return None
    await set_password(tx, visit.panel, account_id, phc)
    await record_event(tx, visit, account_id, Event.ACCOUNT_CREATED)
    return account_id


async def create(tx: Transaction, visit: Visit, name: str, *, is_admin: bool, event: Event) -> str | NameRefusal:
    """A new account: the code that chooses its password, for a day."""
    if refusal := name_refusal(name):
        return refusal
    account_id = await accounts.create(tx, name, role="admin" if is_admin else "member", at=visit.at)
    if account_id is None:
        return NameRefusal.TAKEN
    code = await offer_activation(tx, visit, account_id, INVITATION_TTL)
    await record_event(tx, visit, account_id, event)
    return code


async def reset_password(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> str:
    """The code that chooses another, for an hour. The second factor stays what it is."""
    code = await offer_activation(tx, visit, account_id, RESET_TTL)
    await record_event(tx, visit, account_id, event)
    return code


async def offer_activation(tx: Transaction, visit: Visit, account_id: int, lifetime: timedelta) -> str:
    """A code that chooses the account's password, once; meanwhile no password opens it and nobody is signed in."""
    code = human_code.new(visit.panel.token_bytes, bits=ACTIVATION_BITS)
    await accounts.offer_activation(tx, account_id, human_code.digest(code), ends_at=visit.at + lifetime)
    await accounts.set_password(tx, account_id, None)
    await _close_everywhere(tx, visit, account_id, Cause.PASSWORD_ERASED)
    return human_code.grouped(code)


async def reset_two_factor(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> bool:
    """Switch it off, with its codes and what was tried against them; False when it was not on. The password stays."""
    if not await totp.remove(tx, account_id):
        return False
    await recovery_codes.remove(tx, account_id)
    await forgive_everything(tx, account_id)
    await _close_everywhere(tx, visit, account_id, Cause.FACTOR_REMOVED)
    await record_event(tx, visit, account_id, event)
    return True


async def _close_everywhere(tx: Transaction, visit: Visit, account_id: int, cause: Cause) -> None:
    """Nobody is signed in or about to be, and no browser is trusted any more."""
    await sessions.end_others(tx, account_id, because(visit.panel, cause))
    await pending_logins.end_all(tx, account_id)
    await trusted_devices.forget_all(tx, account_id)


async def end_sessions(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> int:
    """Pending logins end too; returns how many sessions did."""
    ended = await sessions.end_others(tx, account_id, because(visit.panel, Cause.OPERATOR))
    await pending_logins.end_all(tx, account_id)
    if ended:
        await record_event(tx, visit, account_id, event, str(ended))
    return ended


async def end_sessions_of_everybody(tx: Transaction, visit: Visit, *, event: Event) -> int:
    """Likewise; each account gets its own line."""
    ended = await sessions.end_of_everybody(tx, because(visit.panel, Cause.OPERATOR))
    await pending_logins.end_of_everybody(tx)
    for account_id in set(ended):
        await record_event(tx, visit, account_id, event, str(ended.count(account_id)))
    return len(ended)


async def unlock(tx: Transaction, visit: Visit, account: Account, *, event: Event) -> None:
    """Forget the wrong passwords and codes of an account, so that it need not wait any longer."""
    await forget_tries(tx, visit.panel, account.name)
    await forgive_everything(tx, account.id)
    await record_event(tx, visit, account.id, event)


async def resync_totp(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> bool:
    """After a clock that was ahead for a while: codes already accepted for a time still to come block those of now.

    False when there were none. None of them counts twice: in a minute the codes of the app work again.
    """
    if not await totp.resync(tx, account_id, step_at(visit.panel.now()) + TOTP_WINDOW):
        return False
    await record_event(tx, visit, account_id, event)
    return True
