"""Signed-in browsers."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db import endings
from db.database import Reader, Transaction
from db.endings import Ended, Ending
from db.policy import Policy


class Session(NamedTuple):
    """One request's answer to "who is here": the session, its account and what guards it."""

    id: str
    digest: bytes  # of its cookie
    account_id: int
    account_name: str
    administers: bool
    has_two_factor: bool
    enrols_only: bool  # a required second factor is missing: the session may only switch one on
    two_factor_required_at: datetime | None  # from when on the account must have a second factor
    required_of_everybody_at: datetime | None  # from when on everybody must
    verified_at: datetime
    last_seen_at: datetime
    is_of_recovery: bool  # it began with a recovery code, and since then there was no step-up and no new factor
    has_used_recovery: bool  # a recovery code was used, and the owner has neither acknowledged nor replaced it
    has_notices: bool
    has_delayed_acts: bool  # somebody who administers began something that is done later
    zone: str  # that its owner chose for dates; "" while their browser says it

    def requires_two_factor(self, at: datetime) -> bool:
        return Policy(self.two_factor_required_at).requires_two_factor(at)

    @property
    def is_required_of_everybody(self) -> bool:
        """Whether the requirement is the one for everybody, and not an earlier one for this account alone."""
        return self.two_factor_required_at == self.required_of_everybody_at


async def begin(
    tx: Transaction,
    account_id: int,
    digest: bytes,
    *,
    id: str,
    method: str,
    network: str,
    user_agent: str,
    at: datetime,
    ends_at: datetime,
) -> None:
    sql = """
        INSERT INTO sessions
            (digest, id, account_id, method, network, user_agent, created_at, verified_at, last_seen_at, ends_at)
        VALUES (:digest, :id, :account_id, :method, :network, :user_agent, :at, :at, :at, :ends_at)
    """
    await tx.run(
        sql,
        digest=digest,
        id=id,
        account_id=account_id,
        method=method,
        network=network,
        user_agent=user_agent,
        at=at,
        ends_at=ends_at,
    )


async def find(db: Reader, digest: bytes, *, at: datetime, idle: timedelta, enrol: timedelta) -> Session | None:
    """The live session of a cookie: neither past its end nor unused for longer than `idle`.

    Where a required second factor is missing, it lives for `enrol` after the later of its own beginning and the
    requirement's.
    """
    sql = """
        WITH here AS (
            SELECT id, digest, account_id, method, created_at, verified_at, last_seen_at,
                EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = sessions.account_id)
                    AS has_two_factor
            FROM sessions WHERE digest = :digest AND ends_at > :at AND last_seen_at > :idle_since)
        SELECT here.id, here.digest, here.account_id, accounts.name, accounts.role = 'admin', has_two_factor,
            NOT has_two_factor AND coalesce(required.at <= :at, FALSE),
            required.at, required.of_everybody_at, here.verified_at, here.last_seen_at,
            here.method = 'recovery' AND here.verified_at = here.created_at AND NOT EXISTS (
                SELECT 1 FROM factors_in_force WHERE account_id = here.account_id AND since > here.created_at),
            EXISTS (SELECT 1 FROM recovery_codes WHERE recovery_codes.account_id = here.account_id
                AND used_at IS NOT NULL AND recovery_codes.acknowledged_at IS NULL),
            EXISTS (SELECT 1 FROM notices WHERE notices.account_id = here.account_id
                AND notices.acknowledged_at IS NULL AND shows_at <= :at
                AND (session_id IS NULL OR session_id <> here.id)),
            EXISTS (SELECT 1 FROM delayed_acts WHERE delayed_acts.account_id = here.account_id),
            accounts.zone
        FROM here JOIN accounts ON accounts.id = here.account_id
            JOIN two_factor_required AS required ON required.account_id = here.account_id
        WHERE accounts.disabled_at IS NULL AND (has_two_factor OR coalesce(required.at > :at, TRUE)
            OR here.created_at > :enrol_since OR required.at > :enrol_since)
    """
    return await db.one(Session, sql, digest=digest, at=at, idle_since=at - idle, enrol_since=at - enrol)


async def last_owner(db: Reader, digest: bytes) -> int | None:
    """The account that a cookie is or was signed in to, as long as the session's row is there."""
    return await db.one(int, "SELECT account_id FROM sessions WHERE digest = :digest", digest=digest)


class Over(NamedTuple):
    account_name: str
    last_seen_at: datetime
    ends_at: datetime


async def over(db: Reader, digest: bytes) -> Over | None:
    """The session of a cookie that `find` did not find, as long as its row is there."""
    sql = """
        SELECT accounts.name, last_seen_at, ends_at FROM sessions JOIN accounts ON accounts.id = account_id
        WHERE digest = :digest
    """
    return await db.one(Over, sql, digest=digest)


class Device(NamedTuple):
    """A live session as its owner may see it."""

    id: str
    method: str
    network: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime


async def owned_by(db: Reader, owner: int, *, at: datetime, idle: timedelta) -> list[Device]:
    """The live sessions of the account, the most recently used first."""
    sql = """
        SELECT id, method, network, user_agent, created_at, last_seen_at FROM sessions
        WHERE account_id = :owner AND ends_at > :at AND last_seen_at > :idle_since
        ORDER BY last_seen_at DESC, created_at DESC
    """
    return await db.all(Device, sql, owner=owner, at=at, idle_since=at - idle)


async def touch(tx: Transaction, session_id: str, *, at: datetime) -> None:
    await tx.run("UPDATE sessions SET last_seen_at = :at WHERE id = :id", at=at, id=session_id)


async def renew(tx: Transaction, digest: bytes, *, to: bytes, former_ends_at: datetime) -> None:
    """Give the session of this cookie, if there is one, another cookie; until `former_ends_at` the old one can still
    sign it out."""
    former = """
        INSERT INTO former_cookies (digest, session_id, ends_at)
        SELECT digest, id, :ends_at FROM sessions WHERE digest = :digest
    """
    await tx.run(former, digest=digest, ends_at=former_ends_at)
    await tx.run("UPDATE sessions SET digest = :to WHERE digest = :digest", digest=digest, to=to)


class Former(NamedTuple):
    id: str
    account_id: int


async def find_former(db: Reader, digest: bytes, *, at: datetime) -> Former | None:
    """The session that had this cookie until it was renewed a moment ago."""
    sql = """
        SELECT sessions.id, sessions.account_id FROM former_cookies JOIN sessions ON sessions.id = session_id
        WHERE former_cookies.digest = :digest AND former_cookies.ends_at > :at
    """
    return await db.one(Former, sql, digest=digest, at=at)


async def verify(tx: Transaction, session_id: str, *, at: datetime) -> None:
    """Note that every enrolled factor was proved just now."""
    await tx.run("UPDATE sessions SET verified_at = :at WHERE id = :id", at=at, id=session_id)


async def end(tx: Transaction, session_id: str, *, owner: int, ending: Ending | None = None) -> bool:
    """False when it is not theirs or already gone. Without an `ending` nobody needs to be told why."""
    sql = "DELETE FROM sessions WHERE id = :id AND account_id = :owner RETURNING digest, account_id"
    ended = await tx.all(Ended, sql, id=session_id, owner=owner)
    if ending:
        await endings.record(tx, ended, ending)
    return bool(ended)


async def end_others(tx: Transaction, owner: int, ending: Ending, *, keep: str = "") -> int:
    """End every session of the account but `keep`; returns how many."""
    sql = "DELETE FROM sessions WHERE account_id = :owner AND id <> :keep RETURNING digest, account_id"
    return await endings.record(tx, await tx.all(Ended, sql, owner=owner, keep=keep), ending)


async def end_unenrolled(tx: Transaction, ending: Ending, *, at: datetime, enrol: timedelta) -> int:
    """End the sessions that did not switch a required second factor on within `enrol`; returns how many."""
    sql = """
        DELETE FROM sessions WHERE account_id NOT IN (SELECT account_id FROM factors_in_force)
            AND account_id IN (SELECT account_id FROM two_factor_required WHERE at <= :at AND at <= :enrol_since)
            AND created_at <= :enrol_since
        RETURNING digest, account_id
    """
    return await endings.record(tx, await tx.all(Ended, sql, at=at, enrol_since=at - enrol), ending)


async def end_of_everybody(tx: Transaction, ending: Ending) -> list[int]:
    """End every session of the panel; returns one account id for each session."""
    ended = await tx.all(Ended, "DELETE FROM sessions RETURNING digest, account_id")
    await endings.record(tx, ended, ending)
    return [one.account_id for one in ended]


async def end_beyond(tx: Transaction, owner: int, ending: Ending, *, newest: str, keep: int) -> int:
    """End the least recently used beyond `keep`, never the one that just began; returns how many."""
    sql = """
        DELETE FROM sessions WHERE account_id = :owner AND id NOT IN (
            SELECT id FROM sessions WHERE account_id = :owner
            ORDER BY id = :newest DESC, last_seen_at DESC, created_at DESC LIMIT :keep)
        RETURNING digest, account_id
    """
    return await endings.record(tx, await tx.all(Ended, sql, owner=owner, newest=newest, keep=keep), ending)
