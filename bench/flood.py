"""Point 3: what somebody's page takes while others guess passwords without pause, beside what it takes in peace."""

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench import load, people, servers
from bench.population import Population
from bench.report import Row

GUESSERS = 8
PER_SECOND = 200  # pages
ROUNDS = 3


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    """The probe and the guessers have a process each, so that neither waits for the other."""
    rows = []
    with servers.panel(data) as panel, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as apart:
        page = people.page("/instances", panel.port, there.sessions[0])
        for what, request in (("/instances", page), ("/health", load.get("/health", panel.port))):
            calm: list[load.Timing] = []
            for name, network in (("guess from ever new networks", ""), ("guess from one network (429)", "192.0.2.1")):
                timings = []
                for _ in range(ROUNDS):
                    calm.append(apart.submit(_probe, panel.port, request, seconds).result())
                    flood = apart.submit(guess_for, panel.port, seconds + 2, network)
                    time.sleep(1)
                    timings.append(apart.submit(_probe, panel.port, request, seconds).result())
                    flood.result()
                idle, busy = (
                    sorted(timing.percentile(0.99) * 1000 for timing in some)[len(some) // 2]
                    for some in (calm, timings)
                )
                rows.append(Row(f"{what}, p99, while {GUESSERS} {name}", busy, "ms", "in peace", idle, "<= 3"))
                rows.append(Row("the same", busy, "ms", wanted="<= 10"))
    return rows


def _probe(port: int, request: bytes, seconds: float) -> load.Timing:
    got = load.probe(port, request, per_second=PER_SECOND, seconds=seconds)
    assert list(got.statuses) == [200], got.statuses
    return got


def guess_for(port: int, seconds: float, network: str = "", guessers: int = GUESSERS) -> dict[int, int]:
    """Returns how often each status was answered."""
    return asyncio.run(_guess_for(port, seconds, network, guessers))


async def _guess_for(port: int, seconds: float, network: str, guessers: int) -> dict[int, int]:
    begun = time.perf_counter()
    statuses: dict[int, int] = {}

    async def one() -> None:
        connection = await load.Connection.open(port)
        while time.perf_counter() - begun < seconds:
            status, _ = await people.guess(connection, network=network)
            statuses[status] = statuses.get(status, 0) + 1
        connection.close()

    await asyncio.gather(*(one() for _ in range(guessers)))
    return statuses
