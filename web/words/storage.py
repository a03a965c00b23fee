"""Why nothing can be written, by the codes of SQLite and of the system, never by what they say."""

import errno
import sqlite3
import tempfile
from enum import Enum
from pathlib import Path

from db.database import WithoutWal

PAGE = 4096  # bytes, of SQLite


class Trouble(Enum):
    """The value is the cause in words, for whoever runs the server."""

    FULL = "o disco está cheio"
    READ_ONLY = "o sistema de arquivos só aceita leitura"
    WITHOUT_WAL = "o sistema de arquivos não tem as travas e a memória compartilhada que o banco de dados usa (WAL)"
    BUSY = "outro programa está gravando no banco de dados"
    DENIED = "falta permissão"
    FAULTY = "o disco dá erro ao gravar"


SYSTEM = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EACCES: Trouble.DENIED,
    errno.EPERM: Trouble.DENIED,
    errno.EIO: Trouble.FAULTY,
}
SQLITE = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_PROTOCOL: Trouble.WITHOUT_WAL,  # its locks do not hold
}
# Codes of several causes, with the one that is left when the folder takes what SQLite could not write.
UNCERTAIN = {
    sqlite3.SQLITE_IOERR: Trouble.FAULTY,
    sqlite3.SQLITE_CANTOPEN: Trouble.DENIED,
    sqlite3.SQLITE_READONLY: Trouble.DENIED,
}
SHARED_MEMORY = {
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
NOT_OF_THE_DISK = {sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_READONLY_DBMOVED}


def trouble_of(error: BaseException, folder: Path) -> Trouble | None:
    """What is wrong with the storage under `folder`; None when the error has another cause.

    May try to write there, so it can take as long as the disk does.
    """
    if isinstance(error, WithoutWal):
        return Trouble.WITHOUT_WAL
    if isinstance(error, OSError):
        return SYSTEM.get(error.errno or 0)
    code = getattr(error, "sqlite_errorcode", 0)
    kind = code & 0xFF  # the last byte of an extended code
    if code in NOT_OF_THE_DISK or kind not in UNCERTAIN:
        return SQLITE.get(kind)
    try:
        _write_into(folder)
    except OSError as refused:
        return SYSTEM.get(refused.errno or 0)
    return Trouble.WITHOUT_WAL if code in SHARED_MEMORY else UNCERTAIN[kind]


def reason(error: Exception, folder: Path) -> str:
    """In words, as far as there are any."""
    if trouble := trouble_of(error, folder):
        return trouble.value
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _write_into(folder: Path) -> None:
    """SQLite keeps to itself what the system told it, so ask the system again; nothing is left of it."""
    with tempfile.TemporaryFile(dir=folder) as trial:
        trial.write(bytes(PAGE))
        trial.flush()
