"""Minha conta: who somebody is, and the zone of their dates."""

import gzip
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person, sign_in
from web.words.moments import zones

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def bruno(alice: Person, invite: Callable[[str], Person]) -> Person:
    return invite("bruno")


@pytest.fixture
def brunos(bruno: Person, new_client: NewClient) -> TestClient:
    """Bruno's browser, signed in."""
    browser = new_client()
    sign_in(browser, bruno)
    return browser


def choose(browser: TestClient, zone: str) -> Any:
    return browser.post("/me/zone", data={"zone": zone})


def test_the_page_tells_name_role_and_since_when(alice: Person, client: TestClient, brunos: TestClient) -> None:
    for browser, name, role in ((client, "alice", "Administra o painel"), (brunos, "bruno", "Membro")):
        page = browser.get("/me").text
        assert f'<strong translate="no">{name}</strong>' in page
        assert f"<dt>Papel</dt><dd>{role}</dd>" in page
        assert re.search(r"<dt>Conta criada em</dt><dd><time [^>]*>24 de novembro de 2026</time>", page)


def test_every_page_leads_there_by_the_name(alice: Person, client: TestClient) -> None:
    link = r'<a class="self" href="/me">\s*<span class="initials" aria-hidden="true">AL</span>\s*<span class="who">'
    assert re.search(link, client.get("/instances").text)
    assert '<a class="self" href="/me" aria-current="page">' in client.get("/me").text


def test_who_may_only_enrol_has_no_link_that_leads_nowhere(
    protected: Person, client: TestClient, brunos: TestClient
) -> None:
    client.post("/policy/require", data={"days": "0"})
    page = brunos.get("/security").text
    assert "bruno</strong>" in page
    assert 'href="/me"' not in page


def test_the_theme_can_be_chosen_there_too(alice: Person, client: TestClient) -> None:
    client.post("/theme", data={"theme": "dark"}, headers={"Referer": f"{ORIGIN}/me"})
    assert re.search(r'value="dark" aria-current="true">[^\n]* Escuro</button>', client.get("/me").text)


def test_every_moment_is_told_in_the_chosen_zone(protected: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(hours=6)
    sign_in(client, protected, protected.code_at(clock()))
    answer = choose(client, "Asia/Tokyo")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    page = client.get("/me").text
    assert "<option selected>Asia/Tokyo</option>" in page
    assert re.search("Agora: <time [^>]*>25 de novembro de 2026 às 03:00, horário de Asia/Tokyo</time>", page)
    assert (
        'title="24 de novembro de 2026 às 21:00, horário de Asia/Tokyo">24 de novembro' in client.get("/security").text
    )
    assert "25 de novembro de 2026 às 03:00, horário de Asia/Tokyo" in client.get("/security/sessions").text
    sheet = {"codes": " ".join(protected.recovery_codes), "fuso": ""}
    assert client.post("/security/recovery-codes/file", data=sheet).text.splitlines()[1].startswith("25 de novembro")


def test_the_days_of_the_activity_are_those_of_the_chosen_zone(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(hours=5)  # two in the afternoon in São Paulo, two at night in Tokyo
    sign_in(client, alice)
    choose(client, "Asia/Tokyo")
    page = client.get("/activity").text
    days = re.findall(r'<li class="day"><h2><strong>(\w+)</strong> <small>(.*?)</small></h2>', page)
    assert days == [("Hoje", "quarta, 25 de novembro"), ("Ontem", "terça, 24 de novembro")]
    assert "no fuso <span data-zone>Asia/Tokyo</span>" in page
    head, *lines = client.post("/activity/export", data={"de": "2026-11-25"}).text.splitlines()
    assert "quando (Asia/Tokyo)" in head
    assert {line[:10] for line in lines} == {"25/11/2026"}
    told = client.post("/activity/export", data={"fuso": "UTC"}).text
    assert "quando (UTC)" in told  # dates that were typed in another zone stay what they were


def test_the_script_leaves_moments_alone_where_a_zone_was_chosen(alice: Person, client: TestClient) -> None:
    assert " data-own-zone>" not in client.get("/activity").text
    choose(client, "Asia/Tokyo")
    assert '<html lang="pt-BR" data-own-zone>' in client.get("/activity").text
    choose(client, "")
    assert " data-own-zone>" not in client.get("/activity").text
    assert "no fuso <span data-zone>America/Sao_Paulo</span>" in client.get("/activity").text


def test_a_zone_is_that_of_one_person_in_all_their_browsers(
    bruno: Person, brunos: TestClient, client: TestClient, new_client: NewClient
) -> None:
    choose(brunos, "Asia/Tokyo")
    other = new_client()
    sign_in(other, bruno)
    assert "Asia/Tokyo</span>" in other.get("/activity").text
    assert "America/Sao_Paulo</span>" in client.get("/activity").text
    assert "Fuso das datas alterado</strong> · Asia/Tokyo" not in client.get("/activity").text
    assert "Fuso das datas alterado" in other.get("/activity").text


@pytest.mark.parametrize("zone", ["Brasil", "../etc/passwd", "Asia/Tokyo ", "posix/Asia/Tokyo", "Asia", "x" * 300])
def test_only_a_zone_of_the_list_is_taken(zone: str, alice: Person, client: TestClient, rows: Rows) -> None:
    assert choose(client, zone).status_code == 422
    assert rows("SELECT zone FROM accounts") == [("",)]


def test_a_zone_that_is_known_no_longer_is_the_panels(alice: Person, client: TestClient, rows: Rows) -> None:
    rows("UPDATE accounts SET zone = 'America/Atlantida'")
    page = client.get("/activity").text
    assert "no fuso <span data-zone>America/Sao_Paulo</span>" in page
    assert " data-own-zone>" not in page


def test_every_zone_of_the_list_can_be_read_and_stands_there_once() -> None:
    every = [name for names in zones().values() for name in names]
    assert all(ZoneInfo(name) for name in every)
    assert len(every) == len(set(every)) > 400
    assert list(zones())[:2] == ["Brasil", "África"]


def test_the_page_stays_small(alice: Person, client: TestClient) -> None:
    """7 KiB, as a proxy compresses it, with the head of its answer."""
    assert len(gzip.compress(client.get("/me").content)) < 7 * 1024 - 400
