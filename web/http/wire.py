"""The connection while the panel waits for what a visitor sends: bounded in bytes, in time and in number.

uvicorn takes headers of any size for any time; so that no proxy is needed, each bound is set here, on the socket.
"""

import asyncio
import itertools
from collections import Counter
from weakref import WeakSet

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from web import hosts
from web.http.errors import WORDS
from web.http.headers import PAGE
from web.limits import CONNECTIONS_MAX, CROWD_PATIENCE, HEAD_MAX, HEAD_PATIENCE, PIPELINED_MAX

NO_HTTP = ("Pedido inválido", "O que chegou não é um pedido HTTP.")
NUMBERS = itertools.count()  # of connections, in the order in which they came
CROWDED: WeakSet[ServerState] = WeakSet()  # servers that are about to make room


class BoundedHttp(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._number = next(NUMBERS)
        self._surplus = 0  # bytes of the head, or of what frames a body: chunk sizes and trailers
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._wait_for_head()
        if len(self.connections) > CONNECTIONS_MAX:
            self._make_room_later()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def data_received(self, data: bytes) -> None:
        """Read no more than HEAD_MAX bytes of a head, however many came at once."""
        while data and not self.transport.is_closing():
            most = HEAD_MAX + 1 - self._surplus if self._is_in_head else len(data)
            self._read(data[:most])
            data = data[most:]

    def _read(self, data: bytes) -> None:
        self._surplus += len(data)
        super().data_received(data)
        self._surplus = max(0, self._surplus)  # `on_body` also takes off a body that came with its head
        if self.transport.is_closing():
            return
        if self._surplus > HEAD_MAX:
            self._hang_up(431)
        elif self._deadline is None and self._is_idle():
            self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Ignore trailers: a proxy hands on what a visitor wrote there as if it were its own (RFC 9110 §6.5.1)."""
        if self._is_in_head:
            super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002, uvicorn's sentence is English
        self.transport.write(_refusal(400, NO_HTTP))
        self.transport.close()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED_MAX:  # one read can hold thousands of requests
            raise ConnectionError("pipelined")  # the parser stops; uvicorn answers 400 and hangs up
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._surplus, self._is_in_head = 0, False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._surplus -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._surplus, self._is_in_head = 0, True
        super().on_message_complete()

    def _is_idle(self) -> bool:
        """Whether every request so far has its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        """Start the time that a whole head may take; further bytes do not prolong it."""
        self._deadline = self.loop.call_later(HEAD_PATIENCE.total_seconds(), self._hang_up, 408)

    def _stop_waiting(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = None

    def _hang_up(self, status: int) -> None:
        """Close the connection; with an answer if part of a head has come, because browsers open some in advance."""
        if self._surplus and self._is_in_head and self._is_idle():
            self.transport.write(_refusal(status, WORDS[status]))
            self.transport.close()
        else:
            self.transport.abort()

    def _make_room_later(self) -> None:
        """Wait a moment first: connections that came all at once may be answered by then."""
        if self.server_state not in CROWDED:
            CROWDED.add(self.server_state)
            self.loop.call_later(CROWD_PATIENCE.total_seconds(), self._make_room)

    def _make_room(self) -> None:
        """Drop connections that wait for their visitor: first the oldest of the network that has the most of them."""
        CROWDED.discard(self.server_state)
        behind: Counter[str] = Counter()  # by network: how many connections are as new as this one, or newer
        waiting: list[tuple[int, int, BoundedHttp]] = []
        for one in sorted(self._debtors(), key=lambda one: -one._number):
            behind[one.place()] += 1
            waiting.append((-behind[one.place()], one._number, one))
        for _, _, one in sorted(waiting)[: max(0, len(self.connections) - CONNECTIONS_MAX)]:
            one.transport.abort()
        if len(self.connections) > CONNECTIONS_MAX:
            self._make_room_later()

    def _debtors(self) -> "list[BoundedHttp]":
        return [one for one in self.connections if isinstance(one, BoundedHttp) and one.owes()]

    def owes(self) -> bool:
        """Whether the panel waits for the visitor: for a head, the rest of a body, or the next request."""
        return self._is_idle() or self.cycle.more_body

    def place(self) -> str:
        """The network that it counts for; of IPv6 the widest that one household may have, for it has countless
        addresses."""
        return list(hosts.networks(self.client[0] if self.client else ""))[-1]


def _refusal(status: int, words: tuple[str, str]) -> bytes:
    text = ". ".join(words).encode()
    framing = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (framing | PAGE).items())
    return STATUS_LINE[status] + head.encode() + b"\r\n" + text
