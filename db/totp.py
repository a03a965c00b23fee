"""The authenticator app of an account: the key, the last step accepted, and a key not yet confirmed."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class Totp(NamedTuple):
    sealed_key: bytes
    last_step: int
    confirmed_at: datetime


class Replaced(NamedTuple):
    sealed_key: bytes
    ends_at: datetime


class Enrolment(NamedTuple):
    """A key that waits to be confirmed, how many tries were charged to it, the recovery codes made for it, if any, and
    how often the person began."""

    sealed_key: bytes
    misses: int
    sealed_codes: bytes | None
    starts: int


async def find(db: Reader, account_id: int) -> Totp | None:
    sql = "SELECT sealed_key, last_step, confirmed_at FROM totp WHERE account_id = :account_id"
    return await db.one(Totp, sql, account_id=account_id)


async def last_step(db: Reader, account_id: int) -> int | None:
    """The time step of the code that was accepted last; None without an app."""
    return await db.one(int, "SELECT last_step FROM totp WHERE account_id = :account_id", account_id=account_id)


async def spend(tx: Transaction, account_id: int, step: int) -> bool:
    """Accept a code's time step once, and only a newer one than the last (RFC 6238 §5.2); False for any other step, and
    for one that was disclosed."""
    sql = """
        UPDATE totp SET last_step = :step
        WHERE account_id = :account_id AND last_step < :step
            AND NOT EXISTS (SELECT 1 FROM totp_told WHERE totp_told.account_id = totp.account_id AND step = :step)
        RETURNING last_step
    """
    return await tx.one(int, sql, account_id=account_id, step=step) is not None


async def resync(tx: Transaction, account_id: int, step: int) -> bool:
    """Set the last accepted step back to `step`; False when it was not ahead of it."""
    sql = "UPDATE totp SET last_step = :step WHERE account_id = :account_id AND last_step > :step RETURNING 1"
    await tx.run("DELETE FROM totp_told WHERE account_id = :id AND step > :step", id=account_id, step=step)
    return await tx.one(int, sql, account_id=account_id, step=step) is not None


async def disclose_step(tx: Transaction, account_id: int, step: int, *, oldest: int) -> None:
    """Record that the panel disclosed which step a code belongs to, so that the step is never accepted.

    Steps before `oldest` are too old to be accepted anyway: their rows are deleted.
    """
    await tx.run("DELETE FROM totp_told WHERE account_id = :id AND step < :oldest", id=account_id, oldest=oldest)
    sql = "INSERT INTO totp_told (account_id, step) VALUES (:account_id, :step) ON CONFLICT DO NOTHING"
    await tx.run(sql, account_id=account_id, step=step)


async def was_disclosed(db: Reader, account_id: int, step: int) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM totp_told WHERE account_id = :account_id AND step = :step)"
    return bool(await db.one(int, sql, account_id=account_id, step=step))


async def forget_disclosed(tx: Transaction, account_id: int) -> None:
    """Delete the disclosed steps, because the account has another key now."""
    await tx.run("DELETE FROM totp_told WHERE account_id = :account_id", account_id=account_id)


async def begin_enrolment(
    tx: Transaction, account_id: int, *, session_id: str, sealed_key: bytes, ends_at: datetime
) -> None:
    """Keep a new key until it is confirmed; it takes the place of an earlier unconfirmed one."""
    sql = """
        INSERT INTO totp_enrolments (account_id, session_id, sealed_key, ends_at)
        VALUES (:account_id, :session_id, :sealed_key, :ends_at)
        ON CONFLICT (account_id) DO UPDATE SET
            session_id = excluded.session_id, sealed_key = excluded.sealed_key, misses = 0, ends_at = excluded.ends_at,
            sealed_codes = NULL, starts = totp_enrolments.starts + 1
    """
    await tx.run(sql, account_id=account_id, session_id=session_id, sealed_key=sealed_key, ends_at=ends_at)


async def keep_codes(tx: Transaction, account_id: int, sealed_key: bytes, sealed_codes: bytes) -> None:
    """Recovery codes made early, with the key they were made for; when that waits no more, they are nobody's."""
    sql = "UPDATE totp_enrolments SET sealed_codes = :codes WHERE account_id = :account_id AND sealed_key = :key"
    await tx.run(sql, account_id=account_id, key=sealed_key, codes=sealed_codes)


async def find_enrolment(db: Reader, account_id: int, *, session_id: str, at: datetime) -> Enrolment | None:
    """The unconfirmed key, for the session that began the enrolment and until it expires."""
    sql = """
        SELECT sealed_key, misses, sealed_codes, starts FROM totp_enrolments
        WHERE account_id = :account_id AND session_id = :session_id AND ends_at > :at
    """
    return await db.one(Enrolment, sql, account_id=account_id, session_id=session_id, at=at)


async def try_enrolment(
    tx: Transaction, account_id: int, *, session_id: str, at: datetime, tries: int
) -> Enrolment | None:
    """Charge one try at confirming, before it is judged; None when this session has no enrolment, or no tries left."""
    sql = """
        UPDATE totp_enrolments SET misses = misses + 1
        WHERE account_id = :account_id AND session_id = :session_id AND ends_at > :at AND misses < :tries
        RETURNING sealed_key, misses, sealed_codes, starts
    """
    return await tx.one(Enrolment, sql, account_id=account_id, session_id=session_id, at=at, tries=tries)


async def refund_enrolment(tx: Transaction, account_id: int, *, session_id: str) -> None:
    """Take one try back that was charged but never judged."""
    sql = """
        UPDATE totp_enrolments SET misses = misses - 1
        WHERE account_id = :account_id AND session_id = :session_id AND misses > 0
    """
    await tx.run(sql, account_id=account_id, session_id=session_id)


async def cancel_enrolment(tx: Transaction, account_id: int, *, session_id: str) -> bool:
    """False when this session had begun none."""
    sql = "DELETE FROM totp_enrolments WHERE account_id = :account_id AND session_id = :session_id RETURNING 1"
    return await tx.one(int, sql, account_id=account_id, session_id=session_id) is not None


async def confirm(
    tx: Transaction,
    account_id: int,
    sealed_key: bytes,
    *,
    step: int,
    at: datetime,
    session_id: str,
    undo_ends_at: datetime,
) -> bool:
    """Put the unconfirmed key in force; False when another enrolment has replaced it.

    A key that was in force until now is set aside: this session may put it back until `undo_ends_at`.
    """
    taken = "DELETE FROM totp_enrolments WHERE account_id = :account_id AND sealed_key = :sealed_key RETURNING 1"
    if await tx.one(int, taken, account_id=account_id, sealed_key=sealed_key) is None:
        return False
    await _set_aside(tx, account_id, session_id=session_id, ends_at=undo_ends_at)
    sql = """
        INSERT INTO totp (account_id, sealed_key, last_step, confirmed_at) VALUES (:account_id, :sealed_key, :step, :at)
        ON CONFLICT (account_id) DO UPDATE SET
            sealed_key = excluded.sealed_key, last_step = excluded.last_step, confirmed_at = excluded.confirmed_at
    """
    await tx.run(sql, account_id=account_id, sealed_key=sealed_key, step=step, at=at)
    await forget_disclosed(tx, account_id)
    return True


async def _set_aside(tx: Transaction, account_id: int, *, session_id: str, ends_at: datetime) -> None:
    sql = """
        INSERT INTO totp_replaced (account_id, session_id, sealed_key, last_step, confirmed_at, ends_at)
        SELECT account_id, :session_id, sealed_key, last_step, confirmed_at, :ends_at FROM totp
        WHERE account_id = :account_id
        ON CONFLICT (account_id) DO UPDATE SET
            session_id = excluded.session_id, sealed_key = excluded.sealed_key, last_step = excluded.last_step,
            confirmed_at = excluded.confirmed_at, ends_at = excluded.ends_at
    """
    await tx.run(sql, account_id=account_id, session_id=session_id, ends_at=ends_at)


async def find_replaced(db: Reader, account_id: int, *, session_id: str, at: datetime) -> Replaced | None:
    sql = """
        SELECT sealed_key, ends_at FROM totp_replaced
        WHERE account_id = :account_id AND session_id = :session_id AND ends_at > :at
    """
    return await db.one(Replaced, sql, account_id=account_id, session_id=session_id, at=at)


async def undo_replacement(tx: Transaction, account_id: int, sealed_key: bytes, *, step: int) -> bool:
    """Put the replaced app back; False when it is gone, or when its last accepted step is not before `step`."""
    taken = """
        DELETE FROM totp_replaced
        WHERE account_id = :account_id AND sealed_key = :sealed_key AND last_step < :step RETURNING confirmed_at
    """
    confirmed_at = await tx.one(int, taken, account_id=account_id, sealed_key=sealed_key, step=step)
    if confirmed_at is None:
        return False
    sql = """
        UPDATE totp SET sealed_key = :sealed_key, last_step = :step, confirmed_at = :confirmed_at
        WHERE account_id = :account_id
    """
    await tx.run(sql, account_id=account_id, sealed_key=sealed_key, step=step, confirmed_at=confirmed_at)
    await forget_disclosed(tx, account_id)
    return True


async def remove(tx: Transaction, account_id: int) -> bool:
    """False when there was none."""
    removed = "DELETE FROM totp WHERE account_id = :account_id RETURNING 1"
    return await tx.one(int, removed, account_id=account_id) is not None
