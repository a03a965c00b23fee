"""Browsers from which an account was fully signed in to before."""

from datetime import datetime
from typing import NamedTuple

from db.database import Reader, Transaction


class TrustedDevice(NamedTuple):
    id: str
    network: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime


class Trust(NamedTuple):
    owner: int
    id: str
    digest: bytes


async def in_browser(db: Reader, digests: list[bytes], *, at: datetime) -> list[Trust]:
    """Every account that trusts the browser of these cookies."""
    sql = """
        SELECT account_id, id, digest FROM trusted_devices
        WHERE digest IN (:digests) AND ends_at > :at ORDER BY account_id
    """
    return await db.all(Trust, sql, digests=tuple(digests), at=at)


async def change_cookie(tx: Transaction, digest: bytes, *, owner: int, to: bytes) -> None:
    """Let the account trust the cookie `to` in place of this one, which is then worth nothing to it."""
    sql = "UPDATE trusted_devices SET digest = :to WHERE digest = :digest AND account_id = :owner"
    await tx.run(sql, digest=digest, owner=owner, to=to)


async def trust(
    tx: Transaction,
    owner: int,
    digest: bytes,
    *,
    id: str,
    network: str,
    user_agent: str,
    at: datetime,
    ends_at: datetime,
    keep: int,
) -> None:
    """Trust a browser, for the first time or again; of the others the most recently used `keep` - 1 stay."""
    sql = """
        INSERT INTO trusted_devices (digest, id, account_id, network, user_agent, created_at, last_used_at, ends_at)
        VALUES (:digest, :id, :owner, :network, :user_agent, :at, :at, :ends_at)
        ON CONFLICT (digest, account_id) DO UPDATE SET
            network = excluded.network, user_agent = excluded.user_agent,
            last_used_at = excluded.last_used_at, ends_at = excluded.ends_at
    """
    device = {"id": id, "network": network, "user_agent": user_agent}
    await tx.run(sql, digest=digest, owner=owner, at=at, ends_at=ends_at, **device)
    crowded = """
        DELETE FROM trusted_devices WHERE account_id = :owner AND digest NOT IN (
            SELECT digest FROM trusted_devices WHERE account_id = :owner
            ORDER BY digest = :digest DESC, last_used_at DESC LIMIT :keep)
    """
    await tx.run(crowded, owner=owner, digest=digest, keep=keep)


async def owned_by(db: Reader, owner: int, *, at: datetime) -> list[TrustedDevice]:
    """The devices that the account trusts, the most recently used first."""
    sql = """
        SELECT id, network, user_agent, created_at, last_used_at FROM trusted_devices
        WHERE account_id = :owner AND ends_at > :at ORDER BY last_used_at DESC, created_at DESC
    """
    return await db.all(TrustedDevice, sql, owner=owner, at=at)


async def forget(tx: Transaction, device_id: str, *, owner: int) -> bool:
    """False when it is not theirs or already gone."""
    sql = "DELETE FROM trusted_devices WHERE id = :id AND account_id = :owner RETURNING 1"
    return await tx.one(int, sql, id=device_id, owner=owner) is not None


async def forget_all(tx: Transaction, owner: int) -> int:
    """Returns how many there were."""
    sql = "DELETE FROM trusted_devices WHERE account_id = :owner RETURNING 1"
    return len(await tx.all(int, sql, owner=owner))
