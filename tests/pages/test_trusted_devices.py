import argparse
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import Person, begin_enrolment, cookie_of, give_password, plant, proof, sign_in
from web.auth.passwords import shared
from web.cli import people
from web.limits import NOBODYS_COUNTERS, STRANGERS_COUNTED, TRUSTED_DEVICES
from web.runtime.housekeeping import clear

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
WRONG = "girafa verde dança no chão"


@pytest.fixture
def from_address(new_client: NewClient) -> Callable[[str], TestClient]:
    """A browser somewhere else."""
    return lambda address: new_client(client=(address, 50000))


def signed_out(browser: TestClient) -> TestClient:
    browser.post("/logout")
    return browser


def guess(
    from_address: Callable[[str], TestClient], clock: Clock, name: str = "alice", *, times: int = 110
) -> list[int]:
    """Try wrong passwords, each from another address, and each as soon as the waits allow."""
    statuses = []
    for number in range(times):
        browser = from_address(f"10.1.{number // 250}.{number % 250 + 1}")
        answer = give_password(browser, Person(name, WRONG))
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            clock.forward(seconds=int(answer.headers["retry-after"]))
    return statuses


def test_strangers_from_many_addresses_wait_from_the_twentieth_wrong_password_on(
    alice: Person, client: TestClient, from_address: Callable[[str], TestClient], clock: Clock
) -> None:
    assert guess(from_address, clock, times=21) == [422] * 20 + [429]
    assert client.get("/instances").status_code == 200


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_of_two_hundred_addresses_a_hundred_guesses_are_judged_and_no_more(
    name: str, alice: Person, from_address: Callable[[str], TestClient], clock: Clock
) -> None:
    """A15."""
    assert guess(from_address, clock, name, times=200).count(422) == 100
    clock.forward(days=300)
    refused = give_password(from_address("10.9.9.9"), Person(name, alice.password))
    assert refused.status_code == 429
    assert "Foram senhas erradas demais vindas de dispositivos desconhecidos" in refused.text


def test_the_owner_signs_in_at_once_from_a_trusted_device(
    alice: Person, client: TestClient, from_address: Callable[[str], TestClient], clock: Clock
) -> None:
    """A20."""
    guess(from_address, clock)
    assert sign_in(signed_out(client), alice).status_code == 303


def test_a_new_password_opens_the_way_again(
    alice: Person, client: TestClient, from_address: Callable[[str], TestClient], clock: Clock
) -> None:
    guess(from_address, clock)
    sign_in(client, alice)
    fresh = "pato verde corre na praia"
    client.post("/security/password", data={"current": alice.password, "password": fresh, "repeated": fresh})
    assert sign_in(from_address("10.9.9.9"), Person("alice", fresh)).status_code == 303


def test_wrong_codes_of_strangers_do_not_make_a_trusted_device_wait(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    stranger = new_client()
    for _ in range(6):
        sign_in(stranger, protected, protected.wrong_code_at(clock()))
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 429
    assert sign_in(signed_out(client), protected, protected.code_at(clock())).headers["location"] == "/instances"


def test_a_trusted_device_still_asks_for_the_code(protected: Person, client: TestClient) -> None:
    answer = give_password(signed_out(client), protected)
    assert answer.headers["location"] == "/login/code"
    assert client.get("/instances").headers["location"].startswith("/login")


def test_wrong_tries_on_a_trusted_device_are_limited_too(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    signed_out(client)
    answers = [give_password(client, protected, password=WRONG).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert give_password(new_client(), protected).status_code == 303
    clock.forward(seconds=31)
    codes = [sign_in(client, protected, protected.wrong_code_at(clock())).status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]


def test_strangers_who_know_the_password_do_not_crowd_out_the_owners_login(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    give_password(signed_out(client), protected)
    for _ in range(6):
        clock.forward(seconds=1)
        give_password(new_client(), protected)
    answer = client.post("/login/code", data={"code": protected.code_at(clock())})
    assert answer.headers["location"] == "/instances"


def test_the_cookie_lasts_ninety_days_and_changes_at_every_login(alice: Person, client: TestClient, rows: Rows) -> None:
    before = cookie_of(client, "disp")
    header = sign_in(signed_out(client), alice).headers["set-cookie"]
    given = next(part for part in header.split(", ") if part.startswith("__Host-disp-"))
    assert all(part in given for part in ("Max-Age=7776000", "HttpOnly", "Secure", "SameSite=strict", "Path=/"))
    assert cookie_of(client, "disp") != before
    assert rows("SELECT count(*) FROM trusted_devices") == [(1,)]


def test_somebody_elses_cookie_is_not_adopted(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    planted, browser = cookie_of(client, "disp"), new_client()
    plant(browser, planted)
    sign_in(browser, invite("bruno"))
    assert cookie_of(browser, "disp") != planted
    # Bruno's other one is where he chose his password.
    assert rows("SELECT count(DISTINCT account_id), count(*) FROM trusted_devices") == [(2, 3)]


def test_a_forgotten_device_is_a_stranger(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    [(device,)] = rows("SELECT id FROM trusted_devices")
    page = client.get("/security/sessions").text
    assert f'action="/security/trusted-devices/{device}/forget"' in page
    assert "Este dispositivo" in page
    assert "Dispositivo esquecido" in client.post(f"/security/trusted-devices/{device}/forget").text
    for _ in range(5):
        give_password(new_client(), alice, password=WRONG)
    assert give_password(signed_out(client), alice).status_code == 429


def test_nobody_forgets_somebody_elses_device(
    alice: Person, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    [(device,)], browser = rows("SELECT id FROM trusted_devices"), new_client()
    sign_in(browser, invite("bruno"))
    assert browser.post(f"/security/trusted-devices/{device}/forget").status_code == 404


def test_bloquear_tudo_trusts_this_browser_alone(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    sign_in(new_client(), alice)
    before = cookie_of(client, "disp")
    client.post("/security/bad-day/lock")
    assert rows("SELECT count(*) FROM trusted_devices") == [(1,)]
    assert cookie_of(client, "disp") != before


def test_trust_ends_after_ninety_days_without_a_login(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    clock.forward(days=90)
    for _ in range(5):
        give_password(new_client(), alice, password=WRONG)
    assert give_password(client, alice).status_code == 429
    operate(clear)
    assert rows("SELECT count(*) FROM trusted_devices") == [(0,)]


def test_names_made_up_by_strangers_fill_no_more_than_ten_thousand_rows(
    alice: Person, new_client: NewClient, rows: Rows
) -> None:
    """A56."""
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO attempts SELECT 'password', randomblob(64), 3, 2000000000 FROM n
    """
    rows(fill)
    answers = [give_password(new_client(), alice, password=WRONG).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]  # counted all the same
    give_password(new_client(), Person("nobody", WRONG))
    assert rows("SELECT count(*) FROM attempts WHERE kind = 'password'") == [(STRANGERS_COUNTED,)]
    assert rows("SELECT failures FROM attempts WHERE kind = 'password-account' ORDER BY failures") == [(1,), (5,)]


def test_unknown_names_share_counters_that_are_never_dropped(
    alice: Person, client: TestClient, elsewhere: NewClient, rows: Rows
) -> None:
    """A62, A56: twenty failures count as long for an unknown name as for the name of an account."""
    names = (alice.name, "nobody")
    for _ in range(20):
        for name in names:
            assert give_password(elsewhere(), Person(name, WRONG)).status_code == 422
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO attempts SELECT 'password', randomblob(64), 3, 3000000000 FROM n
    """
    rows(fill)
    for number in range(3):
        give_password(elsewhere(), Person(f"nobody{number}", WRONG))
    assert [give_password(elsewhere(), Person(name, WRONG)).status_code for name in names] == [429, 429]


def test_two_unknown_names_rarely_share_a_counter(client: TestClient) -> None:
    """A62: failures of one unknown name make few others wait; a name that waits for others' failures is no account."""
    vault = client.app_state["panel"].vault
    counters = {shared(vault, vault.tag("name", f"nobody{number}")) for number in range(20_000)}
    assert 16_500 < len(counters) <= NOBODYS_COUNTERS  # 17,230, as chance has it, of 65,536


def test_a_hundred_failures_close_a_trusted_device_for_good(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    signed_out(client)
    for _ in range(100):
        give_password(client, alice, password=WRONG)
        clock.forward(minutes=15)
    clock.forward(days=2)
    operate(clear)
    refused = give_password(client, alice)
    assert refused.status_code == 429
    assert "Foram senhas erradas demais neste dispositivo" in refused.text
    assert sign_in(new_client(), alice).status_code == 303


def test_two_people_may_share_a_browser(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    bruno = invite("bruno")
    for person in (bruno, alice) * 3:
        assert sign_in(client, person).status_code == 303
        client.post("/logout")
    # Bruno has one more: where he chose his password.
    assert rows("SELECT count(DISTINCT account_id), count(*) FROM trusted_devices") == [(2, 3)]
    for person in (alice, bruno):
        for _ in range(5):
            give_password(new_client(), person, password=WRONG)
        assert sign_in(client, person).status_code == 303
        client.post("/logout")


def test_a_cookie_planted_before_a_login_is_worth_nothing_after_it(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person]
) -> None:
    planted, victim = cookie_of(client, "disp"), new_client()
    plant(victim, planted)
    bruno = invite("bruno")
    sign_in(victim, bruno)
    thief = new_client()
    for _ in range(5):
        give_password(thief, bruno, password=WRONG)
    plant(thief, planted)
    assert give_password(thief, bruno).status_code == 429


def test_a_login_that_failed_half_way_leaves_the_trust_as_it_was(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    signed_out(client)
    trusted = cookie_of(client, "disp")
    rows("CREATE TRIGGER fault BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk full, say'); END")
    browser = new_client(raise_server_exceptions=False)
    answer = browser.post("/login", data={"name": "alice", "password": alice.password}, headers={"Cookie": trusted})
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers
    rows("DROP TRIGGER fault")
    for _ in range(5):
        give_password(new_client(), alice, password=WRONG)
    assert give_password(new_client(), alice).status_code == 429
    known = new_client()
    plant(known, trusted)
    assert give_password(known, alice).status_code == 303


def test_no_more_than_twenty_devices_are_trusted(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    for _ in range(TRUSTED_DEVICES):
        clock.forward(seconds=10)
        sign_in(new_client(), alice)
    assert rows("SELECT count(*) FROM trusted_devices") == [(TRUSTED_DEVICES,)]
    page = client.get("/security/sessions", headers={"Cookie": cookie_of(client)})
    assert "Este dispositivo" not in page.text  # the first one was the one to go


@pytest.mark.parametrize("change", ["password", "factor", "reset-password", "reset-two-factor"])
def test_after_a_change_of_password_or_factor_other_devices_are_strangers(
    change: str,
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    clock: Clock,
    operate: Operate,
    rows: Rows,
) -> None:
    sign_in(new_client(), protected, protected.code_at(clock()))
    assert rows("SELECT count(*) FROM trusted_devices") == [(2,)]
    options = argparse.Namespace(name="alice")
    if change == "password":
        fresh = "pato verde corre na praia"
        client.post("/security/password", data={"current": protected.password, "password": fresh, "repeated": fresh})
    elif change == "factor":
        protected.key = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
        client.post("/security/totp/confirm", data={"code": protected.code_at(clock())})
    elif change == "reset-password":
        operate(lambda panel: people.reset_password(panel, options))
    else:
        operate(lambda panel: people.reset_two_factor(panel, options))
    assert rows("SELECT count(*) FROM trusted_devices") == [(0 if change.startswith("reset") else 1,)]


def test_a_session_in_use_is_no_stranger_either(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    clock.forward(minutes=6)
    rows("DELETE FROM trusted_devices")
    for _ in range(6):
        give_password(new_client(), protected, password=WRONG)
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    answer = client.post("/security/recovery-codes", data=proof(protected, clock()))
    assert "Guarde seus códigos" in answer.text
