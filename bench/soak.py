"""Point 8: mixed traffic on two workers for a long while, and nothing that grows."""

import asyncio
import itertools
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import load, people, servers
from bench.population import Population
from bench.report import Row, median
from web.runtime.data_folder import DATABASE

SAMPLES = 60
PAUSE = 0.02  # seconds, of everybody between two things they do
Act = Callable[[load.Connection], Awaitable[None]]


@dataclass
class Traffic:
    """What people do, and what came of it."""

    panel: servers.Server
    there: Population
    names: "itertools.cycle[str]"
    tokens: "itertools.cycle[str]"
    answers: dict[int, int] = field(default_factory=dict)  # by status
    faults: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # MiB
    files: list[int] = field(default_factory=list)
    log: list[float] = field(default_factory=list)  # MiB of the write-ahead log

    async def look_around(self, connection: load.Connection) -> None:
        token = next(self.tokens)
        for path in ("/instances", "/security", "/activity", "/security/sessions", "/nope"):
            await self._ask(connection, people.page(path, connection.port, token))

    async def sign_in_and_work(self, connection: load.Connection) -> None:
        cookies = await people.sign_in(connection.port, next(self.names))
        cookie, port = f"{people.SESSION}={cookies[people.SESSION]}", connection.port
        await self._ask(connection, load.post("/instances", port, {"name": "Loja nova"}, Cookie=cookie))
        page = await self._ask(connection, load.get("/instances?busca=nova", port, Cookie=cookie))
        for instance in re.findall(r'action="/instances/([0-9A-F]{32})/token/show"', page.body.decode()):
            for act in ("token/show", "token/change", "delete"):
                await self._ask(connection, load.post(f"/instances/{instance}/{act}", port, {}, Cookie=cookie))
        await self._ask(connection, load.post("/security/totp", port, {}, Cookie=cookie))
        await self._ask(connection, load.post("/logout", port, {}, Cookie=cookie))

    async def guess(self, connection: load.Connection) -> None:
        status, _ = await people.guess(connection)
        self._count(status, "/login")

    async def _ask(self, connection: load.Connection, request: bytes) -> load.Answer:
        answer = await connection.ask(request)
        self._count(answer.status, request.split(b" ", 2)[1].decode())
        return answer

    def _count(self, status: int, path: str) -> None:
        self.answers[status] = self.answers.get(status, 0) + 1
        if status >= 500 and status != 503:  # busy is no fault
            self.faults.append(f"{status} {path}")


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    """For `--seconds` times twelve, so a minute by default; the long one is `soak --seconds 150`."""
    length = 12 * seconds
    with servers.panel(data, workers=2) as panel:
        traffic = Traffic(panel, there, itertools.cycle(there.names[10:]), itertools.cycle(there.sessions))
        asyncio.run(_live(traffic, data, length))
    part = max(1, len(traffic.memory) // 4)
    early, late = slice(part, 2 * part), slice(-part, None)
    beside = "in the second quarter"
    memory, files = traffic.memory, [float(count) for count in traffic.files]
    return [
        Row(f"requests in {length / 60:.1f} min", sum(traffic.answers.values()), "", _told(traffic.answers)),
        Row("faults: 5xx but 503, or no answer", len(traffic.faults), "", "; ".join(traffic.faults[:3]), wanted="<= 0"),
        Row("memory in the last quarter", median(memory[late]), "MiB PSS", beside, median(memory[early]), "<= 1.05"),
        Row("open files in the last quarter, at most", max(files[late]), "", beside, max(files[early]), "<= 1.1"),
        Row("write-ahead log, at most", max(traffic.log), "MiB", wanted="<= 16"),
    ]


def _told(answers: dict[int, int]) -> str:
    return ", ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))


async def _live(traffic: Traffic, data: Path, length: float) -> None:
    until = time.perf_counter() + length

    async def repeat(act: Act) -> None:
        connection = await load.Connection.open(traffic.panel.port)
        while time.perf_counter() < until:
            try:
                await act(connection)
            except (AssertionError, ConnectionError) as wrong:
                traffic.faults.append(str(wrong)[:200])
                connection = await load.Connection.open(traffic.panel.port)
            await asyncio.sleep(PAUSE)
        connection.close()

    async def watch() -> None:
        while time.perf_counter() < until:
            traffic.memory.append(traffic.panel.memory())
            traffic.files.append(traffic.panel.open_files())
            traffic.log.append((data / f"{DATABASE}-wal").stat().st_size / 2**20)
            await asyncio.sleep(length / SAMPLES)

    acts = [traffic.look_around] * 3 + [traffic.sign_in_and_work] * 2 + [traffic.guess]
    await asyncio.gather(watch(), *(repeat(act) for act in acts))
