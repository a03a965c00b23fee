"""The way in when something is in the way: sent out, a wrong code, a new account, a proof asked for, codes unread."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import give_code, set_up, sign_in, stop_time, switch_on
from tests.support import accessible
from tests.support.clock import Clock
from tests.support.people import PASSWORD, Person

FRESH = "pato verde corre na praia"
BOTH = pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])


@pytest.fixture
def key(open_page: OpenPage, setup_code: str, clock: Clock) -> str:
    """Of ana, who is set up and protected."""
    page = open_page()
    set_up(page, setup_code)
    return switch_on(page, clock)


def check(page: Page) -> None:
    """Where no script runs, nothing can look at the page."""
    if page.evaluate("'htmx' in window"):
        accessible.check(page)


def miss(page: Page, key: str, clock: Clock) -> None:
    give_code(page, Person("ana", "", key).wrong_code_at(clock()))


@pytest.mark.parametrize("height", [900, 1024])
def test_the_first_account_and_a_wrong_code_fit_a_window_of_a_desk(
    height: int, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(viewport={"width": 1440, "height": height})
    page.goto("/setup")
    whole = "document.documentElement.scrollHeight"
    assert page.evaluate(whole) == height
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.context.clear_cookies()
    page.goto("/login")
    sign_in(page)
    miss(page, key, clock)
    expect(page.get_by_text("Código incorreto.")).to_be_visible()
    assert page.evaluate(whole) == height


@BOTH
def test_whoever_was_left_alone_reads_why_and_comes_back_to_the_page(
    has_script: bool, open_page: OpenPage, key: str, clock: Clock
) -> None:
    page = open_page(java_script_enabled=has_script)
    page.goto("/login")
    sign_in(page)
    give_code(page, Person("ana", "", key).code_at(clock.forward(seconds=30)))
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    page.goto("/activity")
    clock.forward(minutes=61)
    page.goto("/activity")
    expect(page.locator("#login-why")).to_have_text(
        "Sua sessão terminou depois de 1 hora sem uso. Entre de novo e você volta para Atividade."
    )
    expect(page.get_by_label("Usuário")).to_have_value("ana")
    check(page)
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Entrar", exact=True).click()
    give_code(page, Person("ana", "", key).code_at(clock()))
    expect(page.get_by_role("heading", name="Atividade")).to_be_visible()


@pytest.mark.parametrize("way", ["Usar um código de recuperação", ""])
def test_a_challenge_whose_time_is_over_says_so(way: str, open_page: OpenPage, key: str) -> None:
    page = open_page()
    page.goto("/login")
    stop_time(page)
    sign_in(page)
    page.clock.run_for(1000)
    if way:
        page.get_by_role("link", name=way).click()
        page.clock.run_for(1000)
    field = page.get_by_label("Código de recuperação" if way else "Código de verificação")
    expect(field).to_be_visible()
    page.clock.run_for(290_000)
    expect(field).to_be_visible()
    page.clock.run_for(11_000)
    expect(page.get_by_role("alert")).to_contain_text("O tempo desta verificação acabou.")
    expect(field).to_be_hidden()
    expect(page.get_by_role("link", name="Entrar de novo")).to_be_focused()
    expect(page.get_by_role("link", name="Entrar com um código de recuperação")).to_be_visible()
    page.clock.resume()
    check(page)


@BOTH
def test_a_challenge_ends_in_one_sentence_with_both_ways_on(
    has_script: bool, open_page: OpenPage, key: str, clock: Clock
) -> None:
    page = open_page(java_script_enabled=has_script)
    page.goto("/activity?tipo=conta")
    sign_in(page)
    check(page)
    for left in (4, 3, 2, 1):
        miss(page, key, clock)
        expect(page.get_by_text(re.compile(f"Faltam? {left} tentativa"))).to_be_visible()
        expect(page.get_by_text("No servidor são" if has_script else "O servidor marcava")).to_be_visible()
    check(page)
    miss(page, key, clock)
    expect(page.get_by_role("alert")).to_contain_text("esta tentativa de entrar terminou")
    expect(page.get_by_role("link", name="Entrar de novo")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Entrar com um código de recuperação").click()
    expect(page.get_by_label("Usuário")).to_have_value("ana")
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Entrar", exact=True).click()
    expect(page.get_by_label("Código de recuperação")).to_be_visible()
    expect(page.get_by_text("Sem celular e sem códigos? Fale com quem cuida do painel.")).to_be_visible()
    page.get_by_role("link", name="Usar o aplicativo autenticador").click()
    give_code(page, Person("ana", "", key).code_at(clock.forward(seconds=61)))
    page.wait_for_url("**/activity?tipo=conta")


def test_an_address_with_the_code_asks_for_the_password_of_the_account_it_names(
    open_page: OpenPage, setup_code: str, create_account: Callable[[str], str]
) -> None:
    set_up(open_page(), setup_code)
    page = open_page()
    page.goto(f"/activate#{create_account('bruno')}")
    expect(page.get_by_text("Sua conta neste painel se chama bruno.")).to_be_visible()
    assert page.url.endswith("/activate")
    expect(page.locator("[autocomplete=username]")).to_have_value("bruno")
    choose_password(page)
    expect(page.get_by_role("heading", name="Boas-vindas, bruno.")).to_be_visible()


def test_without_script_the_code_is_typed_first(
    open_page: OpenPage, setup_code: str, create_account: Callable[[str], str]
) -> None:
    set_up(open_page(), setup_code)
    page = open_page(java_script_enabled=False)
    page.goto("/activate")
    page.get_by_label("Código de ativação").fill(create_account("bruno"))
    page.get_by_role("button", name="Continuar").click()
    choose_password(page)
    expect(page).to_have_url(re.compile("/welcome$"))


def choose_password(page: Page) -> None:
    page.get_by_label("Senha", exact=True).fill("senhasenhasenha")
    page.get_by_label("Repita a senha").fill("senhasenhasenha")
    page.get_by_role("button", name="Definir senha").click()
    expect(page.get_by_text("palavras que todos tentam primeiro")).to_be_visible()
    check(page)
    page.get_by_label("Senha", exact=True).fill(FRESH)
    page.get_by_label("Repita a senha").fill(FRESH)
    page.get_by_role("button", name="Definir senha").click()


@BOTH
def test_the_current_password_is_asked_for_once_however_long_ago_one_signed_in(
    has_script: bool, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(java_script_enabled=has_script)
    set_up(page, setup_code)
    clock.forward(minutes=6)
    page.goto("/security/password")
    expect(page.get_by_text("Para alterar a senha.")).to_be_visible()
    check(page)
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    for repeated, told in ((FRESH + "s", "As duas senhas não são iguais."), (FRESH, "Senha alterada.")):
        expect(page.get_by_label("Senha atual")).to_have_count(0)
        page.get_by_label("Nova senha", exact=True).fill(FRESH)
        page.get_by_label("Repita a nova senha").fill(repeated)
        page.get_by_role("button", name="Alterar senha").click()
        expect(page.get_by_text(told)).to_be_visible()


def repeat_wrongly(page: Page, labels: tuple[str, str], button: str, new: str) -> None:
    """Only the second one is lost where a script runs; without one both are, for no page ever holds a password."""
    first, second = page.get_by_label(labels[0], exact=True), page.get_by_label(labels[1])
    has_script = page.evaluate("'htmx' in window")
    told = f"As duas senhas não são iguais. {'Repita a de cima.' if has_script else 'Digite as duas de novo.'}"
    for _ in range(2):
        first.fill(new)
        second.fill(new + "s")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_have_text(told)
        expect(second).to_have_accessible_description(told)
        expect(first).to_have_value(new if has_script else "")
        expect(second).to_have_value("")
        expect(second if has_script else first).to_be_focused()
        check(page)
    first.fill(new)
    second.fill(new)
    page.get_by_role("button", name=button).click()


@BOTH
def test_a_repetition_that_differs_loses_nothing_else(
    has_script: bool, open_page: OpenPage, setup_code: str, create_account: Callable[[str], str]
) -> None:
    page, labels = open_page(java_script_enabled=has_script), ("Senha", "Repita a senha")
    page.goto("/setup")
    page.get_by_label("Código de instalação").fill(setup_code)
    page.get_by_label("Usuário").fill("ana")
    repeat_wrongly(page, labels, "Criar conta", FRESH)
    page.wait_for_url("**/welcome")
    page.goto("/security/password")
    page.get_by_label("Senha atual").fill(FRESH)
    repeat_wrongly(page, ("Nova senha", "Repita a nova senha"), "Alterar senha", PASSWORD)
    expect(page.get_by_text("Senha alterada.")).to_be_visible()
    page.context.clear_cookies()
    page.goto("/activate")
    page.get_by_label("Código de ativação").fill(create_account("bruno"))
    page.get_by_role("button", name="Continuar").click()
    repeat_wrongly(page, labels, "Definir senha", FRESH)
    expect(page.get_by_role("heading", name="Boas-vindas, bruno.")).to_be_visible()


def questions(page: Page) -> list[str]:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    return asked


def test_new_codes_are_not_left_unread(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    asked = questions(page)
    set_up(page, setup_code)
    switch_on(page, clock)
    page.reload()
    assert asked == ["beforeunload"]
    page.get_by_role("link", name="Instâncias").click()
    assert asked == ["beforeunload"]


def test_codes_that_were_put_away_are_left_without_a_question(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    asked = questions(page)
    set_up(page, setup_code)
    switch_on(page, clock)
    with page.expect_download():
        page.locator("#download-codes").click()
    page.goto("/instances")
    assert asked == []


def test_the_step_up_of_an_instance_stands_in_its_row_and_names_it(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.goto("/instances")
    page.get_by_label("Nome da instância").fill("Loja do Centro")
    page.get_by_role("button", name="Criar instância").click()
    clock.forward(minutes=6)
    page.get_by_role("button", name="Mostrar token").click()
    expect(page.get_by_text("Para mostrar o token da instância Loja do Centro.")).to_be_visible()
    check(page)
