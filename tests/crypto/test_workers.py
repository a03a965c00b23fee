import asyncio
import functools
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from tests.support.priority import nice_and_turn
from tests.support.steady import HANG, StillLoop, run_reserved
from web.crypto import budget
from web.crypto.budget import Line
from web.crypto.workers import Gate, TooBusy, Turns, Workers
from web.limits import HASHES_AT_ONCE, HASHES_WAITING, HASHES_WAITING_INSIDE, HASHES_WAITING_OWN

T = TypeVar("T")


def run_still(test: Coroutine[Any, Any, T]) -> T:
    """Run on an event loop whose timers follow a clock that the test moves."""
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(test)


async def turns() -> None:
    """Let every task run until it has to wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def is_told_at_once(asked: Coroutine[Any, Any, object]) -> bool:
    task = asyncio.create_task(asked)
    await turns()
    return task.done() and isinstance(task.exception(), TooBusy)


def pass_by(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StillLoop)
    loop.forward(timedelta(seconds=seconds))


def test_two_run_sixteen_wait_and_the_next_is_refused_at_once() -> None:
    running, most, two, release = set(), [0], threading.Barrier(HASHES_AT_ONCE), threading.Event()

    def slow(number: int) -> int:
        running.add(number)
        most[0] = max(most[0], len(running))
        two.wait(HANG)
        release.wait(HANG)
        running.discard(number)
        return number

    async def run() -> list[int]:
        pool = Workers()
        tasks = [asyncio.create_task(pool.run(slow, n)) for n in range(HASHES_AT_ONCE + HASHES_WAITING)]
        await turns()
        assert await is_told_at_once(pool.run(slow, 99))
        release.set()
        done = await asyncio.gather(*tasks)
        pool.close()
        return done

    assert run_still(run()) == list(range(18))
    assert most[0] == HASHES_AT_ONCE


def test_a_few_places_are_reserved_for_people_who_are_no_strangers() -> None:
    release = threading.Event()

    async def run() -> int:
        pool = Workers()
        strangers = [asyncio.create_task(pool.run(release.wait, HANG)) for _ in range(HASHES_AT_ONCE + HASHES_WAITING)]
        await turns()
        own = [asyncio.create_task(run_reserved(pool, release.wait, HANG)) for _ in range(HASHES_WAITING_OWN)]
        await turns()
        for way in (pool.run, functools.partial(run_reserved, pool)):
            assert await is_told_at_once(way(release.wait, HANG))
        release.set()
        done = await asyncio.gather(*strangers, *own)
        pool.close()
        return len(done)

    assert run_still(run()) == HASHES_AT_ONCE + HASHES_WAITING + HASHES_WAITING_OWN


async def from_inside(pool: Workers, job: Callable[[], object]) -> object:
    budget.grant(inside=True)
    return await run_reserved(pool, job)


def test_of_those_who_wait_owners_are_served_first_and_strangers_last() -> None:
    """P14: within each line in the order in which they came, whenever that was."""
    release, served = threading.Event(), list[str]()

    async def run() -> None:
        pool = Workers(1)
        waiting: list[asyncio.Task[Any]] = [asyncio.create_task(pool.run(release.wait, HANG))]
        await turns()
        for name, way in (
            ("stranger", pool.run),
            ("inside", functools.partial(from_inside, pool)),
            ("own", functools.partial(run_reserved, pool)),
        ):
            waiting += [asyncio.create_task(way(functools.partial(served.append, f"{name} {n}"))) for n in (1, 2)]
            await turns()
        release.set()
        await asyncio.gather(*waiting)
        pool.close()

    run_still(run())
    assert served == ["own 1", "own 2", "inside 1", "inside 2", "stranger 1", "stranger 2"]


def test_people_who_are_signed_in_take_no_place_of_others() -> None:
    release = threading.Event()

    async def run() -> int:
        pool = Workers()
        hold = functools.partial(release.wait, HANG)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(from_inside(pool, hold)) for _ in range(HASHES_WAITING_INSIDE)
        ]
        await turns()
        assert await is_told_at_once(from_inside(pool, hold))
        tasks += [asyncio.create_task(pool.run(hold)) for _ in range(HASHES_AT_ONCE + HASHES_WAITING)]
        tasks += [asyncio.create_task(run_reserved(pool, hold)) for _ in range(HASHES_WAITING_OWN)]
        await turns()
        release.set()
        done = await asyncio.gather(*tasks)
        pool.close()
        return sum(done)

    assert run_still(run()) == HASHES_WAITING_INSIDE + HASHES_AT_ONCE + HASHES_WAITING + HASHES_WAITING_OWN


def test_a_turn_given_to_a_caller_that_just_gave_up_goes_to_the_next() -> None:
    async def run() -> bool:
        gate = Gate(1)
        await gate.enter(Line.STRANGERS)
        gone, next_one = [asyncio.create_task(gate.enter(Line.STRANGERS)) for _ in range(2)]
        await turns()
        gate.leave()
        gone.cancel()
        await turns()
        return gone.cancelled() and next_one.done()

    assert run_still(run())


def test_one_thing_at_a_time_for_each_account() -> None:
    async def run() -> list[bool]:
        accounts, begun = Turns(), list[int]()

        async def act(account_id: int) -> None:
            async with accounts.of(account_id):
                begun.append(account_id)
                await asyncio.Event().wait()

        first, second, other = [asyncio.create_task(act(account_id)) for account_id in (1, 1, 2)]
        await turns()
        seen = [begun == [1, 2]]
        first.cancel()
        await turns()
        third = asyncio.create_task(act(1))
        await turns()
        seen.append(begun == [1, 2, 1])
        pass_by(3)
        await turns()
        seen.append(isinstance(third.exception(), TooBusy))
        for task in (second, other):
            task.cancel()
        return seen

    assert run_still(run()) == [True, True, True]


def test_a_place_is_kept_from_one_thing_to_the_next() -> None:
    release = threading.Event()

    async def run() -> list[int]:
        pool = Workers()
        with pool.reserve(is_owner=False) as slots:
            others = [asyncio.create_task(pool.run(release.wait, HANG)) for _ in range(HASHES_WAITING + 1)]
            done = [await slots.run(abs, -1)]
            await turns()
            with pytest.raises(TooBusy), pool.reserve(is_owner=False):
                pass
            release.set()
            done.append(await slots.run(abs, -2))
        await asyncio.gather(*others)
        with pool.reserve(is_owner=False):  # and given back
            pool.close()
        return done

    assert run_still(run()) == [1, 2]


def test_nobody_waits_longer_than_three_seconds_and_earlier_turns_are_served() -> None:
    release = threading.Event()

    async def run() -> tuple[bool, int]:
        pool = Workers()
        tasks = [asyncio.create_task(pool.run(release.wait, HANG)) for _ in range(HASHES_AT_ONCE)]
        early = asyncio.create_task(pool.run(abs, -1))
        await turns()
        pass_by(1)
        late = asyncio.create_task(pool.run(abs, -2))
        await turns()
        pass_by(1.9)
        await turns()
        was_waiting = not early.done()
        pass_by(0.1)
        with pytest.raises(TooBusy):
            await early
        release.set()
        await asyncio.gather(*tasks)
        pool.close()
        return was_waiting, await late

    assert run_still(run()) == (True, 2)


def test_the_loop_goes_on_while_a_hash_runs() -> None:
    """It is the loop that lets the hash end."""
    release = threading.Event()

    async def run() -> bool:
        pool = Workers()
        hashing = asyncio.create_task(pool.run(release.wait, HANG))
        await turns()
        release.set()
        was_let = await hashing
        pool.close()
        return was_let

    assert run_still(run())


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own")
def test_slow_work_has_a_lower_priority() -> None:
    async def run() -> tuple[int, int]:
        pool = Workers()
        found = await pool.run(nice_and_turn)
        pool.close()
        return found

    nice, turn = run_still(run())
    here, shortest = nice_and_turn()
    assert (nice, here) == (19, os.getpriority(os.PRIO_PROCESS, 0))
    assert shortest == 0 or turn > shortest  # older kernels tell of no turns
