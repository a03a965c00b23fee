"""A hash takes its time; what changes meanwhile counts. Real server, hashes of some tenths of a second."""

import argparse
import contextlib
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.conftest import Clock, Operate
from tests.people import Person, begin_enrolment, code_for, cookie_of, proof
from tests.test_races import post_at_once, sessions_begun
from web import key_rotation, operator_commands
from web.limits import Cost
from web.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, hash_cost=Cost(memory_kib=47_104, passes=16, lanes=1))


def begin(
    thread: ThreadPoolExecutor, address: str, path: str, fields: dict[str, str], cookie: str = ""
) -> Future[httpx2.Response]:
    """Post, and give the server time to be in the middle of its hash."""
    answer = thread.submit(lambda: post_at_once(address, [(path, fields, cookie)])[0])
    time.sleep(0.3)
    assert not answer.done()
    return answer


def test_a_password_reset_during_the_login_wins(alice: Person, live_server: str, operate: Operate) -> None:
    fields = {"name": "alice", "password": alice.password}
    with ThreadPoolExecutor(1) as thread:
        login = begin(thread, live_server, "/login", fields)
        operate(lambda panel: operator_commands.reset_password(panel, argparse.Namespace(name="alice")))
    assert login.result().status_code == 422
    assert sessions_begun([login.result()]) == 0


def test_a_change_of_keys_during_the_login_harms_nobody(alice: Person, live_server: str, operate: Operate) -> None:
    fields = {"name": "alice", "password": alice.password}
    with ThreadPoolExecutor(1) as thread:
        login = begin(thread, live_server, "/login", fields)
        operate(lambda panel: key_rotation.rotate_key(panel, argparse.Namespace()))
    assert login.result().status_code == 303
    assert sessions_begun([login.result()]) == 1


def test_a_session_ended_during_its_proof_acts_no_more(
    alice: Person, client: TestClient, live_server: str, operate: Operate, clock: Clock
) -> None:
    key, cookie = begin_enrolment(client), cookie_of(client)
    alice.key = key
    clock.forward(minutes=6)
    with ThreadPoolExecutor(1) as thread:
        started = begin(thread, live_server, "/security/totp", proof(alice, clock()), cookie)
        operate(lambda panel: operator_commands.end_sessions(panel, argparse.Namespace(name="alice")))
    assert started.result().status_code == 303
    assert started.result().headers["location"].startswith("/login")
    assert code_for(key, clock()) not in started.result().text


def test_a_database_that_is_busy_after_a_good_proof_is_no_fault_and_the_proof_counts(
    protected: Person, client: TestClient, live_server: str, clock: Clock, settings: Settings, rows: Callable[..., Any]
) -> None:
    cookie = cookie_of(client)
    clock.forward(minutes=6)
    with ThreadPoolExecutor(1) as thread, contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as other:
        renewal = begin(thread, live_server, "/security/recovery-codes", proof(protected, clock()), cookie)
        while not rows("SELECT 1 FROM activity WHERE event = 'stepup.ok'"):
            time.sleep(0.02)
        other.execute("BEGIN IMMEDIATE")  # for longer than anybody waits; ten hashes are being made meanwhile
        answer = renewal.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert cookie_of(answer)


def test_recovery_codes_of_a_session_ended_meanwhile_are_not_put_in_force(
    alice: Person, client: TestClient, live_server: str, operate: Operate, clock: Clock, settings: Settings
) -> None:
    key, cookie = begin_enrolment(client), cookie_of(client)
    with ThreadPoolExecutor(1) as thread:
        confirmed = begin(thread, live_server, "/security/totp/confirm", {"code": code_for(key, clock())}, cookie)
        operate(lambda panel: operator_commands.end_sessions(panel, argparse.Namespace(name="alice")))
    assert "Guarde seus códigos" not in confirmed.result().text
    assert operate(lambda panel: panel.db.one(int, "SELECT count(*) FROM totp")) == 0
