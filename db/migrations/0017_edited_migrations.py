"""Migrations 0006 and 0009 were edited once after they had been on main (drafts/ has what they were): a data folder
made by the first ones gets what the others make."""

from db.database import Transaction
from db.migrate import Vault

SCHEMA = ""


async def apply(tx: Transaction, _: Vault) -> None:
    if await tx.one(int, "SELECT sum(pk > 0) FROM pragma_table_info('trusted_devices')") == 1:
        for statement in _TRUSTED_DEVICES:
            await tx.run(statement)
    if await tx.one(int, "SELECT 1 FROM pragma_table_info('totp') WHERE name = 'told_step'"):
        for statement in _TOLD_STEPS:
            await tx.run(statement)


_TRUSTED_DEVICES = (
    "CREATE TEMP TABLE kept AS SELECT * FROM trusted_devices",
    "DROP TABLE trusted_devices",
    """
    CREATE TABLE trusted_devices (
        digest       BLOB NOT NULL,
        id           TEXT NOT NULL UNIQUE,
        account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        network      TEXT NOT NULL,
        user_agent   TEXT NOT NULL,
        created_at   INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        ends_at      INTEGER NOT NULL,
        PRIMARY KEY (digest, account_id)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO trusted_devices SELECT * FROM kept",
    "DROP TABLE kept",
    "CREATE INDEX trusted_devices_by_account ON trusted_devices (account_id, last_used_at)",
    "CREATE INDEX trusted_devices_by_end ON trusted_devices (ends_at)",
)
_TOLD_STEPS = (
    """
    CREATE TABLE totp_told (
        account_id INTEGER NOT NULL REFERENCES totp (account_id) ON DELETE CASCADE,
        step       INTEGER NOT NULL,
        PRIMARY KEY (account_id, step)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO totp_told SELECT account_id, told_step FROM totp WHERE told_step IS NOT NULL",
    "ALTER TABLE totp DROP COLUMN told_step",
)
