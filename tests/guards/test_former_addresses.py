"""A panel that moved to another name: the old ones lead to it."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from web.app import create_app
from web.settings import Settings

NOW, BEFORE = "https://painel.test", "https://antigo.test"


@pytest.fixture
def moved(settings: Settings, clock: Clock) -> Iterator[TestClient]:
    app = create_app(replace(settings, public_url=NOW, former_urls=(BEFORE, "https://velho.test:8443")), now=clock)
    with TestClient(app, base_url=NOW, headers={"Origin": NOW}, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("address", [BEFORE, "http://antigo.test", "https://velho.test:8443", "https://velho.test"])
def test_a_former_address_leads_to_the_same_page_of_now(address: str, moved: TestClient) -> None:
    answer = moved.get(f"{address}/login?next=/security")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{NOW}/login?next=/security&mudou=painel.test")
    assert "set-cookie" not in answer.headers
    assert moved.get(f"{NOW}/login").status_code == 200


def test_a_proxy_that_says_the_former_name_is_told_of_and_leads_round_no_circle(
    moved: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """People open the address of now; the proxy asks for the one of before."""
    renamed = {"Host": "antigo.test"}
    led = moved.get("/login", headers=renamed)
    for _ in range(2):
        answer = moved.get(led.headers["location"], headers=renamed)
        assert (answer.status_code, "proxy_set_header Host $host;" in answer.text) == (400, True)
    assert [record.getMessage() for record in caplog.records].count("proxy.former_host") == 1
    style = re.search(r'href="(/static/[^"]+\.css)"', answer.text)
    assert style
    assert moved.get(style[1], headers=renamed).status_code == 200


def test_nothing_is_posted_to_a_former_address(moved: TestClient) -> None:
    for origin in (BEFORE, NOW):
        answer = moved.post(f"{BEFORE}/login", data={"name": "a", "password": "b"}, headers={"Origin": origin})
        assert answer.status_code == 403


def test_a_name_that_the_panel_never_had_leads_nowhere(moved: TestClient) -> None:
    assert moved.get("https://outro.test/login").status_code == 400


def test_a_former_address_itself_answers_what_browsers_ask_it_about_passkeys(moved: TestClient) -> None:
    for address in (BEFORE, "https://velho.test:8443"):
        answer = moved.get(f"{address}/.well-known/webauthn")
        assert (answer.status_code, answer.json()) == (200, {"origins": [NOW]})
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert moved.get(f"{BEFORE}/.well-known/webauthn/").status_code == 308
    assert moved.get(f"{NOW}/.well-known/webauthn").status_code == 404


def test_password_managers_learn_where_passkeys_are_looked_after(moved: TestClient) -> None:
    page = f"{NOW}/security/passkeys"
    assert moved.get("/.well-known/passkey-endpoints").json() == {"enroll": page, "manage": page}
    led = moved.get(f"{BEFORE}/.well-known/passkey-endpoints")
    assert (led.status_code, led.headers["location"]) == (308, f"{NOW}/.well-known/passkey-endpoints?mudou=painel.test")


def test_where_there_are_no_passkeys_nobody_is_led_to_them(settings: Settings, clock: Clock) -> None:
    app = create_app(replace(settings, public_url="", host="192.0.2.7", allow_http=True), now=clock)
    with TestClient(app, base_url="http://192.0.2.7:8000", follow_redirects=False) as client:
        assert client.get("/.well-known/passkey-endpoints").status_code == 404
        assert client.get("/.well-known/webauthn").status_code == 404
