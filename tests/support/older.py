"""Data folders and copies as they were before there were sub-keys."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.migrate import MIGRATIONS, script, statements
from web.crypto.vault import Vault

Rows = Callable[..., list[tuple[Any, ...]]]


def link_plainly(rows: Rows, *, after: bytes = b"") -> None:
    """As it was done before there were sub-keys, and as anybody can do who reads the code."""
    [(trigger,)] = rows("SELECT sql FROM sqlite_schema WHERE name = 'activity_is_never_changed'")
    rows("DROP TRIGGER activity_is_never_changed")
    columns = "id, at, account_id, session_id, event, network, user_agent, detail"
    for entry in rows(f"SELECT {columns} FROM activity ORDER BY id"):  # noqa: S608, a constant
        after = hashlib.sha256(after + json.dumps(entry).encode()).digest()
        rows("UPDATE activity SET link = ? WHERE id = ?", after, entry[0])
    rows(trigger)


def seal_as_first(rows: Rows, key_file: Path) -> None:
    """As values were sealed before every one of them was bound to its account."""
    vault, key = Vault(key_file, bytes), bytes.fromhex(key_file.read_text())
    head, nonce = b"\x01" + hashlib.sha256(key).digest()[:4], bytes(12)
    for table, column, purpose, of_old, of_now in (
        ("accounts", "sealed_password", "password", "id", "id"),
        ("instances", "sealed_token", "instance", "id", "id || ' ' || account_id"),
    ):
        for row, owner, sealed in rows(f"SELECT {of_old}, {of_now}, {column} FROM {table}"):  # noqa: S608, constants
            secret = vault.unseal(purpose, owner, sealed)
            value = head + nonce + AESGCM(key).encrypt(nonce, secret, head + f"{purpose}:{row}".encode())
            rows(f"UPDATE {table} SET {column} = ? WHERE id = ?", value, row)  # noqa: S608, constants


def first(table: str) -> str:
    """The statement of the first migration that makes it."""
    [made] = [text for text in statements(script(MIGRATIONS[0])) if f"CREATE TABLE {table} (" in text]
    return made


def sessions_of_before(rows: Rows) -> list[str]:
    """Statements that make the table as the first migration does, with what it holds."""
    indexes = [sql for (sql,) in rows("SELECT sql FROM sqlite_schema WHERE tbl_name = 'sessions' AND type = 'index'")]
    return [
        "CREATE TABLE meanwhile AS SELECT * FROM sessions",
        "DROP TABLE sessions",
        first("sessions"),
        "INSERT INTO sessions SELECT * FROM meanwhile",
        "DROP TABLE meanwhile",
        *filter(None, indexes),
    ]


FACTORS_OF_BEFORE = [
    "DROP VIEW factors_in_force",
    "CREATE VIEW factors_in_force (account_id, kind) AS SELECT account_id, 'totp' FROM totp",
]
PANEL_OF_BEFORE = [
    "CREATE TABLE meanwhile AS SELECT * FROM panel",
    "DROP TABLE panel",
    first("panel"),
    "ALTER TABLE panel ADD COLUMN short_id TEXT",
    "INSERT INTO panel SELECT id, key_fingerprint, 0, short_id FROM meanwhile",
    "DROP TABLE meanwhile",
]


PENDING_LOGINS_OF_BEFORE = [
    "CREATE TABLE meanwhile AS SELECT * FROM pending_logins",
    "DROP TABLE pending_logins",
    first("half_logins"),
    "ALTER TABLE half_logins ADD COLUMN is_trusted INTEGER NOT NULL DEFAULT FALSE",
    "INSERT INTO half_logins SELECT * FROM meanwhile",
    "DROP TABLE meanwhile",
    "CREATE INDEX half_logins_by_account ON half_logins (account_id, created_at)",
    "CREATE INDEX half_logins_by_end ON half_logins (ends_at)",
    "ALTER TABLE notices RENAME COLUMN pending_login TO half_login",
    "DROP INDEX notices_by_pending_login",
    "CREATE INDEX notices_by_half_login ON notices (half_login) WHERE half_login IS NOT NULL",
]


EARLY_CODES_OF_BEFORE = [f"ALTER TABLE totp_enrolments DROP COLUMN {column}" for column in ("sealed_codes", "starts")]
INSTANCES_OF_BEFORE = [
    "DROP INDEX instances_by_name",
    "DROP INDEX instances_by_age",
    "ALTER TABLE instances DROP COLUMN sort_name",
    "CREATE INDEX instances_by_account ON instances (account_id, name)",
]
ZONES_OF_BEFORE = ["DROP INDEX notices_acknowledged", "ALTER TABLE accounts DROP COLUMN zone"]


PEOPLE_OF_BEFORE = [
    "DROP VIEW two_factor_required",
    "DROP TABLE name_parts",
    "DROP TABLE delayed_acts",
    *(f"DROP INDEX {index}" for index in ("accounts_disabled", "accounts_invited", "activations_by_maker")),
    *(f"ALTER TABLE activations DROP COLUMN {column}" for column in ("kind", "made_at", "made_by")),
    *(
        f"ALTER TABLE accounts DROP COLUMN {column}"
        for column in (
            "disabled_at",
            "last_login_at",
            "two_factor_required_at",
            "password_link_at",
            "factor_reset_at",
        )
    ),
    "ALTER TABLE notices DROP COLUMN detail",
]


PASSKEYS_OF_BEFORE = [
    "DROP VIEW factors_in_force",
    "CREATE VIEW factors_in_force (account_id, kind, since) AS SELECT account_id, 'totp', confirmed_at FROM totp",
    *(f"DROP TABLE {table}" for table in ("passkeys", "removed_passkeys", "used_challenges")),
    "ALTER TABLE accounts DROP COLUMN passkey_user",
]


def take_back(rows: Rows) -> None:
    for change in (
        *PASSKEYS_OF_BEFORE,
        *ZONES_OF_BEFORE,
        *PEOPLE_OF_BEFORE,
        "DROP TABLE endings",
        *EARLY_CODES_OF_BEFORE,
        *INSTANCES_OF_BEFORE,
        *PENDING_LOGINS_OF_BEFORE,
        *PANEL_OF_BEFORE,
        "ALTER TABLE recovery_sets DROP COLUMN sealed_key",
        "DROP VIEW factors_in_force",
        *sessions_of_before(rows),
        "DROP TABLE sub_keys",
        "ALTER TABLE activity_pruned DROP COLUMN proof",
        "DROP INDEX notices_by_age",
        "CREATE INDEX notices_by_acknowledgement ON notices (acknowledged_at) WHERE acknowledged_at IS NOT NULL",
        "PRAGMA user_version = 17",
    ):
        rows(change)
