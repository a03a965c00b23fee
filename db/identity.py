"""The one row about the panel itself: which key seals its secrets, and the short id in the names of its cookies."""

from db.database import Reader, Transaction


async def key_fingerprint(db: Reader) -> str | None:
    """None before the first start."""
    return await db.one(str, "SELECT key_fingerprint FROM panel")


async def change_key(tx: Transaction, fingerprint: str) -> None:
    await tx.run("UPDATE panel SET key_fingerprint = :fingerprint", fingerprint=fingerprint)


async def adopt(tx: Transaction, fingerprint: str, *, short_id: str) -> str:
    """Bind the database to the key of this fingerprint, if it is bound to none; returns its short id, new or old."""
    sql = """
        INSERT INTO panel (id, key_fingerprint, short_id) VALUES (1, :fingerprint, :short_id)
        ON CONFLICT (id) DO UPDATE SET short_id = coalesce(panel.short_id, excluded.short_id) RETURNING short_id
    """
    return await tx.one(str, sql, fingerprint=fingerprint, short_id=short_id) or short_id


async def keep_short_id(tx: Transaction, short_id: str) -> None:
    """Give a restored copy the short id that is in the names of the cookies browsers already have."""
    await tx.run("UPDATE panel SET short_id = :short_id", short_id=short_id)
