"""Where argon2 and other slow work runs: off the event loop, few at once, a short queue, and a plain no beyond it."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from web.limits import HASH_PATIENCE, HASHES_AT_ONCE, HASHES_WAITING

P = ParamSpec("P")
R = TypeVar("R")


class TooBusy(Exception):
    """Too many are waiting already; nothing was done."""


class HashPool:
    def __init__(self, at_once: int = HASHES_AT_ONCE) -> None:
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, "slow", initializer=_step_back)
        self._slots = asyncio.Semaphore(at_once)
        self._inside = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises TooBusy at once when the queue is full, or after three seconds in it."""
        if self._inside >= self._at_once + HASHES_WAITING:
            raise TooBusy
        self._inside += 1
        try:
            try:
                async with asyncio.timeout(HASH_PATIENCE.total_seconds()):
                    await self._slots.acquire()
            except TimeoutError:
                raise TooBusy from None
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
            finally:
                self._slots.release()
        finally:
            self._inside -= 1

    def close(self) -> None:
        self._threads.shutdown()


def _step_back() -> None:
    """Let pages go first: on Linux a thread can have a priority of its own."""
    if sys.platform == "linux":  # elsewhere a thread id names some process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
