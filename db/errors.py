"""What a database did not do, and why: no other room knows the exceptions of the driver, or its codes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class DatabaseError(Exception):
    """It did not do it. The argument is what the driver says."""


class Damaged(DatabaseError):
    """The file is not a database, or broken."""


class Unavailable(DatabaseError):
    """It cannot do it now."""


class Busy(Unavailable):
    """Somebody else writes, for longer than this was to wait."""


class Full(Unavailable):
    """There is no room."""


class WithoutWal(Unavailable):
    """The file system lacks what a write-ahead log takes."""


class Uncertain(Unavailable):
    """It has several causes, a full disk among them, which the system tells apart to whoever writes beside the file.
    Where that works, it is the cause that is named below."""


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
    sqlite3.SQLITE_ERROR: DatabaseError,  # a statement of ours is wrong, and tomorrow too
}
# By the whole code, where it says more than its kind.
_CODES: dict[int, type[DatabaseError]] = {
    sqlite3.SQLITE_IOERR_SHMOPEN: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMMAP: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMLOCK: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_SHMSIZE: WithoutSharedMemory,
    sqlite3.SQLITE_IOERR_NOMEM: Unavailable,  # not of the disk, and neither is the next
    sqlite3.SQLITE_READONLY_DBMOVED: Unavailable,
}


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the driver raises inside leaves as one of the above."""
    try:
        yield
    except sqlite3.Error as error:
        raise _kind(error)(str(error)) from error


def _kind(error: sqlite3.Error) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", 0)  # the driver's own refusals have none
    unknown = Unavailable if isinstance(error, sqlite3.OperationalError) else DatabaseError
    return _CODES.get(code) or _KINDS.get(code & 0xFF) or unknown
