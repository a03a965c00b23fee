"""Every try at a factor: charged before it is judged, recorded when it was wrong, and refunded when it was not judged
at all."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from db import attempts
from db.attempts import Attempts, Counter
from db.database import Reader, Transaction
from web.audit import log
from web.audit.events import Event, Failure
from web.audit.record import record_event
from web.auth.outcome import Accepted, Outcome, Proof, Reason, Refused
from web.limits import CODE_BACKOFF, STRANGERS_COUNTED
from web.visit.browser import own_browser
from web.visit.cookies import digest
from web.visit.visit import Visit

Judge = Callable[[Transaction], Awaitable[Outcome]]  # judges, spends and records, in the caller's transaction


@dataclass
class Try:
    """A try that was charged. `standing`, the state of its counters, says whether it may be judged."""

    counters: Sequence[Counter] = field(repr=False)
    standing: Attempts
    is_judged: bool = False

    @property
    def is_refused(self) -> bool:
        return self.standing.is_closed or bool(self.standing.wait)

    async def accept(self, tx: Transaction, proof: Proof, *, step: int | None = None) -> Accepted:
        """The try was right: reset its counters. Raises ValueError for a try that may not be judged."""
        if self.is_refused:
            raise ValueError(self.standing)
        await attempts.forgive(tx, self.counters)
        tx.on_commit.append(self._mark_judged)
        return Accepted(proof, step)

    async def fail(self, tx: Transaction, visit: Visit, account_id: int | None, event: Event) -> None:
        """The try was wrong: keep the charge and record `event`, which must be a failure of a factor."""
        if Failure.OF_FACTOR not in event.failure:
            raise ValueError(event)
        await record_event(tx, visit, account_id, event)
        tx.on_commit.append(self._mark_judged)

    def _mark_judged(self) -> None:
        self.is_judged = True


@asynccontextmanager
async def charged(visit: Visit, counters: Sequence[Counter], *, kind: str) -> AsyncIterator[Try]:
    """Charge a try for the block that judges it. Unless the block committed `accept` or `fail`, the try is refunded.

    The charge is committed first: where nothing can be written, nothing is judged.
    """
    panel = visit.panel
    async with panel.db.transaction() as tx:
        tried = Try(counters, await attempts.charge(tx, *counters, at=panel.now()))
        if kind == "password":
            await attempts.drop_beyond(tx, STRANGERS_COUNTED, spare=counters[0].key)
    if tried.is_refused:
        log.denied(visit, f"{kind} backoff")
    try:
        yield tried
    finally:
        if not (tried.is_refused or tried.is_judged):
            async with panel.db.transaction() as tx:
                await attempts.refund(tx, counters, at=panel.now())


@asynccontextmanager
async def charged_second_factor(visit: Visit, kind: str, account_id: int) -> AsyncIterator[Try | Refused]:
    """Charge a try at a second factor. Refused when the account has to wait, or when the factor is closed for good."""
    panel = visit.panel
    async with charged(visit, [await _counter(panel.db, visit, kind, account_id)], kind=kind) as charge:
        if charge.standing.is_closed:
            async with panel.db.transaction() as tx:
                await record_event(
                    tx, visit, account_id, Event.TOTP_LOCKED if kind == "totp" else Event.RECOVERY_LOCKED
                )
            yield Refused(Reason.APP_CLOSED if kind == "totp" else Reason.RECOVERY_CLOSED)
        elif left := charge.standing.wait:
            yield Refused(Reason.CODE_BACKOFF, wait=left)
        else:
            yield charge


async def wait_for_code(visit: Visit, kind: str, account_id: int) -> timedelta:
    """How long no code of this kind is judged for the account in this browser."""
    db = visit.panel.db
    return await attempts.wait(db, await _counter(db, visit, kind, account_id), at=visit.at)


def missed(refused: Refused, failures: int) -> Refused:
    """The refusal with the number of tries left, and the wait that follows them."""
    left = max(0, CODE_BACKOFF.free - failures)
    return replace(refused, tries_left=left, then_wait=CODE_BACKOFF.wait_after(failures))


async def _counter(db: Reader, visit: Visit, kind: str, account_id: int) -> Counter:
    """RFC 4226 §7.3: one for the account, so that parallel logins share a limit; the owner's browsers have others."""
    browser = await own_browser(db, visit, account_id)
    key = attempts_key(account_id) + (digest(browser) if browser else b"")
    return Counter(kind, key, CODE_BACKOFF.wait_after, CODE_BACKOFF.closes_at)


async def forgive_everything(tx: Transaction, account_id: int) -> None:
    """Reset the counters of an account's second factor, because it was replaced or removed."""
    await attempts.forgive_all(tx, attempts_key(account_id))


def attempts_key(account_id: int) -> bytes:
    """The key of an account's second factor in the attempts table, or the beginning of it."""
    return digest(f"account {account_id}")
