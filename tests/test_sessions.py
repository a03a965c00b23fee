from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.conftest import Clock
from tests.people import FRAGMENT, Person, sign_in

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


def on_another_device(alice: Person, new_client: NewClient) -> TestClient:
    browser = new_client()
    browser.headers["User-Agent"] = FIREFOX
    sign_in(browser, alice)
    return browser


def id_of_the_other(rows: Rows) -> str:
    [(found,)] = rows("SELECT id FROM sessions WHERE user_agent = ?", FIREFOX)
    return str(found)


def test_the_list_tells_device_network_and_times(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    on_another_device(alice, new_client)
    clock.forward(minutes=3)
    page = client.get("/security/sessions").text
    assert "Firefox no Linux" in page
    assert "entrou com senha" in page
    assert page.count("esta sessão") == 1
    assert "há 3 minutos" in page


def test_one_device_is_signed_out(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    other = on_another_device(alice, new_client)
    answer = client.post(f"/security/sessions/{id_of_the_other(rows)}/end", headers=FRAGMENT)
    assert "Sessão encerrada" in answer.text
    assert "entrou com senha" in answer.text
    assert answer.text.count("/end") == 0
    assert other.get("/instances").status_code == 303
    assert client.get("/instances").status_code == 200


def test_all_the_others_are_signed_out(alice: Person, client: TestClient, new_client: NewClient) -> None:
    others = [on_another_device(alice, new_client) for _ in range(3)]
    assert "Só esta sessão continua aberta" in client.post("/security/sessions/end-others").text
    assert {other.get("/instances").status_code for other in others} == {303}
    assert client.get("/instances").status_code == 200


def test_ending_a_session_asks_who_it_is(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    other = on_another_device(alice, new_client)
    clock.forward(minutes=6)
    for path in ("end-others", f"{id_of_the_other(rows)}/end"):
        assert client.post(f"/security/sessions/{path}").status_code == 403
    assert other.get("/instances").status_code == 200


def test_a_session_that_is_not_theirs_does_not_exist(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    other = on_another_device(alice, new_client)
    rows("INSERT INTO accounts (name, role, created_at) VALUES ('bruno', 'member', 0)")
    rows(
        "UPDATE sessions SET account_id = (SELECT id FROM accounts WHERE name = 'bruno') WHERE user_agent = ?", FIREFOX
    )
    assert client.post(f"/security/sessions/{id_of_the_other(rows)}/end").status_code == 404
    assert other.get("/instances").status_code == 200
    assert 'id="end-' not in client.get("/security/sessions").text


def test_this_session_ends_with_sair_and_not_here(alice: Person, client: TestClient, rows: Rows) -> None:
    [(mine,)] = rows("SELECT id FROM sessions")
    assert client.post(f"/security/sessions/{mine}/end").status_code == 404
    assert client.get("/instances").status_code == 200


def test_ended_sessions_are_not_listed(alice: Person, client: TestClient, new_client: NewClient, clock: Clock) -> None:
    on_another_device(alice, new_client)
    clock.forward(minutes=40)
    client.get("/instances")
    clock.forward(minutes=25)
    assert 'id="end-' not in client.get("/security/sessions").text


def test_ending_leaves_its_activity(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    on_another_device(alice, new_client)
    client.post(f"/security/sessions/{id_of_the_other(rows)}/end")
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("session.ended", "other")]
