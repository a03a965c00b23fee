"""What an administrator does from a page with somebody's password or second factor, and what of it is done later.

One administrator who makes a password link and resets the second factor of the same person takes the account over: the
second of the two waits, and every administrator is told. Until it is due the person can stop it.
"""

from datetime import datetime, timedelta

from db import accounts, delayed_acts
from db.accounts import Account
from db.database import Transaction
from db.delayed_acts import DelayedAct, Kind
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify_administrators
from web.auth import people
from web.auth.people import Actor, PersonRefusal, record_act
from web.limits import REASON_MAX, REASON_MIN, TAKEOVER_SPAN, TAKEOVER_WAIT
from web.visit.scope import at_terminal
from web.visit.visit import SignedIn, Visit
from web.words.characters import BLANK, FORBIDDEN

BEGUN = {Kind.FACTOR_RESET: Event.PEOPLE_FACTOR_RESET_BEGUN, Kind.PASSWORD_LINK: Event.PEOPLE_LINK_BEGUN}
STOPPED = {Kind.FACTOR_RESET: Event.PEOPLE_FACTOR_RESET_STOPPED, Kind.PASSWORD_LINK: Event.PEOPLE_LINK_STOPPED}
_TOLD = {Kind.FACTOR_RESET: NoticeKind.FACTOR_RESET_BEGUN, Kind.PASSWORD_LINK: NoticeKind.LINK_BEGUN}


async def link_password(tx: Transaction, visit: SignedIn, account_id: int) -> str | DelayedAct | PersonRefusal:
    """The code that chooses another password; after a reset of the second factor only what has to be waited for."""
    person = await people.find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if person.is_disabled or person.is_invited:
        return PersonRefusal.DISABLED if person.is_disabled else PersonRefusal.INVITED
    at = visit.panel.now()
    may_be_made = await delayed_acts.take_due(tx, account_id, Kind.PASSWORD_LINK, at=at)
    if not may_be_made and await _was_begun(tx, account_id, Kind.FACTOR_RESET, at=at):
        return await _begin(tx, visit, person, Kind.PASSWORD_LINK, delay=TAKEOVER_WAIT, is_takeover=True)
    await accounts.note_password_link(tx, account_id, at=at)
    return await people.reset_password(tx, visit, person)


async def reset_two_factor(
    tx: Transaction, visit: SignedIn, account_id: int, reason: str, *, delay: timedelta
) -> DelayedAct | PersonRefusal | None:
    """Switch it off, at once (None) or when it is due. The person reads the reason, and so does every administrator."""
    reason, at = " ".join(reason.split()), visit.panel.now()
    person = await _to_reset(tx, visit, account_id, reason)
    if isinstance(person, PersonRefusal):
        return person
    await delayed_acts.take_due(tx, account_id, Kind.PASSWORD_LINK, at=at)  # leave for a link that was never made
    is_takeover = await _was_begun(tx, account_id, Kind.PASSWORD_LINK, at=at)
    await accounts.note_factor_reset(tx, account_id, at=at)
    if is_takeover or delay:
        delay = max(delay, TAKEOVER_WAIT) if is_takeover else delay
        return await _begin(tx, visit, person, Kind.FACTOR_RESET, reason, delay=delay, is_takeover=is_takeover)
    await _reset(tx, visit, person, reason, by=Actor(visit.session.account_id, visit.session.account_name))
    return None


async def _to_reset(tx: Transaction, visit: SignedIn, account_id: int, reason: str) -> Account | PersonRefusal:
    if FORBIDDEN.search(reason) or len(BLANK.sub("", reason)) < REASON_MIN:
        return PersonRefusal.SHORT_REASON
    if len(reason) > REASON_MAX:
        return PersonRefusal.LONG_REASON
    person = await people.find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if person.is_disabled or not person.has_two_factor:
        return PersonRefusal.DISABLED if person.is_disabled else PersonRefusal.NO_FACTOR
    is_begun = any(act.kind == Kind.FACTOR_RESET for act in await delayed_acts.about(tx, account_id))
    return PersonRefusal.BEGUN if is_begun else person


async def _was_begun(tx: Transaction, account_id: int, kind: Kind, *, at: datetime) -> bool:
    """Whether an administrator did it on a page in the last three days, or has begun it."""
    helped = await accounts.helped(tx, account_id)
    last = helped.factor_reset_at if kind is Kind.FACTOR_RESET else helped.password_link_at
    if last and at - last < TAKEOVER_SPAN:
        return True
    return any(act.kind == kind for act in await delayed_acts.about(tx, account_id))


async def _begin(
    tx: Transaction,
    visit: SignedIn,
    person: Account,
    kind: Kind,
    reason: str = "",
    *,
    delay: timedelta,
    is_takeover: bool,
) -> DelayedAct | PersonRefusal:
    at, by = visit.panel.now(), visit.session.account_id
    act = await delayed_acts.begin(tx, person.id, kind, reason=reason, made_by=by, at=at, due_at=at + delay)
    if act is None:
        return PersonRefusal.BEGUN
    await record_act(tx, visit, person, BEGUN[kind], reason, notice=_TOLD[kind])
    if is_takeover:
        await _tell_administrators(tx, visit, NoticeKind.TAKEOVER, act, person)
    if kind is Kind.FACTOR_RESET:
        await _tell_administrators(tx, visit, NoticeKind.PERSON_RESET_BEGUN, act, person)
    return act


async def stop(tx: Transaction, visit: SignedIn, account_id: int, kind: Kind) -> bool:
    """By the person, who has proved it, or by an administrator; False when it is done, or stopped, already."""
    act = await delayed_acts.take(tx, account_id, kind)
    person = await accounts.get(tx, account_id)
    if act is None or person is None:
        return False
    await record_act(tx, visit, person, STOPPED[kind], act.reason, notice=NoticeKind.ACT_STOPPED)
    await _tell_administrators(tx, visit, NoticeKind.PERSON_STOPPED, act, person)
    return True


async def carry_out_first(tx: Transaction, visit: SignedIn, account_id: int) -> None:
    """Before an administrator does anything with somebody: what is due by now is done, as the panel does by itself once
    an hour."""
    if account_id != visit.session.account_id:
        await carry_out_due(tx, at_terminal(visit.panel), account_id)


async def carry_out_due(tx: Transaction, visit: Visit, account_id: int) -> bool:
    """Reset the second factor of an account when that is due; whether it was. Only one of those who come takes it.

    Where the panel would be left without an administrator who has a password and a second factor, it is not done, and
    those who administer are told.
    """
    act = await delayed_acts.take_due(tx, account_id, Kind.FACTOR_RESET, at=visit.panel.now())
    person = await accounts.get(tx, account_id) if act else None
    if act is None or person is None or not person.has_two_factor:
        return False
    by = Actor(act.made_by, act.maker)
    if person.administers and not await accounts.has_administrator(tx, apart_from=account_id):
        await record_act(tx, visit, person, Event.PEOPLE_FACTOR_RESET_DROPPED, act.reason, by=by)
        await _tell_administrators(tx, visit, NoticeKind.PERSON_RESET_DROPPED, act, person)
        return False
    await accounts.note_factor_reset(tx, account_id, at=visit.panel.now())
    await _reset(tx, visit, person, act.reason, by=by)
    return True


async def _reset(tx: Transaction, visit: Visit, person: Account, reason: str, *, by: Actor) -> None:
    await people.switch_off_two_factor(tx, visit, person.id)
    await record_act(tx, visit, person, Event.PEOPLE_FACTOR_RESET, reason, by=by, notice=NoticeKind.FACTOR_RESET)
    await notify_administrators(tx, visit, NoticeKind.PERSON_RESET, f"{person.name}, por {by.name}: {reason}")


async def _tell_administrators(
    tx: Transaction, visit: Visit, kind: NoticeKind, act: DelayedAct, person: Account
) -> None:
    reason = f": {act.reason}" if act.reason else ""
    await notify_administrators(tx, visit, kind, f"{person.name}, por {act.maker}{reason}")
