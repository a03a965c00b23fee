"""Files that a command fills beside others for a moment. A process that is killed leaves them, and the next one takes
them away once they are old: by then nobody writes there."""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from web.limits import LEFT_OVER

_OURS = re.compile(r"(copying|restoring)-[a-z0-9_]{8}\.db(-wal|-shm|-journal)?")  # as mkstemp and SQLite name them


@contextlib.contextmanager
def work_file(prefix: str, folder: Path, at: datetime) -> Iterator[Path]:
    """A database that only we can read, gone at the end with what SQLite lays beside it."""
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
    """Remove what was left in a folder: ours by name, owner and mode, and not written to for a day."""
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and _is_left_over(file, at):
            with contextlib.suppress(OSError):  # another process was first, or may not
                file.unlink()


def _is_left_over(file: Path, at: datetime) -> bool:
    with contextlib.suppress(FileNotFoundError):
        found = file.lstat()
        is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return is_ours and at.timestamp() - found.st_mtime > LEFT_OVER.total_seconds()
    return False
