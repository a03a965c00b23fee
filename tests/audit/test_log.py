"""The log that the people who watch the server read: JSON lines (ASVS V16)."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, Person, give_password, sign_in
from web.audit.log import Lines

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Log:
    """Returns what was logged since its last call."""
    caplog.set_level(logging.INFO, "panel")

    def read() -> list[dict[str, Any]]:
        texts = [Lines().format(record) for record in caplog.records if record.name == "panel"]
        assert all("\n" not in text for text in texts)
        caplog.clear()
        return [json.loads(text) for text in texts]

    return read


def test_a_line_tells_who_what_when_and_from_where(
    alice: Person, client: TestClient, new_client: NewClient, lines: Log
) -> None:
    lines()
    browser = new_client()
    give_password(browser, alice, password="girafa verde")
    sign_in(browser, alice)
    failed, right, started = lines()
    assert (failed["event"], failed["result"], failed["level"]) == ("login.password_failed", "failed", "info")
    assert (right["event"], right["result"]) == ("login.password_ok", "ok")
    assert started["event"] == "session.started"
    assert (started["user_id"], started["net"], started["ua"]) == (1, "testclient", "testclient")
    assert len(started["session_ref"]) == len(started["request_id"]) == 16
    assert failed["request_id"] != right["request_id"] == started["request_id"]
    assert failed["ts"].endswith("Z")


def test_shutting_the_others_out_is_no_failure(alice: Person, client: TestClient, lines: Log) -> None:
    lines()
    client.post("/security/bad-day/lock")
    assert [(line["event"], line["result"]) for line in lines()] == [("account.locked", "ok")]


def test_somebody_unknown_stays_unnamed(alice: Person, new_client: NewClient, lines: Log) -> None:
    lines()
    give_password(new_client(), Person("my-password-typed-into-the-name", "x"))
    [line] = lines()
    assert line["user_id"] == "unknown"
    assert "my-password" not in json.dumps(line)


def test_an_event_that_was_rolled_back_is_not_logged(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows, lines: Log
) -> None:
    rows("CREATE TRIGGER fault BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk full, say'); END")
    browser = new_client(raise_server_exceptions=False)
    lines()
    answer = give_password(browser, alice)
    [line] = lines()
    assert (line["event"], line["level"], line["route"]) == ("error.internal", "error", "/login")
    assert "disk full" in line["trace"]
    assert "disk full" not in answer.text
    assert f"<code>{line['request_id']}</code>" in answer.text


@pytest.mark.parametrize(
    ("path", "headers", "reason"),
    [
        ("/login", {"Origin": "https://e.com"}, "origin"),
        ("/login", {"Host": "e.com"}, "host"),
        ("/login/code", {}, "pending login"),
        ("/security/totp", {}, "session"),
        ("/policy/require", {"member": "yes"}, "role"),
    ],
)
def test_a_refused_request_is_logged(
    path: str,
    headers: dict[str, str],
    reason: str,
    alice: Person,
    new_client: NewClient,
    invite: Callable[[str], Person],
    lines: Log,
) -> None:
    browser = new_client()
    if headers.pop("member", ""):
        sign_in(browser, invite("bruno"))
    lines()
    browser.post(path, headers=headers)
    [line] = lines()
    assert (line["event"], line["reason"], line["route"], line["method"]) == ("access.denied", reason, path, "POST")


def test_an_invalid_cookie_is_logged_and_a_visitor_without_one_is_not(
    alice: Person, new_client: NewClient, lines: Log
) -> None:
    browser = new_client()
    lines()
    browser.get("/instances", headers=FRAGMENT)
    assert lines() == []
    browser.get("/instances", headers={"Cookie": "__Host-sid=x"})
    assert [line["reason"] for line in lines()] == ["session"]


def test_a_broken_seal_is_logged(alice: Person, client: TestClient, clock: Clock, lines: Log) -> None:
    clock.forward(minutes=6)
    lines()
    client.post("/security/totp", data={"step_up_kept": "AAAA"})
    assert [line["reason"] for line in lines()] == ["seal"]


def test_messages_of_libraries_are_all_one_event() -> None:
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "Invalid HTTP request received.", (), None)
    line = json.loads(Lines().format(record))
    assert (line["event"], line["reason"]) == ("server.message", "Invalid HTTP request received.")


def test_throttled_requests_are_logged(alice: Person, new_client: NewClient, lines: Log) -> None:
    for number in range(20):
        give_password(new_client(), Person(f"nobody{number}", "x"))
    lines()
    give_password(new_client(), alice)
    assert [line["reason"] for line in lines()] == ["throttle: auth"]


def test_refusals_during_a_wait_are_logged(protected: Person, new_client: NewClient, clock: Clock, lines: Log) -> None:
    for _ in range(5):
        give_password(new_client(), protected, password="girafa verde")
    lines()
    give_password(new_client(), protected)
    assert [line["reason"] for line in lines()] == ["password backoff"]
    clock.forward(minutes=1)
    for _ in range(5):
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    lines()
    sign_in(new_client(), protected, protected.code_at(clock()))
    assert [line["reason"] for line in lines() if line["event"] == "access.denied"] == ["totp backoff"]


def test_nobody_forges_a_line(alice: Person, new_client: NewClient, lines: Log) -> None:
    """A53: what a browser calls itself is escaped and cut."""
    browser = new_client()
    browser.headers["User-Agent"] = '\t"}{"event":"x"}' + "y" * 600
    lines()
    give_password(browser, alice)
    assert [line["ua"][:10] for line in lines()] == ['\t"}{"event'] * 2
    record = logging.LogRecord("panel", logging.INFO, "", 0, 'a\n{"event":"x"}' + "z" * 600, (), None)
    text = Lines().format(record)
    assert "\n" not in text
    assert len(json.loads(text)["event"]) == 512
