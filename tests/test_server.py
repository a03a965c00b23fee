"""The sockets that the panel answers on."""

import asyncio
import socket

from web.server import close, listen
from web.settings import Settings


def test_each_address_of_localhost_has_a_socket_of_its_own() -> None:
    first, *others = listen(Settings(port=0))
    assert first.getsockname()[0] == "127.0.0.1"
    for other in others:  # none where there is no IPv6
        assert other.getsockname()[:2] == ("::1", first.getsockname()[1])
        assert other.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    close([first, *others])


def test_nothing_written_is_held_back_where_uvloop_is_not_installed() -> None:
    """Head and body of an answer are two writes; waiting for each other they would take 40 ms more (RFC 896)."""

    async def run() -> int:
        is_at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Answering(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                is_at_once.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        [listener, *others] = listen(Settings(port=0))
        close(others)
        async with await asyncio.get_running_loop().create_server(Answering, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await is_at_once
            writer.close()
            return found

    assert asyncio.run(run())
