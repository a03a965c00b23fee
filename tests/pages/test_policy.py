import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    ORIGIN,
    Person,
    begin_enrolment,
    cookie_of,
    give_password,
    proof,
    protect,
    sign_in,
)

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
ONLY_FOR_THAT = "esta entrada serve só para isso"


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person]) -> Person:
    """A member without a second factor, beside Alice, who administers and has one."""
    return invite("bruno")


@pytest.fixture
def brunos(bruno: Person, new_client: NewClient) -> TestClient:
    """Bruno's browser, signed in."""
    browser = new_client()
    sign_in(browser, bruno)
    return browser


def require(client: TestClient, days: int = 0, **fields: str) -> Any:
    return client.post("/policy/require", data={"days": str(days)} | fields)


def test_without_the_policy_each_person_chooses(brunos: TestClient, client: TestClient) -> None:
    assert brunos.get("/instances").status_code == 200
    page = client.get("/policy").text
    assert "Hoje cada pessoa escolhe" in page
    assert "<dd>bruno</dd>" in page


def test_it_says_first_how_many_people_it_stops(
    protected: Person, client: TestClient, invite: Callable[[str], Person]
) -> None:
    assert "Agora mesmo: nada muda para ninguém" in client.get("/policy").text
    invite("bruno")
    assert "Agora mesmo: 1 pessoa interrompe o que está fazendo" in client.get("/policy").text
    invite("carla")
    require(client, 7)
    page = client.get("/policy").text
    assert "Agora mesmo: 2 pessoas interrompem o que estão fazendo e só podem configurar os dois fatores." in page
    assert page.index("Agora mesmo: 2 pessoas") < page.index("Exigir agora mesmo")


def test_the_button_counts_whom_it_stops_and_what_was_decided_is_said(
    protected: Person, client: TestClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    assert '<span class="at-once">Exigir agora de todos</span>' in client.get("/policy").text
    for name in ("bruno", "carla"):
        invite(name)
    page = client.get("/policy").text
    assert '<span class="at-once">Exigir agora de 2 pessoas</span>' in page
    assert re.search('<p class="note look at-once">.*Agora mesmo: 2 pessoas', page)
    assert "Pronto" not in page
    later = client.get(require(client, 7).headers["location"]).text
    assert "Pronto: está marcado." in later
    at_once = client.post("/policy/require", data={"days": "0"}, headers=FRAGMENT).text
    assert "Pronto: todos precisam de dois fatores. 2 pessoas só podem configurar os seus agora." in at_once
    released = client.post("/policy/release", data=proof(protected, clock()))
    assert "Pronto: cada pessoa escolhe." in client.get(released.headers["location"]).text


def test_required_at_once_an_open_session_leads_to_enrolment_with_its_next_request(
    brunos: TestClient, client: TestClient
) -> None:
    """A49."""
    assert require(client).headers["location"] == "/policy?decidido"
    assert "Exigido desde" in client.get("/policy").text
    assert brunos.get("/instances").headers["location"] == "/security"
    page = brunos.get("/security").text
    assert ONLY_FOR_THAT in page
    assert '<p class="note look">' in page
    assert "Configurar Agora" in page
    assert 'id="sign-out"' in page
    assert 'href="/instances"' not in page
    assert "/security/password" not in page


def test_a_login_without_a_factor_leads_to_enrolment_and_from_there_into_the_panel(
    bruno: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    require(client)
    browser = new_client()
    give_password(browser, bruno)
    assert browser.get("/instances").headers["location"] == "/security"
    clock.forward(minutes=10)  # a full login counts for five minutes, this one for fifteen
    answer = protect(browser, bruno, clock())
    assert "Guarde seus códigos de recuperação" in answer.text
    assert 'href="/instances"' in answer.text
    assert browser.get("/instances").status_code == 200
    other = new_client()
    assert give_password(other, bruno).headers["location"] == "/login/code"


def test_a_session_that_was_open_before_proves_the_password_first(
    protected: Person, bruno: Person, brunos: TestClient, client: TestClient, clock: Clock
) -> None:
    """A21: a stolen session must not enrol the thief's phone."""
    clock.forward(minutes=40)
    require(client, **proof(protected, clock()))
    asked = brunos.post("/security/totp")
    assert asked.status_code == 403
    assert "Confirme que é você" in asked.text
    assert "QR code" in brunos.post("/security/totp", data={"step_up_password": bruno.password}).text


def test_a_proof_on_screen_when_the_requirement_begins_still_counts(
    bruno: Person, brunos: TestClient, client: TestClient
) -> None:
    require(client)
    assert "QR code" in brunos.post("/security/totp", data={"step_up_password": bruno.password}).text


def test_a_login_for_enrolment_only_makes_no_trusted_device(
    bruno: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    require(client)
    browser = new_client()
    give_password(browser, bruno)
    assert not cookie_of(browser, "disp")
    protect(browser, bruno, clock())
    assert cookie_of(browser, "disp")


def test_the_way_to_enrolment_closes_after_fifteen_minutes(
    protected: Person,
    bruno: Person,
    brunos: TestClient,
    client: TestClient,
    new_client: NewClient,
    clock: Clock,
) -> None:
    clock.forward(minutes=30)
    require(client, **proof(protected, clock()))
    browser = new_client()
    give_password(browser, bruno)
    clock.forward(minutes=14, seconds=59)
    assert brunos.get("/security").status_code == browser.get("/security").status_code == 200
    begin_enrolment(browser)
    clock.forward(seconds=1)
    assert brunos.get("/security").headers["location"] == "/login?next=/security"
    clock.forward(hours=5)
    give_password(brunos, bruno)
    assert brunos.get("/security").status_code == 200
    assert browser.get("/security").headers["location"] == "/login?next=/security"


def test_a_grace_period_is_counted_down_for_everybody(
    bruno: Person, brunos: TestClient, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    require(client, 14)
    assert "(faltam 14 dias) este painel exige dois fatores de todos" in brunos.get("/instances").text
    assert "Você já está pronto" in client.get("/security").text
    clock.forward(days=13, hours=1)
    browser = new_client()
    sign_in(browser, bruno)
    assert "(faltam 23 horas) este painel exige" in browser.get("/instances").text
    clock.forward(hours=22, minutes=55)
    sign_in(browser, bruno)
    assert "(faltam 5 minutos) este painel exige" in browser.get("/security").text
    clock.forward(minutes=5)
    assert browser.get("/instances").headers["location"] == "/security"


def test_the_last_factor_cannot_be_removed_while_it_is_required(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    require(client)
    assert 'id="remove"' not in client.get("/security").text
    refused = client.post("/security/totp/remove", data=proof(protected, clock()))
    assert refused.status_code == 422
    assert "dá para trocar de aparelho, mas não desativar" in refused.text
    assert rows("SELECT count(*) FROM totp") == [(1,)]


def test_a_phone_can_still_be_replaced(protected: Person, client: TestClient, clock: Clock) -> None:
    require(client)
    protected.key = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    answer = client.post("/security/totp/confirm", data={"code": protected.code_at(clock())})
    assert "Aparelho trocado" in answer.text
    assert "Aparelho trocado" in client.get("/activity").text


def test_each_person_may_choose_again(protected: Person, brunos: TestClient, client: TestClient, clock: Clock) -> None:
    require(client)
    assert brunos.get("/instances").status_code == 303
    client.post("/policy/release", data=proof(protected, clock()))
    assert brunos.get("/instances").status_code == 200


def test_letting_everybody_choose_asks_for_every_factor_now(
    protected: Person, brunos: TestClient, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A49: requiring did not ask, a moment ago; this weakens everybody."""
    assert require(client).status_code == 303
    asked = client.post("/policy/release")
    assert asked.status_code == 403
    assert "<p>Para <strong>deixar cada pessoa escolher</strong>" in asked.text
    wrong = client.post("/policy/release", data=proof(protected, clock()) | {"step_up_code": ""})
    assert wrong.status_code == 422
    assert rows("SELECT two_factor_required_at IS NULL FROM policy") == [(0,)]
    assert brunos.get("/instances").headers["location"] == "/security"
    assert client.post("/policy/release", data=proof(protected, clock())).status_code == 303
    assert brunos.get("/instances").status_code == 200


def test_a_session_whose_fifteen_minutes_are_over_does_not_live_again(
    protected: Person, brunos: TestClient, client: TestClient, clock: Clock
) -> None:
    require(client)
    clock.forward(minutes=16)
    assert brunos.get("/security").headers["location"].startswith("/login")
    client.post("/policy/release", data=proof(protected, clock()))
    assert brunos.get("/instances").headers["location"].startswith("/login")


def test_an_announced_requirement_can_begin_at_once(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    require(client, 14)
    assert 'id="require-now"' in client.get("/policy").text
    assert require(client, 0).status_code == 303
    assert rows("SELECT two_factor_required_at FROM policy") == [(int(clock().timestamp()),)]
    assert 'id="require-now"' not in client.get("/policy").text


def test_an_administrator_without_a_factor_is_not_told_who_else_has_none(
    alice: Person, client: TestClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    """P11: what only administrators see and do asks for a factor of their own."""
    invite("bruno")
    assert "bruno" not in client.get("/policy").text
    protect(client, alice, clock())
    assert "bruno" in client.get("/policy").text


def test_an_administrator_without_a_factor_cannot_require_one(alice: Person, client: TestClient, rows: Rows) -> None:
    """A51."""
    page = client.get("/policy").text
    assert 'id="require"' not in page
    assert '<a class="button primary" id="configure" href="/security">Configurar Agora</a>' in page
    refused = require(client)
    assert refused.status_code == 403
    assert "Antes de exigir dos outros, ative na sua conta" in refused.text
    assert rows("SELECT two_factor_required_at FROM policy") == [(None,)]


def test_an_administrator_without_a_factor_cannot_lift_the_requirement(
    protected: Person, client: TestClient, invite: Callable[[str], Person], new_client: NewClient, rows: Rows
) -> None:
    """A51."""
    require(client, 7)
    rows("UPDATE accounts SET role = 'admin' WHERE name = ?", invite("carla").name)
    browser = new_client()
    sign_in(browser, Person("carla", "pato verde corre na praia"))
    refused = browser.post("/policy/release", data={"step_up_password": "pato verde corre na praia"})
    assert refused.status_code == 403
    assert "Confirme que é você" not in refused.text
    assert rows("SELECT two_factor_required_at IS NULL FROM policy") == [(0,)]


def test_an_old_page_does_not_postpone_a_requirement_in_force(protected: Person, client: TestClient) -> None:
    require(client)
    refused = require(client, 30)
    assert refused.status_code == 422
    assert "A exigência já vale, ou começa antes disso. Nada mudou." in refused.text
    assert "Exigido desde" in client.get("/policy").text


def test_a_proof_sent_too_late_comes_back_to_the_page(protected: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=61)
    headers = {"Referer": f"{ORIGIN}/policy/require"}
    sent = client.post("/policy/require", data={"days": "7"} | proof(protected, clock()), headers=headers)
    assert sent.headers["location"] == "/login?next=/policy"
    sign_in(client, protected, protected.code_at(clock()))
    assert 'value="7" checked' in client.get("/policy").text


def test_it_asks_for_a_step_up_and_keeps_the_choice(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    clock.forward(minutes=6)
    asked = require(client, 30)
    assert asked.status_code == 403
    assert 'name="days" value="30"' in asked.text
    assert require(client, 30, **proof(protected, clock())).status_code == 303
    assert rows("SELECT two_factor_required_at FROM policy") == [(int(clock().timestamp()) + 30 * 86400,)]


@pytest.mark.parametrize("days", ["", "-1", "1", "٧", "999"])
def test_other_delays_are_refused(days: str, protected: Person, client: TestClient) -> None:
    assert client.post("/policy/require", data={"days": days}).status_code == 422


def test_in_place_the_card_answers(protected: Person, client: TestClient) -> None:
    answer = client.post("/policy/require", data={"days": "0"}, headers=FRAGMENT)
    assert "Exigido desde" in answer.text
    assert "<html" not in answer.text


def test_the_page_says_which_rows_of_which_standard_it_answers(protected: Person, client: TestClient) -> None:
    row = r"OWASP ASVS 5.0, V6.3.3 \(nível 2\)</h3><p>Mais de um fator para entrar, de todos.</p></div>.*"
    assert re.search(f"{row}Só com a regra em vigor", client.get("/policy").text)
    require(client)
    assert re.search(f"{row}Atendida", client.get("/policy").text)


def test_it_leaves_its_activity(protected: Person, client: TestClient, clock: Clock) -> None:
    require(client, 7)
    client.post("/policy/release", data=proof(protected, clock()))
    page = client.get("/activity").text
    assert "Dois fatores exigidos de todos" in page
    assert "Dois fatores deixaram de ser exigidos de todos" in page


def test_a_required_enrolment_shows_nothing_of_the_account(
    bruno: Person, brunos: TestClient, client: TestClient, new_client: NewClient
) -> None:
    other = new_client()
    other.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/144.0"
    sign_in(other, bruno)
    assert "dispositivo novo" in brunos.get("/security").text
    require(client)
    assert "dispositivo novo" not in brunos.get("/security").text
