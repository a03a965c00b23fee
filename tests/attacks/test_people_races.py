"""Administrators and the people they act on, at the same time, on the real server."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.at_once import post_at_once
from tests.support.clock import Clock
from tests.support.people import Person, cookie_of, lost, proof, protect, sign_in

Rows = Callable[..., list[tuple[Any, ...]]]
NewClient = Callable[[], TestClient]
REASON = "Perdeu o celular no ônibus"


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock) -> Person:
    """Has a second factor, beside Alice, who administers."""
    person, browser = invite("bruno"), new_client()
    sign_in(browser, person)
    protect(browser, person, clock())
    clock.forward(seconds=30)
    return person


@pytest.fixture
def brunos(bruno: Person, new_client: NewClient, clock: Clock) -> TestClient:
    browser = new_client()
    sign_in(browser, bruno, bruno.code_at(clock()))
    clock.forward(seconds=30)
    return browser


@pytest.mark.parametrize("act", ["demote", "disable"])
def test_of_two_administrators_who_put_each_other_out_one_is_left(
    act: str,
    protected: Person,
    client: TestClient,
    bruno: Person,
    new_client: NewClient,
    live_server: str,
    clock: Clock,
    rows: Rows,
) -> None:
    """A68, A51."""
    client.post("/people/2/promote", data=proof(protected, clock()))
    browser = new_client()
    sign_in(browser, bruno, bruno.code_at(clock.forward(seconds=30)))
    clock.forward(seconds=30)
    posts = [
        (f"/people/2/{act}", proof(protected, clock()), cookie_of(client)),
        (f"/people/1/{act}", proof(bruno, clock()), cookie_of(browser)),
    ]
    answers = post_at_once(live_server, posts)
    ends = sorted(answer.headers["location"].startswith("/people/") for answer in answers)
    assert ends == [False, True]  # whoever came second is signed in no longer
    left = rows("SELECT count(*) FROM accounts WHERE role = 'admin' AND disabled_at IS NULL")
    assert left == [(1,)]
    assert rows("SELECT count(*) FROM totp") == [(2,)]


def test_of_two_administrators_who_switch_their_second_factor_off_one_keeps_it(
    protected: Person,
    client: TestClient,
    bruno: Person,
    new_client: NewClient,
    live_server: str,
    clock: Clock,
    rows: Rows,
) -> None:
    """A51, A68, D18: whoever comes second reads that nobody else is left."""
    client.post("/people/2/promote", data=proof(protected, clock()))
    browser = new_client()
    sign_in(browser, bruno, bruno.code_at(clock.forward(seconds=30)))
    clock.forward(seconds=30)
    posts = [
        ("/security/totp/remove", proof(protected, clock()), cookie_of(client)),
        ("/security/totp/remove", proof(bruno, clock()), cookie_of(browser)),
    ]
    answers = post_at_once(live_server, posts)
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert sum("Só você administra este painel" in answer.text for answer in answers) == 1
    assert rows("SELECT count(*) FROM totp") == [(1,)]


def test_whoever_is_disabled_does_nothing_afterwards(
    protected: Person, client: TestClient, brunos: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A68: what was done before stands, paused."""
    cookie = cookie_of(brunos)
    posts = [("/instances", {"name": f"Loja {number}"}, cookie) for number in range(8)]
    posts.insert(4, ("/people/2/disable", proof(protected, clock()), cookie_of(client)))
    answers = post_at_once(live_server, posts)
    made = sum(answer.headers.get("location", "").startswith("/instances") for answer in answers)
    assert answers[4].headers["location"].startswith("/people/2")
    assert rows("SELECT count(*), count(paused_at) FROM instances") == [(made, made)]
    assert rows("SELECT count(*) FROM sessions WHERE account_id = 2") == [(0,)]


def test_whoever_is_disabled_is_out_in_every_process(
    protected: Person, client: TestClient, brunos: TestClient, live_server: str, clock: Clock
) -> None:
    """A23: one process is asked to, the other one answers him next."""
    cookie = cookie_of(brunos)
    [before] = post_at_once(live_server, [("/theme", {"theme": "dark"}, cookie)])
    assert not before.headers.get("location", "").startswith("/login")
    client.post("/people/2/disable", data=proof(protected, clock()))
    [after] = post_at_once(live_server, [("/instances", {"name": "Loja"}, cookie)])
    assert after.headers["location"].startswith("/login")
    assert brunos.get("/instances").headers["location"].startswith("/login")


def test_two_invitations_of_one_name_make_one_account(
    protected: Person, client: TestClient, live_server: str, rows: Rows
) -> None:
    fields, cookie = {"name": "carla", "role": "member"}, cookie_of(client)
    answers = post_at_once(live_server, [("/people/invite", fields, cookie)] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert sum('id="link"' in answer.text for answer in answers) == 1
    assert rows("SELECT count(*) FROM accounts WHERE name = 'carla'") == [(1,)]
    assert rows("SELECT count(*) FROM activations") == [(1,)]


def test_of_two_new_invitations_one_is_good(
    protected: Person, client: TestClient, new_client: NewClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    """The proof that is first gives the session another cookie, and the other one may come too late."""
    client.post("/people/invite", data={"name": "carla", "role": "member"})
    path, cookie = "/people/2/invitation/renew", cookie_of(client)
    proofs = (proof(protected, clock()), lost(protected, 0))
    answers = post_at_once(live_server, [(path, fields, cookie) for fields in proofs])
    codes = [found for answer in answers if (found := answer.text.partition("/activate#")[2].partition("<")[0])]
    good = [new_client().post("/activate", data={"activation_code": code}).status_code for code in codes]
    assert sorted(good) == [200, 422][: len(codes)]
    assert codes


def test_a_reset_that_is_due_and_its_stop_come_to_one_end(
    protected: Person,
    client: TestClient,
    bruno: Person,
    brunos: TestClient,
    live_server: str,
    clock: Clock,
    rows: Rows,
) -> None:
    """A68."""
    client.post("/people/2/reset-factor", data={"reason": REASON, "hours": "1"} | proof(protected, clock()))
    for _ in range(3):
        clock.forward(minutes=20)
        brunos.get("/instances")
    posts = [
        ("/security/delayed-acts/stop", {"code": bruno.code_at(clock())}, cookie_of(brunos)),
        ("/login", {"name": bruno.name, "password": bruno.password}, ""),
    ]
    stop, login = post_at_once(live_server, posts)
    was_stopped = "Impedido: nada muda" in stop.text
    assert login.headers["location"] == ("/login/code" if was_stopped else "/instances")
    assert rows("SELECT count(*) FROM totp WHERE account_id = 2") == [(int(was_stopped),)]
    assert rows("SELECT count(*) FROM delayed_acts") == [(0,)]
    done = rows("SELECT count(*) FROM activity WHERE account_id = 2 AND event = 'people.factor_reset'")
    stopped = rows("SELECT count(*) FROM activity WHERE account_id = 2 AND event = 'people.factor_reset_stopped'")
    assert (done[0][0], stopped[0][0]) == ((0, 1) if was_stopped else (1, 0))
