import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, PASSWORD, Person, cookie_of, give_password, proof, protect, sign_in
from tests.support.steady import until
from web.limits import HASHES_AT_ONCE, HASHES_WAITING

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
FRESH = "pato verde corre na praia"


def change(client: TestClient, current: str, new: str = FRESH, repeated: str | None = None, **extra: str) -> Any:
    fields = {"current": current, "password": new, "repeated": new if repeated is None else repeated}
    return client.post("/security/password", data=fields | extra)


def proved_on(page: str) -> str:
    found = re.search('name="current_proved" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_password_managers_find_the_page(client: TestClient) -> None:
    """W3C, "A Well-Known URL for Changing Passwords": a redirect, and 404 for what does not exist beside it."""
    assert client.get("/.well-known/change-password").headers["location"] == "/security/password"
    assert (
        client.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200").status_code == 404
    )


def test_the_new_password_counts_from_now_on(alice: Person, client: TestClient, new_client: NewClient) -> None:
    assert "Senha alterada" in change(client, alice.password).text
    assert give_password(new_client(), alice).status_code == 422
    assert give_password(new_client(), Person("alice", FRESH)).status_code == 303


def test_the_other_sessions_end_and_this_one_gets_another_cookie(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    """A23."""
    other, before = new_client(), cookie_of(client)
    sign_in(other, alice)
    change(client, alice.password)
    assert other.get("/security").status_code == 303
    assert cookie_of(client) != before
    assert client.get("/security").status_code == 200


def test_a_queue_full_of_strangers_stops_no_change_of_password(alice: Person, client: TestClient) -> None:
    hashes, places = client.app_state["panel"].hash_workers, HASHES_AT_ONCE + HASHES_WAITING

    async def fill() -> None:
        with contextlib.ExitStack() as strangers:
            for _ in range(places):
                strangers.enter_context(hashes.reserve(is_owner=False))
            await asyncio.Event().wait()

    assert client.portal
    until(lambda: not hashes.taken)
    filling = client.portal.start_task_soon(fill)
    until(lambda: hashes.taken == places)
    try:
        assert "Senha alterada" in change(client, alice.password).text
        assert hashes.taken == places
    finally:
        filling.cancel()


@pytest.mark.parametrize(
    ("fresh", "why"),
    [
        ("alice-2026-alice!", "no nome da conta."),
        ("painel-z-api-2026", "no nome ou no endereço do painel."),
        ("rinoceronte-2026!", "no nome de uma instância."),
        ("Telhado.test#1999", "no nome de uma instância."),
        ("alicerinoceronte1", "no nome de uma instância."),
        ("alice/loja/painel", "em nomes da conta, do painel e das instâncias."),
    ],
)
def test_names_that_anybody_would_try_make_no_password(fresh: str, why: str, alice: Person, client: TestClient) -> None:
    """Of an instance, of the address, of account and panel (ASVS V6.1.2, V6.2.11)."""
    for name in ("Rinoceronte", "Loja do telhado"):
        client.post("/instances", data={"name": name})
    answer = change(client, alice.password, fresh)
    assert answer.status_code == 422
    assert f"se apoia {why}" in answer.text


@pytest.mark.parametrize(
    ("current", "new", "repeated", "sentence"),
    [
        ("girafa verde", FRESH, FRESH, "Senha incorreta"),
        (PASSWORD, "curta", "curta", "pelo menos 12 caracteres"),
        (PASSWORD, FRESH, FRESH + "s", "não são iguais"),
        (
            PASSWORD,
            PASSWORD,
            PASSWORD,
            "igual à atual",
        ),
    ],
)
def test_a_mistake_changes_nothing(
    current: str, new: str, repeated: str, sentence: str, alice: Person, client: TestClient, rows: Rows
) -> None:
    before = rows("SELECT sealed_password FROM accounts")
    answer = change(client, current, new, repeated)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert rows("SELECT sealed_password FROM accounts") == before


def test_guessing_the_current_password_is_limited(alice: Person, client: TestClient) -> None:
    assert [change(client, "girafa verde").status_code for _ in range(6)] == [422] * 5 + [429]


def test_it_asks_for_a_step_up_and_sends_no_password_back(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    protect(client, alice, clock())
    before = rows("SELECT sealed_password FROM accounts")
    clock.forward(minutes=6)
    assert client.get("/security/password").status_code == 403
    asked = change(client, alice.password)
    assert asked.status_code == 403
    assert FRESH not in asked.text
    shown = client.post("/security/password", data=proof(alice, clock()))
    assert "Nova senha" in shown.text
    assert rows("SELECT sealed_password FROM accounts") == before
    assert "Senha alterada" in change(client, alice.password).text


def test_the_current_password_is_asked_for_once(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """On the way to the form, or in it; a slip in the new one asks for nothing again."""
    protect(client, alice, clock())
    assert "Senha atual" in client.get("/security/password").text
    slip = change(client, alice.password, repeated=FRESH + "s").text
    assert "Senha atual" not in slip
    proved = proved_on(slip)
    assert "Senha alterada" in change(client, "", current_proved=proved).text
    alice.password = FRESH
    clock.forward(minutes=6)
    shown = client.post("/security/password", data=proof(alice, clock())).text
    assert "Senha atual" not in shown
    assert "igual à atual" in change(client, "", current_proved=proved_on(shown)).text
    fresh = "sete barcos de papel azul"
    assert "Senha alterada" in change(client, "", fresh, current_proved=proved_on(shown)).text
    assert give_password(new_client(), Person("alice", fresh)).status_code == 303


def test_a_proof_of_the_current_password_is_good_for_its_session_alone_and_not_for_long(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    proved = proved_on(change(client, alice.password, repeated="x").text)
    other = new_client()
    sign_in(other, alice)
    before = rows("SELECT sealed_password FROM accounts")
    for browser, told in ((other, proved), (client, ""), (client, "x"), (client, proved[:-8])):
        assert "Senha incorreta" in change(browser, "", current_proved=told).text
    clock.forward(minutes=6)
    asked = change(client, "", current_proved=proved)
    assert (asked.status_code, proved in asked.text) == (403, False)
    client.post("/security/password", data={"step_up_password": alice.password})
    assert "Senha incorreta" in change(client, "", current_proved=proved).text
    assert rows("SELECT sealed_password FROM accounts") == before


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("abc", "Senha muito fraca. A senha precisa de pelo menos 12"),
        ("alice-alice-alice", "Senha fraca. Esta senha se apoia no nome"),
        (FRESH, "Senha muito boa."),
    ],
)
def test_the_strength_is_told_while_typing(typed: str, words: str, alice: Person, client: TestClient) -> None:
    answer = client.post("/security/password/strength", data={"password": typed}, headers=FRAGMENT)
    assert words in answer.text
    assert typed not in answer.text


def test_changing_leaves_its_activity(alice: Person, client: TestClient, rows: Rows) -> None:
    change(client, alice.password)
    assert rows("SELECT event FROM activity ORDER BY id DESC LIMIT 1") == [("password.changed",)]
