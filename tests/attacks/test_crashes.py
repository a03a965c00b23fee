"""A panel that is killed between any two writes has either done an act or not begun it (A55)."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import (
    ORIGIN,
    Person,
    begin_enrolment,
    code_for,
    cookie_of,
    give_password,
    proof,
    protect,
    sign_in,
)
from web.app import create_app
from web.http.page import ROOT
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Crash = Callable[..., list[Path]]
FRESH = "pato verde corre na praia"


@pytest.fixture
def crash(settings: Settings, rows: Rows, clock: Clock) -> Crash:
    """Every state that a kill can leave: copies of the data folder, the last one of a run that was let live."""

    def run(path: str = "", fields: dict[str, str] | None = None, cookie: str = "") -> list[Path]:
        rows("PRAGMA wal_checkpoint(TRUNCATE)")
        deed = {"folder": str(settings.data), "at": clock().timestamp(), "path": path, "cookie": cookie}
        command = [sys.executable, "-m", "tests.support.crashes"]
        done = subprocess.run(
            command, input=json.dumps(deed | {"fields": fields}), cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return [Path(line) for line in done.stdout.split()]

    return run


def counts(folder: Path, *questions: str) -> tuple[int, ...]:
    with contextlib.closing(sqlite3.connect(folder / "panel.db")) as connection:
        return tuple(connection.execute(f"SELECT count(*) FROM {question}").fetchone()[0] for question in questions)  # noqa: S608


@contextlib.contextmanager
def started_again(folder: Path, settings: Settings, clock: Clock) -> Iterator[TestClient]:
    app = create_app(replace(settings, data=folder), now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
        yield browser


def session_of(browser: TestClient) -> str:
    return cookie_of(browser)


def test_a_kill_while_switching_two_factor_on(
    alice: Person, client: TestClient, new_client: NewClient, crash: Crash, settings: Settings, clock: Clock
) -> None:
    """A55."""
    sign_in(new_client(), alice)
    alice.key = begin_enrolment(client)
    left = crash("/security/totp/confirm", {"code": alice.code_at(clock())}, session_of(client))
    states = [counts(copy, "totp", "recovery_codes", "sessions", "totp_enrolments") for copy in left]
    old, new = (0, 0, 2, 1), (1, 10, 1, 0)
    assert states == [old] * states.count(old) + [new] * states.count(new)
    assert states.count(old) > 10  # each of the ten codes is a write
    for copy, state in zip(left, states, strict=True):
        with started_again(copy, settings, clock) as browser:
            challenged = give_password(browser, alice).headers["location"] == "/login/code"
            assert challenged == (state == new)


def test_a_kill_while_replacing_the_phone(
    protected: Person, client: TestClient, crash: Crash, settings: Settings, clock: Clock
) -> None:
    """A55."""
    key = begin_enrolment(client, **proof(protected, clock()))
    left = crash("/security/totp/confirm", {"code": code_for(key, clock())}, session_of(client))
    clock.forward(seconds=30)
    opens_with_the_new = []
    for copy in left:
        with started_again(copy, settings, clock) as browser:
            new = sign_in(browser, replace(protected, key=key), code_for(key, clock())).status_code == 303
        with started_again(copy, settings, clock) as browser:
            old = sign_in(browser, protected, protected.code_at(clock())).status_code == 303
        assert new != old
        opens_with_the_new.append(new)
    assert opens_with_the_new == sorted(opens_with_the_new)
    assert opens_with_the_new[-1]


@pytest.mark.parametrize("way", ["code", "recovery"])
def test_a_kill_while_spending_a_code(
    way: str, protected: Person, new_client: NewClient, crash: Crash, settings: Settings, clock: Clock, rows: Rows
) -> None:
    """A55."""
    browser = new_client()
    give_password(browser, protected)
    code = protected.code_at(clock()) if way == "code" else protected.recovery_codes[0]
    [(step,)] = rows("SELECT last_step FROM totp")
    left = crash(f"/login/{way}", {"code": code}, cookie_of(browser, "pre"))
    spent = f"totp WHERE last_step > {step}" if way == "code" else "recovery_codes WHERE used_at IS NOT NULL"
    states = [counts(copy, spent, "sessions", "pending_logins") for copy in left]
    old, new = (0, 1, 1), (1, 2, 0)
    assert states == [old] * states.count(old) + [new] * states.count(new)
    assert states.count(old) > 3
    assert states.count(new)


def test_a_kill_while_changing_the_password(
    alice: Person, client: TestClient, crash: Crash, settings: Settings, clock: Clock
) -> None:
    """A55."""
    fields = {"current": alice.password, "password": FRESH, "repeated": FRESH}
    left = crash("/security/password", fields, session_of(client))
    has_changed = []
    for copy in left:
        with started_again(copy, settings, clock) as browser:
            new = give_password(browser, alice, password=FRESH).status_code == 303
            assert (give_password(browser, alice).status_code == 303) != new
        has_changed.append(new)
    assert has_changed == sorted(has_changed)
    assert has_changed[-1]


def test_a_kill_while_changing_the_key(
    alice: Person, client: TestClient, crash: Crash, settings: Settings, clock: Clock
) -> None:
    """A55."""
    protect(client, alice, clock())
    client.post("/instances", data={"name": "Loja"})
    before = settings.key_file.read_text().split()
    clock.forward(seconds=30)
    left = crash()
    keys = [(copy / "secret.key").read_text().split() for copy in left]
    assert keys[0] == before
    assert len(keys[-1]) == 1
    assert before[0] not in keys[-1]
    assert any(len(both) == 2 for both in keys)
    for copy in left:
        with started_again(copy, settings, clock) as browser:
            assert sign_in(browser, alice, alice.code_at(clock())).headers["location"] == "/instances"
