"""Fixtures of all tests: a clock that tests move, a real file database, clients that share one panel."""

import argparse
import asyncio
import contextlib
import itertools
import logging
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from tests.support.canary import Canary
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.people import ORIGIN, PASSWORD, Person, protect, set_up
from tests.support.steady import HANG, HeldHashes, StillLoop, run_reserved, until
from web.app import create_app
from web.audit.log import Lines
from web.cli import people
from web.cli.serve import new_setup_code
from web.crypto import budget
from web.crypto.workers import Workers
from web.http.page import ROOT
from web.limits import HASHES_AT_ONCE, HASHES_WAITING, HASHES_WAITING_INSIDE, HASHES_WAITING_OWN, Cost
from web.panel import Panel
from web.runtime.data_folder import open_panel
from web.settings import Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hashes", type=int, default=1000, help="random hashes to compare with those of argon2-cffi")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright leaves an event loop running in this thread, so that no other can start."""
    items.sort(key=lambda item: "browser" in item.path.parts)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A browser is looked for, and perhaps installed, only where one of these very tests drives it."""
    drives = any("playwright" in getattr(item, "fixturenames", ()) for item in session.items)
    if drives and not hasattr(session.config, "workerinput"):
        find_browser(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Where tests run side by side, the process that began them looks for it, once."""
    if node.gateway.id == "gw0" and any("/browser/" in test for test in ids):
        find_browser(node.config)


def find_browser(config: pytest.Config) -> None:
    if config.option.collectonly:
        return
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        looked = subprocess.run(
            [sys.executable, "-m", "tests.support.chromium"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
    if looked.returncode:
        pytest.exit(looked.stderr.strip(), looked.returncode)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings_for(data: Path) -> Settings:
    zone, cost = ZoneInfo("America/Sao_Paulo"), Cost(memory_kib=8, passes=1, lanes=1)
    return Settings(data=data, public_url=ORIGIN, time_zone=zone, hash_cost=cost)


@pytest.fixture(scope="session")
def started_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Canary]:
    """A data folder as the first start leaves it, and what watches the keys that were made then.

    Migrations take longer than most tests: they go on in copies of it.
    """
    folder, canary = tmp_path_factory.mktemp("started-once") / "data", Canary()
    in_thread(start(settings_for(folder), Clock(), canary.token_bytes))
    return folder, canary


async def start(settings: Settings, now: Callable[[], datetime], token_bytes: Callable[[int], bytes]) -> None:
    async with open_panel(settings, now, token_bytes):
        pass


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Playwright's loop may be running in this thread already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
def settings(started_once: tuple[Path, Canary], tmp_path: Path) -> Settings:
    """Of a panel that has started once, which nobody has set up."""
    return settings_for(shutil.copytree(started_once[0], tmp_path / "data"))


Operate = Callable[[Callable[[Panel], Awaitable[Any]]], Any]


@pytest.fixture
def operate(settings: Settings, clock: Clock) -> Operate:
    """Do something on the data folder as the terminal does, whether or not the panel runs."""

    async def with_panel(act: Callable[[Panel], Awaitable[Any]]) -> Any:
        async with open_panel(settings, clock, secrets.token_bytes) as panel:
            return await act(panel)

    return lambda act: in_thread(with_panel(act))


@pytest.fixture
def setup_code(operate: Operate) -> str:
    code = operate(new_setup_code)
    assert isinstance(code, str)
    return code


@pytest.fixture
def canary(started_once: tuple[Path, Canary]) -> Canary:
    return started_once[1].beside()


@pytest.fixture
def client(settings: Settings, clock: Clock, canary: Canary, caplog: pytest.LogCaptureFixture) -> Iterator[TestClient]:
    """A browser at a panel; at the end of the test it is checked that no secret appeared where it must not."""
    caplog.set_level(logging.INFO, "panel")
    app, still = create_app(settings, now=clock, token_bytes=canary.token_bytes), {"loop_factory": StillLoop}
    with TestClient(
        app, backend_options=still, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False
    ) as client:
        canary.listen(client)
        yield client
        log = "".join(Lines().format(record) for when in ("setup", "call") for record in caplog.get_records(when))
        canary.check(settings.data, log, [PASSWORD])  # the database is still open, its WAL beside it


@pytest.fixture
def new_client(client: TestClient, canary: Canary) -> Callable[..., TestClient]:
    """Another browser at the same panel; `client=(address, port)` puts it somewhere else, and with
    `raise_server_exceptions=False` it sees the panel's faults as people do."""

    def make(**options: Any) -> TestClient:
        other = beside(client, **{"headers": {"Origin": ORIGIN}} | options)
        canary.listen(other)
        return other

    return make


@pytest.fixture
def elsewhere(new_client: Callable[..., TestClient]) -> Callable[[], TestClient]:
    """Makes browsers with a network each, so that no limit of a network answers in place of what is tested."""
    numbers = itertools.count(1)

    def make() -> TestClient:
        high, low = divmod(next(numbers), 256)
        return new_client(client=(f"10.0.{high}.{low}", 1))

    return make


def beside(client: TestClient, /, *, base_url: str = ORIGIN, **options: Any) -> TestClient:
    """Another browser at the same panel."""
    other = TestClient(client.app, base_url=base_url, follow_redirects=False, **options)
    other.portal = client.portal
    other.app_state |= client.app_state
    return other


@pytest.fixture
def alice(setup_code: str, client: TestClient) -> Person:
    """Administers the panel; signed in, without a second factor."""
    person = Person("alice", PASSWORD)
    assert set_up(client, person, setup_code).status_code == 303
    return person


@pytest.fixture
def protected(alice: Person, client: TestClient, clock: Clock) -> Person:
    """Alice with two-factor on, a moment later, when her app already shows the next code."""
    protect(client, alice, clock())
    clock.forward(seconds=30)
    return alice


@pytest.fixture
def create_account(operate: Operate, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Make another member from the terminal, and return the activation code that was printed."""

    def make(name: str) -> str:
        options = argparse.Namespace(name=name, admin=False)
        operate(lambda panel: people.create_account(panel, options))
        code = re.search(r"ativação: (\S+)", capsys.readouterr().out)
        assert code
        return code[1]

    return make


@pytest.fixture
def invite(create_account: Callable[[str], str], new_client: Callable[[], TestClient]) -> Callable[[str], Person]:
    """Make another member, who has chosen a password."""

    def make(name: str) -> Person:
        code, person = create_account(name), Person(name, "pato verde corre na praia")
        fields = {"activation_code": code, "password": person.password, "repeated": person.password}
        assert new_client().post("/activate", data=fields).status_code == 303
        return person

    return make


Busy = Callable[[], contextlib.AbstractContextManager[None]]


@pytest.fixture
def hashes(client: TestClient) -> HeldHashes:
    """The hashes of the panel; they are held only once a test asks for it."""
    counting, panel = HeldHashes(), client.app_state["panel"]
    counting.let()
    client.app_state["panel"] = replace(panel, argon2id=counting)
    return counting


@pytest.fixture
def everybody_hashes(client: TestClient) -> Busy:
    """While the block lasts, every place in the queue of hashes is taken."""

    inside = HASHES_WAITING_INSIDE
    places = HASHES_AT_ONCE + HASHES_WAITING + HASHES_WAITING_OWN + inside

    async def hold(hashes: Workers, release: threading.Event, is_inside: bool) -> bool:
        budget.grant(inside=is_inside)
        return await run_reserved(hashes, release.wait, HANG)

    @contextlib.contextmanager
    def busy() -> Iterator[None]:
        assert client.portal
        start, hashes, release = (
            client.portal.start_task_soon,
            client.app_state["panel"].hash_workers,
            threading.Event(),
        )
        until(lambda: not hashes.taken)  # so nothing that the panel began by itself is left
        taken = [start(hold, hashes, release, number < inside) for number in range(places)]
        try:
            until(lambda: hashes.taken == places)
            yield
        finally:
            release.set()
        assert all(place.result(HANG) for place in taken)

    return busy


@pytest.fixture
def rows(settings: Settings) -> Callable[..., list[tuple[Any, ...]]]:
    """What the database holds, read from outside."""

    def read(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as connection:
            found = connection.execute(sql, parameters).fetchall()
            connection.commit()
            return found

    return read


@pytest.fixture
def still_loop() -> StillLoop:
    """The event loop of the real server, whose timers follow a clock that tests move."""
    return StillLoop()


@pytest.fixture
def live_server(settings: Settings, clock: Clock, still_loop: StillLoop) -> Iterator[str]:
    """The real server on a real socket; yields its address."""
    with live(create_app(settings, now=clock), still_loop) as address:
        yield address
