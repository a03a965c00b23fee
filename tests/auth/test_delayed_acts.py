"""What an administrator does with somebody's password and second factor: at once, later, or not at all."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from db.database import Transaction
from db.delayed_acts import DelayedAct, Kind
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import Person, give_password, protect, sign_in
from tests.support.services import act_alone, administer, id_of
from web.auth import delayed_acts
from web.auth.people import PersonRefusal
from web.cli import people
from web.limits import REASON_MAX, REASON_MIN, RESET_DELAYS, TAKEOVER_WAIT
from web.runtime import housekeeping
from web.visit.visit import SignedIn

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
WHY = "perdeu o celular na praia"
AT_ONCE = timedelta(0)
NOTICES = """
    SELECT kind, detail FROM notices JOIN accounts ON accounts.id = account_id WHERE name = ? ORDER BY notices.id
"""


@dataclass
class Desk:
    """Where Alice works: what she asks of the services about somebody, signed in anew where her session is over."""

    operate: Operate
    browser: TestClient
    alice: Person
    clock: Clock

    def ask(self, act: Callable[[Transaction, SignedIn, int], Awaitable[Any]], name: str = "bruno") -> Any:
        async def ask(tx: Transaction, visit: SignedIn) -> Any:
            return await act(tx, visit, await id_of(tx, name))

        if self.browser.get("/instances").status_code != 200:
            sign_in(self.browser, self.alice, self.alice.code_at(self.clock()))
        return administer(self.operate, self.browser, ask)

    def reset(self, reason: str = WHY, *, delay: timedelta = AT_ONCE) -> Any:
        return self.ask(lambda tx, visit, id: delayed_acts.reset_two_factor(tx, visit, id, reason, delay=delay))

    def link(self) -> Any:
        return self.ask(delayed_acts.link_password)

    def stop(self, kind: Kind = Kind.FACTOR_RESET) -> Any:
        return self.ask(lambda tx, visit, id: delayed_acts.stop(tx, visit, id, kind))


@pytest.fixture
def desk(protected: Person, client: TestClient, operate: Operate, clock: Clock) -> Desk:
    return Desk(operate, client, protected, clock)


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock) -> Person:
    """A member with two factors, who is signed in nowhere."""
    person, browser = invite("bruno"), new_client()
    sign_in(browser, person)
    protect(browser, person, clock())
    browser.post("/logout")
    clock.forward(seconds=30)
    return person


def asks_for_a_code(browser: TestClient, person: Person) -> bool:
    return give_password(browser, person).headers["location"] == "/login/code"


def test_a_reset_at_once_leaves_the_password_and_is_read_with_its_reason(
    bruno: Person, desk: Desk, new_client: NewClient, rows: Rows
) -> None:
    assert desk.reset(reason=f"  {WHY}\n ") is None
    browser = new_client()
    assert not asks_for_a_code(browser, bruno)
    page = browser.get("/instances").text
    assert f"zerou seus dois fatores</strong> (por alice: {WHY})" in page
    assert ("person_reset", f"bruno, por alice: {WHY}") in rows(NOTICES, "alice")
    details = rows("SELECT account_id, detail FROM activity WHERE event = 'people.factor_reset' ORDER BY account_id")
    assert details == [(1, f"bruno: {WHY}"), (2, f"por alice: {WHY}")]


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        ("x" * (REASON_MIN - 1), PersonRefusal.SHORT_REASON),
        (" " * 50, PersonRefusal.SHORT_REASON),
        ("x" * (REASON_MAX + 1), PersonRefusal.LONG_REASON),
        ("x" * REASON_MIN, None),
        ("x" * REASON_MAX, None),
    ],
)
def test_a_reset_has_a_reason(
    reason: str, refusal: PersonRefusal | None, bruno: Person, desk: Desk, new_client: NewClient
) -> None:
    assert desk.reset(reason=reason) is refusal
    assert asks_for_a_code(new_client(), bruno) == (refusal is not None)


@pytest.mark.parametrize("delay", RESET_DELAYS)
def test_a_delayed_reset_is_carried_out_at_the_first_login_after_it(
    delay: timedelta, bruno: Person, desk: Desk, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    act = desk.reset(delay=delay)
    assert isinstance(act, DelayedAct)
    assert act.due_at == clock().replace(microsecond=0) + delay
    clock.forward(seconds=delay.total_seconds() - 1)
    assert asks_for_a_code(new_client(), bruno)
    clock.forward(seconds=1)
    browser = new_client()
    assert not asks_for_a_code(browser, bruno)
    assert f"por alice: {WHY}" in browser.get("/instances").text
    assert rows("SELECT * FROM delayed_acts") == []
    assert rows("SELECT count(*) FROM activity WHERE event = 'people.factor_reset'") == [(2,)]


def test_housekeeping_carries_it_out_too_and_whoever_is_signed_in_is_signed_out(
    bruno: Person, desk: Desk, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    browser = new_client()
    sign_in(browser, bruno, bruno.code_at(clock()))
    desk.reset(delay=RESET_DELAYS[0])
    operate(housekeeping.clear)
    assert browser.get("/instances").status_code == 200
    clock.forward(minutes=55)
    browser.get("/instances")
    clock.forward(minutes=5)
    operate(housekeeping.clear)
    assert browser.get("/instances").headers["location"].startswith("/login")
    assert not asks_for_a_code(new_client(), bruno)


def test_the_person_stops_it_and_every_administrator_is_told(
    bruno: Person, desk: Desk, new_client: NewClient, operate: Operate, clock: Clock, rows: Rows
) -> None:
    desk.reset(delay=RESET_DELAYS[1])
    browser = new_client()
    sign_in(browser, bruno, bruno.code_at(clock()))
    stop = lambda tx, visit: delayed_acts.stop(tx, visit, visit.session.account_id, Kind.FACTOR_RESET)  # noqa: E731
    assert act_alone(operate, browser, stop) is True
    assert act_alone(operate, browser, stop) is False
    clock.forward(days=2)
    assert asks_for_a_code(new_client(), bruno)
    assert ("person_stopped", f"bruno, por alice: {WHY}") in rows(NOTICES, "alice")
    assert "act_stopped" not in [kind for kind, _ in rows(NOTICES, "bruno")]  # who did it knows
    assert rows("SELECT detail FROM activity WHERE event = 'people.factor_reset_stopped'") == [(WHY,)]


def test_an_administrator_stops_it_too_and_the_person_reads_of_both(
    bruno: Person, desk: Desk, clock: Clock, new_client: NewClient, rows: Rows
) -> None:
    desk.reset(delay=RESET_DELAYS[1])
    assert desk.reset() is PersonRefusal.BEGUN
    assert desk.reset(delay=RESET_DELAYS[0]) is PersonRefusal.BEGUN
    assert desk.stop() is True
    assert desk.stop() is False
    told = rows(NOTICES, "bruno")[-2:]
    assert told == [("factor_reset_begun", f"por alice: {WHY}"), ("act_stopped", f"por alice: {WHY}")]
    clock.forward(days=2)
    assert asks_for_a_code(new_client(), bruno)


def test_a_delayed_reset_finds_nothing_where_the_second_factor_is_off_already(
    bruno: Person, desk: Desk, operate: Operate, clock: Clock, new_client: NewClient, rows: Rows
) -> None:
    desk.reset(delay=RESET_DELAYS[0])
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="bruno")))
    clock.forward(hours=2)
    operate(housekeeping.clear)
    assert (
        rows("SELECT * FROM delayed_acts") == rows("SELECT 1 FROM activity WHERE event = 'people.factor_reset'") == []
    )


def test_a_password_link_leaves_the_second_factor(
    bruno: Person, desk: Desk, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    code, fresh = desk.link(), "outro pato verde corre"
    assert isinstance(code, str)
    assert give_password(new_client(), bruno).status_code == 422
    fields = {"activation_code": code, "password": fresh, "repeated": fresh}
    assert new_client().post("/activate", data=fields).headers["location"] == "/login/code"
    bruno.password = fresh
    browser = new_client()
    assert asks_for_a_code(browser, bruno)
    assert rows("SELECT kind, made_by FROM activations") == []
    assert ("link_made", "por alice") in rows(NOTICES, "bruno")


def make_link_and_reset(desk: Desk) -> tuple[Any, Any]:
    return desk.link(), desk.reset()


def reset_and_make_link(desk: Desk) -> tuple[Any, Any]:
    return desk.reset(), desk.link()


@pytest.mark.parametrize("both", [make_link_and_reset, reset_and_make_link])
def test_the_second_of_a_link_and_a_reset_waits_a_day_and_every_administrator_is_told(
    both: Callable[[Desk], tuple[Any, Any]], bruno: Person, desk: Desk, clock: Clock, rows: Rows
) -> None:
    """A71."""
    first, second = both(desk)
    assert not isinstance(first, DelayedAct)
    assert isinstance(second, DelayedAct)
    assert second.due_at - second.made_at == TAKEOVER_WAIT
    assert [detail[:16] for kind, detail in rows(NOTICES, "alice") if kind == "takeover"] == ["bruno, por alice"]
    assert rows(NOTICES, "bruno")[-1][0] in ("link_begun", "factor_reset_begun")


def test_a_link_that_had_to_wait_changes_nothing_until_it_is_made_and_is_made_once(
    bruno: Person, desk: Desk, clock: Clock, operate: Operate, rows: Rows
) -> None:
    """A71."""
    desk.reset()
    desk.link()
    clock.forward(hours=23)
    assert desk.link() is PersonRefusal.BEGUN
    clock.forward(hours=1)
    operate(housekeeping.clear)
    assert rows("SELECT sealed_password IS NOT NULL FROM accounts WHERE name = 'bruno'") == [(1,)]
    assert isinstance(desk.link(), str)
    assert isinstance(desk.link(), DelayedAct)


def test_a_reset_that_was_delayed_counts_from_when_it_is_done(
    bruno: Person, desk: Desk, clock: Clock, operate: Operate
) -> None:
    """A71: a link right after it, three days and a minute after it was begun, is the second of two all the same."""
    desk.reset(delay=RESET_DELAYS[2])
    clock.forward(hours=72)
    assert isinstance(desk.link(), DelayedAct)
    desk.stop(Kind.PASSWORD_LINK)
    operate(housekeeping.clear)
    clock.forward(hours=71)
    assert isinstance(desk.link(), DelayedAct)
    desk.stop(Kind.PASSWORD_LINK)
    clock.forward(hours=1)
    assert isinstance(desk.link(), str)


def test_leave_for_a_link_lapses_three_days_after_it_was_given(
    bruno: Person, desk: Desk, clock: Clock, operate: Operate, rows: Rows
) -> None:
    desk.reset()
    desk.link()
    clock.forward(hours=24 + 72 - 1)
    operate(housekeeping.clear)
    assert rows("SELECT kind FROM delayed_acts") == [("password_link",)]
    clock.forward(hours=1)
    operate(housekeeping.clear)
    assert rows("SELECT kind FROM delayed_acts") == []


def test_leave_for_a_link_that_was_never_made_ends_with_the_next_reset(
    bruno: Person, desk: Desk, clock: Clock, new_client: NewClient
) -> None:
    """A71: a month later it would make a link and a reset in one minute."""
    desk.reset()
    desk.link()
    clock.forward(days=30)
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    assert desk.reset() is None
    assert isinstance(desk.link(), DelayedAct)
