"""Point 2: how many full logins a second (password, code, page), beside plain argon2, and by passkeys; and that nobody
starves."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import argon2
import uvloop

from bench import load, passkeys, people, servers
from bench.population import PASSWORD, Population
from bench.report import Row, median
from web.limits import ARGON2, HASHES_AT_ONCE

AT_ONCE = 8
ROUNDS = 3
GUESSERS = 32  # more than the queue of hashes has room for


def run(data: Path, there: Population, seconds: float) -> list[Row]:
    names, numbers = itertools.cycle(there.names), itertools.cycle(range(1, len(there.names) + 1))
    passkeys.give(data, len(there.names))
    plain, full, bare, by_passkey = [], [], [], []
    for _ in range(ROUNDS):
        plain.append(plain_argon2(seconds))
        bare.append(passkeys.bare(seconds))
        with servers.panel(data) as panel:
            full.append(uvloop.run(logins(panel.port, names, seconds)))
            by_passkey.append(uvloop.run(passkey_logins(panel.port, numbers, seconds)))
    beside = "argon2-cffi's `PasswordHasher` in two threads"
    return [
        Row("full logins", median(full), "logins/s", beside, median(plain), ">= 1.35"),
        Row("passkey logins", median(by_passkey), "logins/s", "full logins", median(full), ">= 8"),
        Row(
            "the same",
            median(by_passkey),
            "logins/s",
            "fido2 and one committed row, in one thread",
            median(bare),
            ">= 0.3",
        ),
        *nobody_starves(data, there, names, seconds),
    ]


def plain_argon2(seconds: float) -> float:
    """Verifications a second by the library itself, in as many threads as the panel has."""
    hasher = argon2.PasswordHasher(ARGON2.passes, ARGON2.memory_kib, ARGON2.lanes)
    phc = hasher.hash(PASSWORD)
    begun = time.perf_counter()

    def verify(_: int) -> int:
        count = 0
        while time.perf_counter() - begun < seconds:
            hasher.verify(phc, PASSWORD)
            count += 1
        return count

    with ThreadPoolExecutor(HASHES_AT_ONCE) as threads:
        done = sum(threads.map(verify, range(HASHES_AT_ONCE)))
    return done / (time.perf_counter() - begun)


async def logins(port: int, names: "itertools.cycle[str]", seconds: float) -> float:
    return await load.repeat(lambda: people.sign_in(port, next(names)), at_once=AT_ONCE, seconds=seconds)


async def passkey_logins(port: int, numbers: "itertools.cycle[int]", seconds: float) -> float:
    """The first loads what reads them."""
    await passkeys.sign_in(port, next(numbers))
    return await load.repeat(lambda: passkeys.sign_in(port, next(numbers)), at_once=AT_ONCE, seconds=seconds)


def nobody_starves(data: Path, there: Population, names: "itertools.cycle[str]", seconds: float) -> list[Row]:
    with servers.panel(data) as panel:
        pages = [people.page("/instances", panel.port, token) for token in there.sessions[:1000]]
        in_pages = uvloop.run(_beside_pages(panel.port, pages, names, seconds))
        own, refused = uvloop.run(_beside_guessers(panel.port, names, seconds))
    return [
        Row("a login while 16 connections ask for pages without pause, the slowest", max(in_pages), "s", wanted="<= 2"),
        Row(f"a login on a trusted device while {GUESSERS} guess, the slowest", max(own), "s", wanted="<= 2"),
        Row(
            "refusals beyond the queue meanwhile (503), p99",
            load.percentile(refused, 0.99) * 1000,
            "ms",
            wanted="<= 50",
        ),
    ]


async def _beside_pages(
    port: int, pages: Sequence[bytes], names: "itertools.cycle[str]", seconds: float
) -> list[float]:
    flood = asyncio.create_task(load.closed_loop(port, pages, connections=16, seconds=seconds))
    taken = await _one_after_the_other(port, [(next(names), "") for _ in range(1000)], until=flood)
    await flood
    return taken


async def _beside_guessers(port: int, names: "itertools.cycle[str]", seconds: float) -> tuple[list[float], list[float]]:
    """How long logins with a device cookie took, and refusals with a 503."""
    known = [(name, (await people.sign_in(port, name))[people.DEVICE]) for name in itertools.islice(names, 60)]
    refused: list[float] = []
    begun = time.perf_counter()

    async def guess() -> None:
        connection = await load.Connection.open(port)
        while time.perf_counter() - begun < seconds:
            status, taken = await people.guess(connection)
            if status == 503:
                refused.append(taken)
                await asyncio.sleep(0.1)
        connection.close()

    flood = asyncio.gather(*(guess() for _ in range(GUESSERS)))
    await asyncio.sleep(1)
    taken = await _one_after_the_other(port, known, until=flood, late=1)
    await flood
    assert refused, "the queue never filled"
    return taken, refused


async def _one_after_the_other(
    port: int, known: Sequence[tuple[str, str]], *, until: "asyncio.Future[Any]", late: int = 0
) -> list[float]:
    taken = []
    for name, device in known:
        if until.done():
            break
        begun = time.perf_counter()
        await people.sign_in(port, name, device=device, late=late)
        taken.append(time.perf_counter() - begun)
    return taken
