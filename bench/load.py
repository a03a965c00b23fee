"""Requests over raw sockets, cheap enough that the server is what is measured: closed loops and an open-loop probe."""

import asyncio
import itertools
import selectors
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlencode

import httptools


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)  # names in lower case
    body: bytes = b""
    size: int = 0  # bytes over the wire, headers included

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self.is_closed = False

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(port), "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Raises ConnectionError when the server hangs up instead of answering."""
        if self._transport is None or self.is_closed:
            raise ConnectionError("closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._answer, self._parser = Answer(), httptools.HttpResponseParser(self)
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, _: Exception | None) -> None:
        self.is_closed = True
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("closed before an answer"))

    def data_received(self, data: bytes) -> None:
        self._answer.size += len(data)
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(self._answer)


def get(path: str, port: int, **headers: str) -> bytes:
    return _request("GET", path, port, headers)


def post(path: str, port: int, form: dict[str, str], **headers: str) -> bytes:
    body = urlencode(form).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return _request("POST", path, port, {"Origin": f"http://127.0.0.1:{port}"} | headers | kind) + body


def _request(method: str, path: str, port: int, headers: dict[str, str]) -> bytes:
    lines = {"Host": f"127.0.0.1:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return "\r\n".join([f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in lines.items()), "", ""]).encode()


@dataclass(frozen=True)
class Timing:
    """What a load got: answers by status, and how long each took, in seconds, in order."""

    seconds: float
    taken: list[float]
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        return len(self.taken) / self.seconds

    def percentile(self, share: float) -> float:
        return percentile(self.taken, share)


async def repeat(act: Callable[[], Awaitable[object]], *, at_once: int, seconds: float) -> float:
    """Do something over and over in as many tasks as `at_once`; returns how often a second."""
    begun, done = time.perf_counter(), 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - begun < seconds:
            await act()
            done += 1

    await asyncio.gather(*(one() for _ in range(at_once)))
    return done / (time.perf_counter() - begun)


def percentile(taken: Sequence[float], share: float) -> float:
    """0.99 for what all but one in a hundred stay under; 0 of nothing."""
    ordered = sorted(taken) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def closed_loop(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Timing:
    """Each connection asks again, the next of the `requests`, as soon as it has its answer."""
    taken: list[float] = []
    statuses: dict[int, int] = {}
    endless = itertools.cycle(requests)
    begun = time.perf_counter()

    async def one(number: int) -> None:
        await asyncio.sleep(number / 500)  # not all at once, or one worker would take all of them
        connection = await Connection.open(port)
        while (at := time.perf_counter()) - begun < seconds:
            answer = await connection.ask(next(endless))
            taken.append(time.perf_counter() - at)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        connection.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return Timing(time.perf_counter() - begun, taken, statuses)


def probe(port: int, request: bytes, *, per_second: float, seconds: float) -> Timing:
    """Requests fall due at a steady rate, whatever became of those before; each is timed from when it was due.

    On select(2), which waits for microseconds: the other loops round up to milliseconds.
    """
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(_open_loop(port, request, per_second, seconds))


async def _open_loop(port: int, request: bytes, per_second: float, seconds: float) -> Timing:
    taken: list[float] = []
    statuses: dict[int, int] = {}
    idle: list[Connection] = []
    begun = time.perf_counter()

    async def one(due: float) -> None:
        while idle and idle[-1].is_closed:  # nobody needed it for longer than the server waits
            idle.pop()
        connection = idle.pop() if idle else await Connection.open(port)
        answer = await connection.ask(request)
        taken.append(time.perf_counter() - due)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        idle.append(connection)

    running = set()
    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        running.add(asyncio.create_task(one(due)))
    await asyncio.gather(*running)
    for connection in idle:
        connection.close()
    return Timing(time.perf_counter() - begun, taken, statuses)
