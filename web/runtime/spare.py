"""Spare room on the disk: a file that terminal commands delete when the disk is full, so that SQLite can write."""

import contextlib
import os
import shutil
from pathlib import Path

from web.limits import DISK_FREE_MIN, SPARE_BYTES

FILE = "spare"


def free(folder: Path) -> int:
    """Bytes that the panel may still fill there; raises OSError."""
    return shutil.disk_usage(folder).free


def keep(folder: Path) -> None:
    """Make the file, unless it is there or the disk is nearly full."""
    file = folder / FILE
    with contextlib.suppress(OSError):
        if free(folder) < DISK_FREE_MIN or (file.exists() and file.stat().st_size == SPARE_BYTES):
            return
        file.unlink(missing_ok=True)  # a start that was killed cut it short
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(os.urandom(SPARE_BYTES))  # zeros take no room where a file system compresses
        except OSError:
            file.unlink()


def give_up(folder: Path) -> bool:
    """Delete the file if the disk is full; returns whether that made room."""
    with contextlib.suppress(OSError):
        if free(folder) < SPARE_BYTES:
            (folder / FILE).unlink()
            return True
    return False
