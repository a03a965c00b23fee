"""Without HTTPS: sent to HTTPS or refused, unless somebody chose the risk (D14)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import ORIGIN, PASSWORD, Person, set_up
from web.app import create_app
from web.cli.serve import new_setup_code
from web.settings import Settings

PLAIN = "http://painel.test"


@pytest.fixture
def exposed(settings: Settings, clock: Clock) -> Callable[[], TestClient]:
    app = create_app(replace(settings, public_url=PLAIN, allow_http=True), now=clock)
    return lambda: TestClient(app, base_url=PLAIN, headers={"Origin": PLAIN}, follow_redirects=False)


def test_plain_http_beyond_this_machine_is_sent_to_https(client: TestClient) -> None:
    """Here at the panel's own port, to which the public address does not lead."""
    answer = client.get(f"{PLAIN}:8000/login?next=/security")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{ORIGIN}/login?next=/security")
    assert client.post(f"{PLAIN}:8000/login", data={"name": "a", "password": "b"}).status_code == 403


@pytest.mark.parametrize("host", ["painel.test", "127.0.0.1", "172.18.0.3:8000", "e.com", ""])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_health_answers_anybody_under_any_host_name(scheme: str, host: str, client: TestClient) -> None:
    for method in ("GET", "HEAD"):
        assert client.request(method, f"{scheme}://painel.test/health", headers={"Host": host}).status_code == 200
    assert client.post(f"{scheme}://painel.test/health", headers={"Host": host}).status_code in (400, 403, 405)


def test_where_plain_http_is_allowed_every_page_warns(exposed: Callable[[], TestClient]) -> None:
    """Except on this machine itself, where no network carries the requests."""
    with exposed() as client:
        assert "Este painel está sem HTTPS" in client.get("/login").text
        assert "Este painel está sem HTTPS" in client.get("/nope").text
        assert "Este painel está sem HTTPS" not in client.get("http://localhost/login").text


def test_where_plain_http_is_allowed_cookies_have_no_prefix(
    operate: Operate, exposed: Callable[[], TestClient]
) -> None:
    code = operate(new_setup_code)
    with exposed() as client:
        answer = set_up(client, Person("alice", PASSWORD), code)
        assert client.get("/security").status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("-")[0] for cookie in cookies} == {"sid", "pre", "disp"}
    assert not [cookie for cookie in cookies if "Secure" in cookie or "HttpOnly" not in cookie]
