"""WCAG 2.2 AA, as far as a machine can tell: axe-core on every page and state, and the walk by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import show_code
from tests.browser.steps import (
    choose,
    create_account,
    give_code,
    give_password,
    open_row,
    prove,
    set_up,
    sign_in,
    switch_on,
    type_code,
)
from tests.support.accessible import check
from tests.support.clock import Clock
from tests.support.people import PASSWORD


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def test_before_the_login(page: Page, setup_code: str) -> None:
    page.goto("/setup")
    check(page)
    page.get_by_label("Código de instalação").fill(setup_code)
    page.get_by_label("Usuário").fill("a")
    page.get_by_label("Senha", exact=True).fill("curta")
    page.get_by_label("Repita a senha").fill("x")
    page.get_by_role("button", name="Criar conta").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    check(page)
    set_up(page, setup_code)
    page.get_by_role("button", name="Sair").click()
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    check(page)
    sign_in(page, password="x")
    expect(page.get_by_text("Usuário ou senha incorretos.")).to_be_visible()
    check(page)
    for path in ("/activate", "/nope"):
        page.goto(path)
        check(page)


@pytest.mark.parametrize("touch", [False, True], ids=["at a desk", "on the phone"])
def test_the_first_walk_and_another_phone(touch: bool, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    page = open_page(**phone if touch else {})
    page.goto("/")
    expect(page.get_by_text("Este painel ainda não tem nenhuma conta.")).to_be_visible()
    check(page)
    create_account(page, setup_code)
    check(page)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.locator("#otpauth")).to_be_visible()
    check(page)
    if touch:
        page.get_by_text("O aplicativo está em outro aparelho").click()
        expect(page.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()
        check(page)
    key = page.locator("#key").inner_text().replace(" ", "")
    type_code(page, show_code(key, clock()), "Ativar")
    expect(page.locator("#codes li")).to_have_count(10)
    check(page)
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_label("Código de recuperação").fill("0000-0000-0000-0000")
    check(page)
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_role("heading", name="Funciona, ana.")).to_be_visible()
    check(page)
    page.goto("/welcome")
    check(page)


def test_inside_without_a_second_factor(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    check(page)
    page.goto("/instances")
    check(page)
    page.get_by_label("Nome").fill(":")
    page.get_by_role("button", name="Criar instância").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.get_by_label("Nome").fill("Loja do Centro")
    page.get_by_role("button", name="Criar instância").click()
    expect(page.get_by_text("criada.")).to_be_visible()
    check(page)
    for words in ("Mostrar token", "Trocar token", "Renomear", "Excluir"):
        choose(page, "Loja do Centro", words)
        page.wait_for_load_state("networkidle")
        check(page)
        page.goto("/instances")
    for path in ("/activity", "/security/sessions", "/security/bad-day", "/policy", "/me", "/security/password"):
        page.goto(path)
        check(page)
    page.get_by_label("Nova senha", exact=True).press_sequentially("pato")
    expect(page.get_by_text("Senha muito fraca.")).to_be_visible()
    check(page)


def test_switching_on_and_the_hub(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.locator("#key")).to_be_visible()
    check(page)
    page.get_by_label("Código de verificação").fill("12")
    page.get_by_role("button", name="Ativar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.goto("/security")
    check(page)
    page.get_by_role("button", name="Começar de novo").click()
    key = page.locator("#key").inner_text().replace(" ", "")
    type_code(page, show_code(key, clock()), "Ativar")
    expect(page.locator("#codes li")).to_have_count(10)
    check(page)
    page.goto("/security")
    check(page)
    page.get_by_role("button", name="Ensaiar a recuperação").click()
    expect(page.get_by_label("Código de recuperação")).to_be_visible()
    check(page)
    page.goto("/policy")
    check(page)
    clock.forward(minutes=6)
    page.goto("/security")
    open_row(page, "Códigos de recuperação")
    page.get_by_role("button", name="Gerar novos códigos de recuperação").click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_label("Senha")).to_be_focused()
    page.get_by_label("Senha").fill("x")
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_text("Senha incorreta.")).to_be_visible()
    check(page)


def test_the_challenge_and_the_notices(page: Page, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    key = switch_on(page, clock)
    other = open_page()
    other.goto("/login")
    give_password(other)
    check(other)
    give_code(other, "000000")
    expect(other.get_by_role("alert")).to_be_visible()
    check(other)
    other.get_by_role("link", name="Usar um código de recuperação").click()
    expect(other.get_by_label("Código de recuperação")).to_be_visible()
    check(other)
    clock.forward(minutes=6)
    page.goto("/instances")
    expect(page.get_by_role("button", name="Não fui eu")).to_be_visible()
    check(page)
    page.goto("/activity")
    expect(page.locator(".timeline").get_by_role("button", name="Não fui eu")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Não fui eu").click()
    expect(page.get_by_role("button", name="Bloquear tudo")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Bloquear tudo").click()
    prove(page, show_code(key, clock()))
    expect(page.get_by_role("button", name="Reabrir os tokens").or_(page.get_by_role("status")).first).to_be_visible()
    check(page)


def test_the_whole_walk_by_keyboard_alone(page: Page, setup_code: str, clock: Clock) -> None:
    """In the order of the page, every stop visible."""
    page.goto(f"/setup#{setup_code}")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("ana")
    walk_to(page, "#password")
    page.keyboard.type(PASSWORD)
    walk_to(page, "#repeated")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/welcome")
    walk_to(page, "#configure")
    page.keyboard.press("Enter")
    expect(page.locator("#two-factor-title")).to_be_focused()
    key = page.locator("#key").inner_text().replace(" ", "")
    walk_to(page, "#code")
    page.keyboard.type(show_code(key, clock()))
    expect(page.locator("#codes-title")).to_be_focused()
    walk_to(page, "#saved")
    page.keyboard.press("Enter")
    expect(page.locator("#keep-title")).to_be_focused()
    walk_to(page, "#later")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Na próxima entrada, depois da senha")).to_be_visible()
    walk_to(page, "#sign-out")
    page.keyboard.press("Enter")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("ana")
    walk_to(page, "#password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(show_code(key, clock.forward(seconds=30)))
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()


def walk_to(page: Page, place: str) -> None:
    """Tab by tab, each with a ring around it."""
    ring = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate(ring), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("place => document.activeElement.matches(place)", place):
            return
    raise AssertionError(f"{place} cannot be reached")
