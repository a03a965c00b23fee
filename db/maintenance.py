"""Copies of a database, and whether one is whole."""

import contextlib
import sqlite3
from pathlib import Path

from db.database import Reader
from db.errors import translated

_BEGINNING = b"SQLite format 3\0"  # of every file of SQLite


def copy(source: Path, target: Path) -> None:
    """SQLite's own copy of a live database: one moment of it, whole; an existing target changes in one transaction."""
    with (
        translated(),
        contextlib.closing(sqlite3.connect(source)) as reading,
        contextlib.closing(sqlite3.connect(target, timeout=10)) as writing,
    ):
        reading.backup(writing)


def key_fingerprint(file: Path) -> str:
    """The fingerprint of the key in force when it was copied."""
    with translated(), contextlib.closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT key_fingerprint FROM panel").fetchone()[0])


def is_database(file: Path) -> bool:
    """By how it begins; the rest may be anything."""
    with file.open("rb") as content:
        return content.read(len(_BEGINNING)) == _BEGINNING


async def is_sound(db: Reader) -> bool:
    """Whether tables and indexes agree, page by page."""
    return await db.all(str, "PRAGMA integrity_check") == ["ok"]


async def broken_reference(db: Reader) -> str | None:
    """The table of the first row that refers to one that is not there."""
    return await db.one(str, "PRAGMA foreign_key_check")
