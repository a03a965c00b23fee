import argparse
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import (
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    cookie_of,
    give_password,
    plant,
    proof,
    sign_in,
)
from web.cli import people
from web.limits import NOTICES_APART, NOTICES_COUNTED
from web.runtime.housekeeping import clear

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
STRANGER = "Mozilla/5.0 (Windows NT 10.0) Firefox/144.0"
USED = "Um código de recuperação foi usado"
KNOWN = "Alguém acertou sua senha"


@pytest.fixture
def stranger(new_client: NewClient) -> TestClient:
    browser = new_client()
    browser.headers["User-Agent"] = STRANGER
    return browser


def enter(browser: TestClient, code: str) -> Any:
    return browser.post("/login/code", data={"code": code})


def button(client: TestClient, answer: str) -> str:
    """Where the newest notice on the page sends "mine" or "not-mine"."""
    found = re.search(rf'action="(/security/notices/\d+/{answer})"', client.get("/instances").text)
    assert found
    return found[1]


def test_a_right_password_without_a_code_raises_a_notice_once_its_time_is_over(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    assert KNOWN not in client.get("/instances").text
    clock.forward(minutes=5)
    page = client.get("/instances").text
    assert KNOWN in page
    assert "há 5 minutos" in page
    assert "testclient (Firefox no Windows)" in page


def test_after_five_wrong_codes_the_notice_shows_at_once(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    for _ in range(5):
        enter(stranger, protected.wrong_code_at(clock()))
    assert KNOWN in client.get("/instances").text


def test_the_owners_own_mistakes_raise_no_notice(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    enter(browser, protected.wrong_code_at(clock()))
    give_password(browser, protected)
    enter(browser, protected.code_at(clock()))
    clock.forward(minutes=6)
    assert KNOWN not in client.get("/instances").text
    assert KNOWN not in browser.get("/instances").text


def test_fui_eu_ends_the_notice_and_stays_on_the_page(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock, rows: Rows
) -> None:
    give_password(stranger, protected)
    clock.forward(minutes=6)
    action = button(client, "mine")
    assert client.post(action, data={"back": "/activity"}).headers["location"] == "/activity#notices-open"
    assert rows("SELECT event, account_id FROM activity ORDER BY id DESC LIMIT 1") == [("notice.mine", 1)]
    assert KNOWN not in client.get("/activity").text
    assert client.post(action).status_code == 404


def test_a_number_that_no_notice_can_have_is_not_found(alice: Person, client: TestClient) -> None:
    assert client.post(f"/security/notices/{2**63}/mine").status_code == 404
    assert client.post(f"/security/notices/{2**63}/not-mine").status_code == 404
    assert client.post("/security/notices/999/not-mine").status_code == 404


def test_nao_fui_eu_leads_to_the_bad_day(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    clock.forward(minutes=6)
    action = button(client, "not-mine")
    for _ in range(2):
        assert client.post(action).headers["location"] == "/security/bad-day"
    assert "Bloquear tudo" in client.get("/security/bad-day").text


def test_the_session_that_caused_a_notice_cannot_acknowledge_it(
    alice: Person, client: TestClient, stranger: TestClient
) -> None:
    sign_in(stranger, alice)
    action = button(client, "mine")
    assert stranger.post(action).status_code == 404
    assert "dispositivo novo" in client.get("/activity").text


def test_giving_the_password_again_hides_no_notice(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    clock.forward(minutes=4)
    give_password(stranger, protected)
    clock.forward(minutes=1)
    assert KNOWN in client.get("/instances").text


def test_nobody_acknowledges_for_somebody_else(
    protected: Person, client: TestClient, stranger: TestClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    give_password(stranger, protected)
    clock.forward(minutes=6)
    sign_in(stranger, invite("bruno"))
    for _ in range(2):
        for answer in ("mine", "not-mine"):
            assert stranger.post(button(client, answer)).status_code == 404
    assert KNOWN in client.get("/activity").text
    mine, not_mine = button(client, "mine"), button(client, "not-mine")
    client.post(mine)
    assert stranger.post(not_mine).status_code == 404


def test_a_new_device_raises_a_notice_elsewhere_and_a_known_one_does_not(
    alice: Person, client: TestClient, new_client: NewClient, stranger: TestClient
) -> None:
    sign_in(new_client(), alice)
    assert "dispositivo novo" not in client.get("/instances").text
    sign_in(stranger, alice)
    assert "dispositivo novo" in client.get("/instances").text
    assert "dispositivo novo" not in stranger.get("/instances").text


def test_a_trusted_browser_is_not_new_in_another_network(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    other = new_client()
    sign_in(other, alice)
    client.headers["User-Agent"] = STRANGER
    sign_in(client, alice)
    assert "dispositivo novo" not in other.get("/instances").text


def test_after_half_a_year_away_a_strange_browser_is_still_strange(
    alice: Person, client: TestClient, stranger: TestClient, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    clock.forward(days=200)
    operate(clear)
    sign_in(stranger, alice)
    sign_in(client, alice)
    assert "dispositivo novo" in client.get("/instances").text


def test_a_notice_raised_after_the_page_was_made_stays(
    protected: Person, client: TestClient, stranger: TestClient, new_client: NewClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    clock.forward(minutes=6)
    action = button(client, "mine")
    again = new_client()
    again.headers["User-Agent"] = STRANGER
    give_password(again, protected)
    clock.forward(minutes=6)
    client.post(action)
    assert KNOWN in client.get("/activity").text


def test_a_replayed_code_raises_a_notice_at_once(
    protected: Person, client: TestClient, new_client: NewClient, stranger: TestClient, clock: Clock
) -> None:
    code = protected.code_at(clock())
    sign_in(new_client(), protected, code)
    sign_in(stranger, protected, code)
    assert "Um código de verificação já usado foi digitado" in client.get("/instances").text


def test_a_person_who_was_only_too_quick_sees_no_notice_of_their_own_code(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    code, browser = protected.code_at(clock()), new_client()
    sign_in(new_client(), protected, code)
    sign_in(browser, protected, code)
    enter(browser, protected.code_at(clock.forward(seconds=30)))
    assert "Um código de verificação já usado foi digitado" not in client.get("/instances").text


def test_a_button_of_an_old_page_acknowledges_no_other_notice(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    """A57: somebody who saw a code typed uses it again, then the next one: what was told of the first is withdrawn."""
    seen = protected.code_at(clock())
    client.post("/logout")
    sign_in(client, protected, seen)
    for _ in range(4):
        give_password(stranger, protected, password="girafa verde")
    give_password(stranger, protected)
    enter(stranger, seen)
    before = button(client, "mine")
    clock.forward(seconds=30)
    assert enter(stranger, protected.code_at(clock())).status_code == 303
    assert client.post(before).status_code == 404
    assert "dispositivo novo" in client.get("/instances").text


def test_a_used_recovery_code_raises_a_notice(protected: Person, client: TestClient, stranger: TestClient) -> None:
    give_password(stranger, protected)
    stranger.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert f"<strong>{USED}</strong> <time" in client.get("/instances").text
    assert f"<strong>{USED}</strong> <time" not in stranger.get("/instances").text


def test_a_recovery_code_used_in_a_step_up_raises_a_notice_in_the_other_sessions(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    other = new_client()
    sign_in(other, protected, protected.code_at(clock()))
    clock.forward(minutes=6)
    proof = {"step_up_password": protected.password, "step_up_recovery": protected.recovery_codes[0]}
    assert other.post("/security/recovery-codes/rehearsal", data=proof).status_code == 200
    assert f"<strong>{USED}</strong> <time" in client.get("/instances").text


@pytest.mark.parametrize("path", ["/security/totp/remove", "/security/recovery-codes/rehearsal"])
def test_failures_of_a_stolen_session_show_in_the_owners_open_browser(
    path: str, protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    """A63: the cookie is the owner's, and so is the session that both of them look at."""
    clock.forward(minutes=6)
    plant(stranger, cookie_of(client))
    wrong = {"step_up_password": protected.password, "step_up_code": protected.wrong_code_at(clock())}
    for _ in range(5):
        assert stranger.post(path, data=wrong).status_code == 422
    assert KNOWN in client.get("/instances").text
    assert "(Firefox no Windows)" in client.get("/instances").text


def test_failures_at_the_login_beside_a_stolen_session_show_there_too(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    """A63."""
    code = protected.code_at(clock())
    client.post("/logout")
    sign_in(client, protected, code)
    plant(stranger, cookie_of(client))
    give_password(stranger, protected)
    enter(stranger, code)
    assert "Um código de verificação já usado foi digitado" in client.get("/instances").text


def test_a_replayed_code_shows_in_the_session_that_replayed_it(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock
) -> None:
    """A63: the code was seen as the owner typed it at the login."""
    code = protected.code_at(clock())
    client.post("/logout")
    sign_in(client, protected, code)
    plant(stranger, cookie_of(client))
    replayed = {"step_up_password": protected.password, "step_up_code": code}
    assert "Este código já foi usado" in stranger.post("/security/totp/remove", data=replayed).text
    page = client.get("/instances").text
    assert "Um código de verificação já usado foi digitado" in page
    assert client.post(button(client, "mine")).status_code == 303
    assert "Um código de verificação já usado foi digitado" not in client.get("/instances").text


def test_a_changed_password_shows_in_the_next_session_and_not_in_the_one_that_changed_it(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    fresh = "pato verde corre na praia"
    client.post("/security/password", data={"current": alice.password, "password": fresh, "repeated": fresh})
    assert "A senha foi alterada" not in client.get("/instances").text
    browser = new_client()
    sign_in(browser, Person("alice", fresh))
    assert "A senha foi alterada" in browser.get("/instances").text


def test_a_changed_factor_shows_in_the_next_session(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes", data=proof(protected, clock()))
    browser = new_client()
    sign_in(browser, protected, protected.code_at(clock.forward(seconds=30)))
    assert "Novos códigos de recuperação foram gerados" in browser.get("/instances").text
    assert "Novos códigos de recuperação foram gerados" not in client.get("/instances").text


def test_the_first_login_with_both_factors_is_greeted_in_one_sentence(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, protected, protected.code_at(clock()))
    page = browser.get("/instances").text
    assert "<strong>Deu certo:</strong> esta entrada já pediu os dois fatores." in page
    assert "note look" not in page
    assert "ui eu" not in page
    assert "Deu certo" not in client.get("/instances").text
    assert "Deu certo" not in browser.get("/security").text


def test_where_there_is_something_to_answer_nobody_is_greeted(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    browser.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert "Deu certo" not in browser.get("/instances").text
    sign_in(browser, protected, protected.code_at(clock()))
    page = browser.get("/instances").text
    assert f"<strong>{USED}</strong> <time" in page
    assert "Deu certo" not in page


def test_whoever_finds_two_factor_switched_on_and_off_by_others_is_not_greeted(
    protected: Person, new_client: NewClient, operate: Operate
) -> None:
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="alice")))
    browser = new_client()
    sign_in(browser, protected)
    page = browser.get("/instances").text
    assert "A autenticação de dois fatores foi ativada" in page
    assert "A autenticação de dois fatores foi desativada" in page
    assert "Deu certo" not in page


def test_a_login_after_five_failures_raises_a_notice(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    for _ in range(5):
        give_password(new_client(), alice, password="girafa verde")
    clock.forward(seconds=31)
    sign_in(new_client(), alice)
    assert "várias tentativas erradas" in client.get("/instances").text


def test_repeated_events_are_one_notice_and_hide_no_other(
    protected: Person, client: TestClient, new_client: NewClient, stranger: TestClient, clock: Clock, rows: Rows
) -> None:
    give_password(stranger, protected)
    stranger.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    for _ in range(12):
        give_password(new_client(), protected)
        clock.forward(seconds=1)
    clock.forward(minutes=6)
    rows("UPDATE notices SET network = '203.0.113.7' WHERE id = (SELECT max(id) FROM notices)")
    page = client.get("/activity").text
    assert page.count(f"<strong>{KNOWN}") == 1
    assert "12 vezes, de 2 redes, a última" in page
    assert ", de 203.0.113.7" in page
    assert f"<strong>{USED}</strong> <time" in page
    client.post(button(client, "mine"))
    assert KNOWN not in client.get("/activity").text
    assert f"<strong>{USED}</strong> <time" in client.get("/activity").text


NEW = "A conta foi aberta em um dispositivo novo"


def test_two_new_devices_are_two_questions(
    alice: Person, client: TestClient, new_client: NewClient, stranger: TestClient
) -> None:
    """One answer for both could be true of one and false of the other."""
    sign_in(stranger, alice)
    again = new_client()
    again.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Safari/605.1"
    sign_in(again, alice)
    assert client.get("/activity").text.count(NEW) == 2
    client.post(button(client, "mine"))
    page = client.get("/activity").text
    assert page.count(NEW) == 1
    assert "(Firefox no Windows)" in page
    assert "Safari no iPhone)" not in page


def test_one_device_in_two_networks_is_two_questions_and_twice_in_one_place_is_one(
    alice: Person, client: TestClient, new_client: Callable[..., TestClient], rows: Rows
) -> None:
    for host in ("10.1.0.1", "10.2.0.1"):
        browser = new_client(client=(host, 1))
        browser.headers["User-Agent"] = STRANGER
        sign_in(browser, alice)
    assert client.get("/activity").text.count(NEW) == 2
    rows(
        "INSERT INTO notices SELECT NULL, 1, 'x', NULL, kind, at, shows_at, network, user_agent, NULL, '' FROM notices"
    )
    page = client.get("/activity").text
    assert page.count(NEW) == 2
    assert page.count("2 vezes, a última") == 2


def test_devices_without_end_are_asked_about_a_few_at_a_time(
    alice: Person, client: TestClient, new_client: Callable[..., TestClient]
) -> None:
    """A56."""
    for number in range(NOTICES_APART + 2):
        sign_in(new_client(client=(f"10.{number}.0.1", 1)), alice)
    for left in (NOTICES_APART, NOTICES_APART, NOTICES_APART, NOTICES_APART - 1):
        assert client.get("/activity").text.count(NEW) == left
        client.post(button(client, "mine"))


def test_endless_right_passwords_make_no_page_slow(
    protected: Person, client: TestClient, stranger: TestClient, clock: Clock, rows: Rows
) -> None:
    """A56: those that wait are of five minutes, and only beyond these the oldest go."""
    told = """
        WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1500)
        INSERT INTO notices (account_id, kind, at, shows_at, network, user_agent)
        SELECT 1, ?, :at, :at, '203.0.113.7', '' FROM numbers
    """.replace(":at", str(int(clock().timestamp())))
    for kind in ("password_known", "recovery_used"):
        rows(told, kind)
    give_password(stranger, protected)
    pending = "SELECT count(*) FROM notices WHERE acknowledged_at IS NULL AND kind = ?"
    assert rows(pending, "password_known") == [(NOTICES_COUNTED + 1,)]
    assert rows(pending, "recovery_used") == [(1500,)]
    assert client.get("/activity").text.count(f"<strong>{KNOWN}") == 1
    clock.forward(minutes=5)
    give_password(stranger, protected)
    assert rows(pending, "password_known") == [(NOTICES_COUNTED + 1,)]


def test_commands_of_the_terminal_keep_the_limit_of_notices_too(
    protected: Person, rows: Rows, operate: Operate
) -> None:
    rows("""
        WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1500)
        INSERT INTO notices (account_id, kind, at, shows_at, network, user_agent)
        SELECT 1, 'two_factor_off', 1, 1, '', '' FROM numbers
    """)
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name=protected.name)))
    assert rows("SELECT count(*) FROM notices WHERE kind = 'two_factor_off'") == [(NOTICES_COUNTED,)]


def test_every_change_of_a_factor_raises_a_notice(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    def later() -> dict[str, Any]:
        return proof(protected, clock.forward(seconds=30))

    other = new_client()
    codes = codes_on(client.post("/security/recovery-codes", data=later()).text)
    new = begin_enrolment(client, **later())
    client.post("/security/totp/confirm", data={"code": code_for(new, clock())})
    client.post("/security/totp/undo", data={"code": protected.code_at(clock.forward(seconds=30))})
    give_password(other, protected)
    other.post("/login/recovery", data={"code": codes[0]})
    other.post("/security/recovery-codes/replacement", data=later())
    other.post("/security/totp/remove", data=later())
    changes = ("totp.enabled", "recovery.renewed", "totp.replaced", "totp.undone", "recovery.replaced", "totp.removed")
    noted = [event for (event,) in rows("SELECT event FROM activity ORDER BY id") if event in changes]
    assert noted == list(changes)
    kinds = [kind for (kind,) in rows("SELECT kind FROM notices WHERE kind <> 'recovery_used' ORDER BY id")]
    assert kinds == [
        "two_factor_on",
        "codes_renewed",
        "app_replaced",
        "app_restored",
        "code_replaced",
        "two_factor_off",
    ]


def test_several_notices_are_one_line_that_names_every_failure(
    protected: Person, client: TestClient, stranger: TestClient, new_client: NewClient, clock: Clock
) -> None:
    give_password(stranger, protected)
    stranger.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert "avisos para conferir" in client.get("/instances").text
    give_password(new_client(), protected)
    clock.forward(minutes=6)
    page = client.get("/instances").text
    [line] = re.findall(r"<summary>.*?avisos para conferir.*?</summary>", page, re.DOTALL)
    assert f"<strong>3 avisos para conferir.</strong> {KNOWN} e não passou da verificação em duas etapas.<" in line
    assert USED not in line
    assert page.count("Não fui eu") == 3


def test_what_nobody_did_with_the_account_is_not_asked_about(alice: Person, client: TestClient, rows: Rows) -> None:
    rows(
        "INSERT INTO notices (account_id, kind, at, shows_at, network, user_agent)"
        " SELECT 1, 'restored', created_at, created_at, '', '' FROM accounts"
    )
    page = client.get("/activity").text
    assert "O painel voltou de uma cópia antiga" in page
    assert ">Entendi<" in page
    assert "ui eu" not in page
    client.post(button(client, "mine"))
    assert "O painel voltou de uma cópia antiga" not in client.get("/activity").text


def test_an_answer_given_on_the_answer_to_a_form_leads_to_the_page_above(
    alice: Person, client: TestClient, stranger: TestClient
) -> None:
    sign_in(stranger, alice)
    answer = client.post(button(client, "mine"), data={"back": "/security/bad-day/skip"})
    assert answer.headers["location"] == "/security/bad-day#notices-open"
