"""Minha conta in a real browser, with script and without: a zone of one's own, the theme, the file."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import prove, set_up, sign_in
from tests.support.accessible import WIDTHS, check
from tests.support.clock import Clock
from tests.support.people import PASSWORD

KOLKATA = "25 de novembro de 2026 às 01:30"  # where the browser is, when the panel's zone has 17:00 of the 24th
TOKYO = "25 de novembro de 2026 às 05:00, horário de Asia/Tokyo"


@pytest.fixture(params=[True, False], ids=["with script", "without"])
def has_script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def page(has_script: bool, open_page: OpenPage, setup_code: str, clock: Clock) -> Page:
    """Ana in Kolkata, who made the account eight hours ago."""
    page = open_page(timezone_id="Asia/Kolkata", java_script_enabled=has_script)
    set_up(page, setup_code)
    clock.forward(hours=8)
    page.goto("/login")
    sign_in(page, "ana", PASSWORD)
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    return page


def test_a_chosen_zone_wins_over_the_browsers(has_script: bool, page: Page) -> None:
    page.get_by_role("link", name="Minha conta").click()
    told = KOLKATA if has_script else "24 de novembro de 2026 às 17:00, horário de America/Sao_Paulo"
    expect(page.get_by_text(f"Agora: {told}.")).to_be_visible()
    page.get_by_label("Fuso horário").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Salvar fuso").click()
    expect(page.get_by_text(f"Agora: {TOKYO}.")).to_be_visible()
    expect(page.get_by_label("Fuso horário")).to_have_value("Asia/Tokyo")
    page.goto("/activity")
    expect(page.get_by_text("no fuso Tóquio (UTC+9).")).to_be_visible()
    expect(page.locator(".timeline time").first).to_have_text("5h00")
    expect(page.locator(".timeline .day")).to_have_text(["Hoje quarta, 25 de novembro", "Ontem terça, 24 de novembro"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Baixar em CSV").click()
    head, *lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith("quando (Asia/Tokyo);")
    assert lines[0].startswith("25/11/2026 05:00:05;")


def test_what_is_swapped_in_keeps_the_chosen_zone(has_script: bool, page: Page) -> None:
    page.goto("/me")
    page.get_by_label("Fuso horário").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Salvar fuso").click()
    expect(page.get_by_text(f"Agora: {TOKYO}.")).to_be_visible()
    page.goto("/instances")
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    expect(page.locator("tbody time").first).to_have_attribute("title", TOKYO)


def test_the_theme_is_chosen_there_and_both_choices_agree(has_script: bool, page: Page) -> None:
    page.goto("/me")
    page.get_by_role("button", name="Escuro", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    for name in ("Escuro", "Tema escuro"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-current", "true")
    for name in ("Do sistema", "Tema do sistema"):
        expect(page.get_by_role("button", name=name, exact=True)).not_to_have_attribute("aria-current", "true")
    page.reload()
    expect(page.get_by_role("button", name="Escuro", exact=True)).to_have_attribute("aria-current", "true")


def test_on_a_phone_the_theme_is_chosen_there_alone(has_script: bool, page: Page) -> None:
    """The bar has room for the name of the panel; where it has none for all, the choice is one touch away."""
    for width in (320, 390, 640, 736):
        page.set_viewport_size({"width": width, "height": 640})
        page.goto("/instances")
        expect(page.get_by_role("button", name="Tema escuro")).to_be_hidden()
        page.get_by_role("link", name="Minha conta").click()
        expect(page.get_by_role("heading", name="Tema")).to_be_in_viewport()
    page.get_by_role("button", name="Escuro", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.set_viewport_size({"width": 737, "height": 640})
    expect(page.get_by_role("button", name="Tema escuro")).to_be_visible()


def test_the_file_comes_after_a_proof(page: Page, clock: Clock) -> None:
    clock.forward(minutes=6)
    page.goto("/me")
    page.get_by_role("button", name="Baixar meus dados").click()
    expect(page.get_by_text("Para baixar o que o painel sabe de você")).to_be_visible()
    with page.expect_download() as download:
        prove(page)
    assert download.value.suggested_filename == "minha-conta.json"
    told = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert (told["conta"]["usuario"], told["fuso_das_datas"]) == ("ana", "America/Sao_Paulo")


def test_the_way_there_is_seen_at_every_width(has_script: bool, page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/instances")
        page.locator(".initials").click()
        expect(page.get_by_role("heading", name="Minha conta")).to_be_visible()
        expect(page.get_by_role("link", name="Minha conta")).to_have_attribute("aria-current", "page")
    if has_script:
        check(page)
