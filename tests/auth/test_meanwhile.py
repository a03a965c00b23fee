"""Changes while a hash is computed: the request acts on the state after the hash, not before it."""

import argparse
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.at_once import sessions_begun
from tests.support.ceremonies import unasked
from tests.support.clock import Clock
from tests.support.people import Person, begin_enrolment, code_for, cookie_of, give_password, plant, proof
from tests.support.steady import HeldHashes, until
from web.cli import key_rotation, people
from web.limits import RECOVERY_CODES
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def hashes(alice: Person, client: TestClient) -> HeldHashes:
    """Every hash from here on is held."""
    held, panel = HeldHashes(), client.app_state["panel"]
    client.app_state["panel"] = replace(panel, argon2id=held)
    return held


def begin_and_hash_early(client: TestClient, hashes: HeldHashes) -> str:
    hashes.let(RECOVERY_CODES)
    key = begin_enrolment(client)
    hashes.begun.clear()
    return key


def while_it_is_hashed(
    hashes: HeldHashes, ask: Callable[[], httpx2.Response], act: Callable[[], object]
) -> httpx2.Response:
    """The answer to a request during whose hash something else was done."""
    with ThreadPoolExecutor(1) as thread:
        answer: Future[httpx2.Response] = thread.submit(ask)
        try:
            until(lambda: hashes.begun)
            act()
        finally:
            hashes.let()
        return answer.result()


def test_a_password_reset_during_the_login_wins(
    alice: Person, hashes: HeldHashes, new_client: NewClient, operate: Operate
) -> None:
    reset = lambda panel: people.reset_password(panel, argparse.Namespace(name="alice"))  # noqa: E731
    login = while_it_is_hashed(hashes, lambda: give_password(new_client(), alice), lambda: operate(reset))
    assert login.status_code == 422
    assert sessions_begun([login]) == 0


def test_disabling_during_the_login_wins_and_is_answered_as_a_wrong_password(
    alice: Person, hashes: HeldHashes, new_client: NewClient, operate: Operate
) -> None:
    """A10, A68."""
    disable = lambda panel: people.disable(panel, argparse.Namespace(name="alice"))  # noqa: E731
    login = while_it_is_hashed(hashes, lambda: give_password(new_client(), alice), lambda: operate(disable))
    assert sessions_begun([login]) == 0
    wrong = give_password(new_client(), alice, password="girafa verde dança no chão")
    assert unasked(login.text) == unasked(wrong.text)


def test_a_change_of_keys_during_the_login_harms_nobody(
    alice: Person, hashes: HeldHashes, new_client: NewClient, operate: Operate
) -> None:
    rotate = lambda panel: key_rotation.rotate_key(panel, argparse.Namespace())  # noqa: E731
    login = while_it_is_hashed(hashes, lambda: give_password(new_client(), alice), lambda: operate(rotate))
    assert login.status_code == 303
    assert sessions_begun([login]) == 1


@pytest.fixture
def end_sessions(operate: Operate) -> Callable[[], object]:
    options = argparse.Namespace(name="alice")
    return lambda: operate(lambda panel: people.end_sessions(panel, options))


def test_a_session_ended_during_its_proof_acts_no_more(
    alice: Person, client: TestClient, hashes: HeldHashes, end_sessions: Callable[[], object], clock: Clock
) -> None:
    alice.key = begin_and_hash_early(client, hashes)
    clock.forward(minutes=6)
    started = while_it_is_hashed(
        hashes, lambda: client.post("/security/totp", data=proof(alice, clock())), end_sessions
    )
    assert started.status_code == 303
    assert started.headers["location"].startswith("/login")
    assert code_for(alice.key, clock()) not in started.text


def test_a_login_that_another_tab_finished_meanwhile_leads_to_the_page_wanted(
    protected: Person, new_client: NewClient, hashes: HeldHashes, clock: Clock
) -> None:
    slow, quick = new_client(), new_client()
    hashes.let(1)
    give_password(slow, protected, next="/activity")
    hashes.begun.clear()
    plant(quick, cookie_of(slow, "pre"))
    code = {"code": protected.recovery_codes[0]}
    answer = while_it_is_hashed(
        hashes,
        lambda: slow.post("/login/recovery", data=code),
        lambda: quick.post("/login/code", data={"code": protected.code_at(clock())}),
    )
    assert answer.headers["location"] == "/login?next=/activity"


def test_a_session_that_expires_during_a_hash_acts_no_more(
    protected: Person, client: TestClient, hashes: HeldHashes, clock: Clock, rows: Rows
) -> None:
    code = {"code": protected.recovery_codes[0]}
    rehearse = lambda: client.post("/security/recovery-codes/rehearsal", data=code)  # noqa: E731
    answer = while_it_is_hashed(hashes, rehearse, lambda: clock.forward(minutes=61))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert rows("SELECT rehearsed_at FROM recovery_sets") == [(None,)]


def test_a_code_that_runs_out_while_the_password_is_hashed_is_wrong(
    protected: Person, client: TestClient, hashes: HeldHashes, clock: Clock
) -> None:
    clock.forward(minutes=6)
    typed = proof(protected, clock())
    renew = lambda: client.post("/security/recovery-codes", data=typed)  # noqa: E731
    answer = while_it_is_hashed(hashes, renew, lambda: clock.forward(minutes=2))
    assert answer.status_code == 422
    assert "Código incorreto" in answer.text


def test_a_database_that_is_busy_after_a_good_proof_is_no_fault_and_the_proof_counts(
    protected: Person, client: TestClient, hashes: HeldHashes, clock: Clock, settings: Settings, rows: Rows
) -> None:
    clock.forward(minutes=6)
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as other:

        def keep_it_busy() -> None:
            hashes.let(1)
            until(lambda: len(hashes.begun) == 2)  # the first of the new codes: the password was proved
            assert rows("SELECT count(*) FROM activity WHERE event = 'stepup.ok'") == [(1,)]
            other.execute("BEGIN IMMEDIATE")  # for longer than anybody waits

        renew = lambda: client.post("/security/recovery-codes", data=proof(protected, clock()))  # noqa: E731
        answer = while_it_is_hashed(hashes, renew, keep_it_busy)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert cookie_of(answer)


def test_recovery_codes_of_a_session_ended_meanwhile_are_not_put_in_force(
    alice: Person, client: TestClient, hashes: HeldHashes, end_sessions: Callable[[], object], clock: Clock, rows: Rows
) -> None:
    code = {"code": code_for(begin_and_hash_early(client, hashes), clock())}
    rows("UPDATE totp_enrolments SET sealed_codes = NULL")  # as when that did not come to an end
    confirmed = while_it_is_hashed(hashes, lambda: client.post("/security/totp/confirm", data=code), end_sessions)
    assert "Guarde seus códigos" not in confirmed.text
    assert rows("SELECT count(*) FROM totp") == [(0,)]
