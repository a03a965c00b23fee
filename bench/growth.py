"""Point 7: the same pages and logins among a thousand people and among a million; and a million dead sessions."""

import asyncio
import contextlib
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import uvloop

from bench import load, people, servers
from bench.logins import logins
from bench.population import Population, populate
from bench.report import Row, median
from web.runtime.data_folder import DATABASE

FEW, MANY, ENTRIES = 1000, 1_000_000, 5_000_000
READERS = 10
ROUNDS = 3
PER_SECOND = 100


def run(_data: Path, _there: Population, seconds: float) -> list[Row]:
    """Pages of few people in turn; a login has a hash in it.

    What stands beside each other is measured one right after the other, for the machine changes within a minute.
    """
    with tempfile.TemporaryDirectory(prefix="panel-growth-") as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        few = populate(small, accounts=FEW, sessions=READERS, entries=FEW * 5)
        many = populate(large, accounts=MANY, sessions=MANY, entries=ENTRIES)
        found: dict[str, list[tuple[float, float]]] = {}
        with servers.panel(small) as one, servers.panel(large) as other:
            sides = [
                (panel.port, there, itertools.cycle(there.names[READERS:]))
                for panel, there in ((one, few), (other, many))
            ]
            for _ in range(ROUNDS):
                beside = zip(*(_rates(*side, seconds) for side in sides), strict=True)
                for (what, among_few), (_, among_many) in beside:
                    found.setdefault(what, []).append((among_few, among_many))
        rows = []
        for what, rates in found.items():
            among_few, among_many = (median(side) for side in zip(*rates, strict=True))
            row = Row(f"{what} among a million", among_many, "a second", "among a thousand", among_few, ">= 0.9")
            rows.append(row)
        return rows + _pruning(large, many)


def _rates(port: int, there: Population, names: "itertools.cycle[str]", seconds: float) -> Iterator[tuple[str, float]]:
    for path in ("/instances", "/activity"):
        requests = [people.page(path, port, token) for token in there.sessions[:READERS]]
        got = uvloop.run(load.closed_loop(port, requests, connections=8, seconds=seconds))
        assert list(got.statuses) == [200], got.statuses
        yield f"{path}", got.per_second
    yield "logins", uvloop.run(logins(port, names, seconds))


def _pruning(data: Path, there: Population) -> list[Row]:
    """All but the first sessions are over; the panel takes them away as soon as it starts, while others use it."""
    with contextlib.closing(sqlite3.connect(data / DATABASE)) as connection:
        connection.execute("UPDATE sessions SET ends_at = 1 WHERE account_id > ?", (READERS,))
        connection.commit()
        [(dead,)] = connection.execute("SELECT count(*) FROM sessions WHERE ends_at = 1")
    with servers.panel(data) as panel, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        begun = time.perf_counter()
        page = people.page("/instances", panel.port, there.sessions[0])
        probe = apart.submit(load.probe, panel.port, page, per_second=PER_SECOND, seconds=10)
        writing = asyncio.run(_logins_meanwhile(panel.port, there, 10))
        reading = probe.result().percentile(0.99)
        with contextlib.closing(sqlite3.connect(data / DATABASE)) as connection:
            gone = dead - connection.execute("SELECT count(*) FROM sessions WHERE ends_at = 1").fetchone()[0]
            assert gone, "nothing was taken away meanwhile"
            rate = gone / (time.perf_counter() - begun)
            while connection.execute("SELECT 1 FROM sessions WHERE ends_at = 1 LIMIT 1").fetchone():
                time.sleep(0.5)
        taken = time.perf_counter() - begun
    return [
        Row(f"{dead:,} dead sessions taken away in", taken, "s"),
        Row("in the first seconds of it, beside everything else", rate, "sessions/s"),
        Row("a page meanwhile, p99", reading * 1000, "ms", wanted="<= 50"),
        Row("a login meanwhile, the slowest", max(writing), "s", wanted="<= 2"),
    ]


async def _logins_meanwhile(port: int, there: Population, seconds: float) -> list[float]:
    begun, taken = time.perf_counter(), []
    for name in there.names[1000:]:
        at = time.perf_counter()
        if at - begun > seconds:
            break
        await people.sign_in(port, name)
        taken.append(time.perf_counter() - at)
    return taken
