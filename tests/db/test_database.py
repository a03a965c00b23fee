import asyncio
import contextlib
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from db import attempts, migrate
from db.database import Database, _connect
from db.errors import Busy, DatabaseError, Unavailable, WithoutWal
from tests.support.clock import Clock
from tests.support.steady import HANG
from web.crypto.vault import Vault, write_keys
from web.limits import CODE_BACKOFF


def vault(folder: Path) -> Vault:
    write_keys(folder / "secret.key", [b"k" * 32])
    return Vault(folder / "secret.key", secrets.token_bytes)


def with_database(path: Path, act: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        (path / "panel.db").touch()
        db = await Database.open(path / "panel.db")
        try:
            await migrate.migrate(db, vault(path))
            await act(db)
        finally:
            await db.close()

    asyncio.run(run())


def test_a_connection_waits_syncs_and_wipes(tmp_path: Path) -> None:
    """ASVS V13.1.2, V14.2.7."""

    async def act(db: Database) -> None:
        async with db.transaction() as tx:
            for reader in (db, tx):
                names = ("busy_timeout", "synchronous", "secure_delete")
                assert [await reader.all(int, f"PRAGMA {name}") for name in names] == [[5000], [2], [1]]
        assert await db.one(str, "PRAGMA journal_mode") == "wal"

    with_database(tmp_path, act)


def test_a_file_system_without_write_ahead_log_is_reported(tmp_path: Path) -> None:
    """As where SQLite finds other locks than those it shares memory with."""
    file = tmp_path / "panel.db"
    file.touch()

    async def connect() -> None:
        connection = await _connect(f"{file.as_uri()}?mode=rw&vfs=unix-dotfile")
        await connection.close()

    with pytest.raises(WithoutWal):
        asyncio.run(connect())


async def _insert(db: Database, name: str) -> None:
    async with db.transaction() as tx:
        await tx.run("INSERT INTO accounts (name, role, created_at) VALUES (:name, 'member', 1)", name=name)


def test_a_write_that_does_not_wait_is_refused_and_the_next_one_waits_again(tmp_path: Path) -> None:
    """A66."""

    async def act(db: Database) -> None:
        async with db.transaction() as tx:
            assert await tx.one(int, "PRAGMA busy_timeout") == 5000
            with pytest.raises(Busy, match="another write"):
                async with db.transaction(waits=False):
                    pass
        async with db.transaction() as tx:
            waiting = asyncio.create_task(_insert(db, "waiting"))
            await asyncio.sleep(0)
        with pytest.raises(Busy, match="another write"):  # the turn is free for a moment, but not ours
            async with db.transaction(waits=False):
                pass
        await waiting
        with contextlib.closing(sqlite3.connect(tmp_path / "panel.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Busy, match="locked"):
                async with db.transaction(waits=False) as tx:
                    await tx.one(int, "SELECT 1")
        for waits, patience in ((False, 0), (True, 5000)):
            async with db.transaction(waits=waits) as tx:
                assert await tx.one(int, "PRAGMA busy_timeout") == patience

    with_database(tmp_path, act)


def test_nothing_is_kept_that_could_hint_at_a_password(tmp_path: Path) -> None:
    """ASVS V6.4.2."""

    async def act(db: Database) -> None:
        columns = "SELECT info.name FROM sqlite_schema AS made JOIN pragma_table_info(made.name) AS info"
        names = await db.all(str, columns)
        assert "sealed_password" in names
        assert not [name for name in names if re.search("hint|question|answer|dica|plain", name)]

    with_database(tmp_path, act)


def test_parallel_queries_get_their_own_answers(tmp_path: Path) -> None:
    async def act(db: Database) -> None:
        wrong = asyncio.create_task(db.all(int, "SELECT id FROM nowhere"))
        too_large = asyncio.create_task(db.all(int, "SELECT :number", number=2**64))
        given_up = asyncio.create_task(db.all(int, "SELECT 1"))
        right = [asyncio.create_task(db.all(int, "SELECT :number", number=number)) for number in range(50)]
        await asyncio.sleep(0)
        given_up.cancel()
        assert await asyncio.gather(*right) == [[number] for number in range(50)]
        with pytest.raises(DatabaseError, match="nowhere"):
            await wrong
        with pytest.raises(OverflowError):
            await too_large
        assert await db.one(int, "SELECT 7") == 7

    with_database(tmp_path, act)


def test_a_query_to_a_closed_database_is_refused(tmp_path: Path) -> None:
    async def act(db: Database) -> None:
        await db.close()
        for _ in range(2):
            with pytest.raises(ValueError, match="no active connection"):
                await asyncio.wait_for(db.all(int, "SELECT 1"), HANG)
        with pytest.raises(DatabaseError, match="closed"):
            await db.one(int, "SELECT 1")

    with_database(tmp_path, act)


@dataclass(frozen=True)
class Row:
    since: datetime
    until: datetime | None
    is_open: bool
    look_at: int


class Named(NamedTuple):
    since: datetime
    until: datetime | None
    is_open: bool
    look_at: int


@pytest.mark.parametrize("kind", [Row, Named])
def test_columns_are_read_as_their_fields_are_annotated(kind: type[Row | Named], tmp_path: Path) -> None:
    async def act(db: Database) -> None:
        row = await db.one(kind, "SELECT 60, NULL, 1, 7")
        assert row == kind(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), None, True, 7)
        assert row.is_open is True

    with_database(tmp_path, act)


@pytest.mark.parametrize(
    ("names", "found"), [((), []), (("a",), ["a"]), (("c", "a", "x"), ["a", "c"]), (("a') OR ('' = '",), [])]
)
def test_a_tuple_is_bound_value_by_value(names: tuple[str, ...], found: list[str], tmp_path: Path) -> None:
    async def act(db: Database) -> None:
        sql = "SELECT column1 FROM (VALUES ('a'), ('b'), ('c')) WHERE column1 IN (:names) AND column1 <> :names_of_all"
        assert await db.all(str, sql, names=names, names_of_all="z") == found
        assert await db.one(str, sql, names=names, names_of_all="z") == (found[0] if found else None)
        async with db.transaction() as tx:
            assert await tx.all(str, sql, names=names, names_of_all="z") == found

    with_database(tmp_path, act)


def test_a_query_for_few_rows_waits_for_no_other_query_and_no_writer(tmp_path: Path, clock: Clock) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    async def act(db: Database) -> None:
        long = asyncio.create_task(db.all(int, endless))
        await asyncio.sleep(0)
        async with db.transaction() as tx:
            await tx.run("INSERT INTO accounts (name, role, created_at) VALUES ('a', 'member', :at)", at=clock())
            assert await tx.one(int, "SELECT count(*) FROM accounts") == 1
            assert await asyncio.wait_for(db.one(int, "SELECT count(*) FROM accounts"), HANG) == 0
        assert await asyncio.wait_for(db.one(int, "SELECT count(*) FROM accounts"), HANG) == 1
        assert await asyncio.wait_for(db.few(str, "SELECT name FROM accounts ORDER BY id LIMIT 9"), HANG) == ["a"]
        assert not long.done()
        while not long.done():  # once is too early where the thread has not begun with the query
            await db._connection.interrupt()
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="interrupted"):
            await long

    with_database(tmp_path, act)


def test_a_query_that_is_busy_on_the_event_loop_runs_again_in_the_thread(tmp_path: Path) -> None:
    """The file may be locked for a moment, as while the log of a process that crashed is recovered."""

    async def act(db: Database) -> None:
        db._direct.set_progress_handler(lambda: 1, 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            db._direct.execute("SELECT count(*) FROM accounts")
        assert await db.one(int, "SELECT count(*) FROM accounts") == 0

    with_database(tmp_path, act)


def test_migrations_apply_once(tmp_path: Path) -> None:
    async def act(db: Database) -> None:
        assert await migrate.version(db) == len(migrate.MIGRATIONS)
        assert await migrate.migrate(db, vault(tmp_path)) == 0

    with_database(tmp_path, act)


def test_a_transaction_that_fails_leaves_nothing_of_itself(tmp_path: Path, clock: Clock) -> None:
    async def act(db: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            async with db.transaction() as tx:
                await tx.run("INSERT INTO accounts (name, role, created_at) VALUES ('a', 'member', :at)", at=clock())
                raise ZeroDivisionError
        assert await db.one(int, "SELECT count(*) FROM accounts") == 0

    with_database(tmp_path, act)


def test_a_cancelled_transaction_is_not_committed_by_the_next_one(tmp_path: Path, clock: Clock) -> None:
    insert = "INSERT INTO accounts (name, role, created_at) VALUES (:name, 'member', :at)"

    async def act(db: Database) -> None:
        half_way = asyncio.Event()

        async def hang() -> None:
            async with db.transaction() as tx:
                await tx.run(insert, name="cancelled", at=clock())
                assert await tx.all(str, "SELECT name FROM accounts") == ["cancelled"]
                half_way.set()
                await asyncio.sleep(HANG)

        task = asyncio.create_task(hang())
        await half_way.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        async with db.transaction() as tx:
            await tx.run(insert, name="kept", at=clock())
        assert await db.all(str, "SELECT name FROM accounts") == ["kept"]

    with_database(tmp_path, act)


def test_parallel_transactions_take_turns(tmp_path: Path, clock: Clock) -> None:
    async def act(db: Database) -> None:
        async def fail() -> attempts.Attempts:
            async with db.transaction() as tx:
                counter = attempts.Counter("totp", b"k", CODE_BACKOFF.wait_after)
                return await attempts.charge(tx, counter, at=clock())

        tried = await asyncio.gather(*(fail() for _ in range(50)))
        assert sorted(t.failures for t in tried if not t.wait) == [1, 2, 3, 4, 5]
        assert sum(1 for t in tried if t.wait) == 45

    with_database(tmp_path, act)


def test_a_queued_statement_runs_before_the_next_query_and_is_undone_with_the_rest(tmp_path: Path) -> None:
    insert = "INSERT INTO rates (kind, key, count, begins_at) VALUES (:kind, x'00', 1, 1)"

    async def act(db: Database) -> None:
        with pytest.raises(DatabaseError, match="UNIQUE"):
            async with db.transaction() as tx:
                await tx.run(insert, kind="a")
                await tx.run(insert, kind="b")
                assert await tx.one(int, "SELECT count(*) FROM rates") == 2
                await tx.run(insert, kind="c")
                await tx.run(insert, kind="a")
        assert await db.one(int, "SELECT count(*) FROM rates") == 0
        async with db.transaction() as tx:
            await tx.run(insert, kind="a")
        assert await db.one(int, "SELECT count(*) FROM rates") == 1

    with_database(tmp_path, act)


def test_activity_is_neither_changed_nor_removed(tmp_path: Path, clock: Clock) -> None:
    async def act(db: Database) -> None:
        insert = "INSERT INTO activity (at, event, network, user_agent, detail) VALUES (:at, 'x', '', '', '')"
        async with db.transaction() as tx:
            await tx.run(insert, at=clock())
        for statement in ("UPDATE activity SET event = 'y'", "DELETE FROM activity"):
            with pytest.raises(DatabaseError, match="activity is"):
                async with db.transaction() as tx:
                    await tx.run(statement)

    with_database(tmp_path, act)


def test_a_migration_that_breaks_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    broken = tmp_path / "0002_broken.sql"
    broken.write_text("CREATE TABLE half (x INTEGER);\nCREATE TABLE accounts (x INTEGER);\n")

    async def act(db: Database) -> None:
        with pytest.raises(DatabaseError, match="already exists"):
            await migrate.migrate(db, vault(tmp_path), [*migrate.MIGRATIONS, broken])
        assert await migrate.version(db) == len(migrate.MIGRATIONS)
        assert await db.one(int, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0

    with_database(tmp_path, act)


def test_a_trigger_is_one_statement() -> None:
    script = "CREATE TABLE t (x);\nCREATE TRIGGER g BEFORE UPDATE ON t BEGIN\n SELECT 1;\n SELECT 2;\nEND;\n"
    assert len(list(migrate.statements(script))) == 2
