"""Behind a proxy: the visitor and the scheme that it hands on, and the diagnosis when its headers cannot work."""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.conftest import Operate, beside
from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person, give_password
from web.app import create_app
from web.audit import diagnosis
from web.cli.doctor import doctor as examine
from web.cli.terminal import CommandRefused
from web.panel import Panel
from web.settings import Settings

Rows = Callable[..., list[tuple[Any, ...]]]
PLAIN = "http://painel.test"  # what a proxy asks when HTTPS ends at it
CLIENT = {"X-Forwarded-For": "203.0.113.9"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, trusted_proxies=(ip_network("172.16.0.0/12"), ip_network("10.0.0.2")))


@pytest.fixture
def behind(client: TestClient) -> Callable[..., TestClient]:
    """A browser whose requests are handed on by a proxy."""

    def make(headers: dict[str, str], peer: str = "172.18.0.5") -> TestClient:
        return beside(client, base_url=PLAIN, headers={"Origin": ORIGIN} | headers, client=(peer, 1))

    return make


Behind = Callable[..., TestClient]


@pytest.mark.parametrize("said", ["https", "HTTPS", " https ", "http, https"])
def test_a_trusted_proxy_says_that_the_visitor_came_over_https(said: str, behind: Behind) -> None:
    answer = behind(CLIENT | {"X-Forwarded-Proto": said}).get("/login")
    assert answer.status_code == 200
    assert "strict-transport-security" in answer.headers


def test_each_trusted_proxy_in_a_row_has_an_entry_of_its_own(behind: Behind, rows: Rows) -> None:
    """HTTPS ends at the first of two proxies; the second one hands on what the first one said."""
    lists = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto": "https, http"}
    browser = behind(lists)
    assert give_password(browser, Person("nobody", "girafa verde")).status_code == 422
    assert rows("SELECT network FROM activity WHERE event = 'login.password_failed'") == [("203.0.113.9",)]


@pytest.mark.parametrize(
    ("said", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 172.18.0.7, 10.0.0.2", "203.0.113.9"),
        ("172.18.0.7", "172.18.0.7"),
        ("unknown", "172.18.0.5"),
        ("", "172.18.0.5"),
    ],
)
def test_the_visitor_is_the_last_address_that_no_trusted_proxy_has(
    said: str, network: str, behind: Behind, rows: Rows
) -> None:
    """A28."""
    browser = behind({"X-Forwarded-For": said, "X-Forwarded-Proto": "https"})
    assert give_password(browser, Person("nobody", "girafa verde")).status_code == 422
    assert rows("SELECT network FROM activity WHERE event = 'login.password_failed'") == [(network,)]


@pytest.mark.parametrize("peer", ["192.0.2.7", "172.32.0.1", "testclient"])
def test_headers_of_an_untrusted_peer_are_not_believed(peer: str, behind: Behind) -> None:
    """A28."""
    answer = behind(CLIENT | {"X-Forwarded-Proto": "https"}, peer).get("/login")
    assert answer.status_code == 403
    assert "strict-transport-security" not in answer.headers


def told(answer: Response, *words: str) -> bool:
    return answer.status_code == 403 and "location" not in answer.headers and all(word in answer.text for word in words)


FORGOTTEN = ("192.0.2.7", {"X-Forwarded-Proto": "https"}, ["192.0.2.7", "PANEL_TRUSTED_PROXIES=172.16.0.0/12,"])
UNSAID: list[tuple[str, dict[str, str], list[str]]] = [
    ("172.18.0.5", {}, ["172.18.0.5", "não diz X-Forwarded-Proto", "proxy_set_header X-Forwarded-Proto $scheme;"]),
    ("172.18.0.5", {"X-Forwarded-Proto": "http"}, ["disse X-Forwarded-Proto: http", "X-Forwarded-Proto https;"]),
    ("172.18.0.5", {"X-Forwarded-Proto": "https, http"}, ["disse X-Forwarded-Proto: https, http"]),
    ("172.18.0.5", {"X-Forwarded-Proto": "ftp"}, ["disse X-Forwarded-Proto: ftp"]),
]


@pytest.mark.parametrize("host", ["painel.test", "PAINEL.test.", "painel.test:443"])
@pytest.mark.parametrize(("peer", "headers", "words"), [FORGOTTEN, *UNSAID])
def test_the_panel_never_redirects_to_the_address_just_asked(
    peer: str, headers: dict[str, str], words: list[str], host: str, behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    browser = behind(CLIENT | {"Host": host} | headers, peer)
    for _ in range(2):
        answer = browser.get("/login?next=/security")
        assert told(answer, "Falta o HTTPS", ORIGIN, *words), answer.text
        assert f'href="{ORIGIN}/login?next=/security"' in answer.text
        style = re.search(r'href="(/static/[^"]+\.css)"', answer.text)
        assert style
        assert browser.get(style[1]).status_code == 200
    assert told(browser.post("/login", data={"name": "a", "password": "b"}), *words)
    assert [record.getMessage() for record in caplog.records].count("proxy.no_https") == 1


def doctor(operate: Operate) -> None:
    operate(lambda panel: examine(panel, argparse.Namespace()))


def test_the_doctor_reports_requests_that_arrived_without_https(
    behind: Behind, operate: Operate, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor(operate)
    behind(CLIENT).get("/login")
    with pytest.raises(CommandRefused):
        doctor(operate)
    said = capsys.readouterr().out
    assert "ERRADO" in said
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in said
    operate(diagnosis.forget)  # as each start does
    doctor(operate)


def test_the_doctor_finds_a_proxy_that_was_never_named(
    settings: Settings, operate: Operate, capsys: pytest.CaptureFixture[str]
) -> None:
    async def without_proxies(panel: Panel) -> None:
        await examine(replace(panel, settings=replace(settings, trusted_proxies=())), argparse.Namespace())

    with pytest.raises(CommandRefused):
        operate(without_proxies)
    assert "PANEL_TRUSTED_PROXIES=127.0.0.1" in capsys.readouterr().out


def test_a_proxy_that_hands_on_no_address_is_reported_once_in_the_log_and_by_the_doctor(
    behind: Behind, operate: Operate, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = behind({"X-Forwarded-Proto": "https"})
    assert [browser.get(path).status_code for path in ("/health", "/login", "/login")] == [200, 200, 200]
    lines = [record for record in caplog.records if record.getMessage() == "proxy.no_client"]
    assert len(lines) == 1
    assert "172.18.0.5" in lines[0].__dict__["reason"]
    with pytest.raises(CommandRefused):
        doctor(operate)
    assert "todas as pessoas dividem um só limite" in capsys.readouterr().out


def test_requests_of_the_health_check_or_this_machine_are_no_finding(
    behind: Behind, operate: Operate, client: TestClient
) -> None:
    behind({}).get("/health")
    beside(client, base_url="http://127.0.0.1:8000", client=("10.0.0.2", 1)).get("/login")
    doctor(operate)


@pytest.fixture
def unaware(settings: Settings, clock: Clock) -> Iterator[TestClient]:
    """A panel without settings for a public address or a proxy, asked by nginx without any line of configuration."""
    app = create_app(replace(settings, public_url="", trusted_proxies=()), now=clock)
    headers = {"Origin": "https://painel.example.com", "Sec-Fetch-Site": "same-origin"}
    address = "http://127.0.0.1:8000"
    with TestClient(app, base_url=address, headers=headers, client=("127.0.0.1", 1)) as browser:
        yield browser


def test_a_proxy_that_adds_no_header_is_found_at_the_first_post(
    unaware: TestClient, operate: Operate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give_password(unaware, Person("nobody", "girafa verde")).status_code == 422
    with pytest.raises(CommandRefused):
        doctor(operate)
    said = capsys.readouterr().out
    assert "PANEL_PUBLIC_URL=https://" in said
    assert "painel.example.com" not in said  # anybody could have said that
    assert "PANEL_TRUSTED_PROXIES=127.0.0.1" in said


def test_no_visitor_can_make_the_doctor_recommend_an_address(unaware: TestClient, operate: Operate) -> None:
    """A28: a visitor on the internet whose Host header names this machine."""
    visitor = beside(unaware, base_url=str(unaware.base_url), headers=dict(unaware.headers), client=("8.8.4.4", 1))
    assert give_password(visitor, Person("nobody", "girafa verde")).status_code in (403, 422)
    doctor(operate)
