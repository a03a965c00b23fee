"""Accounts: their names, and what whoever looks after the panel does with them, at the terminal or elsewhere.

Every act is whole: with what it ends, what it forgets and its line of activity; `event` tells where it was done.
"""

import re
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from db import accounts, attempts, passkeys, pending_logins, policy, recovery_codes, sessions, totp, trusted_devices
from db.accounts import Account, Activation
from db.database import Transaction
from db.endings import Cause
from db.people import Person
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth.endings import because
from web.auth.passwords import forget_tries, set_password
from web.auth.tries import attempts_key, forgive_everything
from web.factors import human_code
from web.factors.totp import step_at
from web.limits import (
    ACTIVATION_BITS,
    INVITATION_TTL,
    PASSKEYS_REMOVED_KEPT,
    RESET_TTL,
    SETUP_BITS,
    SETUP_TTL,
    TAKEOVER_SPAN,
    TOTP_WINDOW,
)
from web.visit.visit import Visit
from web.words.characters import trim
from web.words.moments import full

RESERVED = {"root", "system", "sistema", "terminal", "painel", "security", "seguranca", "suporte"}


class PersonRefusal(Enum):
    """Why nothing was done with a person. Each has its sentence in web/http/refusals.py."""

    GONE = auto()  # there is no such account
    ONESELF = auto()
    DISABLED = auto()
    NOT_DISABLED = auto()
    INVITED = auto()
    NOT_INVITED = auto()
    NO_FACTOR = auto()  # none to reset
    ADMINISTERS = auto()  # already
    DOES_NOT_ADMINISTER = auto()
    BEGUN = auto()  # the same is begun already, and not due
    SHORT_REASON = auto()
    LONG_REASON = auto()


class NameRefusal(Enum):
    """Why nobody gets this name. Each has its sentence in web/http/refusals.py."""

    RESERVED = auto()
    LENGTH = auto()
    CHARACTERS = auto()
    BEGINNING = auto()
    TAKEN = auto()


def read_name(typed: str) -> str:
    """One spelling: lower case, without the blank that a phone's keyboard adds."""
    return trim(typed).lower()


def name_refusal(name: str) -> NameRefusal | None:
    """Why this can name no account; None when it can, unless it is taken."""
    if name in RESERVED:
        return NameRefusal.RESERVED
    if not re.fullmatch(r"[a-z0-9._-]*", name):
        return NameRefusal.CHARACTERS
    if not 3 <= len(name) <= 32:
        return NameRefusal.LENGTH
    return None if name[0].isalnum() else NameRefusal.BEGINNING


class Actor(NamedTuple):
    id: int
    name: str


async def find(tx: Transaction, visit: Visit, account_id: int) -> Account | PersonRefusal:
    """Somebody else, for an act that nobody does to themselves; at the terminal anybody."""
    if visit.session and visit.session.account_id == account_id:
        return PersonRefusal.ONESELF
    return await accounts.get(tx, account_id) or PersonRefusal.GONE


async def record_act(
    tx: Transaction,
    visit: Visit,
    person: Account | Actor,
    event: Event,
    detail: str = "",
    *,
    by: Actor | None = None,
    notice: NoticeKind | None = None,
) -> None:
    """In the activity of the person and of whoever did it, the session's account unless it is said; each line names
    the other one. The person is told, unless the event is one of the terminal's own, which says itself what it raises.
    """
    sender = actor(visit)
    is_theirs = sender is None or sender.id == person.id  # the terminal's place is told to everybody
    is_later = by is not None and by != sender
    by = by or sender
    told = _joined(f"por {by.name}" if by and by.id != person.id else "", detail)
    await record_event(tx, visit, person.id, event, told, is_of_another=not is_theirs)
    if by and by.id != person.id:
        await record_event(tx, visit, by.id, event, _joined(person.name, detail), is_of_another=is_later)
    if notice and not event.is_of_terminal and (by is None or by.id != person.id):
        await notify(tx, visit, person.id, notice, detail=told)


def actor(visit: Visit) -> Actor | None:
    """Whoever is signed in; None at the terminal."""
    return Actor(visit.session.account_id, visit.session.account_name) if visit.session else None


def _joined(who: str, what: str) -> str:
    return f"{who}: {what}" if who and what else who or what


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


async def create(
    tx: Transaction, visit: Visit, name: str, *, is_admin: bool, event: Event = Event.PEOPLE_INVITED
) -> str | NameRefusal:
    """A new account: the code that chooses its password, for a day."""
    if refusal := name_refusal(name):
        return refusal
    account_id = await accounts.create(tx, name, role="admin" if is_admin else "member", at=visit.at)
    if account_id is None:
        return NameRefusal.TAKEN
    code = await offer_activation(tx, visit, account_id, Activation.INVITATION)
    await record_act(tx, visit, Actor(account_id, name), event)
    return code


async def renew_invitation(tx: Transaction, visit: Visit, account_id: int) -> str | PersonRefusal:
    """Another code for somebody who has not chosen a password yet; the earlier one is dead."""
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if person.is_disabled or not person.is_invited:
        return PersonRefusal.DISABLED if person.is_disabled else PersonRefusal.NOT_INVITED
    code = await offer_activation(tx, visit, account_id, Activation.INVITATION)
    await record_act(tx, visit, person, Event.PEOPLE_INVITATION_RENEWED)
    return code


async def revoke_invitation(tx: Transaction, visit: Visit, account_id: int) -> PersonRefusal | None:
    """The code is dead; whoever was invited stays so, without a code."""
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if not person.is_invited or not await accounts.end_activation(tx, account_id):
        return PersonRefusal.NOT_INVITED
    await record_act(tx, visit, person, Event.PEOPLE_INVITATION_REVOKED)
    return None


async def reset_password(
    tx: Transaction, visit: Visit, person: Account, *, event: Event = Event.PEOPLE_PASSWORD_LINK
) -> str:
    """The code that chooses another, for an hour. The second factor stays what it is.

    Pages go by web/auth/delayed_acts.py, where it may have to wait.
    """
    code = await offer_activation(tx, visit, person.id, Activation.PASSWORD)
    await record_act(tx, visit, person, event, notice=NoticeKind.PASSWORD_LINK)
    return code


async def offer_activation(tx: Transaction, visit: Visit, account_id: int, kind: Activation) -> str:
    """A code that chooses the account's password, once; meanwhile no password opens it and nobody is signed in."""
    code, by = human_code.new(visit.panel.token_bytes, bits=ACTIVATION_BITS), visit.session
    await accounts.offer_activation(
        tx,
        account_id,
        human_code.digest(code),
        kind=kind,
        made_by=by.account_id if by else None,
        at=visit.at,
        ends_at=visit.at + (INVITATION_TTL if kind is Activation.INVITATION else RESET_TTL),
    )
    await accounts.set_password(tx, account_id, None)
    await close_everywhere(tx, visit, account_id, Cause.PASSWORD_ERASED)
    return human_code.grouped(code)


async def reset_two_factor(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> bool:
    """The terminal's; False when it was not on. Pages go by web/auth/delayed_acts.py."""
    if not await switch_off_two_factor(tx, visit, account_id):
        return False
    await record_event(tx, visit, account_id, event)
    return True


async def switch_off_two_factor(tx: Transaction, visit: Visit, account_id: int) -> bool:
    """With its codes and what was tried against them; False when it was not on. The password stays."""
    had_app = await totp.remove(tx, account_id)
    had_passkeys = await passkeys.remove_all(tx, account_id, at=visit.panel.now(), keep=PASSKEYS_REMOVED_KEPT)
    if not (had_app or had_passkeys):
        return False
    await recovery_codes.remove(tx, account_id)
    await forgive_everything(tx, account_id)
    await close_everywhere(tx, visit, account_id, Cause.FACTOR_REMOVED)
    return True


async def close_everywhere(tx: Transaction, visit: Visit, account_id: int, cause: Cause = Cause.OPERATOR) -> None:
    """Nobody is signed in or about to be, and no browser is trusted any more."""
    await sign_out_everywhere(tx, visit, account_id, cause)
    await trusted_devices.forget_all(tx, account_id)


async def sign_out_everywhere(tx: Transaction, visit: Visit, account_id: int, cause: Cause = Cause.OPERATOR) -> int:
    """Pending logins end too; returns how many sessions did."""
    ended = await sessions.end_others(tx, account_id, because(visit.panel, cause))
    await pending_logins.end_all(tx, account_id)
    return ended


async def end_sessions(
    tx: Transaction, visit: Visit, person: Account, *, event: Event = Event.PEOPLE_SESSIONS_ENDED
) -> int:
    """Pending logins end too; returns how many sessions did."""
    ended = await sign_out_everywhere(tx, visit, person.id)
    if ended:
        await record_act(tx, visit, person, event, str(ended), notice=NoticeKind.SESSIONS_ENDED)
    return ended


async def end_sessions_of_everybody(tx: Transaction, visit: Visit, *, event: Event) -> int:
    """Likewise; each account gets its own line."""
    ended = await sessions.end_of_everybody(tx, because(visit.panel, Cause.OPERATOR))
    await pending_logins.end_of_everybody(tx)
    for account_id in set(ended):
        await record_event(tx, visit, account_id, event, str(ended.count(account_id)))
    return len(ended)


async def unlock(tx: Transaction, visit: Visit, person: Account, *, event: Event = Event.PEOPLE_UNLOCKED) -> None:
    """Forget the wrong passwords and codes of an account, so that it need not wait any longer.

    From a page the codes stay counted for three days after a link for the password: together they would be a take-over.
    """
    await forget_tries(tx, visit.panel, person.name)
    link_at = (await accounts.helped(tx, person.id)).password_link_at
    if visit.session is None or link_at is None or visit.panel.now() - link_at >= TAKEOVER_SPAN:
        await forgive_everything(tx, person.id)
    await record_act(tx, visit, person, event, notice=NoticeKind.UNLOCKED)


async def has_tries(visit: Visit, person: Person) -> bool:
    """Whether wrong passwords or codes are counted that `unlock` would forget."""
    db, name = visit.panel.db, visit.panel.vault.tag("name", person.name)
    return await attempts.are_counted(db, name) or await attempts.are_counted(db, attempts_key(person.id))


async def require_two_factor(tx: Transaction, visit: Visit, person: Account, *, at: datetime) -> bool:
    """A rule for this person alone, beside that for everybody; False when it holds from then or earlier already.

    An old page puts nothing off.
    """
    required_at = (await policy.of_account(tx, person.id)).two_factor_required_at
    if required_at and required_at <= at:
        return False
    await accounts.require_two_factor(tx, person.id, at=at)
    words = full(at, visit.panel.settings.time_zone)
    await record_act(tx, visit, person, Event.PEOPLE_REQUIRED, words, notice=NoticeKind.TWO_FACTOR_REQUIRED)
    return True


async def release_two_factor(tx: Transaction, visit: Visit, person: Account) -> None:
    """Lift the rule for this person alone, if there is one; that for everybody stays."""
    if await accounts.release_two_factor(tx, person.id):
        await record_act(tx, visit, person, Event.PEOPLE_RELEASED, notice=NoticeKind.TWO_FACTOR_RELEASED)


async def remind(tx: Transaction, visit: Visit, person: Account) -> bool:
    """Ask somebody to switch a second factor on; False when they have one."""
    if person.has_two_factor:
        return False
    await record_act(tx, visit, person, Event.PEOPLE_REMINDED, notice=NoticeKind.TWO_FACTOR_REMINDER)
    return True


async def resync_totp(tx: Transaction, visit: Visit, account_id: int, *, event: Event) -> bool:
    """After a clock that was ahead for a while: codes already accepted for a time still to come block those of now.

    False when there were none. None of them counts twice: in a minute the codes of the app work again.
    """
    if not await totp.resync(tx, account_id, step_at(visit.panel.now()) + TOTP_WINDOW):
        return False
    await record_event(tx, visit, account_id, event)
    return True
