from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import Person, proof, protect, sign_in

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def instance(client: TestClient, rows: Rows) -> str:
    client.post("/instances", data={"name": "Loja"})
    return str(rows("SELECT id FROM instances")[0][0])


def test_bloquear_tudo_ends_every_other_session_and_pauses_every_token(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    instance_id, other = instance(client, rows), new_client()
    sign_in(other, alice)
    assert "Tudo bloqueado" in client.post("/security/bad-day/lock").text
    assert other.get("/instances").status_code == 303
    assert "pausado" in client.get("/instances").text
    shown = client.post(f"/instances/{instance_id}/token/show").text
    assert 'id="token-' not in shown


def test_a_changed_token_can_be_seen_again(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = instance(client, rows)
    client.post("/security/bad-day/lock")
    assert 'id="token-' in client.post(f"/instances/{instance_id}/token/change").text
    assert "pausado" not in client.get("/instances").text


def test_reopening_asks_every_factor_again(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    instance(client, rows)
    protect(client, alice, clock())
    client.post("/security/bad-day/lock")
    assert client.post("/security/bad-day/reopen").status_code == 403
    assert "pausado" in client.get("/instances").text
    clock.forward(seconds=30)
    assert "Tokens reabertos" in client.post("/security/bad-day/reopen", data=proof(alice, clock())).text
    assert "pausado" not in client.get("/instances").text


def test_the_page_leads_on_to_new_password_phone_and_codes(alice: Person, client: TestClient, clock: Clock) -> None:
    assert "Configurar Agora" in client.get("/security/bad-day").text
    protect(client, alice, clock())
    page = client.get("/security/bad-day").text
    for words in ("Alterar senha", "Trocar de aparelho", "Gerar novos códigos"):
        assert words in page


def test_nobody_elses_tokens_are_paused(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    instance(client, rows)
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    bruno.post("/security/bad-day/lock")
    assert "pausado" not in client.get("/instances").text


def test_it_leaves_its_activity(alice: Person, client: TestClient, rows: Rows) -> None:
    instance(client, rows)
    client.post("/security/bad-day/lock")
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("account.locked", "0 · 1")]
