"""Temporary files that a command writes beside other data. A process that is killed leaves its files behind; a later
one deletes them when they are a day old, because then nobody writes them any more."""

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from web.limits import LEFT_OVER

_OURS = re.compile(r"(copying|restoring)-[a-z0-9_]{8}\.db(-wal|-shm|-journal)?")  # as mkstemp and SQLite name them


@contextlib.contextmanager
def work_file(prefix: str, folder: Path, at: datetime) -> Iterator[Path]:
    """A database file that only this user can read, deleted at the end with the files that SQLite makes beside it."""
    clear(folder, at)
    descriptor, name = tempfile.mkstemp(".db", prefix, folder)
    os.close(descriptor)
    work = Path(name)
    try:
        yield work
    finally:
        for left in (work, work.with_name(work.name + "-wal"), work.with_name(work.name + "-shm")):
            left.unlink(missing_ok=True)


def clear(folder: Path, at: datetime) -> None:
    """Delete files left in a folder: those that are ours by name, owner and mode, and were not written to for a day."""
    with contextlib.suppress(OSError):  # we may be allowed to write in the folder, but not to list it
        for file in [file for file in folder.iterdir() if _OURS.fullmatch(file.name)]:
            with contextlib.suppress(OSError):  # another process was first, or we may not
                if _is_left_over(file.lstat(), at):
                    file.unlink()


def _is_left_over(found: os.stat_result, at: datetime) -> bool:
    is_old = at.timestamp() - found.st_mtime > LEFT_OVER.total_seconds()
    return is_old and stat.S_ISREG(found.st_mode) and _is_ours(found)


def _is_ours(found: os.stat_result) -> bool:
    if sys.platform == "win32":  # no owners and modes of that kind
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077
