"""Where argon2 and other slow work runs: off the event loop, few at once, a short queue, and a plain no beyond it."""

import asyncio
import contextlib
import functools
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ParamSpec, TypeVar

from web.limits import HASH_PATIENCE, HASH_REST, HASHES_AT_ONCE, HASHES_WAITING, HASHES_WAITING_OWN

NICE = 19
LONG_TURN = 100_000_000  # nanoseconds, the most that Linux grants
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # the system call by its number: Python has no name for it

P = ParamSpec("P")
R = TypeVar("R")


class TooBusy(Exception):
    """Too many are waiting already, or it took too long until it was one's turn; nothing was done."""


class Slots:
    """As many threads as may work at once, and the line before them."""

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, "slow", initializer=_step_back)
        self._free = asyncio.Semaphore(at_once)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises TooBusy after three seconds in the line."""
        try:
            async with asyncio.timeout(HASH_PATIENCE.total_seconds()):
                await self._free.acquire()
        except TimeoutError:
            raise TooBusy from None
        try:
            job = functools.partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        finally:
            self._free.release()

    def close(self) -> None:
        self._threads.shutdown()


class HashPool:
    def __init__(
        self,
        at_once: int = HASHES_AT_ONCE,
        *,
        on_rest: Callable[[], None] = lambda: None,
        rest_after: timedelta = HASH_REST,
    ) -> None:
        """`on_rest` is called when there was nothing to do for a while."""
        self._slots = Slots(at_once)
        self._room = at_once + HASHES_WAITING
        self.taken = 0  # places
        self._on_rest, self._rest_after = on_rest, rest_after.total_seconds()
        self._rest: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def place(self, *, own: bool) -> Iterator[Slots]:
        """A place for the block, in which one thing after the other may run; raises TooBusy at once when none is left.

        A few are for somebody who has proved something here before (`own`): strangers cannot fill these.
        """
        if self.taken >= self._room + (HASHES_WAITING_OWN if own else 0):
            raise TooBusy
        self.taken += 1
        try:
            yield self._slots
        finally:
            self.taken -= 1
            self._rest_later()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises TooBusy at once when every place is taken, or after three seconds in one."""
        with self.place(own=False) as slots:
            return await slots.run(function, *args, **kwargs)

    async def run_own(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """For somebody who has proved something here before."""
        with self.place(own=True) as slots:
            return await slots.run(function, *args, **kwargs)

    def _rest_later(self) -> None:
        if self._rest:
            self._rest.cancel()
        self._rest = asyncio.get_running_loop().call_later(self._rest_after, self._on_rest)

    def close(self) -> None:
        if self._rest:
            self._rest.cancel()
        self._slots.close()


def _step_back() -> None:
    """Let pages go first: on Linux a thread can have a priority of its own."""
    if sys.platform == "linux":  # elsewhere a thread id names some process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        _take_long_turns()


def _take_long_turns() -> None:
    """Whatever wakes with shorter turns goes first at once, not when this thread's turn is over (sched_setattr(2)).

    Of Linux 6.12 and later; where it is unknown, or forbidden, everything stays as it is.
    """
    import ctypes  # with the first hash, not with the program

    if number := SCHED_SETATTR.get(os.uname().machine):
        attributes = struct.Struct("=IIQiIQQQ")  # struct sched_attr: size, policy, flags, nice, priority, runtime, …
        wanted = attributes.pack(attributes.size, os.SCHED_OTHER, 0, NICE, 0, LONG_TURN, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, wanted, 0)
