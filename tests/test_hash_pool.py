import asyncio
import ctypes
import os
import struct
import sys
import threading
import time
from datetime import timedelta

import pytest

from web.hash_pool import HashPool, TooBusy
from web.limits import HASHES_AT_ONCE, HASHES_WAITING, HASHES_WAITING_OWN


def test_two_at_once_sixteen_wait_and_the_next_is_told_at_once() -> None:
    running, most, release = set(), [0], threading.Event()

    def slow(number: int) -> int:
        running.add(number)
        most[0] = max(most[0], len(running))
        release.wait(10)
        running.discard(number)
        return number

    async def run() -> list[int]:
        pool = HashPool()
        tasks = [asyncio.create_task(pool.run(slow, n)) for n in range(HASHES_AT_ONCE + HASHES_WAITING)]
        await asyncio.sleep(0.1)
        with pytest.raises(TooBusy):
            await pool.run(slow, 99)
        release.set()
        done = await asyncio.gather(*tasks)
        pool.close()
        return done

    assert asyncio.run(run()) == list(range(18))
    assert most[0] == HASHES_AT_ONCE


def test_a_few_places_are_for_whoever_is_no_stranger() -> None:
    release = threading.Event()

    async def run() -> int:
        pool = HashPool()
        strangers = [asyncio.create_task(pool.run(release.wait, 10)) for _ in range(HASHES_AT_ONCE + HASHES_WAITING)]
        await asyncio.sleep(0.1)
        own = [asyncio.create_task(pool.run_own(release.wait, 10)) for _ in range(HASHES_WAITING_OWN)]
        await asyncio.sleep(0.1)
        for way in (pool.run, pool.run_own):
            with pytest.raises(TooBusy):
                await way(release.wait, 10)
        release.set()
        done = await asyncio.gather(*strangers, *own)
        pool.close()
        return len(done)

    assert asyncio.run(run()) == HASHES_AT_ONCE + HASHES_WAITING + HASHES_WAITING_OWN


def test_a_place_is_kept_from_one_thing_to_the_next() -> None:
    release = threading.Event()

    async def run() -> list[int]:
        pool = HashPool()
        with pool.place(own=False) as slots:
            others = [asyncio.create_task(pool.run(release.wait, 10)) for _ in range(HASHES_WAITING + 1)]
            done = [await slots.run(abs, -1)]
            await asyncio.sleep(0.1)
            with pytest.raises(TooBusy), pool.place(own=False):
                pass
            release.set()
            done.append(await slots.run(abs, -2))
        await asyncio.gather(*others)
        with pool.place(own=False):  # and given back
            pool.close()
        return done

    assert asyncio.run(run()) == [1, 2]


def test_rest_comes_once_there_was_nothing_to_do_for_a_while() -> None:
    rests: list[float] = []

    async def run() -> float:
        pool = HashPool(on_rest=lambda: rests.append(time.monotonic()), rest_after=timedelta(seconds=0.2))
        for _ in range(4):
            await pool.run(time.sleep, 0.1)
        ended = time.monotonic()
        await asyncio.sleep(0.5)
        pool.close()
        return ended

    ended = asyncio.run(run())
    assert [0.15 < rest - ended < 0.45 for rest in rests] == [True]


def test_nobody_waits_longer_than_three_seconds() -> None:
    release = threading.Event()

    async def run() -> float:
        pool = HashPool()
        tasks = [asyncio.create_task(pool.run(release.wait, 10)) for _ in range(HASHES_AT_ONCE)]
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        with pytest.raises(TooBusy):
            await pool.run(release.wait, 10)
        waited = time.monotonic() - begun
        release.set()
        await asyncio.gather(*tasks)
        pool.close()
        return waited

    assert 2.9 < asyncio.run(run()) < 3.5


def test_the_loop_goes_on_while_a_hash_runs() -> None:
    async def run() -> float:
        pool = HashPool()
        hashing = asyncio.create_task(pool.run(time.sleep, 0.5))
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        passed = time.monotonic() - begun
        await hashing
        pool.close()
        return passed

    assert asyncio.run(run()) < 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own")
def test_slow_work_steps_back_from_whatever_else_runs() -> None:
    async def run() -> tuple[int, int]:
        pool = HashPool()
        found = await pool.run(_nice_and_turn)
        pool.close()
        return found

    nice, turn = asyncio.run(run())
    here, shortest = _nice_and_turn()
    assert (nice, here) == (19, os.getpriority(os.PRIO_PROCESS, 0))
    assert shortest == 0 or turn > shortest  # older kernels tell of no turns


def _nice_and_turn() -> tuple[int, int]:
    """Of the thread that asks, by sched_getattr(2); the turn in nanoseconds, 0 where there is none."""
    answer = ctypes.create_string_buffer(48)
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, 0, answer, len(answer), 0) == 0
    _, _, _, nice, _, turn, _, _ = struct.unpack("=IIQiIQQQ", answer.raw)
    return nice, turn
