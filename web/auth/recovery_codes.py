"""Recovery codes: judging one, and a new set of ten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from db import recovery_codes, totp
from db.database import Transaction
from db.recovery_codes import RecoverySet
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.outcome import Outcome, Proof, Reason, Refused
from web.auth.tries import Judge, Try, charged_second_factor, missed
from web.crypto.vault import KEY_BYTES
from web.crypto.workers import Slots
from web.factors import human_code, recovery_code
from web.limits import RECOVERY_CODES, SALT_BYTES, Cost
from web.panel import Panel
from web.visit.visit import SignedIn, Visit
from web.visit.visitor import session_transaction

SET_KEY, EARLY = "recovery", "early codes"  # the purposes that they are sealed for


@dataclass(frozen=True)
class FreshSet:
    codes: list[str] = field(repr=False)
    salt: bytes
    cost: Cost
    key: bytes = field(repr=False)
    digests: list[bytes]


@asynccontextmanager
async def try_recovery(
    visit: Visit, account_id: int, typed: str, *, is_rehearsal: bool = False
) -> AsyncIterator[Judge | Refused]:
    """Charge a recovery code and hash it off the loop, before the transaction that judges it; raises TooBusy.

    For an account without codes no code is right, and it takes the same time.
    """
    panel, code = visit.panel, human_code.read(typed)
    if not recovery_code.is_well_formed(code):
        yield Refused(Reason.MALFORMED_RECOVERY_CODE)
        return
    kind, judge = ("rehearsal", _judge_rehearsal) if is_rehearsal else ("recovery", _judge_recovery)
    with panel.hash_workers.reserve(is_owner=True) as slots:  # raises TooBusy before anything is written
        async with charged_second_factor(visit, kind, account_id) as charge:
            if isinstance(charge, Refused):
                yield charge
                return
            in_force = await recovery_codes.find(panel.db, account_id)
            yield partial(judge, visit, account_id, charge, await hash_code(panel, slots, account_id, code, in_force))


async def try_rehearsal(visit: SignedIn, typed: str) -> Outcome:
    """Check one saved code without spending it; raises TooBusy."""
    async with try_recovery(visit, visit.session.account_id, typed, is_rehearsal=True) as judge:
        if isinstance(judge, Refused):
            return judge
        async with session_transaction(visit) as tx:
            return await judge(tx)


async def _judge_recovery(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Outcome:
    if not await recovery_codes.spend(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, Event.RECOVERY_FAILED)
        return missed(Refused(Reason.WRONG_RECOVERY_CODE), charge.standing.failures)
    accepted = await charge.accept(tx, Proof.RECOVERY_CODE)
    await record_event(tx, visit, account_id, Event.RECOVERY_OK)
    return accepted


async def _judge_rehearsal(visit: Visit, account_id: int, charge: Try, digest: bytes, tx: Transaction) -> Outcome:
    if not await recovery_codes.rehearse(tx, account_id, digest, at=visit.at):
        await charge.fail(tx, visit, account_id, Event.RECOVERY_REHEARSAL_FAILED)
        return Refused(Reason.WRONG_RECOVERY_CODE)
    accepted = await charge.accept(tx, Proof.REHEARSED_CODE)
    await record_event(tx, visit, account_id, Event.RECOVERY_REHEARSED)
    return accepted


async def hash_code(panel: Panel, slots: Slots, account_id: int, code: str, in_force: RecoverySet | None) -> bytes:
    """The digest of a code, as it is stored for this set; raises BrokenSeal when the set was another account's.

    Without a set it takes the same time.
    """
    salt, cost, key = bytes(SALT_BYTES), panel.settings.hash_cost, bytes(KEY_BYTES)
    if in_force:
        salt, cost = in_force.salt, Cost.read(in_force.cost)
        key = panel.vault.unseal(SET_KEY, account_id, in_force.sealed_key)
    return await slots.run(recovery_code.digest, panel.argon2id, code, salt, cost, key)


async def make_set(panel: Panel) -> FreshSet:
    """Ten new codes and their hashes, off the event loop (about a second); raises TooBusy.

    The hashes run one after the other, so that others have a turn between two of them.
    """
    codes, salt = recovery_code.new_set(panel.token_bytes), panel.token_bytes(SALT_BYTES)
    cost, key = panel.settings.hash_cost, panel.token_bytes(KEY_BYTES)
    with panel.hash_workers.reserve(is_owner=True) as slots:
        digests = [await slots.run(recovery_code.digest, panel.argon2id, code, salt, cost, key) for code in codes]
    return FreshSet(codes, salt, cost, key, digests)


async def make_set_early(panel: Panel, account_id: int, session_id: str, sealed_key: bytes) -> None:
    """While the person still types: a set that waits, sealed, with the key that it was made for.

    Each hash is a turn of the account's own, so that nothing of theirs waits longer than for one. Where it does not
    come to an end, the codes are made when they are needed.
    """
    codes, salt = recovery_code.new_set(panel.token_bytes), panel.token_bytes(SALT_BYTES)
    cost, key, digests = panel.settings.hash_cost, panel.token_bytes(KEY_BYTES), list[bytes]()
    for code in codes:
        waiting = await totp.find_enrolment(panel.db, account_id, session_id=session_id, at=panel.now())
        if waiting is None or waiting.sealed_key != sealed_key:
            return
        async with panel.turns.of((account_id, True)):
            with panel.hash_workers.reserve(is_owner=True) as slots:
                digests.append(await slots.run(recovery_code.digest, panel.argon2id, code, salt, cost, key))
    async with panel.db.transaction() as tx:
        early = _written(FreshSet(codes, salt, cost, key, digests))
        await totp.keep_codes(tx, account_id, sealed_key, await panel.seal_in(tx, EARLY, account_id, early))


def _written(fresh: FreshSet) -> bytes:
    binary = [value.hex() for value in (fresh.salt, fresh.key, *fresh.digests)]
    return " ".join([str(fresh.cost), *fresh.codes, *binary]).encode("ascii")


def early_set(panel: Panel, account_id: int, sealed_codes: bytes | None) -> FreshSet | None:
    """What was made early, if it came to an end; raises BrokenSeal when it was made for another account."""
    if sealed_codes is None:
        return None
    cost, *rest = panel.vault.unseal(EARLY, account_id, sealed_codes).decode("ascii").split(" ")
    salt, key, *digests = map(bytes.fromhex, rest[RECOVERY_CODES:])
    return FreshSet(rest[:RECOVERY_CODES], salt, Cost.read(cost), key, digests)


async def put_set_in_force(tx: Transaction, visit: SignedIn, fresh: FreshSet) -> None:
    panel, account_id = visit.panel, visit.session.account_id
    sealed = await panel.seal_in(tx, SET_KEY, account_id, fresh.key)
    await recovery_codes.replace(
        tx, account_id, fresh.digests, salt=fresh.salt, cost=str(fresh.cost), sealed_key=sealed, at=visit.at
    )
