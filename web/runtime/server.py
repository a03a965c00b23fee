"""uvicorn, started from Python: quiet, trusting no proxy it was not told of, ended by Ctrl-C without a traceback."""

import contextlib
import errno
import itertools
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.basereload import BaseReload
from uvicorn.supervisors.multiprocess import Process

from web.audit import log
from web.hosts import LOOPBACK_NAMES
from web.http.wire import BoundedHttp
from web.limits import WORKER_DEATHS, WORKER_SETTLED
from web.settings import ROOT, Settings, StartRefused

MADE_OF = ("db", "web", "templates", "static")
NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Server(uvicorn.Server):
    """A server that enters `running` when it begins to answer requests and leaves it when it no longer does."""

    def __init__(self, config: uvicorn.Config, running: contextlib.AbstractContextManager[None]) -> None:
        super().__init__(config)
        self._running = running
        self._lost: OSError | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        super().run(sockets)
        if self._lost:
            raise self._lost

    async def main_loop(self) -> None:
        try:
            with self._running:
                await super().main_loop()
        except OSError as lost:  # nobody reads what `running` prints: raised once everything is closed
            self._lost = lost

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A terminal that is closed ends the panel as Ctrl-C does, unless it was told to stay (nohup)."""
        hangup = _hangup()
        before = hangup and signal.getsignal(hangup)
        with super().capture_signals():
            if hangup:
                signal.signal(hangup, self.handle_exit)
            try:
                yield
            finally:
                if hangup:
                    signal.signal(hangup, before)


def _hangup() -> int | None:
    """The signal of a terminal that is closed; None without one (Windows), or where it is to be ignored (nohup)."""
    number: int | None = getattr(signal, "SIGHUP", None)
    return None if number is None or signal.getsignal(number) is signal.SIG_IGN else number


class Deaths:
    """Workers that died soon after their start: what killed so many would kill the next one too."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=WORKER_DEATHS.limit)

    def are_too_many(self, *, lived: float, at: float) -> bool:
        """Add a death, in seconds, and tell whether there are too many; a worker that lived long does not count."""
        if lived < WORKER_SETTLED.total_seconds():
            self._at.append(at)
            return len(self._at) == WORKER_DEATHS.limit and at - self._at[0] <= WORKER_DEATHS.span.total_seconds()
        return False


class Workers(Multiprocess):
    """Replaces workers that die, until too many died soon after their start; then `given_up` is the last exit code."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        hangup = _hangup()
        super().__init__(config, sockets)
        if hangup is None and hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # uvicorn set a handler even though it was ignored
        self.given_up: int | None = None
        self._since: dict[Process, float] = {}
        self._deaths = Deaths()

    def handle_hup(self) -> None:
        """A terminal that is closed ends the panel, as with one process."""
        self.handle_term()

    def keep_subprocess_alive(self) -> None:
        now = time.monotonic()
        self._since = {worker: self._since.get(worker, now) for worker in self.processes}
        super().keep_subprocess_alive()
        for worker, since in self._since.items():
            if worker not in self.processes and self._deaths.are_too_many(lived=now - since, at=now):
                self.given_up = worker.exitcode
                self.should_exit.set()


class Reloading(BaseReload):
    """For development: one server process, replaced whenever a file of its code, templates or styles changes."""

    def startup(self) -> None:
        self.reloader_name, self._seen = "dev", _changed_at()
        super().startup()
        if hangup := _hangup():
            signal.signal(hangup, self.signal_handler)

    def should_restart(self) -> list[Path]:
        """The files that were changed, made or removed since the last call."""
        self.pause()
        before, self._seen = self._seen, _changed_at()
        return sorted({file for file, _ in before.items() ^ self._seen.items()})


def _changed_at() -> dict[Path, int]:
    """Code, templates and styles with the moments of their last changes, in nanoseconds."""
    files = (file for folder in MADE_OF for file in (ROOT / folder).rglob("*.*"))
    found = {}
    for file in (file for file in files if "__pycache__" not in file.parts):
        with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
            found[file] = file.stat().st_mtime_ns
    return found


class PortTaken(StartRefused):
    """Another program answers there."""


def listen(settings: Settings) -> list[socket.socket]:
    """Bind the sockets, before anything else is touched, so that a taken port is reported first; raises StartRefused.

    `localhost` means both loopback addresses: if we bound only one, a program on the same port of the other would get
    requests that browsers mean for us.
    """
    listeners: list[socket.socket] = []
    try:
        for family, host in _places(settings):
            port: int = listeners[0].getsockname()[1] if listeners else settings.port
            try:
                listeners.append(_bind(family, host, port))
            except OSError as refused:
                if not (host == "::1" and listeners and refused.errno in NO_IPV6):
                    raise _refusal(settings, host, refused) from None
        for listener in listeners:
            settings.check_exposure(listener.getsockname()[0])
    except StartRefused:
        close(listeners)
        raise
    return listeners


def close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


def next_free_port(settings: Settings) -> int:
    """The first after the one that is taken."""
    others = itertools.chain(range(max(settings.port + 1, 1024), 65536), range(1024, settings.port))
    return next(port for port in others if _is_free(replace(settings, port=port)))


def _is_free(settings: Settings) -> bool:
    try:
        close(listen(settings))
    except PortTaken:
        return False
    return True


def _places(settings: Settings) -> list[tuple[int, str]]:
    """Family and IP address of each socket."""
    if settings.host in LOOPBACK_NAMES:
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise StartRefused(
            f"PANEL_HOST={settings.host}: este nome não leva a nenhum endereço. Use um endereço desta máquina, "
            "como 127.0.0.1."
        ) from None
    return [(family, str(place[0])) for family, _, _, _, place in found[:1]]


def _bind(family: int, host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on a socket whose protocol is given as TCP; uvloop always sets it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Where there is SO_EXCLUSIVEADDRUSE (Windows), SO_REUSEADDR would let others bind the very same port.
        listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR), 1)
        if host == "::1":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _refusal(settings: Settings, host: str, refused: OSError) -> StartRefused:
    if refused.errno == errno.EADDRNOTAVAIL:
        return StartRefused(
            f"PANEL_HOST={settings.host}: esta máquina não tem esse endereço. Use um que ela tenha, como 127.0.0.1."
        )
    place = f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"
    if refused.errno == errno.EADDRINUSE:
        return PortTaken(f"Não foi possível atender em {place}: a porta está em uso.")
    cause = "falta permissão" if refused.errno == errno.EACCES else refused.strerror
    return StartRefused(f"Não foi possível atender em {place} (PANEL_HOST e PANEL_PORT): {cause}.")


def serve(
    settings: Settings,
    listeners: list[socket.socket],
    app: str,
    running: contextlib.AbstractContextManager[None],
    *,
    reloads: bool = False,
) -> None:
    """Answer on `listeners` until told to stop. `app` names the function in web/app.py that makes the application; with
    `reloads` it is made anew whenever a file changes.

    `running` is entered once requests are answered, and left before the process ends, whatever ends it. Raises
    StartRefused where the data became unusable since they were checked.
    """
    log.to_stderr()
    if settings.allow_http:
        log.trouble("start.http_allowed", "PANEL_ALLOW_HTTP")
    config = _config(settings, app)
    if reloads:
        with running:
            return Reloading(config, uvicorn.Server(config).run, listeners).run()
    if settings.workers == 1:
        status = _status_of(lambda: Server(config, running).run(sockets=listeners))
    else:
        workers = Workers(config, listeners)
        with running:
            workers.run()
        if workers.given_up is not None:
            raise StartRefused(
                f"Os processos do painel terminam logo depois de começar ({_how(workers.given_up)}), e depois de "
                f"{WORKER_DEATHS.limit} vezes ele parou. O registro acima pode dizer mais."
            )
        status = max((worker.exitcode or 0 for worker in workers.processes), default=0)
    if status == STARTUP_FAILURE:
        raise StartRefused("O painel não pôde iniciar; o registro acima diz a causa (start.refused).")


def _config(settings: Settings, app: str) -> uvicorn.Config:
    return uvicorn.Config(
        f"web.app:{app}",
        factory=True,
        http=BoundedHttp,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # web/visit/forwarded.py reads them
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )


def _how(exit_code: int) -> str:
    """How a process ended; below zero it was a signal."""
    if exit_code >= 0:
        return f"código de saída {exit_code}"
    name = signal.Signals(-exit_code).name
    return f"{name}: talvez falte memória" if name == "SIGKILL" else name


def _status_of(run: Callable[[], None]) -> int:
    try:
        run()
    except SystemExit as ended:
        if ended.code != STARTUP_FAILURE:
            raise
        return STARTUP_FAILURE
    return 0
