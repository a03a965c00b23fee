"""The data folder, where several processes make it at once."""

import asyncio
import secrets
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.support.steady import HANG
from web.crypto.vault import KEY_BYTES, Vault
from web.http.page import ROOT
from web.runtime.data_folder import open_panel
from web.settings import Settings


def start(folder: str) -> None:
    """In a process of its own: once told to, open a panel there, and say which key it has."""
    made: list[bytes] = []

    def slowly(count: int) -> bytes:
        if count == KEY_BYTES and not made:
            time.sleep(0.2)  # long enough for another to make a key too, if it may
        made.append(secrets.token_bytes(count))
        return made[-1]

    async def fingerprint() -> str:
        async with open_panel(Settings(data=Path(folder)), lambda: datetime.now(UTC), slowly) as panel:
            return panel.vault.fingerprint

    print("ready", flush=True)
    sys.stdin.readline()
    print(asyncio.run(fingerprint()))


def test_of_parallel_first_starts_one_makes_the_key_and_all_use_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-c", f"from tests.runtime.test_data_folder import start; start({str(folder)!r})"]
    pipe = subprocess.PIPE
    starts = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) for _ in range(4)]
    try:
        assert [one.stdout.readline() for one in starts if one.stdout] == ["ready\n"] * 4
        for one in starts:
            assert one.stdin
            one.stdin.write("\n")
            one.stdin.flush()
        said = [one.communicate(timeout=HANG) for one in starts]
    finally:
        for one in starts:
            one.kill()
            one.wait()
    fingerprint = Vault(folder / "secret.key", secrets.token_bytes).fingerprint
    assert said == [(f"{fingerprint}\n", "")] * 4
    assert sorted(path.name for path in folder.iterdir()) == ["panel.db", "secret.key"]
