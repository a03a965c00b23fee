"""Faults of disk, database and key: the panel refuses, lets nobody in half-way, and goes on once they are repaired."""

import asyncio
import contextlib
import resource
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.commands import run
from tests.support.people import PASSWORD, Person, cookie_of, sign_in
from tests.support.server import Server, serving, status
from tests.support.steady import HANG
from web.settings import Settings


@pytest.fixture
def browser(new_client: Callable[..., TestClient]) -> TestClient:
    """A browser that sees the panel's faults as people do."""
    return new_client(raise_server_exceptions=False)


def test_a_long_write_by_another_process_is_reported_and_pages_are_served(
    alice: Person,
    client: TestClient,
    browser: TestClient,
    settings: Settings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A66: what a page would write down of itself waits for nobody and is left out."""
    clock.forward(minutes=2)
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = sign_in(browser, alice)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "O painel está ocupado" in answer.text
        assert "Outro programa está gravando no banco de dados" in answer.text
        assert not cookie_of(browser)
        assert client.get("/instances").status_code == 200
        assert caplog.messages.count("session.untouched") == 1
        other.execute("ROLLBACK")
    assert sign_in(browser, alice).status_code == 303


def test_pages_wait_for_no_write_of_the_panel_itself(
    alice: Person, client: TestClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A66."""
    clock.forward(minutes=2)
    begun, over = threading.Event(), asyncio.Event()

    async def write_for_long() -> None:
        async with client.app_state["panel"].db.transaction():
            begun.set()
            await over.wait()

    assert client.portal
    writing = client.portal.start_task_soon(write_for_long)
    assert begun.wait(HANG)
    with ThreadPoolExecutor(1) as thread:
        try:
            assert thread.submit(client.get, "/instances").result(HANG).status_code == 200
        finally:
            client.portal.call(over.set)
    writing.result(HANG)
    assert caplog.messages.count("session.untouched") == 1


def test_without_its_key_nothing_is_sealed_or_left_half_done(
    alice: Person, browser: TestClient, settings: Settings, tmp_path: Path
) -> None:
    sign_in(browser, alice)
    settings.key_file.rename(tmp_path / "aside")
    assert browser.post("/instances", data={"name": "Loja"}).status_code == 500
    assert browser.post("/security/totp").status_code == 500
    assert "Loja" not in browser.get("/instances").text
    assert "Configurar Agora" in browser.get("/security").text
    (tmp_path / "aside").rename(settings.key_file)
    assert browser.post("/instances", data={"name": "Loja"}).status_code == 303


def test_a_key_that_turned_into_nonsense_seals_nothing(alice: Person, browser: TestClient, settings: Settings) -> None:
    key = settings.key_file.read_text()
    sign_in(browser, alice)
    settings.key_file.write_text("nonsense")
    assert browser.post("/instances", data={"name": "Loja"}).status_code == 500
    settings.key_file.write_text(key)
    assert browser.post("/instances", data={"name": "Loja"}).status_code == 303


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a running process can be set on Linux only")
def test_on_a_full_disk_nobody_is_let_in_and_afterwards_everybody_is(tmp_path: Path) -> None:
    """A66."""
    data = str(tmp_path / "data")
    code = run("create-account", "ana", "--data", data).stdout.split("ativação: ")[1].split()[0]
    typed = quote_plus(PASSWORD)
    with serving(tmp_path) as server:
        chosen = server.post("/activate", f"activation_code={code}&password={typed}&repeated={typed}")
        assert status(chosen) == 303
        fill(server)
        refused = server.post("/login", f"name=ana&password={typed}")
        assert status(refused) == 503
        assert "deu para gravar" in refused
        assert "erro. Procure quem" in refused  # the folder itself takes what this one file does not
        assert "set-cookie" not in refused.lower()
        for _ in range(3):
            assert (
                status(server.guess("ana")) == 503
            )  # right or wrong is not told: without its charge nothing is judged
        assert status(server.say(server.head("GET", "/login"))) == 200
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        entered = server.post("/login", f"name=ana&password={typed}")
        assert status(entered) == 303
        assert "set-cookie: sid-" in entered


def fill(server: Server) -> None:
    """Let no file of the server grow any more, as on a full disk."""
    largest = max(file.stat().st_size for file in server.data.iterdir() if file.name.endswith("-wal"))
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
