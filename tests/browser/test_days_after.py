"""Living with the second factor, in a real browser, with script and without: proving who it is again, another phone,
notices, the bad day, a session that ended while somebody typed, and a second factor required of everybody."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import scan, show_code
from tests.browser.steps import (
    choose,
    give_code,
    give_password,
    leave_codes,
    open_row,
    prove,
    row,
    set_up,
    sign_in,
    switch_on,
    type_code,
)
from tests.support.clock import Clock
from tests.support.people import PASSWORD, Person

FRESH = "pato verde corre na praia"


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=request.param)


def test_confirme_que_e_voce_appears_in_place_and_goes_on_by_itself(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    clock.forward(minutes=6)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    expect(page.get_by_label("Senha")).to_be_focused()
    page.get_by_label("Senha").fill("errada")
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_text("Senha incorreta")).to_be_visible()
    prove(page)
    expect(page.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()


def test_confirme_que_e_voce_opens_in_its_row_and_can_be_given_up(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    set_up(page, setup_code)
    key = switch_on(page, clock)
    leave_codes(page)
    clock.forward(minutes=6)
    asked = page.get_by_role("heading", name="Confirme que é você")
    open_row(page, "Autenticação de Dois Fatores")
    page.get_by_role("button", name="Desativar").click()
    expect(page.locator("#app").filter(has=asked)).to_be_visible()
    expect(page.get_by_role("heading", name="Segurança", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Trocar de aparelho")).to_be_visible()
    page.get_by_role("link", name="Cancelar").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_role("button", name="Desativar")).to_be_focused()
    expect(page).to_have_title(re.compile("^Segurança"))
    page.keyboard.press("Enter")
    expect(page.locator("#ask-app-password")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Desativar")).to_be_focused()
    page.keyboard.press("Enter")
    expect(asked).to_be_visible()
    open_row(page, "Códigos de recuperação")
    page.get_by_role("button", name="Gerar novos códigos").click()
    expect(page.locator("#ask-codes-title")).to_be_visible()
    expect(asked).to_have_count(1)  # one at a time
    prove(page, show_code(key, clock()))
    expect(page.locator("#codes li")).to_have_count(10)
    expect(page.get_by_role("button", name="Desativar")).to_have_count(0)


def test_on_a_phone_rows_that_open_have_the_space_of_the_others(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    set_up(page, setup_code)
    switch_on(page, clock)
    leave_codes(page)
    spaces = page.locator(".rows .state").evaluate_all(
        "(all) => all.map((it) => it.offsetTop - it.parentNode.querySelector('.what').offsetTop"
        " - it.parentNode.querySelector('.what').offsetHeight)"
    )
    assert len(spaces) > 3
    assert max(spaces) - min(spaces) < 3


def test_a_password_typed_slowly_survives_confirme_que_e_voce(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    page.get_by_role("link", name="Alterar senha").click()
    page.get_by_label("Senha atual").fill(PASSWORD)
    page.get_by_label("Nova senha", exact=True).fill(FRESH)
    page.get_by_label("Repita a nova senha").fill(FRESH)
    clock.forward(minutes=6)
    page.get_by_role("button", name="Alterar senha").click()
    assert FRESH not in page.content()
    prove(page)
    expect(page.get_by_text("Senha alterada.")).to_be_visible()
    page.get_by_role("button", name="Sair").click()
    sign_in(page, password=FRESH)
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()


def test_another_phone_and_back_again(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    old = switch_on(page, clock)
    leave_codes(page)
    open_row(page, "Autenticação de Dois Fatores")
    page.get_by_role("button", name="Trocar de aparelho").click()
    prove(page, show_code(old, clock.forward(seconds=30)))
    new = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(new, clock.forward(seconds=30)), "Ativar")
    expect(page.get_by_text("Aparelho trocado. Só o aplicativo novo vale agora.")).to_be_visible()
    undo = page.get_by_text("Desfazer até 09:11")
    assert undo.evaluate("(it) => it.offsetHeight") < 40  # one line of the drawer, not a row beside the others
    undo.click()
    type_code(page, show_code(new, clock()), "Desfazer a troca")
    expect(page.get_by_text("Digite o que o aplicativo antigo mostra agora")).to_be_visible()
    type_code(page, show_code(old, clock()), "Desfazer a troca")
    expect(page.get_by_text("Troca desfeita. Só o aplicativo de antes vale agora.")).to_be_visible()
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    give_code(page, show_code(old, clock.forward(seconds=30)))
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()


def test_a_notice_stays_until_it_is_answered(page: Page, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    stranger = open_page()
    set_up(page, setup_code)
    switch_on(page, clock)
    stranger.goto("/login")
    give_password(stranger)
    clock.forward(minutes=6)
    for section in ("Instâncias", "Atividade"):
        page.get_by_role("link", name=section).click()
        expect(page.get_by_text("Alguém acertou sua senha")).to_be_visible()
    page.get_by_role("button", name="Fui eu", exact=True).click()
    expect(page.get_by_role("heading", name="Atividade")).to_be_visible()
    expect(page.get_by_text("Alguém acertou sua senha")).to_have_count(0)


def test_a_used_recovery_code_is_replaced_by_another(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    switch_on(page, clock)
    code = page.locator("#codes li").first.inner_text()
    leave_codes(page)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    page.get_by_role("link", name="Usar um código de recuperação").click()
    page.get_by_label("Código de recuperação").fill(code)
    page.get_by_role("button", name="Verificar").click()
    page.get_by_role("button", name="Gerar outro código").click()
    fresh = page.locator("#replacement").inner_text()
    page.get_by_role("link", name="Já anotei").click()
    expect(page.get_by_text("Restam 10 de 10")).to_be_visible()
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    page.get_by_role("link", name="Usar um código de recuperação").click()
    page.get_by_label("Código de recuperação").fill(fresh)
    page.get_by_role("button", name="Verificar").click()
    expect(page.get_by_role("button", name="Entendi")).to_be_visible()
    for path in ("/instances", "/people", "/security"):
        page.goto(path)
        buttons = page.locator("main .primary:visible")
        grounds = buttons.evaluate_all("(all) => all.map((it) => getComputedStyle(it).backgroundColor)")
        assert len(grounds) > 1
        assert grounds.count(grounds[0]) == 1, path  # one green at a time, and the notice has it
    page.get_by_role("button", name="Entendi").click()
    expect(page.get_by_role("button", name="Gerar outro código")).to_have_count(0)


def test_the_bad_day_from_the_notice_to_a_safe_account(
    page: Page, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    stranger = open_page()
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.get_by_role("link", name="Instâncias").click()
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, "Loja")).to_be_visible()
    stranger.goto("/login")
    give_password(stranger)
    clock.forward(minutes=6)
    page.goto("/instances")
    page.get_by_role("button", name="Não fui eu").click()
    expect(page.get_by_role("heading", name="Algo deu errado com a conta?")).to_be_visible()

    page.get_by_role("button", name="Bloquear tudo").click()
    prove(page, show_code(key, clock()))
    expect(page.get_by_role("heading", name="Fechado. Agora, o caminho de volta.")).to_be_visible()
    page.goto("/instances")
    expect(row(page, "Loja").get_by_text("Pausada")).to_be_visible()
    expect(page.get_by_role("button", name="Mostrar token")).to_have_count(0)

    page.goto("/security/bad-day")
    page.get_by_role("link", name="Alterar senha").click()
    page.get_by_label("Senha atual").fill(PASSWORD)
    page.get_by_label("Nova senha", exact=True).fill(FRESH)
    page.get_by_label("Repita a nova senha").fill(FRESH)
    page.get_by_role("button", name="Alterar senha").click()
    expect(page.get_by_text("Trocada às")).to_be_visible()

    page.get_by_role("button", name="Trocar de aparelho").click()
    prove(page, show_code(key, clock.forward(seconds=30)), FRESH)
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(key, clock.forward(seconds=30)), "Ativar")
    expect(page.get_by_text("O aplicativo de agora vale desde")).to_be_visible()

    page.get_by_role("button", name="Gerar novos códigos").click()
    prove(page, show_code(key, clock.forward(seconds=30)), FRESH)
    expect(page.locator("#codes li")).to_have_count(10)

    page.goto("/security/bad-day")
    page.get_by_role("button", name="Reabrir como está").click()
    prove(page, show_code(key, clock.forward(seconds=30)), FRESH)
    expect(page.get_by_text("Tokens reabertos.")).to_be_visible()
    page.goto("/instances")
    choose(page, "Loja", "Mostrar token")
    expect(page.locator("code[id^=token-]")).to_be_visible()


def test_what_was_typed_when_the_session_was_over_is_there_after_the_login(
    page: Page, setup_code: str, clock: Clock
) -> None:
    set_up(page, setup_code)
    page.get_by_role("link", name="Instâncias").click()
    page.get_by_label("Nome").fill("Loja do Centro")
    clock.forward(minutes=61)
    page.get_by_role("button", name="Criar instância").click()
    sign_in(page)
    expect(page.get_by_label("Nome")).to_have_value("Loja do Centro")
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, "Loja do Centro")).to_be_visible()
    expect(page.get_by_label("Nome")).to_have_value("")


def test_a_second_factor_required_of_everybody(
    page: Page, open_page: OpenPage, setup_code: str, invite: Callable[[str], Person], clock: Clock
) -> None:
    admin = open_page()
    set_up(admin, setup_code)
    switch_on(admin, clock)
    bruno = invite("bruno")
    page.goto("/login")
    sign_in(page, bruno.name, bruno.password)
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    admin.goto("/security")
    admin.get_by_role("link", name="Definir regra").click()
    warning = admin.get_by_text("Agora mesmo: 1 pessoa interrompe o que está fazendo")
    expect(warning).to_be_hidden()
    admin.get_by_label("Agora mesmo").check()
    expect(warning).to_be_visible()
    expect(admin.get_by_role("button", name="Exigir agora de 1 pessoa")).to_be_visible()
    admin.get_by_label("Daqui a 7 dias").check()
    admin.get_by_role("button", name="Exigir de todos").click()
    expect(admin.get_by_text(re.compile("Passa a valer em .*faltam 7 dias"))).to_be_visible()
    page.goto("/instances")
    expect(page.get_by_text(re.compile("faltam 7 dias"))).to_be_visible()
    clock.forward(days=7)
    page.get_by_role("link", name="Segurança").click()
    sign_in(page, bruno.name, bruno.password)
    expect(page.get_by_text("Este painel exige dois fatores de todos.")).to_be_visible()
    page.goto("/instances")
    expect(page.get_by_text("Este painel exige dois fatores de todos.")).to_be_visible()
    expect(page.get_by_role("link", name="Instâncias")).to_have_count(0)
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(key, clock()), "Ativar")
    leave_codes(page)
    expect(page.get_by_text("por isso não dá para desativar")).to_be_visible()
    page.get_by_role("link", name="Instâncias").click()
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
