"""Who administers the panel, and whose account is disabled.

Whoever loses either leaves nothing behind that they began with others, and keeps no notice about others, also when they
come back. Nothing else is deleted: a disabled account comes back as it was, its tokens paused.
"""

from db import accounts, delayed_acts, instances, notices
from db.accounts import Activation
from db.database import Transaction
from db.delayed_acts import Kind
from web.audit.events import TO_ADMINISTRATORS, Event, NoticeKind
from web.auth.delayed_acts import STOPPED
from web.auth.people import PersonRefusal, close_everywhere, find, record_act, sign_out_everywhere
from web.visit.visit import Visit


async def promote(tx: Transaction, visit: Visit, account_id: int) -> PersonRefusal | None:
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if person.is_disabled or person.administers:
        return PersonRefusal.DISABLED if person.is_disabled else PersonRefusal.ADMINISTERS
    await accounts.set_role(tx, account_id, "admin")
    await accounts.end_activation(tx, account_id)  # a code that was handed out for a member opens no administrator's
    await sign_out_everywhere(tx, visit, account_id)
    await record_act(tx, visit, person, Event.PEOPLE_PROMOTED, notice=NoticeKind.PROMOTED)
    return None


async def demote(tx: Transaction, visit: Visit, account_id: int) -> PersonRefusal | None:
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if not person.administers:
        return PersonRefusal.DOES_NOT_ADMINISTER
    await accounts.set_role(tx, account_id, "member")
    await sign_out_everywhere(tx, visit, account_id)
    await record_act(tx, visit, person, Event.PEOPLE_DEMOTED, notice=NoticeKind.DEMOTED)
    await _leave_others(tx, visit, account_id)
    return None


async def disable(tx: Transaction, visit: Visit, account_id: int) -> PersonRefusal | None:
    """Nobody signs in to it any more, and it does nothing: sessions, trusted browsers, codes and set-ups end."""
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if person.is_disabled:
        return PersonRefusal.DISABLED
    await accounts.disable(tx, account_id, at=visit.at)
    await close_everywhere(tx, visit, account_id)  # set-ups of an app end with their session
    await accounts.end_activation(tx, account_id)
    await delayed_acts.end_about(tx, account_id)
    await instances.pause_all(tx, account_id, at=visit.at)
    await record_act(tx, visit, person, Event.PEOPLE_DISABLED)
    await _leave_others(tx, visit, account_id)
    return None


async def enable(tx: Transaction, visit: Visit, account_id: int) -> PersonRefusal | None:
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal):
        return person
    if not person.is_disabled:
        return PersonRefusal.NOT_DISABLED
    await accounts.enable(tx, account_id)
    await record_act(tx, visit, person, Event.PEOPLE_ENABLED, notice=NoticeKind.ACCOUNT_ENABLED)
    return None


async def _leave_others(tx: Transaction, visit: Visit, administrator: int) -> None:
    """End the codes that they made and nobody used, and what they began and is not done; withdraw what they were told
    about others."""
    await notices.withdraw_kinds(tx, TO_ADMINISTRATORS, owner=administrator, at=visit.panel.now())
    for code in await accounts.end_activations_made_by(tx, administrator):
        is_invitation = code.kind == Activation.INVITATION
        event = Event.PEOPLE_INVITATION_REVOKED if is_invitation else Event.PEOPLE_LINK_REVOKED
        if person := await accounts.get(tx, code.account_id):
            await record_act(tx, visit, person, event)
    for act in await delayed_acts.take_begun_by(tx, administrator):
        if person := await accounts.get(tx, act.account_id):
            await record_act(tx, visit, person, STOPPED[Kind(act.kind)], notice=NoticeKind.ACT_STOPPED)
