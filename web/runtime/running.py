"""Where a running panel answers, for the commands beside it: a file in the data folder, locked while it runs."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from web.settings import EVERY_ADDRESS, Settings

FILE = "running"


def outside_address(settings: Settings) -> str:
    """Where people open the panel; if it listens on every address of this machine, one that others can reach."""
    if settings.public_url or settings.host not in EVERY_ADDRESS:
        return settings.address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # sends nothing; it only chooses the address that leads out (RFC 5737)
        except OSError:  # no network
            return settings.address_at("localhost")
        return settings.address_at(asking.getsockname()[0])


@contextlib.contextmanager
def recorded(folder: Path, address: str) -> Iterator[None]:
    """Keep the address in the file during the block. A killed panel leaves the file behind, but not its lock."""
    file = folder / FILE
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_RDWR, 0o600), "r+", encoding="utf-8") as record:
            _lock(record, is_shared=True)
            record.truncate()
            print(address, file=record, flush=True)
            yield
    finally:
        file.unlink(missing_ok=True)


def address_in(folder: Path) -> str | None:
    """None where no panel runs on this data folder."""
    with contextlib.suppress(OSError), (folder / FILE).open("r+", encoding="utf-8") as record:
        if not _lock(record, is_shared=False):
            return record.read().strip()
    return None


def _lock(record: IO[str], *, is_shared: bool) -> bool:
    """Lock the file; False when another process has locked it. Without such locks (Windows) the file alone tells that a
    panel runs."""
    if os.name != "posix":
        return is_shared
    import fcntl

    try:
        fcntl.flock(record, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return is_shared
    return True
