"""Passkeys: the public keys of an account, the credentials that were removed, and the challenges that were answered."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class Passkey(NamedTuple):
    """`credential_id` is what the authenticator calls it; `id` is ours, for addresses of pages."""

    id: str
    account_id: int
    credential_id: bytes
    sealed_key: bytes
    rp_id: str
    name: str
    aaguid: bytes
    counter: int
    is_backup_eligible: bool
    is_backed_up: bool
    transports: str  # separated by blanks
    created_at: datetime
    last_used_at: datetime | None


_PASSKEY = """
    SELECT id, account_id, credential_id, sealed_key, rp_id, name, aaguid, counter, is_backup_eligible, is_backed_up,
        transports, created_at, last_used_at
    FROM passkeys
"""


async def owned_by(db: Reader, account_id: int) -> list[Passkey]:
    """The last used first, those never used by age behind them."""
    sql = _PASSKEY + "WHERE account_id = :account_id ORDER BY coalesce(last_used_at, 0) DESC, created_at, id"
    return await db.all(Passkey, sql, account_id=account_id)


async def get(db: Reader, passkey_id: str, *, owner: int) -> Passkey | None:
    return await db.one(Passkey, _PASSKEY + "WHERE id = :id AND account_id = :owner", id=passkey_id, owner=owner)


async def find(db: Reader, credential_id: bytes) -> Passkey | None:
    """Whoever it belongs to."""
    return await db.one(Passkey, _PASSKEY + "WHERE credential_id = :credential_id", credential_id=credential_id)


async def count(db: Reader, account_id: int) -> int:
    sql = "SELECT count(*) FROM passkeys WHERE account_id = :account_id"
    return await db.one(int, sql, account_id=account_id) or 0


async def add(tx: Transaction, passkey: Passkey) -> bool:
    """False when there is this credential already, of whatever account."""
    sql = """
        INSERT INTO passkeys (id, account_id, credential_id, sealed_key, rp_id, name, aaguid, counter,
            is_backup_eligible, is_backed_up, transports, created_at)
        VALUES (:id, :account_id, :credential_id, :sealed_key, :rp_id, :name, :aaguid, :counter,
            :is_backup_eligible, :is_backed_up, :transports, :created_at)
        ON CONFLICT (credential_id) DO NOTHING RETURNING 1
    """
    values = {name: value for name, value in passkey._asdict().items() if name != "last_used_at"}
    if await tx.one(int, sql, **values) is None:
        return False
    await tx.run("DELETE FROM removed_passkeys WHERE digest = :digest", digest=_digest(passkey.credential_id))
    return True


async def use(tx: Transaction, passkey: Passkey, *, counter: int, is_backed_up: bool, at: datetime) -> bool:
    """Record a use of the passkey as it was seen; False when it is gone, or was used meanwhile and counts its uses."""
    sql = """
        UPDATE passkeys SET counter = :counter, is_backed_up = :is_backed_up, last_used_at = :at
        WHERE id = :id AND account_id = :owner AND (is_backup_eligible OR counter = :seen) RETURNING 1
    """
    seen = {"id": passkey.id, "owner": passkey.account_id, "seen": passkey.counter}
    return await tx.one(int, sql, counter=counter, is_backed_up=is_backed_up, at=at, **seen) is not None


async def rename(tx: Transaction, passkey_id: str, name: str, *, owner: int) -> bool:
    """False when it is not theirs, or gone."""
    sql = "UPDATE passkeys SET name = :name WHERE id = :id AND account_id = :owner RETURNING 1"
    return await tx.one(int, sql, id=passkey_id, name=name, owner=owner) is not None


async def remove(tx: Transaction, passkey: Passkey, *, at: datetime, keep: int) -> bool:
    """False when it was gone. Of the account's removed ones the newest `keep` are remembered."""
    sql = "DELETE FROM passkeys WHERE id = :id AND account_id = :owner RETURNING 1"
    if await tx.one(int, sql, id=passkey.id, owner=passkey.account_id) is None:
        return False
    sql = """
        INSERT INTO removed_passkeys (digest, account_id, rp_id, removed_at) VALUES (:digest, :owner, :rp_id, :at)
        ON CONFLICT (digest) DO UPDATE SET removed_at = excluded.removed_at
    """
    owner, digest = passkey.account_id, _digest(passkey.credential_id)
    await tx.run(sql, digest=digest, owner=owner, rp_id=passkey.rp_id, at=at)
    sql = """
        DELETE FROM removed_passkeys WHERE account_id = :owner AND digest NOT IN (
            SELECT digest FROM removed_passkeys WHERE account_id = :owner ORDER BY removed_at DESC, digest LIMIT :keep)
    """
    await tx.run(sql, owner=owner, keep=keep)
    return True


async def remove_all(tx: Transaction, account_id: int, *, at: datetime, keep: int) -> list[Passkey]:
    """Those that were removed."""
    found = await owned_by(tx, account_id)
    return [one for one in found if await remove(tx, one, at=at, keep=keep)]


class Removed(NamedTuple):
    rp_id: str
    removed_at: datetime


async def removed_by(db: Reader, account_id: int) -> list[Removed]:
    sql = "SELECT rp_id, removed_at FROM removed_passkeys WHERE account_id = :account_id ORDER BY removed_at DESC"
    return await db.all(Removed, sql, account_id=account_id)


async def was_removed(db: Reader, credential_id: bytes) -> bool:
    """Whether a person, or whoever looks after the panel, removed it. A credential that nobody knows was not."""
    sql = "SELECT EXISTS (SELECT 1 FROM removed_passkeys WHERE digest = :digest)"
    return bool(await db.one(int, sql, digest=_digest(credential_id)))


class OfName(NamedTuple):
    """How many passkeys were made for a host name."""

    rp_id: str
    passkeys: int


async def by_name(db: Reader) -> list[OfName]:
    return await db.all(OfName, "SELECT rp_id, count(*) FROM passkeys GROUP BY rp_id ORDER BY rp_id")


async def user_of(db: Reader, account_id: int) -> bytes | None:
    """What authenticators know the account by; None before its first passkey."""
    sql = "SELECT passkey_user FROM accounts WHERE id = :id AND passkey_user IS NOT NULL"
    return await db.one(bytes, sql, id=account_id)


async def adopt_user(tx: Transaction, account_id: int, user: bytes) -> bytes:
    """Let authenticators know the account by `user`, unless they know it by another; returns which."""
    sql = "UPDATE accounts SET passkey_user = coalesce(passkey_user, :user) WHERE id = :id RETURNING passkey_user"
    return await tx.one(bytes, sql, id=account_id, user=user) or user


async def spend_challenge(tx: Transaction, challenge: bytes, *, ends_at: datetime) -> bool:
    """False when it was answered rightly before, or may have been."""
    sql = """
        INSERT INTO used_challenges (digest, ends_at)
        SELECT :digest, :ends_at WHERE NOT EXISTS (
            SELECT 1 FROM used_challenges WHERE digest = :every AND ends_at >= :ends_at)
        ON CONFLICT (digest) DO NOTHING RETURNING 1
    """
    return await tx.one(int, sql, digest=_digest(challenge), ends_at=ends_at, every=_EVERY) is not None


async def spend_challenges(tx: Transaction, *, until: datetime) -> None:
    """All that end by then: nobody remembers which of them were answered."""
    sql = "INSERT INTO used_challenges (digest, ends_at) VALUES (:digest, :ends_at)"
    await tx.run(sql, digest=_EVERY, ends_at=until)


_EVERY = b""  # in place of a digest


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
