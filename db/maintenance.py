"""Copies of a database, and whether one is whole."""

import contextlib
import sqlite3
from pathlib import Path

from db.database import Reader
from db.errors import translated

_BEGINNING = b"SQLite format 3\0"  # of every file of SQLite


def copy(source: Path, target: Path) -> None:
    """Copy a live database as it is at one moment (SQLite's backup API); an existing target is replaced in one
    transaction."""
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
    """Whether the file begins as SQLite's files do; the rest is not checked."""
    with file.open("rb") as content:
        return content.read(len(_BEGINNING)) == _BEGINNING


async def is_sound(db: Reader) -> bool:
    """Whether tables and indexes agree, page by page."""
    return await db.all(str, "PRAGMA integrity_check") == ["ok"]


async def broken_reference(db: Reader) -> str | None:
    """The table of the first row whose foreign key refers to a missing row; None when there is none."""
    return await db.one(str, "PRAGMA foreign_key_check")
