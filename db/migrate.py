"""Brings a database up to date: applies migrations/*.sql in order and counts them in PRAGMA user_version."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from db.database import Database

MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))
APPLICATION_ID = 0x50414E4C  # "PANL", PRAGMA application_id: tells our file from any other


class NewerDatabase(Exception):
    """The file was written by a newer panel than this one."""


async def version(db: Database) -> int:
    return await db.one(int, "PRAGMA user_version") or 0


async def migrate(db: Database, files: Sequence[Path] = MIGRATIONS) -> int:
    """Apply what is missing, each file in a transaction of its own; returns how many were applied."""
    done = await version(db)
    if done > len(files):
        raise NewerDatabase
    for number, file in enumerate(files[done:], start=done + 1):
        async with db.transaction() as tx:
            if (await tx.one(int, "PRAGMA user_version") or 0) >= number:
                continue  # another process was first
            for statement in statements(file.read_text(encoding="utf-8")):
                await tx.run(statement)
            await tx.run(f"PRAGMA application_id = {APPLICATION_ID}")
            await tx.run(f"PRAGMA user_version = {number}")
    return len(files) - done


def statements(script: str) -> Iterator[str]:
    """The script, one statement at a time: sqlite3's own executescript would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
