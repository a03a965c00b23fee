"""Point 9: the panel beside three other products, in turn in the same run, on the same argon2 parameters."""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import uvloop

from bench import load, logins, pages, people, servers
from bench.peers.peers import PEERS, Peer
from bench.population import Population, code_of_the_moment
from bench.report import Row, median

ACCOUNTS = 3000
AT_ONCE = 8
CONNECTIONS = 8  # asking for pages
PER_SECOND = 25  # pages of the probe: more than some can keep up with
ROUNDS = 2


@dataclass
class Found:
    """A figure a round."""

    pages: list[float] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)  # p99 of a page, ms
    flooded: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)  # ms
    memory: list[float] = field(default_factory=list)  # MiB


@dataclass(frozen=True)
class Contestant:
    name: str
    serve: Callable[[], "contextlib.AbstractContextManager[servers.Server]"]
    sign_in: Callable[[int, str], Coroutine[None, None, str]]  # told port and name; the value of the Cookie header
    guess: Callable[[int, int], Awaitable[None]]  # told port and a running number
    page: str


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    """Packages are fetched into a folder that is kept for the next time (`bench-cache` beside the temporary files)."""
    cache = Path(tempfile.gettempdir(), "panel-bench-cache")
    found: dict[str, Found] = {}
    plain, hello = [], []
    with tempfile.TemporaryDirectory(prefix="panel-peers-") as folder:
        contestants = [_panel(data), *(_peer(peer, cache, Path(folder, peer.folder)) for peer in PEERS)]
        names = itertools.cycle(there.names)  # of all contestants: a code works once
        for _ in range(ROUNDS):
            plain.append(logins.plain_argon2(seconds))
            hello.append(_hello(seconds))
            for contestant in contestants:
                _measure(contestant, names, seconds, found.setdefault(contestant.name, Found()))
    rows = []
    for name, got in found.items():
        rows += [
            Row(f"{name}: pages", median(got.pages), "a second", "bare Starlette hello", median(hello)),
            Row(f"{name}: full logins", median(got.logins), "a second", "plain argon2-cffi", median(plain)),
            Row(f"{name}: a page, p99, while {AT_ONCE} guess", median(got.flooded), "ms", "in peace", median(got.calm)),
            Row(f"{name}: start to first 200", median(got.start), "ms"),
            Row(f"{name}: memory at rest", median(got.memory), "MiB PSS"),
        ]
    return rows


def _measure(contestant: Contestant, names: Iterator[str], seconds: float, got: Found) -> None:
    with contestant.serve() as server, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as apart:
        time.sleep(2)
        got.start.append(server.seconds_to_first_answer * 1000)
        got.memory.append(server.memory())
        cookie = asyncio.run(contestant.sign_in(server.port, next(names)))
        page = load.get(contestant.page, server.port, Cookie=cookie)
        got.pages.append(pages.rate(server.port, [page], seconds, connections=CONNECTIONS))
        logins_a_second = load.repeat(
            lambda: contestant.sign_in(server.port, next(names)), at_once=AT_ONCE, seconds=seconds
        )
        got.logins.append(uvloop.run(logins_a_second))
        cookie = asyncio.run(contestant.sign_in(server.port, next(names)))
        page = load.get(contestant.page, server.port, Cookie=cookie)
        got.calm.append(apart.submit(_p99, server.port, page, seconds).result())
        flood = apart.submit(_guess, contestant.guess, server.port, seconds + 2)
        time.sleep(1)
        got.flooded.append(apart.submit(_p99, server.port, page, seconds).result())
        flood.result()


def _p99(port: int, request: bytes, seconds: float) -> float:
    got = load.probe(port, request, per_second=PER_SECOND, seconds=seconds)
    assert list(got.statuses) == [200], got.statuses
    return got.percentile(0.99) * 1000


def _guess(guess: Callable[[int, int], Awaitable[None]], port: int, seconds: float) -> None:
    numbers = itertools.count()
    asyncio.run(load.repeat(lambda: guess(port, next(numbers)), at_once=AT_ONCE, seconds=seconds))


def _hello(seconds: float) -> float:
    with servers.hello() as server:
        return pages.rate(server.port, [load.get("/", server.port)], seconds, connections=CONNECTIONS)


def _panel(data: Path) -> Contestant:
    return Contestant("panel", lambda: servers.panel(data), _panel_sign_in, _panel_guess, "/instances")


async def _panel_sign_in(port: int, name: str) -> str:
    return f"{people.SESSION}={(await people.sign_in(port, name))[people.SESSION]}"


async def _panel_guess(port: int, _: int) -> None:
    await people.guess_once(port)


def _peer(peer: Peer, cache: Path, data: Path) -> Contestant:
    peer.prepare(cache)
    peer.seed(cache, data, accounts=ACCOUNTS)

    def serve() -> "contextlib.AbstractContextManager[servers.Server]":
        port = servers.free_port()
        return servers.running(peer.command(cache, port), peer.environment(data, port), port=port, path=peer.ready)

    async def sign_in(port: int, name: str) -> str:
        return await peer.sign_in(port, name, code_of_the_moment())

    return Contestant(peer.name, serve, sign_in, _PeerGuess(peer.name), "/")


@dataclass(frozen=True)
class _PeerGuess:
    """Wrong passwords for one account after the other, so that no lock of an account gets in the way."""

    name: str  # for a peer itself cannot be sent to another process

    async def __call__(self, port: int, number: int) -> None:
        peer = next(peer for peer in PEERS if peer.name == self.name)
        await peer.wrong_password(port, f"p{1000 + number % 2000}")
