"""Moments in the zone of whoever reads: a person in Kolkata, eight and a half hours ahead of a panel in São Paulo."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import show_code
from tests.browser.steps import give_code, give_password, set_up, sign_in, switch_on
from tests.support.clock import Clock
from tests.support.people import PASSWORD

NIGHT = "25 de novembro de 2026 às 01:30"  # there, when the panel's zone has 17:00 of the 24th


@pytest.fixture
def page(open_page: OpenPage, setup_code: str, clock: Clock) -> Page:
    """Ana in Kolkata, at half past one at night; the account was made in the evening before."""
    page = open_page(timezone_id="Asia/Kolkata")
    set_up(page, setup_code)
    clock.forward(hours=8)
    page.goto("/login")
    sign_in(page, "ana", PASSWORD)
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    return page


def test_every_moment_is_told_in_the_zone_of_the_reader(page: Page, clock: Clock) -> None:
    switch_on(page, clock)
    page.goto("/security")
    expect(page.get_by_text("Ativa desde 25/11/2026")).to_be_visible()
    expect(page.locator("time").first).to_have_attribute("title", NIGHT)
    page.goto("/security/sessions")
    expect(page.get_by_text(f"há pouco, {NIGHT}").first).to_be_attached()
    page.goto("/policy")
    page.get_by_role("button", name="Exigir de todos").click()
    begins = "9 de dezembro de 2026 às 01:30 (faltam 14 dias)"
    expect(page.get_by_text(f"Passa a valer em {begins}", exact=True)).to_be_visible()
    page.goto("/security")
    expect(page.get_by_text(f"A partir de {begins} este painel exige")).to_be_visible()


def test_what_is_swapped_in_is_told_so_too(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    page.goto("/instances")
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    expect(page.locator("tbody time").first).to_have_attribute("title", NIGHT)
    clock.forward(days=40)
    page.goto("/login")
    give_password(page)
    give_code(page, "000000")
    expect(page.get_by_text("No servidor são")).to_contain_text(":30:")  # half an hour off, as the phone beside it is
    give_code(page, show_code(key, clock()))
    expect(page.get_by_text("criado em 25 de novembro de 2026")).to_be_visible()


def test_the_days_of_the_activity_are_those_of_the_reader(page: Page) -> None:
    page.goto("/activity")
    headings = page.locator(".timeline .day")
    expect(headings).to_have_text(["Hoje quarta, 25 de novembro", "Ontem terça, 24 de novembro"])
    expect(page.get_by_text(re.compile(r"no fuso Asia/(Kolkata|Calcutta)\."))).to_be_visible()
    expect(page.locator(".timeline li").nth(1)).to_contain_text("Entrada no painel")
    expect(page.locator(".timeline li").last).to_contain_text("Conta criada")


def test_days_are_chosen_and_exported_in_the_zone_of_the_reader(page: Page) -> None:
    page.goto("/activity")
    page.locator(".dates summary").click()
    page.get_by_label("De").fill("2026-11-25")
    page.get_by_role("button", name="Filtrar").click()
    expect(page.locator(".timeline .day")).to_have_text(["Hoje quarta, 25 de novembro"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Baixar em CSV").click()
    head, *lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert re.match(r"quando \(Asia/(Kolkata|Calcutta)\);", head)
    assert [line.split(";")[0] for line in lines] == ["25/11/2026 01:30:05"] * 2


def test_without_script_the_zone_of_the_panel_is_named(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page(timezone_id="Asia/Kolkata", java_script_enabled=False)
    set_up(page, setup_code)
    switch_on(page, clock)
    page.goto("/security")
    expect(page.get_by_text("Ativa desde 24/11/2026")).to_be_visible()
    page.goto("/activity")
    expect(page.get_by_text("no fuso Brasília, São Paulo (UTC−3).")).to_be_visible()
    expect(page.locator(".timeline time").first).to_have_text("9h00")
    told = page.locator(".timeline time").first.get_attribute("title")
    assert told == "24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo"
