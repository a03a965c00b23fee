"""Brings a database up to date: applies migrations/ in order and counts them in PRAGMA user_version.

A migration is SQL or, where it has to look before it acts or needs the key, Python: its `SCHEMA`, then its `apply`.
"""

import importlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from db import maintenance
from db.database import Database, Reader, Transaction

_FOLDER = Path(__file__).parent / "migrations"
MIGRATIONS = sorted(file for file in _FOLDER.glob("0*.*") if file.suffix in (".sql", ".py"))
APPLICATION_ID = 0x50414E4C  # "PANL", PRAGMA application_id: tells our file from any other


class NewerDatabase(Exception):
    """The file was written by a newer panel than this one."""


class TakenBack(Exception):
    """The file claims an older version than its content shows."""


class BrokenReference(Exception):
    """A foreign key refers to a missing row. The argument is the name of the referring row's table."""


class Vault(Protocol):
    """What a migration may do with secret.key."""

    @property
    def first_tag_key(self) -> bytes:
        """What tags were made with before there were sub-keys."""

    def token_bytes(self, count: int, /) -> bytes: ...

    def close(self, purpose: str, owner: int | str, secret: bytes) -> bytes: ...

    def is_current(self, purpose: str, owner: int | str, sealed: bytes) -> bool:
        """Whether the value is sealed in the current format."""

    def renew(self, purpose: str, owner: int | str, to: int | str, sealed: bytes) -> bytes:
        """Seal a value of the first format in the current one, for the owner `to`; one that does not open is returned
        as it is."""


async def is_ours(db: Reader) -> bool:
    """Whether the file is marked as made by a panel."""
    return await db.one(int, "PRAGMA application_id") == APPLICATION_ID


async def version(db: Reader) -> int:
    return await db.one(int, "PRAGMA user_version") or 0


async def migrate(db: Database, vault: Vault, files: Sequence[Path] = MIGRATIONS) -> int:
    """Apply what is missing, each file in a transaction of its own; returns how many were applied.

    A file may drop a table and make it anew: meanwhile foreign keys delete no rows, and at its end they are checked.
    Raises BrokenReference when they do not hold.
    """
    done = await version(db)
    if done > len(files):
        raise NewerDatabase
    async with db.without_foreign_keys():
        for number, file in enumerate(files[done:], start=done + 1):
            await _migrate_to(db, vault, number, file)
    return len(files) - done


async def _migrate_to(db: Database, vault: Vault, number: int, file: Path) -> None:
    async with db.transaction() as tx:
        if await version(tx) >= number:
            return  # another process was first
        await _apply(tx, vault, file)
        if table := await maintenance.broken_reference(tx):
            raise BrokenReference(table)
        await tx.run(f"PRAGMA application_id = {APPLICATION_ID}")
        await tx.run(f"PRAGMA user_version = {number}")


async def _apply(tx: Transaction, vault: Vault, file: Path) -> None:
    for statement in statements(script(file)):
        await tx.run(statement)
    if file.suffix == ".py":
        await _module(file).apply(tx, vault)


def script(file: Path) -> str:
    """The SQL that changes the schema."""
    return file.read_text(encoding="utf-8") if file.suffix == ".sql" else str(_module(file).SCHEMA)


def _module(file: Path) -> Any:
    return importlib.import_module(f"db.migrations.{file.stem}")


def statements(script: str) -> Iterator[str]:
    """The script, one statement at a time: sqlite3's own executescript would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
