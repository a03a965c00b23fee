"""One SQLite file: how it is opened, read, and written in transactions."""

import asyncio
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

import aiosqlite

from db.errors import Busy, Unavailable, WithoutWal, translated

T = TypeVar("T")
Statement = tuple[str, dict[str, object]]
Rows = list[Any]

BUSY_PATIENCE = 5000  # milliseconds
PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_PATIENCE}",
    "PRAGMA synchronous = FULL",  # NORMAL may forget a spent code after a power cut
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",
)


class Reader(ABC):
    """Runs queries. Parameters are named; a datetime is bound as whole Unix seconds, a tuple value by value."""

    chain_key = b""  # links the entries of the activity; set once the database is open and secret.key was read

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def one(self, kind: type[T], sql: str, /, **parameters: object) -> T | None:
        """The first row as `kind`: a NamedTuple (or dataclass) of the columns, or the type of a single column."""
        rows = await self.few(kind, sql, **parameters)
        return rows[0] if rows else None

    async def few(self, kind: type[T], sql: str, /, **parameters: object) -> list[T]:
        """As `all`, for at most a page of rows that stand next to each other in an index."""
        return await self.all(kind, sql, **parameters)

    async def all(self, kind: type[T], sql: str, /, **parameters: object) -> list[T]:
        return _read(kind, await self._ask(_statement(sql, parameters)))

    @abstractmethod
    async def _ask(self, statement: Statement) -> Rows:
        """Have the thread of the connection run it."""

    async def _together(
        self, job: Callable[[sqlite3.Connection, list[Statement]], T], statements: list[Statement]
    ) -> T:
        """Several statements as one job of the connection's thread (aiosqlite has no public name for that)."""
        run: Callable[..., Awaitable[T]] = self._connection._execute
        return await run(job, self._connection._conn, statements)


class Transaction(Reader):
    """Statements that return no rows are queued, and sent with the next query or the commit: a trip to the thread of
    the database and back takes longer than most of them."""

    def __init__(self, connection: aiosqlite.Connection, patience: int = BUSY_PATIENCE) -> None:
        super().__init__(connection)
        self._waiting: list[Statement] = [(f"PRAGMA busy_timeout = {patience}", {}), ("BEGIN IMMEDIATE", {})]
        self.on_commit: list[Callable[[], None]] = []  # called after the commit
        self.written: dict[str, Any] = {}  # rows just written, to save a read: nobody else writes meanwhile

    async def run(self, sql: str, /, **parameters: object) -> None:
        self._waiting.append(_statement(sql, parameters))

    async def commit(self) -> None:
        await self._ask(("COMMIT", {}))

    async def _ask(self, statement: Statement) -> Rows:
        statements, self._waiting = [*self._waiting, statement], []
        return await self._together(_last_rows, statements)


class Database(Reader):
    """One connection writes, one transaction at a time, and two read. They live as long as the application.

    A query for one row or a few runs at once, on the event loop's own thread: it uses an index, readers wait for no
    writer (https://www.sqlite.org/wal.html), and a trip to another thread and back takes longer than the query.
    Queries for many rows go to the reading thread; those that come while it is busy go there together afterwards.
    """

    def __init__(
        self, reader: aiosqlite.Connection, writer: aiosqlite.Connection, *, direct: sqlite3.Connection
    ) -> None:
        super().__init__(reader)
        self._direct = direct
        self._asked: list[tuple[Statement, asyncio.Future[Rows]]] = []
        self._answering: asyncio.Task[None] | None = None
        self._writer = writer
        self._writing = asyncio.Lock()
        self._writers = 0  # the one that has its turn, and those that wait for it

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open an existing file by its absolute path; raises DatabaseError when it is not a database."""
        opened: list[aiosqlite.Connection] = []
        try:
            with translated():
                for _ in ("reader", "writer"):
                    opened.append(await _connect(f"{path.as_uri()}?mode=rw"))
                return cls(*opened, direct=_connect_directly(path))
        except BaseException:
            for connection in opened:
                await connection.close()
            raise

    async def few(self, kind: type[T], sql: str, /, **parameters: object) -> list[T]:
        try:
            rows = _last_rows(self._direct, [_statement(sql, parameters)])
        except Unavailable:  # rare: another process recovers the write-ahead log, say; the thread may wait
            return await super().few(kind, sql, **parameters)
        return _read(kind, rows)

    async def _ask(self, statement: Statement) -> Rows:
        answer: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._asked.append((statement, answer))
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer())
        return await answer

    async def _answer(self) -> None:
        """Run queries until none waits. An error is raised where its query was asked."""
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                found = await self._together(_rows_of_each, [statement for statement, _ in asked])
            except Exception as error:  # the database is closed
                found = [error] * len(asked)
            for (_, answer), rows in zip(asked, found, strict=True):
                if answer.cancelled():
                    continue
                if isinstance(rows, Exception):
                    answer.set_exception(rows)
                else:
                    answer.set_result(rows)
        self._answering = None

    async def close(self) -> None:
        self._direct.close()
        await self._connection.close()
        await self._writer.close()

    @asynccontextmanager
    async def without_foreign_keys(self) -> AsyncIterator[None]:
        """Keep the rows that refer to a table's rows while the table is dropped and made anew.

        For migrations, before anything else writes (https://www.sqlite.org/lang_altertable.html, section 7).
        """
        await self._run("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            await self._run("PRAGMA foreign_keys = ON")

    async def _run(self, statement: str) -> None:
        with translated():
            await self._writer.execute_fetchall(statement)

    @asynccontextmanager
    async def transaction(self, *, waits: bool = True) -> AsyncIterator[Transaction]:
        """Everything inside happens, or nothing does. Writers take turns, other processes included.

        With `waits` False it raises Busy instead of waiting for its turn.
        """
        async with self._turn(waits=waits):
            try:
                tx = Transaction(self._writer, BUSY_PATIENCE if waits else 0)
                tx.chain_key = self.chain_key
                yield tx
                await tx.commit()
            except BaseException:  # a cancelled request too must not leave its half for the next one to commit
                with translated():
                    await asyncio.shield(self._writer.rollback())
                raise
        for act in tx.on_commit:
            act()

    @asynccontextmanager
    async def _turn(self, *, waits: bool) -> AsyncIterator[None]:
        if self._writers and not waits:  # the lock itself is free for a moment between two writers
            raise Busy("another write")
        self._writers += 1
        try:
            async with self._writing:
                yield
        finally:
            self._writers -= 1


async def _connect(address: str) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(address, uri=True, isolation_level=None)
    try:
        [(mode,)] = await connection.execute_fetchall("PRAGMA journal_mode = WAL")
        if mode != "wal":  # SQLite keeps the old mode, without an error
            raise WithoutWal
        for pragma in PRAGMAS:
            await connection.execute_fetchall(pragma)
    except BaseException:
        await connection.close()  # its thread would keep the process alive
        raise
    return connection


def _connect_directly(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=0, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _last_rows(connection: sqlite3.Connection, statements: list[Statement]) -> Rows:
    rows: Rows = []
    with translated():
        for sql, parameters in statements:
            rows = connection.execute(sql, parameters).fetchall()
    return rows


def _rows_of_each(connection: sqlite3.Connection, statements: list[Statement]) -> list[Rows | Exception]:
    found: list[Rows | Exception] = []
    for statement in statements:
        try:
            found.append(_last_rows(connection, [statement]))
        except Exception as error:  # the other statements still run
            found.append(error)
    return found


def _statement(sql: str, parameters: dict[str, object]) -> Statement:
    """A tuple, which stands in `IN (:names)`, becomes a parameter for each of its values; an empty one becomes NULL,
    which nothing equals. No value is ever part of the text."""
    bound: dict[str, object] = {}
    for name, value in parameters.items():
        if isinstance(value, tuple):
            each = {f"{name}_{number}": one for number, one in enumerate(value)}
            sql = re.sub(rf":{name}\b", ", ".join(f":{one}" for one in each) or "NULL", sql)
            bound |= each
        else:
            bound[name] = int(value.timestamp()) if isinstance(value, datetime) else value
    return sql, bound


def _read(kind: type[T], rows: Rows) -> list[T]:
    conversions = _conversions(kind)  # type: ignore[arg-type]
    if conversions is None:
        return [kind(row[0]) for row in rows]  # type: ignore[call-arg]
    found: list[T] = []
    for row in rows:
        values = list(row)
        for place, convert in conversions:
            values[place] = convert(values[place])
        found.append(kind(*values))
    return found


@cache
def _conversions(kind: type) -> list[tuple[int, Callable[[Any], object]]] | None:
    """The index of each field whose annotated type SQLite lacks (bool, datetime), and its conversion from a number;
    None when `kind` is the type of a single column."""
    if not issubclass(kind, tuple) and not is_dataclass(kind):
        return None
    named = [_CONVERSIONS.get(annotated) for annotated in get_type_hints(kind).values()]
    return [(place, convert) for place, convert in enumerate(named) if convert]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)


_CONVERSIONS: dict[Any, Callable[[Any], object]] = {
    bool: bool,
    datetime: _moment,
    datetime | None: _moment_or_none,
}
