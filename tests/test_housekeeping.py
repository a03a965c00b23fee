from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.conftest import Clock, Operate
from tests.people import Person, begin_enrolment, give_password, protect, sign_in
from web.housekeeping import clear

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
TABLES = ("sessions", "half_logins", "totp_enrolments", "attempts")


def counts(rows: Rows) -> list[int]:
    return [rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]  # noqa: S608


def test_what_is_over_goes_and_what_lives_stays(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    begin_enrolment(client)
    give_password(new_client(), alice)
    give_password(new_client(), Person("nobody", "x"))
    before = counts(rows)
    assert before == [1, 1, 1, 2]
    assert operate(clear) == 0
    assert counts(rows) == before
    clock.forward(days=2)
    assert operate(clear) == 4
    assert counts(rows) == [0, 0, 0, 1]  # what adds up for the account stays


def test_wrong_codes_are_remembered(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    sign_in(new_client(), alice, alice.wrong_code_at(clock()))
    clock.forward(days=300)
    operate(clear)
    assert rows("SELECT kind, failures FROM attempts") == [("totp", 1)]
