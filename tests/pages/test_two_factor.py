import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    ORIGIN,
    Person,
    begin_enrolment,
    code_for,
    cookie_of,
    give_password,
    plant,
    protect,
    sign_in,
)
from web.app import create_app
from web.limits import PENDING_LOGINS_LIVE
from web.settings import Settings

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def enter(browser: TestClient, code: str) -> Any:
    return browser.post("/login/code", data={"code": code})


def test_every_login_asks_for_the_code(protected: Person, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    assert give_password(browser, protected).headers["location"] == "/login/code"
    assert "Código de verificação" in browser.get("/login/code").text
    answer = enter(browser, protected.code_at(clock()))
    assert answer.headers["location"] == "/instances"
    assert browser.get("/instances").status_code == 200


def test_in_place_the_challenge_takes_the_place_of_the_form(protected: Person, new_client: NewClient) -> None:
    fields = {"name": protected.name, "password": protected.password}
    answer = new_client().post("/login", data=fields, headers=FRAGMENT)
    assert answer.status_code == 200
    assert "Verificação em duas etapas" in answer.text
    assert "<html" not in answer.text


def test_a_right_password_alone_is_no_session(protected: Person, new_client: NewClient, rows: Rows) -> None:
    browser, before = new_client(), rows("SELECT count(*) FROM sessions")
    give_password(browser, protected)
    assert rows("SELECT count(*) FROM sessions") == before
    assert not cookie_of(browser)
    plant(browser, cookie_of(browser, "pre").replace("-pre-", "-sid-"))
    assert browser.get("/instances").status_code == 303


def test_the_same_code_opens_only_one_door(protected: Person, new_client: NewClient, clock: Clock) -> None:
    code = protected.code_at(clock())
    assert sign_in(new_client(), protected, code).status_code == 303
    again = sign_in(new_client(), protected, code)
    assert again.status_code == 422
    assert "Este código já foi usado; o próximo aparece em 25 s" in again.text
    assert 'data-wait="25"' in again.text


def test_the_code_that_confirmed_cannot_log_in(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A6."""
    protect(client, alice, clock())
    assert sign_in(new_client(), alice, alice.code_at(clock())).status_code == 422


def test_codes_go_only_forward(protected: Person, new_client: NewClient, clock: Clock) -> None:
    """A7."""
    clock.forward(minutes=5)
    earlier = protected.code_at(clock())
    clock.forward(seconds=30)
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 303
    assert sign_in(new_client(), protected, earlier).status_code == 422


@pytest.mark.parametrize(("seconds", "status"), [(-60, 422), (-30, 303), (30, 303), (60, 422)])
def test_a_phone_may_be_one_step_off_and_no_more(
    seconds: int, status: int, protected: Person, new_client: NewClient, clock: Clock
) -> None:
    clock.forward(minutes=5)
    shown = clock.forward(seconds=seconds)
    code = protected.code_at(shown)
    clock.forward(seconds=-seconds)
    assert sign_in(new_client(), protected, code).status_code == status


def test_a_wrong_code_says_how_many_tries_are_left(protected: Person, new_client: NewClient, clock: Clock) -> None:
    browser, wrong = new_client(), protected.wrong_code_at(clock())
    give_password(browser, protected)
    assert "Faltam 4 tentativas" in enter(browser, wrong).text
    assert "Faltam 3 tentativas" in enter(browser, wrong).text
    assert enter(browser, protected.code_at(clock())).status_code == 303


def test_five_wrong_codes_end_the_pending_login_and_then_everybody_waits(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser, wrong = new_client(), protected.wrong_code_at(clock())
    give_password(browser, protected)
    answers = [enter(browser, wrong) for _ in range(5)]
    assert "Foram 5 códigos incorretos, e esta tentativa de entrar terminou." in answers[4].text
    assert enter(browser, protected.code_at(clock())).headers["location"] == "/login"
    waiting = sign_in(new_client(), protected, protected.code_at(clock()))
    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "60")
    assert "Tente de novo em 60 s" in waiting.text
    assert 'data-wait="60"' in waiting.text
    clock.forward(seconds=61)
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 303


def test_the_wait_after_five_wrong_codes_is_told_on_the_way_in_and_recovery_stands_beside_it(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser, other = new_client(), new_client()
    give_password(browser, protected)
    for _ in range(5):
        enter(browser, protected.wrong_code_at(clock()))
    clock.forward(seconds=20)
    login = browser.get("/login").text
    assert 'Entre de novo. <span data-wait="40">Outro código é aceito em 40 s.</span>' in login
    assert 'href="/login?com=recuperacao"' in login
    fields = {"name": protected.name, "password": protected.password}
    in_place = other.post("/login", data=fields, headers=FRAGMENT).text
    for page in (in_place, other.get("/login/code").text):
        assert "Outro código é aceito em 40 s." in page
        assert "Usar um código de recuperação" in page
    assert "é aceito em" not in other.get("/login/recovery").text
    assert "é aceito em" not in new_client().get("/login").text
    clock.forward(seconds=40)
    assert "é aceito em" not in other.get("/login/code").text
    assert enter(other, protected.code_at(clock())).status_code == 303


def test_a_wait_for_recovery_codes_is_told_where_they_are_typed(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    for _ in range(5):
        browser.post("/login/recovery", data={"code": "0000-0000-0000-0000"})
    assert "Outro código de recuperação é aceito em 60 s." in browser.get("/login").text
    give_password(browser, protected)
    assert "Outro código de recuperação é aceito em 60 s." in browser.get("/login/recovery").text
    assert "é aceito em" not in browser.get("/login/code").text


def test_the_servers_time_is_told_after_a_wrong_code_alone(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    assert "O servidor marcava" not in browser.get("/login/code").text
    assert "O servidor marcava" not in enter(browser, "12").text
    assert "O servidor marcava <time " in (told := enter(browser, protected.wrong_code_at(clock())).text)
    assert f">{clock():%M:%S}</time> (minutos e segundos) quando recebeu este código." in told


def test_at_its_end_a_challenge_says_one_thing_and_shows_both_ways_on(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser, wrong = new_client(), protected.wrong_code_at(clock())
    give_password(browser, protected)
    over = [enter(browser, wrong) for _ in range(5)][4].text
    assert "Digite o que o aplicativo mostra agora" not in over
    assert "O servidor marcava" not in over
    assert "Entrar de novo" in over
    assert 'href="/login?com=recuperacao"' in over
    again = browser.get("/login?com=recuperacao").text
    assert 'action="/login?com=recuperacao"' in again
    assert f'value="{protected.name}"' in again
    fields = {"name": protected.name, "password": protected.password}
    assert (
        'action="/login?com=recuperacao"'
        in browser.post("/login?com=recuperacao", data=fields | {"password": "x"}).text
    )
    assert browser.post("/login?com=recuperacao", data=fields).headers["location"] == "/login/recovery"
    in_place = new_client().post("/login?com=recuperacao", data=fields, headers=FRAGMENT).text
    assert "Código de recuperação" in in_place
    assert browser.post("/login/recovery", data={"code": protected.recovery_codes[0]}).status_code == 303


@pytest.mark.parametrize("by", ["code", "recovery"])
def test_after_five_misses_the_page_that_was_wanted_is_still_ahead(
    by: str, protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser, wrong, wanted = new_client(), protected.wrong_code_at(clock()), "/activity?tipo=conta&antes=9"
    give_password(browser, protected, next=wanted)
    over = [enter(browser, wrong) for _ in range(5)][4].text
    button = "restart" if by == "code" else "restart-recovery"
    found = re.search(f'href="([^"]+)" id="{button}"', over)
    assert found
    login = browser.get(unescape(found[1])).text
    assert "Foram 5 códigos incorretos" in login
    next, of_passkey = re.findall('name="next" value="([^"]*)"', login)
    assert next == of_passkey
    action = unescape(re.findall(' action="([^"]*)"', login)[0])
    clock.forward(seconds=61)
    fields = {"name": protected.name, "password": protected.password, "next": unescape(next)}
    assert browser.post(action, data=fields).headers["location"] == f"/login/{by}"
    code = protected.code_at(clock()) if by == "code" else protected.recovery_codes[0]
    assert browser.post(f"/login/{by}", data={"code": code}).headers["location"] == wanted


def test_whoever_has_neither_phone_nor_codes_reads_whom_to_ask(
    protected: Person, client: TestClient, settings: Settings, clock: Clock
) -> None:
    give_password(client, protected)
    for path in ("/login/code", "/login/recovery"):
        assert "Sem celular e sem códigos? Fale com quem cuida do painel." in client.get(path).text
    asked = replace(settings, help="Fale com o Bruno <ramal 214> & cia.")
    app = create_app(asked, now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
        give_password(browser, protected)
        assert "Fale com o Bruno &lt;ramal 214&gt; &amp; cia." in browser.get("/login/code").text


def test_the_wait_doubles_and_survives_a_fresh_pending_login(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    """A17."""
    wrong = protected.wrong_code_at(clock())
    for _ in range(5):
        sign_in(new_client(), protected, wrong)
    for wait in (60, 120, 240):
        assert sign_in(new_client(), protected, wrong).headers["retry-after"] == str(wait)
        clock.forward(seconds=wait)
        assert sign_in(new_client(), protected, protected.wrong_code_at(clock())).status_code == 422


def test_a_clock_that_was_ahead_for_a_while_locks_nobody_out_for_good(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    """A48."""
    clock.forward(days=1)
    for _ in range(5):
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    clock.forward(days=-1)
    assert sign_in(new_client(), protected, protected.code_at(clock())).headers["retry-after"] == "60"
    clock.forward(seconds=61)
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 303


def test_with_the_clock_set_back_wrong_codes_still_count(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A47."""
    sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    clock.forward(minutes=-10)
    answers = [sign_in(new_client(), protected, protected.wrong_code_at(clock())).status_code for _ in range(6)]
    assert answers == [422] * 4 + [429] * 2


def test_with_the_clock_set_back_a_right_code_is_refused_with_the_cause(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A47."""
    sign_in(new_client(), protected, protected.code_at(clock()))
    clock.forward(minutes=-10)
    refused = sign_in(new_client(), protected, protected.code_at(clock()))
    assert "O relógio do servidor voltou no tempo" in refused.text
    assert rows("SELECT event FROM activity ORDER BY id DESC LIMIT 1") == [("clock.went_back",)]


def test_an_earlier_wait_is_shown_and_does_not_end_the_login(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    for _ in range(5):
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    browser = new_client()
    give_password(browser, protected)
    clock.forward(seconds=61)
    refused = enter(browser, protected.wrong_code_at(clock()))
    assert "Outro código é aceito em 120 s" in refused.text
    assert 'data-wait="120"' in refused.text
    assert "terminou" not in refused.text
    clock.forward(seconds=121)
    assert enter(browser, protected.code_at(clock())).headers["location"] == "/instances"


def test_after_a_hundred_wrong_codes_only_a_recovery_code_helps(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A17."""
    sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    rows("UPDATE attempts SET failures = 100 WHERE kind = 'totp'")
    browser = new_client()
    give_password(browser, protected)
    locked = enter(browser, protected.code_at(clock()))
    assert locked.status_code == 422
    assert "bloqueado depois de 100" in locked.text
    assert "Usar um código de recuperação" in locked.text
    answer = browser.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert answer.headers["location"] == "/instances"
    key = begin_enrolment(browser)
    browser.post("/security/totp/confirm", data={"code": code_for(key, clock())})
    assert sign_in(new_client(), protected, code_for(key, clock.forward(seconds=30))).status_code == 303


def test_a_login_to_another_account_resets_no_counter(
    protected: Person, new_client: NewClient, invite: Callable[[str], Person], clock: Clock, rows: Rows
) -> None:
    """A19."""
    sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    before = rows("SELECT key, failures FROM attempts WHERE kind = 'totp'")
    bruno = invite("bruno")
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    assert sign_in(new_client(), bruno, bruno.code_at(clock.forward(seconds=30))).status_code == 303
    assert rows("SELECT key, failures FROM attempts WHERE kind = 'totp'") == before


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "+12345", "1e5", "１２３４５６", "١٢٣٤٥٦", "abcdef"])
def test_a_malformed_code_costs_no_try(typed: str, protected: Person, new_client: NewClient, rows: Rows) -> None:
    """A46."""
    browser = new_client()
    give_password(browser, protected)
    answer = enter(browser, typed)
    assert answer.status_code == 422
    assert "O código tem seis números" in answer.text
    assert rows("SELECT count(*) FROM attempts WHERE kind = 'totp'") == [(0,)]


def test_blanks_and_hyphens_are_fine(protected: Person, new_client: NewClient, clock: Clock) -> None:
    code = protected.code_at(clock())
    assert sign_in(new_client(), protected, f"{code[:3]} {code[3:]}").status_code == 303


def test_the_same_field_twice_is_refused(protected: Person, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    give_password(browser, protected)
    code = protected.code_at(clock())
    answer = browser.post(
        "/login/code",
        content=f"code={code}&code={code}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 422


def test_a_pending_login_lasts_five_minutes(protected: Person, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    give_password(browser, protected)
    clock.forward(minutes=5)
    assert enter(browser, protected.code_at(clock())).headers["location"] == "/login"


def test_giving_the_password_again_ends_the_pending_login_before_it(
    protected: Person, new_client: NewClient, rows: Rows
) -> None:
    browser = new_client()
    give_password(browser, protected)
    give_password(browser, protected)
    assert rows("SELECT count(*) FROM pending_logins") == [(1,)]


def test_only_five_pending_logins_live_and_the_oldest_goes(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    browsers = [new_client() for _ in range(PENDING_LOGINS_LIVE + 1)]
    for browser in browsers:
        give_password(browser, protected)
        clock.forward(seconds=1)
    assert rows("SELECT count(*) FROM pending_logins") == [(PENDING_LOGINS_LIVE,)]
    assert browsers[0].get("/login/code").status_code == 303
    assert browsers[1].get("/login/code").status_code == 200


def test_without_a_password_there_is_no_challenge(protected: Person, new_client: NewClient, rows: Rows) -> None:
    """A5."""
    browser = new_client()
    for path in ("/login/code", "/login/recovery"):
        answer = browser.post(path, data={"code": "123456"})
        assert answer.headers["location"] == "/login"
    assert rows("SELECT count(*) FROM attempts WHERE kind IN ('totp', 'recovery')") == [(0,)]


def test_another_persons_name_in_the_challenge_is_refused(protected: Person, new_client: NewClient) -> None:
    """A5."""
    browser = new_client()
    give_password(browser, protected)
    assert browser.post("/login/code", data={"code": "123456", "name": "bruno"}).status_code == 422


def test_a_person_may_turn_back_and_sign_in_as_somebody_else(
    protected: Person, new_client: NewClient, rows: Rows
) -> None:
    browser = new_client()
    give_password(browser, protected)
    assert browser.get("/login").headers["location"] == "/login/code"
    browser.post("/logout")
    assert browser.get("/login").status_code == 200
    assert rows("SELECT count(*) FROM pending_logins") == [(0,)]


def test_the_challenge_leaves_its_activity(protected: Person, new_client: NewClient, clock: Clock, rows: Rows) -> None:
    browser = new_client()
    give_password(browser, protected)
    enter(browser, protected.wrong_code_at(clock()))
    enter(browser, protected.code_at(clock()))
    events = [event for (event,) in rows("SELECT event FROM activity ORDER BY id")]
    assert events[-4:] == ["login.password_ok", "totp.failed", "totp.ok", "session.started"]


def test_a_broken_seal_refuses_the_login(protected: Person, new_client: NewClient, clock: Clock, rows: Rows) -> None:
    """A36."""
    rows("UPDATE totp SET sealed_key = zeroblob(48)")
    browser = new_client(raise_server_exceptions=False)
    give_password(browser, protected)
    answer = enter(browser, protected.code_at(clock()))
    assert answer.status_code == 500
    assert "Algo deu errado" in answer.text
    assert not cookie_of(browser)


def test_the_hub_tells_each_state_at_a_glance(alice: Person, client: TestClient, new_client: NewClient) -> None:
    assert "1 de 3 proteções ligadas" in client.get("/security").text
    assert "Configurar Agora" in client.get("/security").text
    assert "1 aberta" in client.get("/security").text
    sign_in(new_client(), alice)
    whole = client.get("/security").text
    assert "2 abertas" in whole
    assert "Cada pessoa escolhe" in whole


def test_each_row_has_a_heading_that_a_list_of_headings_shows(
    protected: Person, client: TestClient, invite: Callable[[str], Person]
) -> None:
    """None stands within a summary: there, screen readers take it for a part of the button's name."""
    invite("bruno")
    for address in ("/security", "/people/2"):
        page = client.get(address).text
        titles = re.findall('<span class="what"><strong>([^<]*)', page)
        assert len(titles) > 1
        assert set(titles) <= set(re.findall("<li><h3[^>]*>([^<]*)</h3><details", page))
        assert [
            one for one in re.findall("<summary.*?</summary>", page, re.DOTALL) if "heading" in one or "<h" in one
        ] == []


def test_once_protected_the_hub_asks_for_nothing_more(protected: Person, client: TestClient) -> None:
    whole = client.get("/security").text
    assert "Configurar Agora" not in whole
    assert re.search("Ativa desde <time[^>]*>[0-9]{2}/[0-9]{2}/2026</time>", whole)
