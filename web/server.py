"""uvicorn, started from Python: quiet, trusting no proxy it was not told of, ended by Ctrl-C without a traceback."""

import socket
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from web import log
from web.settings import Settings


class Server(uvicorn.Server):
    """Calls `ready` once requests are answered."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


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
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies) or None,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )
    if settings.workers == 1:
        Server(config, ready).run(sockets=[listener])
    else:
        ready()
        Multiprocess(config, sockets=[listener]).run()
