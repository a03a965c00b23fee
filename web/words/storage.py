"""Why nothing can be written, by what the database and the system tell apart, never by what they say."""

import errno
import tempfile
from enum import Enum
from pathlib import Path

from db.errors import Busy, Denied, Faulty, Full, Uncertain, WithoutSharedMemory, WithoutWal

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
ENGINE: dict[type[BaseException], Trouble] = {
    Full: Trouble.FULL,
    Busy: Trouble.BUSY,
    WithoutWal: Trouble.WITHOUT_WAL,
    WithoutSharedMemory: Trouble.WITHOUT_WAL,
    Denied: Trouble.DENIED,
    Faulty: Trouble.FAULTY,
}


def trouble_of(error: BaseException, folder: Path) -> Trouble | None:
    """What is wrong with the storage under `folder`; None when the error has another cause.

    May try to write there, so it can take as long as the disk does.
    """
    if isinstance(error, OSError):
        return SYSTEM.get(error.errno or 0)
    if isinstance(error, Uncertain):
        try:
            _write_into(folder)
        except OSError as refused:
            return SYSTEM.get(refused.errno or 0)
    return ENGINE.get(type(error))


def reason(error: Exception, folder: Path) -> str:
    """In words, as far as there are any."""
    if trouble := trouble_of(error, folder):
        return trouble.value
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _write_into(folder: Path) -> None:
    """The database keeps to itself what the system told it, so ask the system again; nothing is left of it."""
    with tempfile.TemporaryFile(dir=folder) as trial:
        trial.write(bytes(PAGE))
        trial.flush()
