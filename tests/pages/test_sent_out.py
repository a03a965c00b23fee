"""Whoever is signed in no longer reads why, in the browser that was, and nowhere else."""

import re
from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.ceremonies import unasked
from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    ORIGIN,
    PASSWORD,
    Person,
    cookie_of,
    give_password,
    plant,
    proof,
    protect,
    sign_in,
)
from web.cli import people
from web.limits import ENDING_TOLD, SESSIONS_LIVE
from web.runtime.housekeeping import clear

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def why(browser: TestClient, path: str = "/instances") -> tuple[str, str]:
    """What Entrar says to who opens this page, and the name that it has filled in."""
    login = browser.get(browser.get(path).headers["location"]).text
    told = re.search(r'id="login-why"[^>]*>(.*?)</p>', login, re.DOTALL)
    name = re.search(r'id="name" name="name" type="text" value="([^"]*)"', login)
    assert name, login
    return (re.sub("<[^>]+>", "", told[1]).strip() if told else "", name[1])


def test_a_session_left_alone_says_so_and_where_one_returns_to(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=61)
    assert why(client, "/activity") == (
        "Sua sessão terminou depois de 1 hora sem uso. Entre de novo e você volta para Atividade.",
        "alice",
    )
    assert give_password(client, alice, next="/activity").headers["location"] == "/activity"


def test_it_says_so_after_the_housekeeping_too_for_a_day(
    alice: Person, client: TestClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    clock.forward(minutes=61)
    operate(clear)
    assert rows("SELECT count(*) FROM sessions") == [(0,)]
    assert why(client)[0].startswith("Sua sessão terminou depois de 1 hora sem uso.")
    clock.forward(seconds=ENDING_TOLD.total_seconds())
    assert why(client) == ("", "")
    operate(clear)
    assert rows("SELECT count(*) FROM endings") == [(0,)]


def test_a_session_at_its_longest_says_so(alice: Person, client: TestClient, clock: Clock) -> None:
    for _ in range(24):
        client.get("/instances")
        clock.forward(minutes=30)
    assert why(client)[0] == (
        "Sua sessão terminou: cada entrada vale por 12 horas. Entre de novo e você volta para Instâncias."
    )


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("/security/sessions/end-others", {}, "Outro aparelho desta conta encerrou esta sessão."),
        ("/security/bad-day/lock", {}, "Esta conta foi bloqueada em outro aparelho"),
        (
            "/security/password",
            {"current": PASSWORD, "password": "sete barcos de papel", "repeated": "sete barcos de papel"},
            "A senha desta conta mudou, e sua sessão terminou. Entre com a senha nova.",
        ),
        ("/security/totp/remove", {}, "Os dois fatores desta conta mudaram, e sua sessão terminou."),
    ],
)
def test_what_was_done_in_another_session_is_said(
    path: str,
    fields: dict[str, str],
    told: str,
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    clock: Clock,
) -> None:
    other = new_client()
    sign_in(other, protected, protected.code_at(clock.forward(seconds=30)))
    proved = proof(protected, clock.forward(seconds=30)) if path.endswith("remove") else {}
    assert client.post(path, data=fields | proved).status_code in (200, 303)
    said, name = why(other)
    assert said.startswith(told)
    assert said.endswith("Não foi você? Fale com quem cuida do painel.")
    assert name == protected.name


def test_one_session_that_is_ended_is_told_and_the_one_that_ends_itself_is_not(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    other = new_client()
    other.headers["User-Agent"] = "another"
    sign_in(other, alice)
    [(ended,)] = rows("SELECT id FROM sessions WHERE user_agent = 'another'")
    client.post(f"/security/sessions/{ended}/end")
    assert why(other)[0].startswith("Outro aparelho desta conta encerrou esta sessão.")
    token = cookie_of(client)
    client.post("/logout")
    plant(client, token)
    assert why(client) == ("", "")


def test_the_terminal_and_the_eleventh_session_are_named(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    for _ in range(SESSIONS_LIVE):
        clock.forward(seconds=1)
        newest = new_client()
        sign_in(newest, alice)
    assert why(client)[0] == "Uma conta fica aberta em até 10 navegadores. Este era o parado há mais tempo, e saiu."
    operate(lambda panel: people.end_sessions(panel, Namespace(name=None)))
    assert why(newest) == ("Quem cuida do painel encerrou sua sessão. Entre de novo.", "alice")


def test_what_the_operator_took_away_is_named_and_what_to_do(
    protected: Person, client: TestClient, new_client: NewClient, operate: Operate, clock: Clock
) -> None:
    operate(lambda panel: people.reset_two_factor(panel, Namespace(name="alice")))
    assert why(client) == (
        "Seus dois fatores foram desativados por quem cuida do painel. Entre com a senha e ative-os de novo.",
        "alice",
    )
    sign_in(client, protected)
    hub = client.get("/security").text
    assert "Quem cuida do painel desativou os dois fatores</strong> <time" in hub
    assert "Apague as entradas antigas, no aplicativo e no gerenciador de senhas" in hub
    operate(lambda panel: people.reset_password(panel, Namespace(name="alice")))
    assert why(client) == (
        "Sua senha foi apagada por quem cuida do painel. Peça o link de ativação e escolha outra.",
        "alice",
    )


def test_who_switched_two_factor_off_reads_that_the_old_entry_is_to_go(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    client.post("/security/totp/remove", data=proof(protected, clock()))
    assert "Você desativou os dois fatores</strong> <time" in client.get("/security").text
    protect(client, protected, clock.forward(seconds=30))
    assert "apague a entrada antiga" not in client.get("/security").text


def test_a_challenge_that_came_too_late_leads_back_to_the_same_page(
    protected: Person, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    browser = new_client()
    give_password(browser, protected, next="/activity")
    late = browser.post("/login/code", data={"code": protected.code_at(clock.forward(minutes=6))}, headers=FRAGMENT)
    assert (late.status_code, late.headers["hx-redirect"]) == (401, "/login")
    told = "A verificação em duas etapas passou de 5 minutos. Entre de novo, com a senha."
    assert why(browser, "/login/code") == (told, protected.name)
    assert 'name="next" value="/activity"' in browser.get("/login").text
    operate(clear)
    assert why(browser, "/login/code") == (told, protected.name)


def test_five_wrong_codes_are_said_with_the_name(protected: Person, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    give_password(browser, protected)
    for _ in range(5):
        browser.post("/login/code", data={"code": protected.wrong_code_at(clock())})
    assert why(browser, "/login/code") == (
        "Foram 5 códigos incorretos, e aquela entrada terminou. Entre de novo. Outro código é aceito em 60 s.",
        protected.name,
    )


def test_strangers_learn_nothing_whatever_they_ask(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A10, A29: without the cookie, or with one that was never given, the page is that of anybody."""
    clock.forward(minutes=61)
    nobody, forger = new_client(), new_client()
    plant(forger, cookie_of(client).partition("=")[0] + "=" + "A" * 43)
    plant(forger, cookie_of(client).partition("=")[0].replace("sid", "pre") + "=" + "A" * 43)
    for path in ("/login", "/login?motivo=idle", "/login?name=alice"):
        assert unasked(forger.get(path).text) == unasked(nobody.get(path).text)
        assert "alice" not in forger.get(path).text
    assert "alice" in client.get("/login").text


def test_whoever_has_two_copies_of_the_cookie_reads_of_that_alone(
    alice: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=61)
    name, _, token = cookie_of(client).partition("=")
    doubled = client.get("/login", headers={"Cookie": f"{name}={token}; {name}=x", "Origin": ORIGIN}).text
    assert "Outro site deste mesmo endereço" in doubled
    assert "login-why" not in doubled


def test_a_day_is_longer_than_any_session_is_left_alone() -> None:
    assert timedelta(hours=24) <= ENDING_TOLD
