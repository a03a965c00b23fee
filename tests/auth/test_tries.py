"""Wherever a factor is judged: the same counters, the same events, the same alarm, and no fault counts as wrong.

A place that judges a factor and is not tested here fails these tests.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import Person, begin_enrolment, code_for, cookie_of, give_password, plant, proof
from web.audit.events import FACTOR_FAILURES
from web.crypto.argon2id import Argon2id
from web.http.page import ROOT
from web.limits import Cost

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
WRONG = "girafa verde dança no chão"
NO_CODE = "0000-0000-0000-0000"
KNOWN = "Alguém acertou sua senha"


@dataclass(frozen=True)
class Place:
    """How a wrong factor is sent there, and what can break there: a sealed column, or the hash with this number."""

    where: str
    send: Callable[[TestClient, Person, Clock], Response]
    breaks: str | int
    needs: str = "session"


def step_up(browser: TestClient, person: Person, clock: Clock, **fields: str) -> Response:
    return browser.post("/security/totp/remove", data=proof(person, clock()) | fields)


PLACES = [
    Place("pages.entry.login.enter", lambda b, p, _: give_password(b, p, password=WRONG), 0, ""),
    Place(
        "pages.entry.challenge.enter_code",
        lambda b, p, c: b.post("/login/code", data=wrong(p, c)),
        "totp",
        "pending login",
    ),
    Place(
        "pages.entry.challenge.enter_recovery",
        lambda b, *_: b.post("/login/recovery", data={"code": NO_CODE}),
        0,
        "pending login",
    ),
    Place("auth.step_up.verify", lambda b, p, c: step_up(b, p, c, step_up_password=WRONG), 0),
    Place(
        "auth.step_up._judge_second_factor",
        lambda b, p, c: step_up(b, p, c, step_up_code=wrong(p, c)["code"]),
        "totp",
    ),
    Place("auth.step_up._judge_second_factor", lambda b, p, c: step_up(b, p, c, step_up_recovery=NO_CODE), 1),
    Place(
        "pages.security.password._judge_current", lambda b, *_: b.post("/security/password", data={"current": WRONG}), 0
    ),
    Place("pages.security.totp.undo", lambda b, p, c: b.post("/security/totp/undo", data=wrong(p, c)), "totp_replaced"),
    Place(
        "pages.security.delayed_acts.stop",
        lambda b, p, c: b.post("/security/delayed-acts/stop", data=wrong(p, c)),
        "totp",
        "a reset begun",
    ),
    Place("auth.recovery_codes.try_rehearsal", lambda b, *_: b.post(REHEARSAL, data={"code": NO_CODE}), 0),
    Place("auth.recovery_codes.try_rehearsal", lambda b, *_: b.post("/security/drill", data={"code": NO_CODE}), 0),
]
CONFIRM = "/security/totp/confirm"
REHEARSAL = "/security/recovery-codes/rehearsal"
JUDGES = {"try_password", "try_code", "try_recovery"}
COMPARE = {
    "matches",
    "matching_step",
    "totp.spend",
    "totp.undo_replacement",
    "recovery_codes.spend",
    "recovery_codes.rehearse",
}
everywhere = pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.where} {place.breaks}")


def wrong(person: Person, clock: Clock) -> dict[str, str]:
    return {"code": person.wrong_code_at(clock())}


@pytest.fixture
def browser(
    place: Place, protected: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> TestClient:
    """A browser in the state that the place needs: with an app just replaced, where the old one is asked for."""
    browser = new_client(raise_server_exceptions=False)
    if place.breaks == "totp_replaced":
        new = begin_enrolment(client, **proof(protected, clock()))
        clock.forward(seconds=30)
        assert client.post(CONFIRM, data={"code": code_for(new, clock())}).status_code == 200
    if place.needs == "a reset begun":
        at = int(clock().timestamp())
        rows("INSERT INTO delayed_acts VALUES (1, 'factor_reset', 'a lost phone', 1, ?, ?)", at, at + 3600)
    if place.needs == "pending login":
        give_password(browser, protected)
    elif place.needs:
        plant(browser, cookie_of(client))
    return browser


@everywhere
def test_a_wrong_factor_is_counted_recorded_and_feeds_the_alarm(
    place: Place, protected: Person, browser: TestClient, clock: Clock, rows: Rows
) -> None:
    """A63."""
    assert place.send(browser, protected, clock).status_code == 422
    assert {failures for (failures,) in rows("SELECT failures FROM attempts")} == {1}
    lines = [event for (event,) in rows("SELECT event FROM activity") if event in FACTOR_FAILURES]
    assert len(lines) == 1
    assert rows("SELECT count FROM rates WHERE kind = 'panel failure'") == [(1,)]
    assert rows("SELECT max(count) FROM rates WHERE kind = 'auth failure'") == [(1,)]


class NoMemory(Argon2id):
    """Makes so many hashes, and then there is no memory for another."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        if not self.left:
            raise MemoryError
        self.left -= 1
        return super().digest(secret, salt, cost)


@everywhere
def test_a_fault_of_the_server_counts_against_nobody(
    place: Place, protected: Person, browser: TestClient, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A66."""
    place.send(browser, protected, clock)
    counted = rows("SELECT kind, key, failures FROM attempts ORDER BY kind, key")
    if isinstance(place.breaks, str):
        rows(f"UPDATE {place.breaks} SET sealed_key = zeroblob(60)")  # noqa: S608, a name from above
    else:
        whole = browser.app_state["panel"]
        browser.app_state["panel"] = replace(whole, argon2id=NoMemory(place.breaks))
    assert [place.send(browser, protected, clock).status_code for _ in range(3)] == [500] * 3
    assert rows("SELECT kind, key, failures FROM attempts ORDER BY kind, key") == counted


def test_a_fault_while_an_app_is_confirmed_takes_none_of_its_five_tries(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A66."""
    code, browser = code_for(begin_enrolment(client), clock()), new_client(raise_server_exceptions=False)
    plant(browser, cookie_of(client))
    [(whole,)] = rows("SELECT sealed_key FROM totp_enrolments")
    rows("UPDATE totp_enrolments SET sealed_key = x'00'")
    assert [browser.post(CONFIRM, data={"code": code}).status_code for _ in range(6)] == [500] * 6
    rows("UPDATE totp_enrolments SET sealed_key = ?", whole)
    assert browser.post(CONFIRM, data={"code": code}).status_code == 200


def test_every_place_that_judges_a_factor_is_tested_here() -> None:
    """A63."""
    assert {caller for caller, called in calls() if called in JUDGES} == {place.where for place in PLACES}


def test_only_charged_tries_compare_a_factor() -> None:
    """A63, A66: an app that is being enrolled proves nothing yet, and has tries of its own.

    `is_password` tells only somebody who has just proved the password that the new one is the same.
    """
    compare = {caller for caller, called in calls() if called in COMPARE}
    judging = {"totp._judge_code", "totp._judge_replaced"}
    judging |= {"recovery_codes._judge_recovery", "recovery_codes._judge_rehearsal"}
    assert compare == {
        "auth.passwords._judge",
        "auth.passwords.is_password",
        "pages.security.totp._judge",
        *(f"auth.{name}" for name in judging),
    }


def calls() -> Iterator[tuple[str, str]]:
    """Every function of web/ with what it names; the rules of proof judge nothing by themselves."""
    for file in sorted(set((ROOT / "web").rglob("*.py")) - set((ROOT / "web/factors").iterdir())):
        module = ".".join(file.relative_to(ROOT / "web").with_suffix("").parts)
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute | ast.Name):
                        yield f"{module}.{function.name}", ast.unparse(node)


def test_a_stolen_session_with_the_password_and_wrong_codes_raises_a_notice(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A63: at once after five, as at the challenge of a login."""
    thief, owner = new_client(), new_client()
    plant(thief, cookie_of(client))
    give_password(owner, protected)
    owner.post("/login/code", data={"code": protected.code_at(clock())})
    for number in range(5):
        assert KNOWN not in owner.get("/instances").text, number
        step_up(thief, protected, clock, step_up_code=wrong(protected, clock)["code"])
    assert KNOWN in owner.get("/instances").text


@pytest.mark.parametrize("code", ["", "a wrong one"])
def test_one_right_password_without_its_code_raises_a_notice_when_its_time_is_over(
    code: str, protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A63."""
    owner = new_client()
    give_password(owner, protected)
    owner.post("/login/code", data={"code": protected.code_at(clock())})
    assert step_up(client, protected, clock, step_up_code=code and wrong(protected, clock)["code"]).status_code == 422
    clock.forward(minutes=5)
    assert KNOWN in owner.get("/instances").text


def test_a_mistake_at_the_step_up_corrected_in_time_raises_no_notice(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    owner = new_client()
    give_password(owner, protected)
    owner.post("/login/code", data={"code": protected.code_at(clock())})
    clock.forward(seconds=30)
    step_up(client, protected, clock, step_up_code=wrong(protected, clock)["code"])
    assert "desativada" in step_up(client, protected, clock).text
    clock.forward(minutes=6)
    assert KNOWN not in owner.get("/instances").text
