import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts
from tests.conftest import Busy, Operate
from tests.support.clock import Clock
from tests.support.people import FRAGMENT, PASSWORD, Person, protect, set_up, sign_in
from web.cli.serve import new_setup_code
from web.factors import human_code
from web.panel import Panel

BEA = Person("bea", PASSWORD)


def test_the_first_account_administers_the_panel_and_is_signed_in(
    setup_code: str, client: TestClient, rows: Callable[..., Any]
) -> None:
    answer = set_up(client, BEA, setup_code.lower().replace("-", " "))
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    assert rows("SELECT name, role FROM accounts") == [("bea", "admin")]
    assert client.get("/security").status_code == 200


def test_a_panel_without_accounts_says_how_to_begin_and_not_the_code(
    setup_code: str, client: TestClient, new_client: Callable[[], TestClient]
) -> None:
    for path in ("/", "/login", "/instances"):
        page = client.get(path, follow_redirects=True).text
        assert "Este painel ainda não tem nenhuma conta" in page
        assert 'href="/setup"' in page
        assert "Usuário" not in page
        assert setup_code not in page
    set_up(client, BEA, setup_code)
    assert "Usuário" in new_client().get("/", follow_redirects=True).text


def test_a_name_is_asked_for_alike_wherever_an_account_is_made(
    setup_code: str, client: TestClient, clock: Clock
) -> None:
    def asked(path: str) -> list[str]:
        page = client.get(path).text
        return [*re.findall('<label for="name">(.*?)</label>', page), *re.findall('id="name-hint">(.*?)</p>', page)]

    bea, first = Person("bea", PASSWORD), asked("/setup")
    assert first == ["Usuário", "Ex.: marina.duarte, sem espaço nem acento."]
    set_up(client, bea, setup_code)
    protect(client, bea, clock())
    assert asked("/people/invite") == first


def steps_done(client: TestClient) -> list[str]:
    return re.findall(r"<h3>([^<]*)<span class=\"unseen\">: feito", client.get("/welcome").text)


def test_the_first_screen_welcomes_and_ticks_off_three_steps(setup_code: str, client: TestClient, clock: Clock) -> None:
    bea = Person("bea", PASSWORD)
    set_up(client, bea, setup_code)
    page = client.get("/welcome").text
    assert re.search("Boas-vindas, <[^>]*>bea<", page)
    assert "Configurar Agora" in page
    assert steps_done(client) == ["Criar a conta"]
    protect(client, bea, clock())
    assert steps_done(client) == ["Criar a conta", "Ligar os dois fatores"]
    assert "Na próxima entrada, depois da senha, o painel pede o código" in client.get("/welcome").text
    client.post("/instances", data={"name": "Loja"})
    assert steps_done(client) == ["Criar a conta", "Ligar os dois fatores", "Criar a primeira instância"]


def test_who_was_invited_is_welcomed_too(
    alice: Person, invite: Callable[[str], Person], new_client: Callable[[], TestClient]
) -> None:
    browser = new_client()
    sign_in(browser, invite("bia"))
    page = browser.get("/welcome").text
    assert "Sua conta está pronta." in page
    assert "O painel está de pé" not in page
    assert steps_done(browser) == ["Ativar a conta"]


def test_with_everything_done_one_button_leads_on(alice: Person, client: TestClient, clock: Clock) -> None:
    client.post("/instances", data={"name": "Loja"})
    button = '<a class="button primary" id="to-instances" href="/instances">Ir para as instâncias</a>'
    assert button not in client.get("/welcome").text  # before the factors, they are what is next
    protect(client, alice, clock())
    assert button in client.get("/welcome").text


def test_whoever_is_signed_in_is_not_asked_for_a_code_of_activation(alice: Person, client: TestClient) -> None:
    """Back leads there. A code in the address would be carried along, but for the # of its own."""
    assert client.get("/activate").headers["location"] == "/security#content"


def test_after_the_setup_the_page_is_gone(alice: Person, client: TestClient, setup_code: str) -> None:
    """A12."""
    assert client.get("/setup").status_code == 404
    assert set_up(client, BEA, setup_code).status_code == 404


def test_without_the_code_nobody_gets_in(setup_code: str, client: TestClient, rows: Callable[..., Any]) -> None:
    """A38."""
    for wrong in ("", "0000-0000-0000-0000-0000-0000", setup_code[:-1]):
        answer = set_up(client, BEA, wrong)
        assert answer.status_code == 403
        assert "Este código não vale" in answer.text
    assert rows("SELECT count(*) FROM accounts") == [(0,)]


def test_the_code_lasts_an_hour(setup_code: str, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=61)
    assert set_up(client, BEA, setup_code).status_code == 403


def test_a_new_start_makes_a_new_code_and_the_old_one_dies(
    setup_code: str, client: TestClient, operate: Operate
) -> None:
    fresh = operate(new_setup_code)
    assert set_up(client, BEA, setup_code).status_code == 403
    assert set_up(client, BEA, fresh).status_code == 303
    assert operate(new_setup_code) is None


def test_the_code_is_worth_nothing_once_the_terminal_made_an_account(
    setup_code: str, operate: Operate, clock: Clock
) -> None:
    async def make_account_then_use_code(panel: Panel) -> bool:
        async with panel.db.transaction() as tx:
            await accounts.create(tx, "bruno", role="member", at=clock())
            return await accounts.spend_setup(tx, human_code.digest(human_code.read(setup_code)), at=clock())

    assert operate(make_account_then_use_code) is False


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Bea Silva"}, "Sem espaço nem acento"),
        ({"name": "be\u0430"}, "Sem espaço nem acento"),
        ({"name": "bea\u202e"}, "Sem espaço nem acento"),
        ({"name": "Be"}, "de 3 a 32 caracteres"),
        ({"name": "b" * 33}, "de 3 a 32 caracteres"),
        ({"name": ".bea"}, "Comece o nome por uma letra ou um número"),
        ({"name": "root"}, "nome é reservado"),
        ({"password": "curta", "repeated": "curta"}, "pelo menos 12 caracteres"),
        ({"repeated": "girafa azul dança no telhad"}, "não são iguais"),
    ],
)
def test_a_mistake_is_reported_beside_its_field_and_keeps_what_was_typed(
    changes: dict[str, str], sentence: str, setup_code: str, client: TestClient, rows: Callable[..., Any]
) -> None:
    answer = set_up(client, BEA, setup_code, **changes)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{setup_code}"' in answer.text
    assert BEA.password not in answer.text
    assert rows("SELECT count(*) FROM accounts") == [(0,)]


def test_a_fragment_request_is_answered_by_the_form_alone(setup_code: str, client: TestClient) -> None:
    fields = {"setup_code": setup_code, "name": "", "password": "", "repeated": ""}
    answer = client.post("/setup", data=fields, headers=FRAGMENT)
    assert answer.text.startswith("<form")
    assert answer.text.endswith("<title>Primeira conta · Painel Z-API</title>")
    assert "<html" not in answer.text


def test_a_busy_panel_keeps_what_was_typed(
    setup_code: str, client: TestClient, rows: Callable[..., Any], everybody_hashes: Busy
) -> None:
    with everybody_hashes():
        answer = set_up(client, Person("alice", PASSWORD), setup_code)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "O painel está ocupado. Tente de novo em alguns segundos." in answer.text
    assert 'value="alice"' in answer.text
    assert f'value="{setup_code}"' in answer.text
    assert rows("SELECT count(*) FROM accounts") == [(0,)]


def test_a_busy_panel_keeps_the_activation_code(
    alice: Person,
    new_client: Callable[[], TestClient],
    create_account: Callable[[str], str],
    everybody_hashes: Busy,
) -> None:
    code = create_account("bruno")
    fields = {"activation_code": code, "password": "pato verde corre na praia", "repeated": "pato verde corre na praia"}
    with everybody_hashes():
        answer = new_client().post("/activate", data=fields)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert f'value="{code}"' in answer.text
    assert new_client().post("/activate", data=fields).headers["location"] == "/welcome"
