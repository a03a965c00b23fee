"""uvicorn, started from Python: quiet, trusting no proxy it was not told of, ended by Ctrl-C without a traceback."""

import errno
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from web import log
from web.settings import Settings, StartRefused


class Server(uvicorn.Server):
    """Calls `ready` once requests are answered."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def listen(settings: Settings) -> socket.socket:
    """A bound socket, so that a taken port is told before anything else is touched; raises StartRefused."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends what is written at once only where a socket says that it is TCP; uvloop does so anyway.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as refused:
        listener.close()
        causes = {errno.EADDRINUSE: "a porta está em uso; escolha outra com --port", errno.EACCES: "falta permissão"}
        cause = causes.get(refused.errno or 0, str(refused.strerror))
        raise StartRefused(f"Não foi possível atender em {settings.host}:{settings.port}: {cause}.") from None
    return listener


def serve(settings: Settings, listener: socket.socket, app: str, ready: Callable[[], None]) -> None:
    """Answer on `listener` until told to stop, with what the function named `app` in web/app.py makes."""
    log.to_stderr()
    if settings.allow_http:
        log.trouble("start.http_allowed", "PANEL_ALLOW_HTTP")
    config = uvicorn.Config(
        f"web.app:{app}",
        factory=True,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # web/forwarded.py reads them
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )
    if settings.workers == 1:
        Server(config, ready).run(sockets=[listener])
    else:
        ready()
        Multiprocess(config, sockets=[listener]).run()
