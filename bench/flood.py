"""Point 3: what somebody's page takes while others guess passwords without pause, beside what it takes in peace."""

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench import load, people, servers
from bench.population import Population
from bench.report import Row, median

GUESSERS = 8
PER_SECOND = 200  # pages
ROUNDS = 3


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    """The probe and the guessers have a process each, so that neither waits for the other."""
    rows = []
    with servers.panel(data) as panel, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as apart:
        page = people.page("/instances", panel.port, there.sessions[0])
        for what, request in (("/instances", page), ("/health", load.get("/health", panel.port))):
            for name, network in (("guess from ever new networks", ""), ("guess from one network (429)", "192.0.2.1")):
                calm, timings = [], []
                for _ in range(ROUNDS):
                    calm.append(apart.submit(_probe, panel.port, request, seconds).result())
                    flood = apart.submit(_guess, panel.port, seconds + 2, network)
                    time.sleep(1)
                    timings.append(apart.submit(_probe, panel.port, request, seconds).result())
                    flood.result()
                idle, busy = (median([1000 * one.percentile(0.99) for one in some]) for some in (calm, timings))
                rows.append(Row(f"{what}, p99, while {GUESSERS} {name}", busy, "ms", "in peace", idle, "<= 3"))
                rows.append(Row("the same", busy, "ms", wanted="<= 10"))
    return rows


def _probe(port: int, request: bytes, seconds: float) -> load.Timing:
    got = load.probe(port, request, per_second=PER_SECOND, seconds=seconds)
    assert list(got.statuses) == [200], got.statuses
    return got


def _guess(port: int, seconds: float, network: str) -> None:
    asyncio.run(load.repeat(lambda: people.guess_once(port, network), at_once=GUESSERS, seconds=seconds))
