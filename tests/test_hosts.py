"""A host name has one form, however it is written: in the setting, in the Host header, in the Origin of a form."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from web import hosts
from web.app import create_app
from web.settings import Settings, StartRefused

ASCII = "https://painel.xn--aa-4iaz.com.br"  # what browsers make of it


@pytest.mark.parametrize(
    "typed",
    [
        "https://painel.açaí.com.br",
        "https://PAINEL.AÇAÍ.com.br/",
        "https://painel.xn--aa-4iaz.com.br:443",
        "HTTPS://painel.açaí.com.br.",
    ],
)
def test_the_public_address_is_kept_as_browsers_send_it(typed: str) -> None:
    assert Settings.from_environment({"PANEL_PUBLIC_URL": typed}).public_url == ASCII


@pytest.mark.parametrize("rest", ["", ".", ":65535", ".:65535"])
def test_a_name_has_at_most_253_characters_and_longer_ones_are_not_even_looked_at(rest: str) -> None:
    """A58."""
    longest = "a." * 126 + "a"
    assert hosts.read(longest + rest) is not None
    assert hosts.read("a.a.a.a." + longest + rest) is None
    assert hosts.read("a" + "\u0315" * 3_800 + "\u0301" * 3_800 + rest) is None


@pytest.mark.parametrize("typed", ["https://", "https://painel..br", "https://a b.c", "https://:443", "ftp://a.b"])
def test_what_is_no_host_name_is_refused(typed: str) -> None:
    with pytest.raises(StartRefused, match="PANEL_PUBLIC_URL"):
        Settings.from_environment({"PANEL_PUBLIC_URL": typed})


@pytest.fixture
def accented(settings: Settings, clock: Clock) -> Iterator[TestClient]:
    public = Settings.from_environment({"PANEL_PUBLIC_URL": "https://painel.açaí.com.br"}).public_url
    with TestClient(create_app(replace(settings, public_url=public), now=clock), base_url=ASCII) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        "painel.xn--aa-4iaz.com.br",
        "PAINEL.XN--AA-4IAZ.com.br",
        "painel.xn--aa-4iaz.com.br.",
        "painel.xn--aa-4iaz.com.br:443",
        "painel.açaí.com.br".encode(),
        "LOCALHOST",
        "localhost.",
    ],
)
def test_a_known_host_is_known_in_every_spelling(host: str | bytes, accented: TestClient) -> None:
    raw = host if isinstance(host, bytes) else host.encode()
    assert accented.get("/login", headers=[(b"Host", raw)]).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["painel.acai.com.br", "xn--aa-4iaz.com.br", "painel..", "painel.xn--aa-4iaz.com.br..", "a b", "xn--zzzzzzz"],
)
def test_an_unknown_host_stays_unknown_in_every_spelling(host: str, accented: TestClient) -> None:
    assert accented.get("/login", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("painel.xn--aa-4iaz.com.br", ASCII, 422),
        ("painel.xn--aa-4iaz.com.br:443", ASCII, 422),
        ("painel.xn--aa-4iaz.com.br.", f"{ASCII}.", 422),
        ("localhost:443", "https://localhost", 422),
        ("localhost:8000", "https://localhost", 403),
        ("localhost", "https://localhost:8000", 403),
        ("painel.xn--aa-4iaz.com.br", f"{ASCII}.evil.example", 403),
        ("painel.xn--aa-4iaz.com.br", f"{ASCII}@evil.example", 403),
        ("painel.xn--aa-4iaz.com.br", "null", 403),
    ],
)
def test_a_form_comes_from_the_host_it_is_sent_to_in_every_spelling(
    host: str, origin: str, status: int, accented: TestClient
) -> None:
    """A8."""
    answer = accented.post("/login", data={"name": "a", "password": "b"}, headers={"Host": host, "Origin": origin})
    assert answer.status_code == status
