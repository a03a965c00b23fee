"""Each failure of a real database file raises the exception of its cause, in a reader, a writer and a copy."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from db import maintenance
from db.database import Database
from db.errors import Damaged, DatabaseError, Denied, Full

TABLE = "CREATE TABLE things (id INTEGER PRIMARY KEY, what BLOB NOT NULL)"
INSERT = "INSERT INTO things (id, what) VALUES (:id, zeroblob(:bytes))"


def during(file: Path, act: Callable[[Database], Awaitable[None]]) -> DatabaseError:
    """The exception that `act` gets at a database with one table."""

    async def run() -> None:
        db = await Database.open(file)
        try:
            await act(db)
        finally:
            await db.close()

    with contextlib.closing(sqlite3.connect(file)) as made:
        made.execute(TABLE)
    with pytest.raises(DatabaseError) as told:
        asyncio.run(run())
    assert isinstance(told.value.__cause__, sqlite3.Error)  # for the trace in the log
    assert str(told.value) == str(told.value.__cause__)
    return told.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "panel.db"


def test_a_full_database_has_an_error_of_its_own(file: Path) -> None:
    async def act(db: Database) -> None:
        await db._writer.execute_fetchall("PRAGMA max_page_count = 4")
        async with db.transaction() as tx:
            await tx.run(INSERT, id=1, bytes=2**16)

    assert type(during(file, act)) is Full


def test_a_read_only_database_has_an_error_of_its_own(file: Path) -> None:
    async def act(db: Database) -> None:
        await db._writer.execute_fetchall("PRAGMA query_only = ON")
        async with db.transaction() as tx:
            await tx.run(INSERT, id=1, bytes=1)

    assert type(during(file, act)) is Denied


def test_a_wrong_statement_is_no_fault_of_the_disk(file: Path) -> None:
    async def twice(db: Database) -> None:
        async with db.transaction() as tx:
            for _ in range(2):
                await tx.run(INSERT, id=1, bytes=1)

    async def nowhere(db: Database) -> None:
        await db.one(int, "SELECT id FROM nowhere")

    assert type(during(file, twice)) is DatabaseError
    file.unlink()
    assert type(during(file, nowhere)) is DatabaseError


def test_a_file_that_is_no_database_and_a_missing_one_have_errors_of_their_own(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"no database" * 100)
    with pytest.raises(Damaged):
        asyncio.run(Database.open(file))
    with pytest.raises(Damaged):
        maintenance.copy(file, tmp_path / "copy.db")
    with pytest.raises(Denied):
        maintenance.copy(tmp_path / "nowhere" / "panel.db", tmp_path / "copy.db")
