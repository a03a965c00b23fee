"""One browser, two accounts: an act of one account moves, withdraws or renews nothing of the other (A57)."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person, cookie_of, give_password, plant, protect, sign_in

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
KNOWN = "Alguém acertou sua senha"
HERE = "Este dispositivo</span>"


@pytest.fixture
def mallory(invite: Callable[[str], Person], new_client: NewClient, clock: Clock) -> Person:
    """Another member, with a second factor of her own."""
    person, browser = invite("mallory"), new_client()
    sign_in(browser, person)
    protect(browser, person, clock())
    clock.forward(seconds=30)
    return person


@pytest.mark.parametrize("guesses", [0, 4])
def test_a_login_to_the_attackers_account_withdraws_no_notice_of_the_victim(
    guesses: int, protected: Person, mallory: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A57."""
    browser = new_client()
    give_password(browser, protected)
    for _ in range(guesses):
        browser.post("/login/code", data={"code": protected.wrong_code_at(clock())})
    assert sign_in(browser, mallory, mallory.code_at(clock())).status_code == 303
    clock.forward(minutes=6)
    assert KNOWN in client.get("/instances").text


def test_a_second_try_by_the_owner_still_withdraws_the_notice(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    give_password(browser, protected)
    browser.post("/login/code", data={"code": protected.code_at(clock())})
    clock.forward(minutes=6)
    assert KNOWN not in client.get("/instances").text


def test_a_copied_cookie_does_not_move_the_victims_trust(
    protected: Person, mallory: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A57."""
    before = rows("SELECT digest, id, last_used_at, ends_at FROM trusted_devices WHERE account_id = 1")
    thief = new_client()
    plant(thief, cookie_of(client, "disp"))
    clock.forward(minutes=1)
    assert sign_in(thief, mallory, mallory.code_at(clock())).status_code == 303
    assert rows("SELECT digest, id, last_used_at, ends_at FROM trusted_devices WHERE account_id = 1") == before
    assert client.get("/security/sessions").text.count(HERE) == 1


def test_two_people_who_share_a_browser_are_both_trusted_there(
    protected: Person, mallory: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    shared = new_client()
    for person in (protected, mallory, protected):
        clock.forward(minutes=1)
        assert sign_in(shared, person, person.code_at(clock())).status_code == 303
    tokens = cookie_of(shared, "disp").partition("=")[2].split(".")
    assert len(tokens) == 2
    assert HERE in shared.get("/security/sessions").text
    clock.forward(minutes=1)
    sign_in(shared, mallory, mallory.code_at(clock()))
    assert HERE in shared.get("/security/sessions").text


def test_a_login_renews_the_trust_secret_and_a_copy_of_the_old_one_is_worthless(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    copy = cookie_of(client, "disp")
    client.post("/logout")
    assert sign_in(client, protected, protected.code_at(clock())).status_code == 303
    thief = new_client(client=("10.9.9.9", 1), headers={"Origin": ORIGIN, "User-Agent": "another"})
    plant(thief, copy)
    clock.forward(minutes=1)
    assert sign_in(thief, protected, protected.code_at(clock())).status_code == 303
    assert "A conta foi aberta em um dispositivo novo" in client.get("/instances").text
