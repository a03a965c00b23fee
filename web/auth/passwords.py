"""Passwords of accounts: which may be set, and how one that is typed is charged and judged."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from db import accounts, attempts, instances
from db.accounts import Account
from db.attempts import Counter
from db.database import Reader, Transaction
from web.audit.events import Event
from web.auth.outcome import Reason, Refused
from web.auth.tries import Try, charged
from web.crypto.argon2id import Phc
from web.crypto.vault import BrokenSeal, Vault
from web.crypto.workers import Slots
from web.factors.password import Judgement, Refusal, is_hashable, is_outdated, judge, make_phc, matches
from web.limits import (
    NOBODYS_COUNTERS,
    PASSWORD_BACKOFF_ACCOUNT,
    PASSWORD_BACKOFF_DEVICE,
    PASSWORD_BACKOFF_PAIR,
    Cost,
)
from web.panel import Panel
from web.visit.browser import own_browser
from web.visit.cookies import digest
from web.visit.visit import Visit


async def password_refusal(panel: Panel, password: str, repeated: str, *, name: str) -> Refusal | None:
    """Why this may not become the password of an account; None when it may. Raises TooBusy."""
    judged = await judge_password(panel, password, name=name)
    return judged.refusal or (None if password == repeated else Refusal.NOT_REPEATED)


async def judge_password(panel: Panel, password: str, *, name: str) -> Judgement:
    """Whether it may become the password of an account, and how strong it is; raises TooBusy.

    Judged apart from the hashes, so that a contrived password keeps nobody from signing in.
    """
    minimum, context = panel.settings.password_min, await _context(panel, name)
    return await panel.strength_workers.run(judge, password, minimum=minimum, context=context)


async def _context(panel: Panel, name: str) -> dict[Refusal, list[str]]:
    """What anybody who knows the person would try: the names of account, panel, its address and the instances."""
    hostname = urlsplit(panel.settings.public_url).hostname or ""
    return {
        Refusal.ACCOUNT_NAME: [name],
        Refusal.PANEL_NAME: f"{panel.settings.name} {hostname.replace('.', ' ')}".split(),
        Refusal.INSTANCE_NAME: " ".join(await instances.names(panel.db, name)).split(),
    }


async def hash_password(panel: Panel, password: str) -> str:
    """A PHC string, made off the event loop; raises TooBusy. It takes a reserved place: people who set a password have
    proved something before."""
    with panel.hash_workers.reserve(is_owner=True) as slots:
        return await _hash(panel, slots, password, panel.settings.hash_cost)


async def is_password(panel: Panel, account: Account | None, password: str) -> bool:
    """Whether it is the account's; for whoever has proved that already. Raises TooBusy."""
    phc = stored_phc(panel, account)
    if not phc or not is_hashable(password):
        return False
    with panel.hash_workers.reserve(is_owner=True) as slots:
        return await slots.run(matches, panel.argon2id, phc, password)


async def _hash(panel: Panel, slots: Slots, password: str, cost: Cost) -> str:
    return await slots.run(make_phc, panel.argon2id, password, cost, panel.token_bytes)


async def set_password(tx: Transaction, panel: Panel, account_id: int, phc: str) -> None:
    await accounts.set_password(tx, account_id, await panel.seal_in(tx, "password", account_id, phc.encode("ascii")))


@dataclass(frozen=True)
class RightPassword:
    """It lets nobody in by itself: code that acts on it must call `charge.accept` in the same transaction."""

    charge: Try
    account: Account
    phc: str = field(repr=False)  # what the password was judged against
    # A new hash for the same password, when the stored one has old parameters.
    fresh_phc: str = field(repr=False)


@asynccontextmanager
async def try_password(
    visit: Visit, name: str, account: Account | None, password: str
) -> AsyncIterator[RightPassword | Refused]:
    """Charge a try and judge a password, for the block that acts on the outcome; raises TooBusy before it charges.

    A right password counts as no failure: the block calls `charge.accept` when it acts, else the try is refunded.
    The account may change while the hash runs: the block reads it again in the transaction that acts, or acts in a
    session, which ends when the password changes.
    """
    panel, account_id = visit.panel, account.id if account else None
    stand_in = await _stand_in(panel, name)
    phc, cost = stored_phc(panel, account), _cost(panel, None if account and account.sealed_password else stand_in)
    counters = await _counters(panel.db, visit, name, account_id)
    is_own = counters[0].kind == "password-device"
    with panel.hash_workers.reserve(is_owner=is_own) as slots:  # raises TooBusy before anything is written
        async with charged(visit, counters, kind="password") as charge:
            if charge.is_refused:
                yield _refused(charge, is_own=is_own)
                return
            is_right = await _judge(panel, slots, phc, password, cost)
            if account is None or account.is_disabled or not is_right:
                async with panel.db.transaction() as tx:
                    await charge.fail(tx, visit, account_id, Event.LOGIN_PASSWORD_FAILED)
                yield Refused(Reason.WRONG_PASSWORD)
                return
            yield RightPassword(charge, account, phc, await _fresh(panel, slots, phc, password))


def _refused(charge: Try, *, is_own: bool) -> Refused:
    if charge.standing.is_closed:
        reason = Reason.PASSWORD_CLOSED_ON_DEVICE if is_own else Reason.PASSWORD_CLOSED
        return Refused(reason, wait=PASSWORD_BACKOFF_ACCOUNT.longest)
    return Refused(Reason.PASSWORD_BACKOFF, wait=charge.standing.wait)


async def _judge(panel: Panel, slots: Slots, phc: str, password: str, cost: Cost) -> bool:
    """An unknown account costs one hash too, of the given cost, so that timing does not tell it."""
    if not is_hashable(password):
        return False
    if not phc:
        await _hash(panel, slots, password, cost)
        return False
    return await slots.run(matches, panel.argon2id, phc, password)


async def _fresh(panel: Panel, slots: Slots, phc: str, password: str) -> str:
    """A new hash of the password when the stored one has old parameters, else ""."""
    cost = panel.settings.hash_cost
    return await _hash(panel, slots, password, cost) if is_outdated(phc, cost) else ""


async def _stand_in(panel: Panel, name: str) -> Account | None:
    """The account whose hash cost a name gets when no account has that name.

    It is drawn by the name, hence always the same, and each cost is as frequent among unknown names as among accounts.
    Known names ask for it too, so that timing does not tell them from unknown ones.
    """
    number = _draw(panel.vault.tag("stand-in", name), of=await accounts.latest_id(panel.db))
    return await accounts.with_password_from(panel.db, number + 1)


def _draw(tag: bytes, *, of: int) -> int:
    """A number below `of`, or 0 (Lamping, Veach: A Fast, Minimal Memory, Consistent Hash Algorithm).

    When `of` grows, the number stays or becomes the newest one: the name then costs what a new account does, as the
    name of a person does after a login.
    """
    key, drawn, following = int.from_bytes(tag[:8]), 0, 0
    while following < of:
        drawn, key = following, (key * 2862933555777941757 + 1) % 2**64
        following = int((drawn + 1) * (2**31 / ((key >> 33) + 1)))
    return drawn


def _cost(panel: Panel, account: Account | None) -> Cost:
    """The cost of the account's stored hash; without one that can be read, the cost of a new hash."""
    with contextlib.suppress(BrokenSeal):
        if phc := stored_phc(panel, account):
            return Phc.read(phc).cost
    return panel.settings.hash_cost


def stored_phc(panel: Panel, account: Account | None) -> str:
    """Empty without a password."""
    if account is None or account.sealed_password is None:
        return ""
    return panel.vault.unseal("password", account.id, account.sealed_password).decode("ascii")


async def forget_tries(tx: Transaction, panel: Panel, name: str) -> None:
    """Reset the counters of a name, because its account has another password now."""
    await attempts.forgive_all(tx, panel.vault.tag("name", name))


async def _counters(db: Reader, visit: Visit, name: str, account_id: int | None) -> list[Counter]:
    """The counters of wrong passwords for a name: one for each of the owner's browsers, others for everybody else.

    The keys begin with a keyed tag of the name, known or not. A plain digest is not enough: people type passwords into
    the field of the name.
    """
    vault = visit.panel.vault
    owner = vault.tag("name", name)
    if browser := await own_browser(db, visit, account_id):
        backoff = PASSWORD_BACKOFF_DEVICE
        return [Counter("password-device", owner + digest(browser), backoff.wait_after, backoff.closes_at)]
    everywhere = PASSWORD_BACKOFF_ACCOUNT
    known = owner if account_id is not None else shared(vault, owner)
    return [
        Counter("password", owner + vault.tag("network", visit.network), PASSWORD_BACKOFF_PAIR.wait_after),
        Counter("password-account", known, everywhere.wait_after, everywhere.closes_at),
    ]


def shared(vault: Vault, owner: bytes) -> bytes:
    """The key for a name that no account has. Such names share NOBODYS_COUNTERS counters, so that none of these need
    ever be dropped, as none of an account is."""
    return vault.tag("nobody", str(int.from_bytes(owner[:8]) % NOBODYS_COUNTERS))
