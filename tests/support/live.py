"""The real server on a real socket, in a thread of this process."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.support.steady import StillLoop, until
from web.http.wire import BoundedHttp


@contextlib.contextmanager
def live(
    app: ASGIApp,
    loop: StillLoop | None = None,
    *,
    listener: socket.socket | None = None,
    certificate: Path | None = None,
) -> Iterator[str]:
    """Yields its address. No time passes for its timers but what `loop` is told. `certificate` is a folder."""
    config = uvicorn.Config(
        app, http=BoundedHttp, log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
    if certificate:
        config.ssl_certfile, config.ssl_keyfile = certificate / "fullchain.pem", certificate / "privkey.pem"
    server, loop = uvicorn.Server(config), loop or StillLoop()

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(sockets=[bound]))

    with listener or socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=serve)
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            loop.go_on()
            thread.join()


def free_port() -> int:
    """For a panel that has to know its address before it starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
