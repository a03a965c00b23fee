"""Waiting for what happens, however long the machine takes, and spans of time that pass when told."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from typing import Any, TypeVar

from web.crypto.argon2id import Argon2id
from web.crypto.workers import Workers
from web.limits import Cost

R = TypeVar("R")
HANG = 300  # seconds; a wait this long never ends


def until(happens: Callable[[], object]) -> None:
    """Raises TimeoutError when it never does."""
    end = time.monotonic() + HANG
    while not happens():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers follow a clock that stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._at: float | None = 0.0
        self._timers: list[tuple[timedelta, asyncio.TimerHandle, object]] = []  # the last: the owner of the callback

    def time(self) -> float:
        return super().time() if self._at is None else self._at

    def call_at(  # type: ignore[override]  # any callback with its arguments, as there
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self._timers.append((timedelta(seconds=when - self.time()), timer, getattr(callback, "__self__", None)))
        return timer

    def timeouts(self, span: timedelta) -> int:
        """How many blocks of `asyncio.timeout` with this span have begun, and neither ended nor run out."""
        return self.timers(span, asyncio.Timeout)

    def timers(self, span: timedelta, owner: type) -> int:
        """How many methods of objects of this class were put off by this span, and neither ran nor were cancelled."""
        alike = [timer for length, timer, one in self._timers if length == span and isinstance(one, owner)]
        return sum(not timer.cancelled() and timer.when() > self.time() for timer in alike)

    def forward(self, span: timedelta) -> None:
        """From any thread."""
        assert self._at is not None
        self._at += span.total_seconds()
        self.call_soon_threadsafe(lambda: None)  # so that it looks at its clock

    def go_on(self) -> None:
        """From here on time passes by itself."""
        self._at = None
        self.call_soon_threadsafe(lambda: None)


class HeldHashes(Argon2id):
    """Hashes that begin, and go on when they are let; it knows what each cost."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[Cost] = []
        self._let = threading.Semaphore(0)

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        self.begun.append(cost)
        assert self._let.acquire(timeout=HANG)
        return super().digest(secret, salt, cost)

    def let(self, number: int = 1000) -> None:
        """As many go on, of those that have begun and those to come."""
        self._let.release(number)


async def run_reserved(workers: Workers, function: Callable[..., R], *args: object) -> R:
    """As for somebody who has proved something here before."""
    with workers.reserve(is_owner=True) as slots:
        return await slots.run(function, *args)
