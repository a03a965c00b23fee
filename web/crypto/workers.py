"""Where argon2 and other slow work runs: off the event loop, few at once, with a short queue and TooBusy beyond it."""

import asyncio
import contextlib
import functools
import os
import struct
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from web.crypto import budget
from web.crypto.budget import Line, costly
from web.limits import (
    HASH_PATIENCE,
    HASHES_AT_ONCE,
    HASHES_WAITING,
    HASHES_WAITING_INSIDE,
    HASHES_WAITING_OWN,
)

NICE = 19
LONG_TURN = 100_000_000  # nanoseconds, the most that Linux grants
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # the system call by its number: Python has no name for it

P = ParamSpec("P")
R = TypeVar("R")


class TooBusy(Exception):
    """Too many callers wait already, or this one waited too long for its turn; nothing was done."""


class Gate:
    """Lets `at_once` callers in at a time; the next is the first caller in the first line where somebody waits."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[deque[asyncio.Future[None]]] = [deque() for _ in Line]

    async def enter(self, line: Line) -> None:
        """Raises TooBusy after three seconds."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[line].append(turn)
        try:
            async with asyncio.timeout(HASH_PATIENCE.total_seconds()):
                await turn
        except BaseException as gone:
            self._forgo(line, turn)
            if isinstance(gone, TimeoutError):
                raise TooBusy from None
            raise

    def _forgo(self, line: Line, turn: asyncio.Future[None]) -> None:
        """The caller gives up: take it out of its line, or leave in its place when it was let in at the same moment."""
        if not turn.cancelled():
            self.leave()
        elif turn in self._waiting[line]:
            self._waiting[line].remove(turn)

    def leave(self) -> None:
        turn = next((waiting.popleft() for waiting in self._waiting if waiting), None)
        if turn is None:
            self._free += 1
        elif turn.cancelled():
            self.leave()
        else:
            turn.set_result(None)


class Slots:
    """A place in a line, in which one thing after the other may run."""

    def __init__(self, gate: Gate, line: Line, threads: ThreadPoolExecutor) -> None:
        self._gate, self._line, self._threads = gate, line, threads

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises TooBusy after three seconds in the line."""
        await self._gate.enter(self._line)
        try:
            job = functools.partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        finally:
            self._gate.leave()


class Turns:
    """One request at a time for each account: its other requests wait here, and take no place in a line."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def of(self, whose: object) -> AsyncIterator[None]:
        """Raises TooBusy after three seconds."""
        lock = self._locks.setdefault(whose, asyncio.Lock())
        try:
            async with asyncio.timeout(HASH_PATIENCE.total_seconds()):
                await lock.acquire()
        except TimeoutError:
            raise TooBusy from None
        try:
            yield
        finally:
            lock.release()


def hashes_at_once(workers: int) -> int:
    """How many hashes each process computes at once: together no more than one process alone, but at least one each."""
    return max(1, HASHES_AT_ONCE // workers)


class Workers:
    def __init__(self, at_once: int = HASHES_AT_ONCE) -> None:
        self._gate, self._threads = Gate(at_once), ThreadPoolExecutor(at_once, "slow", initializer=_step_back)
        self._room = at_once + HASHES_WAITING
        self._taken = dict.fromkeys(Line, 0)  # places

    @property
    def taken(self) -> int:
        return sum(self._taken.values())

    @costly
    @contextlib.contextmanager
    def reserve(self, *, is_owner: bool) -> Iterator[Slots]:
        """A place for the block, in which one thing after the other may run; raises TooBusy at once when none is left.

        `is_owner` opens further places to somebody who has proved something here before. Strangers cannot fill them,
        nor can people who are signed in, who have places of their own.
        """
        line = budget.line(is_owner=is_owner)
        if not self._has_room(line):
            raise TooBusy
        self._taken[line] += 1
        try:
            yield Slots(self._gate, line, self._threads)
        finally:
            self._taken[line] -= 1

    def _has_room(self, line: Line) -> bool:
        if line is Line.INSIDE:
            return self._taken[line] < HASHES_WAITING_INSIDE
        outside = self._taken[Line.OWNERS] + self._taken[Line.STRANGERS]
        return outside < self._room + (HASHES_WAITING_OWN if line is Line.OWNERS else 0)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises TooBusy at once when every place is taken, or after three seconds in one."""
        with self.reserve(is_owner=False) as slots:
            return await slots.run(function, *args, **kwargs)

    def close(self) -> None:
        self._threads.shutdown()


def _step_back() -> None:
    """On Linux a thread can have a priority of its own."""
    if sys.platform == "linux":  # elsewhere a thread id names some process
        step_back(threading.get_native_id())


def step_back(task: int) -> None:
    """Lower the priority of a process, or on Linux of a thread, below that of pages; `task` is its id."""
    if sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, task, NICE)
    if sys.platform == "linux":
        _take_long_turns(task)


def _take_long_turns(task: int) -> None:
    """Ask for long time slices: a task with shorter ones that wakes then runs at once, without waiting for the end of
    this one's slice (sched_setattr(2)).

    Linux 6.12 and later; where it is unknown or forbidden, nothing changes.
    """
    import ctypes  # loads with the first hash, not with the program

    if number := SCHED_SETATTR.get(os.uname().machine):
        attributes = struct.Struct("=IIQiIQQQ")  # struct sched_attr: size, policy, flags, nice, priority, runtime, …
        wanted = attributes.pack(attributes.size, os.SCHED_OTHER, 0, NICE, 0, LONG_TURN, 0, 0)
        ctypes.CDLL(None).syscall(number, task, wanted, 0)
