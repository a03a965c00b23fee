"""Point 1: how many signed-in pages a second, beside a bare Starlette "hello" under the same server."""

import os
from pathlib import Path

import uvloop

from bench import load, people, servers
from bench.population import Population
from bench.report import Row, median

CONNECTIONS = 16
ROUNDS = 3
MANY = 3000  # people in turn


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    """One process on the first processor, the load on the others; rounds in turn, medians."""
    found: dict[str, list[float]] = {}
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    with servers.hello(cpus={0}) as hello, servers.panel(data, cpus={0}) as panel:
        loads = {"hello": (hello.port, [load.get("/", hello.port)])}
        for path in ("/instances", "/security", "/activity"):
            requests = [people.page(path, panel.port, token) for token in there.sessions[:MANY]]
            loads[f"`{path}` of {MANY:,} people in turn"] = (panel.port, requests)
        for _ in range(ROUNDS):
            for what, (port, requests) in loads.items():
                found.setdefault(what, []).append(rate(port, requests, seconds))
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    limit = median(found.pop("hello"))
    rows = [
        Row(what, median(rates), "pages/s", "hello", limit, "" if "/activity" in what else ">= 0.30")
        for what, rates in found.items()
    ]
    return [*rows, *two_workers(data, there, seconds)]


def two_workers(data: Path, there: Population, seconds: float) -> list[Row]:
    """The load takes its share of the same processors: so pages are counted by what the workers had of them, too."""
    found: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for workers, rates in found.items():
            with servers.panel(data, workers=workers) as panel:
                requests = [people.page("/instances", panel.port, token) for token in there.sessions[:MANY]]
                rate(panel.port, requests, 0.5)
                before = panel.processor_seconds()
                rates.append(rate(panel.port, requests, seconds, connections=2 * CONNECTIONS))
                costs[workers].append(rates[-1] * seconds / (panel.processor_seconds() - before))
    beside = "one worker"
    return [
        Row("two workers, the load beside them", median(found[2]), "pages/s", beside, median(found[1]), ">= 1.7"),
        Row("the same, by their processor time", median(costs[2]), "pages/s", beside, median(costs[1]), ">= 0.85"),
    ]


def rate(port: int, requests: list[bytes], seconds: float, *, connections: int = CONNECTIONS) -> float:
    got = uvloop.run(load.closed_loop(port, requests, connections=connections, seconds=seconds))
    assert list(got.statuses) == [200], got.statuses
    return got.per_second
