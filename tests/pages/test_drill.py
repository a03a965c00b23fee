"""Simulado do dia ruim: what it proves, and that it proves nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, Person, give_password, proof
from web.limits import REHEARSAL_AGAIN
from web.words.moments import day

Rows = Callable[..., list[tuple[Any, ...]]]
PROVED = "Se seu celular sumir hoje, você entra com um código de papel: testado"


def check(client: TestClient, code: str = "", **fields: Any) -> Response:
    return client.post("/security/drill", data=({"code": code} if code else {}) | fields)


def test_the_drill_ends_with_what_it_proved_and_when_to_repeat_it(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    sheet = re.search(r"conjunto (nº \d{4})", client.get("/security/drill").text)
    assert sheet
    assert "Digite um dos códigos" in check(client).text
    order = check(client, protected.recovery_codes[3].lower()).text
    assert order.index("Feche a porta") < order.index("Senha nova") < order.index("Aparelho novo")
    assert "No dia ruim, siga esta ordem." in order
    clock.forward(minutes=2)
    end = client.get("/security/drill?passo=fim").text
    assert PROVED in end
    assert "há 2 minutos" in end
    assert sheet[1] in end
    assert "10 valem; nenhum foi gasto" in end
    assert ">Voltar para Segurança<" in end
    again_at = day(clock() - timedelta(minutes=2) + REHEARSAL_AGAIN, ZoneInfo("America/Sao_Paulo"))
    assert re.search(rf"<dt>Repita em</dt><dd><time [^>]*>{again_at}</time>", end)
    assert rows("SELECT event FROM activity ORDER BY id DESC LIMIT 1") == [("recovery.rehearsed",)]


def test_the_code_of_the_drill_is_not_spent(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient]
) -> None:
    check(client, protected.recovery_codes[0])
    browser = new_client()
    give_password(browser, protected)
    assert browser.post("/login/recovery", data={"code": protected.recovery_codes[0]}).status_code == 303


def test_nothing_is_said_to_be_proved_that_was_not(
    protected: Person, client: TestClient, clock: Clock, new_client: Callable[[], TestClient]
) -> None:
    assert client.get("/security/drill?passo=fim").headers["location"] == "/security/drill"
    refused = check(client, "0000-0000-0000-0000")
    assert refused.status_code == 422
    assert 'id="code-error"' in refused.text
    assert "0000-0000" not in refused.text
    assert client.get("/security/drill?passo=fim").headers["location"] == "/security/drill"
    check(client, protected.recovery_codes[0])
    clock.forward(minutes=31)
    assert client.get("/security/drill?passo=fim").headers["location"] == "/security/drill"


def test_a_code_of_an_older_sheet_does_not_pass(protected: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/recovery-codes", data=proof(protected, clock.forward(seconds=30)))
    assert check(client, protected.recovery_codes[0]).status_code == 422


def test_whoever_is_not_known_any_more_is_asked_before_a_code_is_typed(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=6)
    assert check(client).status_code == 403
    assert "Digite um dos códigos" in check(client, **proof(protected, clock())).text


def test_without_codes_it_begins_with_the_second_factor(alice: Person, client: TestClient) -> None:
    page = client.get("/security/drill").text
    assert "Primeiro, os dois fatores" in page
    assert "A folha está comigo" not in page
    assert client.get("/security/drill?passo=fim").status_code == 303


def test_without_any_code_left_new_ones_are_offered(protected: Person, client: TestClient, rows: Rows) -> None:
    rows("UPDATE recovery_codes SET used_at = 1, acknowledged_at = 1")
    page = client.get("/security/drill").text
    assert "não resta nenhum de 10" in page
    assert "A folha está comigo" not in page
    assert "Gerar novos códigos" in page


@pytest.mark.parametrize("step", ["", "x", "order"])
def test_a_strange_step_is_the_first(step: str, protected: Person, client: TestClient) -> None:
    assert "Pegue a folha" in client.get("/security/drill", params={"passo": step}).text


def test_a_step_answers_in_place(protected: Person, client: TestClient) -> None:
    answer = client.post("/security/drill", headers=FRAGMENT)
    assert answer.headers["hx-retarget"] == "#drill"
    assert "<html" not in answer.text
    assert answer.text.count('aria-current="step"') == 1
