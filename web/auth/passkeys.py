"""Passkeys: made, used, renamed and removed. One that is verified is a whole login, and is never followed by a code.

Nothing here counts tries: nobody guesses a signature (NIST SP 800-63B-4 §3.2.2 limits what can be guessed).
"""

import asyncio
import base64
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from db import accounts, factors, notices, passkeys, pending_logins, policy, recovery_codes
from db.database import Reader, Transaction
from db.endings import Cause
from db.passkeys import Passkey
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify
from web.audit.record import record_event
from web.auth.delayed_acts import carry_out_due
from web.auth.outcome import Accepted, Outcome, Proof, Reason, Refused
from web.auth.recovery_codes import FreshSet, make_set, put_set_in_force
from web.auth.sessions import begin_session, end_elsewhere
from web.auth.tries import forgive_everything
from web.factors.passkey import (
    ALGORITHMS,
    Created,
    Flaw,
    Known,
    Unproved,
    Used,
    challenge_ends,
    check_assertion,
    check_challenge,
    check_registration,
    new_challenge,
    read_assertion,
    read_registration,
)
from web.limits import (
    PASSKEY_CHALLENGE_BYTES,
    PASSKEY_CHALLENGE_TTL,
    PASSKEY_NAME_MAX,
    PASSKEY_USER_BYTES,
    PASSKEYS,
    PASSKEYS_REMOVED_KEPT,
)
from web.settings import PasskeySite
from web.visit.visit import Pending, SignedIn, Visit
from web.visit.visitor import session_transaction
from web.words.authenticators import authenticator
from web.words.characters import trim

Told = dict[str, object]  # JSON for the browser
SEALED_FOR = "passkey"  # the purpose
REASONS = {
    Flaw.EXPIRED: Reason.PASSKEY_EXPIRED,
    Flaw.REPEATED: Reason.PASSKEY_EXPIRED,
    Flaw.ABSENT: Reason.PASSKEY_UNVERIFIED,
    Flaw.UNVERIFIED: Reason.PASSKEY_UNVERIFIED,
    Flaw.COUNTER: Reason.PASSKEY_COPIED,
    Flaw.UNKNOWN: Reason.PASSKEY_UNKNOWN,
    Flaw.REMOVED: Reason.PASSKEY_REMOVED,
    Flaw.KNOWN: Reason.PASSKEY_KNOWN,
    Flaw.FULL: Reason.PASSKEYS_FULL,
    Flaw.CHANGED: Reason.FACTOR_CHANGED,
}  # the rest is PASSKEY_REFUSED


class Purpose(StrEnum):
    """What a challenge is for: an answer to one of them is none to another."""

    LOGIN = "login"
    SECOND_FACTOR = "second factor"
    STEP_UP = "step-up"
    REGISTRATION = "registration"


def login_options(visit: Visit) -> Told | None:
    """The same for everybody, and nothing is stored; None where there are no passkeys."""
    site = visit.panel.settings.passkey_site
    return _request(visit, Purpose.LOGIN, site, []) if site else None


async def second_factor_options(visit: Pending) -> Told | None:
    """None when the account has no passkey of this address."""
    return await _own_options(visit, Purpose.SECOND_FACTOR, visit.pending_login.account_id)


async def step_up_options(visit: SignedIn) -> Told | None:
    """None when the account has no passkey of this address."""
    return await _own_options(visit, Purpose.STEP_UP, visit.session.account_id)


async def _own_options(visit: Visit, purpose: Purpose, account_id: int) -> Told | None:
    site = visit.panel.settings.passkey_site
    own = [one for one in await passkeys.owned_by(visit.panel.db, account_id) if site and one.rp_id == site.rp_id]
    return _request(visit, purpose, site, own) if site and own else None


def _request(visit: Visit, purpose: Purpose, site: PasskeySite, allowed: list[Passkey]) -> Told:
    return {
        "challenge": _challenge(visit, purpose, site),
        "rpId": site.rp_id,
        "allowCredentials": [_descriptor(one) for one in allowed],
        "userVerification": "required",
        "timeout": int(PASSKEY_CHALLENGE_TTL.total_seconds()) * 1000,
    }


async def registration_options(visit: SignedIn) -> Told | Refused:
    """Ask for the step-up before: whoever has such a challenge may add a passkey while it lasts."""
    panel, session, site = visit.panel, visit.session, visit.panel.settings.passkey_site
    if site is None:
        return Refused(Reason.PASSKEYS_NOT_HERE)
    async with session_transaction(visit) as tx:
        own = await passkeys.owned_by(tx, session.account_id)
        if len(own) >= PASSKEYS:
            return Refused(Reason.PASSKEYS_FULL)
        user = await passkeys.adopt_user(tx, session.account_id, panel.token_bytes(PASSKEY_USER_BYTES))
    return {
        "challenge": _challenge(visit, Purpose.REGISTRATION, site),
        "rp": {"id": site.rp_id, "name": panel.settings.name},
        "user": {"id": _coded(user), "name": session.account_name, "displayName": session.account_name},
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "excludeCredentials": [_descriptor(one) for one in own],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
        "extensions": {"credProps": True},
        "timeout": int(PASSKEY_CHALLENGE_TTL.total_seconds()) * 1000,
    }


def _challenge(visit: Visit, purpose: Purpose, site: PasskeySite) -> str:
    panel = visit.panel
    random, tag = panel.token_bytes(PASSKEY_CHALLENGE_BYTES), partial(panel.vault.tag, "passkey challenge")
    return _coded(new_challenge(tag, _scope(visit, purpose, site), random, panel.now()))


def _scope(visit: Visit, purpose: Purpose, site: PasskeySite) -> str:
    """What a challenge is bound to: at the login nobody is known yet.

    To register, it is the cookie of the session: with it ends what was asked before another factor came, before
    everything was locked, before the password changed.
    """
    match purpose, visit:
        case Purpose.SECOND_FACTOR, Visit(pending_login=pending) if pending:
            return f"{purpose} {site.rp_id} {pending.digest.hex()} {pending.account_id}"
        case Purpose.STEP_UP, Visit(session=session) if session:
            return f"{purpose} {site.rp_id} {session.id} {session.account_id}"
        case Purpose.REGISTRATION, Visit(session=session) if session:
            return f"{purpose} {site.rp_id} {session.digest.hex()} {session.account_id}"
        case Purpose.LOGIN, _:
            return f"{purpose} {site.rp_id}"
    raise TypeError(purpose)


def _descriptor(passkey: Passkey) -> Told:
    return {"type": "public-key", "id": _coded(passkey.credential_id), "transports": passkey.transports.split()}


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class Tried:
    """An answer as it was judged before the transaction that acts on it: with a `flaw` it proves nothing.

    `account_id` is whose it is, or would be; None when nobody is known.
    """

    account_id: int | None
    flaw: Flaw | None = None
    passkey: Passkey | None = None
    use: Used | None = None
    challenge: bytes = b""


async def try_passkey(visit: Visit, purpose: Purpose, answer: str) -> Tried:
    """Read and judge what an authenticator answered; the library that reads it may have to be loaded first."""
    panel, owner = visit.panel, _owner(visit, purpose)
    passkey = None
    try:
        read = await asyncio.to_thread(read_assertion, answer)
        site = _check_challenge(visit, purpose, read.challenge)
        passkey = await passkeys.find(panel.db, read.credential_id)
        if passkey is None:
            raise Unproved(await _why_unknown(visit, read.credential_id))
        if owner not in (None, passkey.account_id):
            raise Unproved(Flaw.USER)
        known, is_login = await _known(visit, passkey), purpose is Purpose.LOGIN
        use = check_assertion(read, known, rp_id=site.rp_id, origin=site.origin, must_name_user=is_login)
    except Unproved as unproved:
        return Tried(owner or (passkey.account_id if passkey else None), unproved.flaw, passkey)
    return Tried(passkey.account_id, None, passkey, use, read.challenge)


def _owner(visit: Visit, purpose: Purpose) -> int | None:
    """Who has to be proved; None at the login, where the answer says it."""
    if purpose is Purpose.SECOND_FACTOR and visit.pending_login:
        return visit.pending_login.account_id
    return visit.session.account_id if purpose is not Purpose.LOGIN and visit.session else None


def _check_challenge(visit: Visit, purpose: Purpose, challenge: bytes) -> PasskeySite:
    """The site that it was made for. Raises Unproved."""
    site = visit.panel.settings.passkey_site
    if site is None:
        raise Unproved(Flaw.PLACE)
    tag = partial(visit.panel.vault.tag, "passkey challenge")
    check_challenge(tag, _scope(visit, purpose, site), challenge, visit.panel.now())
    return site


async def _why_unknown(visit: Visit, credential_id: bytes) -> Flaw:
    return Flaw.REMOVED if await passkeys.was_removed(visit.panel.db, credential_id) else Flaw.UNKNOWN


async def _known(visit: Visit, passkey: Passkey) -> Known:
    user = await passkeys.user_of(visit.panel.db, passkey.account_id)
    key = visit.panel.vault.unseal(SEALED_FOR, _bound_to(passkey.id, passkey.account_id), passkey.sealed_key)
    return Known(key, user or b"", passkey.counter, passkey.is_backup_eligible)


def _bound_to(passkey_id: str, account_id: int) -> str:
    """What a public key is sealed for: one moved to another account, or written without secret.key, does not open."""
    return f"{passkey_id} {account_id}"


async def judge(tx: Transaction, visit: Visit, tried: Tried) -> Outcome:
    """What only a transaction decides: each challenge is answered once, and the passkey is still there as it was."""
    passkey, use = tried.passkey, tried.use
    if tried.flaw or passkey is None or use is None:
        return await _fail(tx, visit, tried, tried.flaw or Flaw.UNKNOWN)
    if not await passkeys.spend_challenge(tx, tried.challenge, ends_at=challenge_ends(tried.challenge)):
        return await _fail(tx, visit, tried, Flaw.REPEATED)
    at = visit.panel.now()
    if not await passkeys.use(tx, passkey, counter=use.counter, is_backed_up=use.is_backed_up, at=at):
        is_there = await passkeys.get(tx, passkey.id, owner=passkey.account_id)
        return await _fail(tx, visit, tried, Flaw.REPEATED if is_there else Flaw.REMOVED)
    await record_event(tx, visit, passkey.account_id, Event.PASSKEY_OK, passkey.name)
    return Accepted(Proof.PASSKEY)


async def _fail(tx: Transaction, visit: Visit, tried: Tried, flaw: Flaw) -> Refused:
    if flaw is Flaw.COUNTER and tried.passkey:
        await record_event(tx, visit, tried.account_id, Event.PASSKEY_COUNTER_FAILED, tried.passkey.name)
        await notify(tx, visit, tried.account_id, NoticeKind.PASSKEY_COPIED, detail=tried.passkey.name)
    else:
        await record_event(tx, visit, tried.account_id, Event.PASSKEY_FAILED, flaw)
    return Refused(REASONS.get(flaw, Reason.PASSKEY_REFUSED))


@dataclass(frozen=True)
class LoggedIn:
    token: str
    account_id: int
    account_name: str


async def login(visit: Visit, answer: str) -> LoggedIn | Refused:
    """The whole login, without a name."""
    tried = await try_passkey(visit, Purpose.LOGIN, answer)
    async with visit.panel.db.transaction() as tx:
        account = await accounts.get(tx, tried.account_id) if tried.account_id else None
        if account is None or account.is_disabled:  # as if it were nobody's
            return await _fail(tx, visit, tried, tried.flaw or Flaw.UNKNOWN)
        outcome = await judge(tx, visit, tried)
        if isinstance(outcome, Refused):
            return outcome
        if await carry_out_due(tx, visit, account.id):
            return Refused(Reason.FACTOR_CHANGED)  # it was one of those that are gone now
        await _end_pending(tx, visit, account.id)
        return LoggedIn(await begin_session(tx, visit, account.id, outcome), account.id, account.name)


async def complete(visit: Pending, answer: str) -> str | Refused | None:
    """In place of the code, after the password: the token of the session. None when a parallel request was first."""
    pending_login = visit.pending_login
    tried = await try_passkey(visit, Purpose.SECOND_FACTOR, answer)
    async with visit.panel.db.transaction() as tx:
        if await pending_logins.find(tx, pending_login.digest, at=visit.panel.now()) is None:
            return None
        outcome = await judge(tx, visit, tried)
        if isinstance(outcome, Refused):
            return outcome
        await _end_pending(tx, visit, pending_login.account_id)
        return await begin_session(tx, visit, pending_login.account_id, outcome)


async def _end_pending(tx: Transaction, visit: Visit, account_id: int) -> None:
    """The pending login of this browser, if it is of the account that signs in: no notice comes of it any more."""
    pending_login = visit.pending_login
    if pending_login and pending_login.account_id == account_id:
        await pending_logins.end(tx, pending_login.digest)
        await notices.withdraw(tx, pending_login.digest, owner=account_id, at=visit.panel.now())


@dataclass(frozen=True)
class Added:
    """`fresh`: the recovery codes that came with the first factor of all. `ended`: how many other sessions did."""

    passkey: Passkey
    fresh: FreshSet | None
    ended: int


async def register(visit: SignedIn, answer: str, name: str = "", *, ends_others: bool = False) -> Added | Refused:
    """Add a passkey; without a name it gets one. Raises TooBusy: the first factor of all makes recovery codes.

    With the first factor the other sessions end; with a further one only if that is wanted.
    """
    panel, account_id = visit.panel, visit.session.account_id
    try:
        read = await asyncio.to_thread(read_registration, answer)
        site = _check_challenge(visit, Purpose.REGISTRATION, read.challenge)
        created = check_registration(read, rp_id=site.rp_id, origin=site.origin)
    except Unproved as unproved:
        async with session_transaction(visit) as tx:
            return await _fail(tx, visit, Tried(account_id), unproved.flaw)
    fresh = None if visit.session.has_two_factor else await make_set(panel)
    async with session_transaction(visit) as tx:
        is_first = not await factors.has_any(tx, account_id)
        if is_first and fresh is None:
            return await _fail(tx, visit, Tried(account_id), Flaw.CHANGED)
        passkey = await _add(tx, visit, created, read.challenge, site, trim(name))
        if isinstance(passkey, Refused):
            return passkey
        return await _added(tx, visit, passkey, fresh if is_first else None, ends_others=ends_others or is_first)


async def _add(
    tx: Transaction, visit: SignedIn, created: Created, challenge: bytes, site: PasskeySite, name: str
) -> Passkey | Refused:
    panel, account_id = visit.panel, visit.session.account_id
    if not await passkeys.spend_challenge(tx, challenge, ends_at=challenge_ends(challenge)):
        return await _fail(tx, visit, Tried(account_id), Flaw.REPEATED)
    own, passkey_id = await passkeys.owned_by(tx, account_id), panel.token_bytes(8).hex()
    if len(own) >= PASSKEYS:
        return await _fail(tx, visit, Tried(account_id), Flaw.FULL)
    passkey = Passkey(
        passkey_id,
        account_id,
        created.credential_id,
        await panel.seal_in(tx, SEALED_FOR, _bound_to(passkey_id, account_id), created.public_key),
        site.rp_id,
        name[:PASSKEY_NAME_MAX] or _suggested(created.aaguid, visit.user_agent, [one.name for one in own]),
        created.aaguid,
        created.counter,
        created.is_backup_eligible,
        created.is_backed_up,
        created.transports,
        created_at=visit.at,
        last_used_at=None,
    )
    return passkey if await passkeys.add(tx, passkey) else await _fail(tx, visit, Tried(account_id), Flaw.KNOWN)


def _suggested(aaguid: bytes, agent: str, taken: list[str]) -> str:
    """What to call it, with a number where the person has one of that name."""
    name = authenticator(aaguid, agent)
    numbered = [name, *(f"{name} {number}" for number in range(2, PASSKEYS + 2))]
    return next(one for one in numbered if one not in taken)


async def _added(
    tx: Transaction, visit: SignedIn, passkey: Passkey, fresh: FreshSet | None, *, ends_others: bool
) -> Added:
    account_id = visit.session.account_id
    await recovery_codes.acknowledge(tx, account_id, at=visit.at)  # another way in is what a used code calls for
    if fresh:
        await put_set_in_force(tx, visit, fresh)
    await record_event(tx, visit, account_id, Event.PASSKEY_ENABLED if fresh else Event.PASSKEY_ADDED, passkey.name)
    return Added(passkey, fresh, await end_elsewhere(tx, visit, Cause.FACTOR) if ends_others else 0)


async def rename(tx: Transaction, visit: SignedIn, passkey_id: str, name: str) -> bool:
    """False when it is not theirs, or gone."""
    if not await passkeys.rename(tx, passkey_id, trim(name), owner=visit.session.account_id):
        return False
    await record_event(tx, visit, visit.session.account_id, Event.PASSKEY_RENAMED, trim(name))
    return True


@dataclass(frozen=True)
class Removed:
    """`is_last`: no second factor is left. `ended`: how many other sessions did."""

    passkey: Passkey
    is_last: bool
    ended: int


async def why_last_stays(db: Reader, visit: SignedIn) -> Reason | None:
    """Why the account has to keep its last factor, if it has to: two are required, or nobody else would administer the
    panel with two while others use it."""
    account_id = visit.session.account_id
    if (await policy.of_account(db, account_id)).requires_two_factor(visit.panel.now()):
        return Reason.FACTOR_REQUIRED
    is_last = visit.session.administers and await accounts.is_last_administrator(db, account_id)
    return Reason.LAST_ADMINISTRATOR if is_last else None


async def only_one_here(db: Reader, visit: SignedIn) -> str | None:
    """The one factor that opens the account at this address while its others do not: "totp", or the id of a passkey.

    Without it the account would still ask for a second factor, and only recovery codes would be left.
    """
    account_id, site = visit.session.account_id, visit.panel.settings.passkey_site
    kinds, own = await factors.in_force(db, account_id), await passkeys.owned_by(db, account_id)
    here = [one.id for one in own if site and one.rp_id == site.rp_id] + [kind for kind in kinds if kind == "totp"]
    return here[0] if len(here) == 1 < len(kinds) else None


async def remove(tx: Transaction, visit: SignedIn, passkey_id: str) -> Removed | Refused | None:
    """None when it is not theirs, or gone."""
    account_id, at = visit.session.account_id, visit.panel.now()
    passkey = await passkeys.get(tx, passkey_id, owner=account_id)
    if passkey is None:
        return None
    is_last = len(await factors.in_force(tx, account_id)) == 1
    if is_last and (why := await why_last_stays(tx, visit)):
        return Refused(why)
    if await only_one_here(tx, visit) == passkey.id:
        return Refused(Reason.ONLY_FACTOR_HERE)
    await passkeys.remove(tx, passkey, at=at, keep=PASSKEYS_REMOVED_KEPT)
    if is_last:
        await recovery_codes.remove(tx, account_id)
        await forgive_everything(tx, account_id)
    await record_event(
        tx, visit, account_id, Event.PASSKEY_LAST_REMOVED if is_last else Event.PASSKEY_REMOVED, passkey.name
    )
    return Removed(passkey, is_last, await end_elsewhere(tx, visit, Cause.FACTOR))


async def signals(visit: SignedIn) -> Told | None:
    return await signals_of(visit, visit.session.account_id, visit.session.account_name)


async def signals_of(visit: Visit, account_id: int, account_name: str) -> Told | None:
    """What password managers are told of an account, by the Signal API: which of its passkeys are accepted.

    None before its first one, and on `localhost`, whose passkeys belong to every program there.
    """
    db, site = visit.panel.db, visit.panel.settings.passkey_site
    if site is None or site.rp_id == "localhost":
        return None
    user = await passkeys.user_of(db, account_id)
    if user is None:
        return None
    own = [one for one in await passkeys.owned_by(db, account_id) if one.rp_id == site.rp_id]
    return {
        "rpId": site.rp_id,
        "userId": _coded(user),
        "allAcceptedCredentialIds": [_coded(one.credential_id) for one in own],
        "name": account_name,
        "displayName": account_name,
    }
