import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.testclient import TestClient

from tests.conftest import Clock
from tests.people import Person, give_password
from web.activity import WORDS, network
from web.limits import ACTIVITY_PAGE
from web.page import ROOT


def test_the_page_tells_what_happened_in_words(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=5)
    page = client.get("/activity").text
    assert "Conta criada" in page
    assert "há 5 minutos" in page
    assert 'title="24 de novembro de 2026 às ' in page


def test_long_histories_come_in_pages(alice: Person, client: TestClient) -> None:
    for number in range(ACTIVITY_PAGE):
        client.post("/instances", data={"name": f"Loja {number}"})
    first = client.get("/activity").text
    older = re.search(r'href="(/activity\?antes=\d+)"', first)
    assert older
    assert first.count("<li>") == ACTIVITY_PAGE
    assert "Conta criada" in client.get(older[1]).text


def test_networks_are_told_as_one_household_each() -> None:
    def from_address(host: str) -> str:
        return network(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert from_address("203.0.113.7") == from_address("::ffff:203.0.113.7") == "203.0.113.7"
    assert from_address("2001:db8:1:2:3::4") == from_address("2001:db8:1:2::9") == "2001:db8:1:2::/64"


def test_a_strange_page_number_is_the_first_page(alice: Person, client: TestClient) -> None:
    for before in ("x", "-1", "9" * 40, "١"):
        assert "Conta criada" in client.get("/activity", params={"antes": before}).text


def test_what_a_browser_calls_itself_stays_text_and_short(
    alice: Person, client: TestClient, new_client: Callable[[], TestClient], rows: Callable[..., Any]
) -> None:
    browser = new_client()
    browser.headers["User-Agent"] = '<script>alert(1)</script>\t{"event":"x"}' + "x" * 400
    give_password(browser, alice)
    assert "<script>alert" not in client.get("/activity").text
    assert rows("SELECT max(length(user_agent)) FROM activity") == [(256,)]


def test_every_event_has_its_words() -> None:
    pattern = re.compile(
        r"""["']((?:account|cli|instance|login|notice|password|recovery|session|stepup|totp)\.[a-z_]+)["']"""
    )
    files = [file for file in (ROOT / "web").glob("*.py") if file.name != "activity.py"]
    written = {event for file in [*files, ROOT / "db/aftermath.py"] for event in pattern.findall(file.read_text())}
    assert written == set(WORDS)
