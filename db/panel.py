"""The one row about the panel itself: which key seals its secrets."""

from datetime import datetime

from db.database import Reader, Transaction


async def key_fingerprint(db: Reader) -> str | None:
    """None before the first start."""
    return await db.one(str, "SELECT key_fingerprint FROM panel")


async def change_key(tx: Transaction, fingerprint: str) -> None:
    await tx.run("UPDATE panel SET key_fingerprint = :fingerprint", fingerprint=fingerprint)


async def adopt_key(tx: Transaction, fingerprint: str, *, at: datetime) -> None:
    """Bind the database to the key of this fingerprint, if it is bound to none."""
    sql = """
        INSERT INTO panel (id, key_fingerprint, created_at) VALUES (1, :fingerprint, :at) ON CONFLICT (id) DO NOTHING
    """
    await tx.run(sql, fingerprint=fingerprint, at=at)
