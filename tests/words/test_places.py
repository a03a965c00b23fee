"""Networks in words, and as they are in what spreadsheets read."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.support.people import Person, sign_in
from web.words.places import origin

NewClient = Callable[..., TestClient]
AT_SERVER = {"base_url": "https://localhost", "headers": {"Origin": "https://localhost"}, "client": ("::1", 1)}


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("127.0.0.1", "do computador do painel"),
        ("::/64", "do computador do painel"),
        ("192.168.0.7", "da rede local (192.168.0.7)"),
        ("172.31.255.1", "da rede local (172.31.255.1)"),
        ("fd12:3456:789a::/64", "da rede local (fd12:3456:789a::/64)"),
        ("172.32.0.1", "de 172.32.0.1"),
        ("203.0.113.7", "de 203.0.113.7"),
        ("2001:db8::/64", "de 2001:db8::/64"),
        ("terminal", "do terminal do servidor"),
        ("testclient", "de testclient"),
        ("", ""),
    ],
)
def test_a_network_in_words(network: str, words: str) -> None:
    assert origin(network, is_at_server=False) == words


def test_at_the_computer_of_the_panel_no_address_is_shown(alice: Person, new_client: NewClient) -> None:
    here, far = new_client(**AT_SERVER), new_client(client=("203.0.113.7", 1))
    for browser in (here, far):
        sign_in(browser, alice)
    for path in ("/security/sessions", "/activity"):
        assert "deste computador" in here.get(path).text
        assert "::/64" not in here.get(path).text
        assert "do computador do painel" in far.get(path).text
    assert "A conta foi aberta em um dispositivo novo</strong> <time" in here.get("/activity").text
    assert ", de 203.0.113.7" in here.get("/activity").text
    assert "deste computador, nesta mesma rede" not in here.get("/security/sessions").text


def test_behind_a_proxy_that_nobody_declared_no_stranger_is_at_this_computer(
    alice: Person, new_client: NewClient
) -> None:
    """Every visitor then has the address of the proxy, which is the panel's own computer."""
    visitor = new_client(client=("127.0.0.1", 1))
    sign_in(visitor, alice)
    assert "do computador do painel" in visitor.get("/activity").text
    assert "deste computador" not in visitor.get("/activity").text


def test_a_spreadsheet_has_the_network_as_it_is_stored(alice: Person, new_client: NewClient) -> None:
    browser = new_client(client=("192.168.0.7", 1))
    sign_in(browser, alice)
    lines = browser.post("/activity/export").text.splitlines()
    assert any(";192.168.0.7;" in line for line in lines)
    assert not any("rede local" in line for line in lines)
