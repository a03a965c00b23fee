"""Does one thing to copies of a data folder again and again, each time killed (signal 9) one write later than before.

`python -m tests.support.crashes` reads the deed as JSON from standard input and prints the copies, one a line; the last
one is of a run that was let live. SQLite's trace and Python's audit hooks tell when a write is about to happen: the
panel itself runs unchanged.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import Response
from starlette.testclient import TestClient

from tests.support.people import ORIGIN
from web.app import create_app
from web.cli import key_rotation
from web.guards.guard import State, post
from web.limits import Cost
from web.panel import Panel
from web.routes import ROUTES
from web.runtime.data_folder import open_panel
from web.settings import Settings
from web.visit.visit import Visit

WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT")


@dataclass(frozen=True)
class Deed:
    """A post to `path` with a cookie, or with no path a change of keys."""

    folder: str
    at: float
    path: str = ""
    fields: dict[str, str] | None = None
    cookie: str = ""

    def do(self, folder: Path, dying: "Dying") -> None:
        now = lambda: datetime.fromtimestamp(self.at, UTC)  # noqa: E731
        settings = Settings(data=folder, public_url=ORIGIN, hash_cost=Cost(memory_kib=8, passes=1, lanes=1))

        async def begin(visit: Visit) -> Response:
            await dying.watch(visit.panel)
            return Response()

        async def rotate() -> None:
            async with open_panel(settings, now, secrets.token_bytes) as panel:
                await dying.watch(panel)
                await key_rotation.rotate_key(panel, argparse.Namespace())

        if not self.path:
            return asyncio.run(rotate())
        app = create_app(settings, now=now, routes=[*ROUTES, post("/begin", begin, State.ANYONE)])
        with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
            browser.post("/begin")
            browser.post(self.path, data=self.fields, headers={"Cookie": self.cookie})


class Dying:
    """Kills its process just before the `left`-th write."""

    def __init__(self, left: int) -> None:
        self._left = left

    async def watch(self, panel: Panel) -> None:
        await panel.db._writer.set_trace_callback(self._hear_sql)
        sys.addaudithook(lambda event, _: self._write() if event == "os.rename" else None)

    def _hear_sql(self, statement: str) -> None:
        if statement.lstrip().startswith(WRITES):
            self._write()

    def _write(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    deed = Deed(**json.load(sys.stdin))
    for number in range(1, 100):
        copy = Path(f"{deed.folder}-{number}")
        shutil.copytree(deed.folder, copy)
        child = os.fork()
        if child == 0:
            with contextlib.redirect_stdout(io.StringIO()):
                deed.do(copy, Dying(number))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(copy, flush=True)
        if status == 0:
            return
        if status != -signal.SIGKILL:
            sys.exit(f"The deed failed by itself: {status}")
    sys.exit("The deed never ended.")


if __name__ == "__main__":
    main()
