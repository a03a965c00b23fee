"""What the three walks ask of a person: somebody new, a developer at the keyboard, an administrator on a bad day."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.counting import count
from tests.browser.phone import scan, show_code
from tests.browser.steps import create_account, give_password, leave_codes, row, set_up, switch_on, type_code
from tests.support.clock import Clock
from tests.support.people import PASSWORD

INSTANCES = [f"Loja {number}" for number in range(1, 31)]


def test_somebody_new_is_protected_after_three_clicks_and_a_field(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    asked = count(page)
    create_account(page, setup_code)
    asked.begin()
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(key, clock()), "Ativar")
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_role("heading", name="Funciona, ana.")).to_be_visible()
    assert (len(asked.clicks), asked.fields) == (3, ["code"])

    page.get_by_role("button", name="Sair").click()
    expect(page.get_by_label("Usuário")).to_be_visible()
    asked.begin()
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_label("Senha").press("Enter")
    type_code(page, show_code(key, clock.forward(seconds=30)), "Verificar")
    expect(page.get_by_text("Deu certo: esta entrada já pediu os dois fatores.")).to_be_visible()
    assert (asked.clicks, asked.fields, asked.keys) == ([], ["name", "password", "code"], ["Enter"])


def test_a_developer_copies_a_token_out_of_thirty_without_the_mouse(
    open_page: OpenPage, setup_code: str, live_server: str
) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    asked = count(page)
    set_up(page, setup_code)
    for name in INSTANCES:
        page.request.post("/instances", form={"name": name}, headers={"Origin": live_server}, max_redirects=0)
    page.goto("/instances")
    asked.begin()
    page.keyboard.press("/")
    page.keyboard.type("loja 17")
    expect(page.locator("tbody.instance")).to_have_count(1)
    copy = row(page, "Loja 17").get_by_role("button", name="Copiar token de Loja 17")
    for _ in range(8):
        page.keyboard.press("Tab")
        if copy.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(row(page, "Loja 17").locator(".token .i-check")).to_be_visible()
    assert re.fullmatch(r"[\w-]{40,}", page.evaluate("navigator.clipboard.readText()"))
    assert (asked.clicks, asked.fields) == ([], ["busca"])
    assert asked.keys == ["Tab"] * 5 + [
        "Enter"
    ]  # beside what is looked for: to the field's own ways, then along the row


def test_an_administrator_without_phone_is_back_with_new_codes(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    set_up(page, setup_code)
    switch_on(page, clock)
    codes = page.locator("#codes li").all_inner_texts()
    leave_codes(page)
    other = open_page()
    asked = count(other)
    other.goto("/login")
    give_password(other)
    other.get_by_role("link", name="Usar um código de recuperação").click()
    other.get_by_label("Código de recuperação").fill(codes[0])
    other.get_by_role("button", name="Verificar").click()
    expect(other.get_by_role("button", name="Sair")).to_be_visible()
    assert (len(asked.clicks), asked.fields) == (3, ["name", "password", "code"])
