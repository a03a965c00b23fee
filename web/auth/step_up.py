"""The step-up: every enrolled factor proved again by somebody who is signed in."""

from dataclasses import dataclass, field

from db import accounts, notices, sessions
from db.database import Transaction
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify, notify_password_known
from web.audit.record import record_event
from web.auth.outcome import Accepted, Outcome, Proof, Refused
from web.auth.passkeys import Purpose, judge, try_passkey
from web.auth.passwords import try_password
from web.auth.recovery_codes import try_recovery
from web.auth.sessions import renew_session
from web.auth.totp import try_code
from web.limits import PENDING_LOGIN_TRIES
from web.visit.cookies import digest
from web.visit.visit import SignedIn
from web.visit.visitor import session_transaction
from web.words.characters import joined


@dataclass(frozen=True)
class Typed:
    """What somebody typed to prove who they are. When `recovery` is not empty, it is judged in place of `code`."""

    password: str = field(repr=False)
    code: str = field(repr=False)
    recovery: str = field(repr=False)


async def verify(visit: SignedIn, typed: Typed) -> tuple[str, Outcome]:
    """Judge what was typed. Returns the outcome, and the field of `Typed` that it is about; on success the session is
    verified."""
    panel, session = visit.panel, visit.session
    account = await accounts.get(panel.db, session.account_id)
    async with try_password(visit, session.account_name, account, typed.password) as tried:
        if isinstance(tried, Refused) and tried.wait:
            return "password", tried
        async with session_transaction(visit) as tx:
            if isinstance(tried, Refused):
                await record_event(tx, visit, session.account_id, Event.STEPUP_FAILED, "password")
                return "password", tried
            accepted = await tried.charge.accept(tx, Proof.PASSWORD)
            if not session.has_two_factor:
                await _succeed(tx, visit)
                return "password", accepted
            await notify_password_known(tx, visit, session.account_id, attempt=_pending_proof(visit))
    return await _judge_second_factor(visit, typed)


async def verify_passkey(visit: SignedIn, answer: str) -> Outcome:
    """Judge what an authenticator answered: a passkey is every factor at once, without the password."""
    tried = await try_passkey(visit, Purpose.STEP_UP, answer)
    async with session_transaction(visit) as tx:
        outcome = await judge(tx, visit, tried)
        if isinstance(outcome, Accepted):
            await _succeed(tx, visit)
        else:
            await record_event(tx, visit, visit.session.account_id, Event.STEPUP_FAILED, "passkey")
    return outcome


async def _judge_second_factor(visit: SignedIn, typed: Typed) -> tuple[str, Outcome]:
    account_id = visit.session.account_id
    is_recovery = bool(joined(typed.recovery))
    name = "recovery" if is_recovery else "code"
    trying = try_recovery(visit, account_id, typed.recovery) if is_recovery else try_code(visit, account_id, typed.code)
    async with trying as judge:
        if isinstance(judge, Refused):
            return name, judge
        async with session_transaction(visit) as tx:
            outcome = await judge(tx)
            if isinstance(outcome, Accepted):
                await _succeed(tx, visit)
                if outcome.proof is Proof.RECOVERY_CODE:
                    await notify(tx, visit, account_id, NoticeKind.RECOVERY_USED)
            else:
                await _miss(tx, visit, name)
    return name, outcome


async def _miss(tx: Transaction, visit: SignedIn, name: str) -> None:
    """Record the failure. As in a login, after five right passwords without a code the owner sees a notice at once."""
    await record_event(tx, visit, visit.session.account_id, Event.STEPUP_FAILED, name)
    if await notices.waiting(tx, _pending_proof(visit)) >= PENDING_LOGIN_TRIES:
        await notices.hasten(tx, _pending_proof(visit), at=visit.panel.now())


async def _succeed(tx: Transaction, visit: SignedIn) -> None:
    session, at = visit.session, visit.panel.now()
    await sessions.verify(tx, session.id, at=at)
    await notices.withdraw_waiting(tx, _pending_proof(visit), owner=session.account_id, at=at)
    await renew_session(tx, visit)
    await record_event(tx, visit, session.account_id, Event.STEPUP_OK)


def _pending_proof(visit: SignedIn) -> bytes:
    """What a notice of a right password waits for, in place of a pending login: the step-up of this session."""
    return digest(f"step-up {visit.session.id}")
