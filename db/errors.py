"""Why the database failed. No other module knows the exceptions of the driver, or its error codes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class DatabaseError(Exception):
    """A statement failed. The argument is the driver's message."""


class Damaged(DatabaseError):
    """The file is not a database, or broken."""


class Unavailable(DatabaseError):
    """The cause lies outside the panel and may pass."""


class Busy(Unavailable):
    """Another writer holds the database for longer than this one may wait."""


class Full(Unavailable):
    """The disk is full."""


class WithoutWal(Unavailable):
    """The file system lacks what a write-ahead log needs."""


class Uncertain(Unavailable):
    """SQLite gives the same error for several causes, a full disk among them. Writing a file beside the database tells
    them apart; when that works, the cause is the one that the subclass names."""


class Denied(Uncertain):
    """The file may not be opened, or not be written."""


class Faulty(Uncertain):
    """The disk fails."""


class WithoutSharedMemory(Uncertain):
    """The file system lacks the memory that the processes of a write-ahead log share."""


# By the last byte of an extended code (https://www.sqlite.org/rescode.html).
_KINDS: dict[int, type[DatabaseError]] = {
    sqlite3.SQLITE_BUSY: Busy,
    sqlite3.SQLITE_LOCKED: Busy,
    sqlite3.SQLITE_FULL: Full,
    sqlite3.SQLITE_PROTOCOL: WithoutWal,  # its locks do not hold
    sqlite3.SQLITE_IOERR: Faulty,
    sqlite3.SQLITE_CANTOPEN: Denied,
    sqlite3.SQLITE_READONLY: Denied,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
    sqlite3.SQLITE_ERROR: DatabaseError,  # a statement of ours is wrong: another try fails too
}
# By the whole code, where it says more than its kind.
_CODES: dict[int, type[DatabaseError]] = {
    sqlite3.SQLITE_IOERR_SHMOPEN: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMMAP: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMLOCK: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMSIZE: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_NOMEM: Unavailable,  # no fault of the disk
    sqlite3.SQLITE_READONLY_DBMOVED: Unavailable,  # likewise
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise every exception of the driver as one of the classes above."""
    try:
        yield
    except sqlite3.Error as error:
        raise _kind(error)(str(error)) from error


def _kind(error: sqlite3.Error) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", 0)  # the driver's own refusals have none
    unknown = Unavailable if isinstance(error, sqlite3.OperationalError) else DatabaseError
    return _CODES.get(code) or _KINDS.get(code & 0xFF) or unknown
