"""The sockets that the panel answers on."""

import asyncio
import os
import secrets
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.commands import free_port, started
from tests.support.server import Server
from tests.support.steady import until
from web.limits import HASHES_AT_ONCE, WORKER_DEATHS
from web.runtime.data_folder import open_panel
from web.runtime.server import Deaths, close, listen
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


@pytest.mark.skipif(sys.platform == "win32", reason="no signal asks for one more worker there")
def test_a_worker_that_cannot_start_ends_the_panel_with_its_cause(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    with started("serve", "--port", port, "--data", str(data), PANEL_WORKERS="2") as (process, _):
        until(Server(port, data, process.pid).answers)
        (data / "secret.key").rename(tmp_path / "aside")
        process.send_signal(signal.SIGTTIN)  # one worker more
        said = process.ended()
    assert process.returncode == 1
    assert "O painel não pôde iniciar" in said
    assert '"start.refused", "reason": "Falta a chave' in said


def workers_of(panel: int) -> list[int]:
    """Its server processes."""
    children = Path(f"/proc/{panel}/task/{panel}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the server processes")
def test_workers_that_die_are_replaced_until_too_many_die_young(tmp_path: Path) -> None:
    port, data, killed = free_port(), tmp_path / "data", set[int]()

    def kill_one() -> bool:
        for worker in {*workers_of(process.pid)} - killed:
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
            return True
        return process.poll() is not None

    with started("serve", "--port", port, "--data", str(data), PANEL_WORKERS="2") as (process, _):
        server = Server(port, data, process.pid)
        until(server.answers)
        for _ in range(WORKER_DEATHS.limit - 1):
            until(kill_one)
            until(lambda: len({*workers_of(process.pid)} - killed) == 2)
        until(server.answers)
        assert process.poll() is None
        until(kill_one)
        said = process.ended()
    assert (process.returncode, len(killed)) == (1, WORKER_DEATHS.limit)
    assert "terminam logo depois de começar (SIGKILL: talvez falte memória)" in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="terminals there end programs another way")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_closed_terminal_ends_the_panel(workers: str, tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    with started("serve", "--port", port, "--data", str(data), PANEL_WORKERS=workers) as (process, _):
        server = Server(port, data, process.pid)
        until(server.answers)
        process.send_signal(signal.SIGHUP)
        process.ended()
        assert not server.answers()


@pytest.mark.parametrize(
    ("lived", "every", "ends"),
    [(1.0, 2.0, True), (59.0, 60.0, True), (61.0, 2.0, False), (1.0, 151.0, False), (1e6, 1e6, False)],
)
def test_only_many_deaths_of_young_workers_within_minutes_end_the_panel(lived: float, every: float, ends: bool) -> None:
    deaths = Deaths()
    told = [deaths.are_too_many(lived=lived, at=number * every) for number in range(20)]
    assert told == [ends and number >= WORKER_DEATHS.limit - 1 for number in range(20)]


@pytest.mark.parametrize(("workers", "each"), [(1, HASHES_AT_ONCE), (2, 1), (8, 1)])
def test_workers_share_the_hashes_at_once(workers: int, each: int, settings: Settings, clock: Clock) -> None:
    """Several processes together compute no more hashes at once than one process alone."""
    working, most, one = set[int](), [0], threading.Lock()

    def work(number: int) -> None:
        with one:
            working.add(number)
            most[0] = max(most[0], len(working))
        time.sleep(0.02)  # long enough for another to begin, if it may
        with one:
            working.remove(number)

    async def of_one_worker() -> None:
        async with open_panel(replace(settings, workers=workers), clock, secrets.token_bytes) as panel:
            await asyncio.gather(*[panel.hash_workers.run(work, number) for number in range(8)])

    asyncio.run(of_one_worker())
    assert 0 < most[0] <= each
