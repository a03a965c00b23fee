"""What is typed in one place of the list stays while the list around it is made anew."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import choose, row, set_up

NAMES = ("Loja", "Matriz", "Padaria", "Oficina", "Farmácia", "Livraria")


@pytest.fixture
def page(open_page: OpenPage, setup_code: str) -> Page:
    """Six instances, of which Loja and Matriz are being renamed."""
    page = open_page()
    set_up(page, setup_code)
    page.goto("/instances")
    for name in NAMES:
        page.get_by_label("Nome").fill(name)
        page.get_by_role("button", name="Criar instância").click()
        expect(row(page, name)).to_be_visible()
    for name in ("Loja", "Matriz"):
        choose(page, name, "Renomear")
        row(page, name).get_by_label("Nome").fill(f"{name} nova")
    return page


def expect_typed(page: Page) -> None:
    for name in ("Loja", "Matriz"):
        expect(row(page, name).get_by_label("Nome")).to_have_value(f"{name} nova")


def test_a_search_takes_nothing_from_rows_that_are_renamed(page: Page) -> None:
    search = page.get_by_role("searchbox")
    search.press_sequentially("padaria")
    expect(page.get_by_text("com “padaria”")).to_be_visible()
    expect(row(page, "Oficina")).to_have_count(0)
    expect_typed(page)
    expect(search).to_be_focused()
    search.fill("")
    expect(row(page, "Oficina")).to_be_visible()
    expect_typed(page)
    row(page, "Loja").get_by_role("button", name="Salvar").click()
    expect(row(page, "Loja nova")).to_be_visible()
    row(page, "Matriz").get_by_role("link", name="Cancelar").click()
    expect(page.locator("[name=linha]")).to_have_count(0)


def test_new_and_deleted_rows_take_nothing_either(page: Page) -> None:
    page.locator("#new-name").fill("Sétima")
    choose(page, "Oficina", "Excluir")
    page.get_by_role("button", name="Excluir de vez").click()
    expect(page.get_by_text("Instância Oficina excluída.")).to_be_visible()
    expect_typed(page)
    expect(page.locator("#new-name")).to_have_value("Sétima")
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, "Sétima")).to_be_visible()
    expect(page.locator("#new-name")).to_have_value("")
    expect_typed(page)


def test_whoever_types_on_while_the_answer_comes_goes_on_typing(page: Page) -> None:
    page.get_by_role("searchbox").fill("padaria")
    field = row(page, "Loja").get_by_label("Nome")
    field.press("End")
    expect(page.get_by_text("com “padaria”")).to_be_visible()
    page.keyboard.type(", e mais")
    expect(field).to_have_value("Loja nova, e mais")
