"""Bad days in a real browser, with script and without: the steps, the questions, the activity, the drill."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import scan, show_code
from tests.browser.steps import ask_for_qr_code, give_code, give_password, prove, set_up, sign_in, switch_on, type_code
from tests.support.accessible import check
from tests.support.clock import Clock
from tests.support.people import PASSWORD

FRESH = "pato verde corre na praia"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Gecko/20100101 Firefox/144.0"
TABLET = "Mozilla/5.0 (Android 15; Tablet; rv:144.0) Gecko/144.0 Firefox/144.0"


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=request.param)


def turn(page: Page) -> Locator:
    """The step whose turn it is."""
    return page.locator("[aria-current=step] h2")


def test_the_steps_tick_themselves_off_to_the_end(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.goto("/security/bad-day")
    expect(turn(page)).to_have_text("Feche a porta")
    page.get_by_role("button", name="Bloquear tudo").click()
    expect(turn(page)).to_have_text("Senha nova")
    expect(page.get_by_text("Tudo bloqueado às 9h00")).to_be_visible()
    expect(page.get_by_role("button", name="Bloquear tudo")).to_have_count(0)
    page.get_by_role("button", name="Só eu sei a senha").click()
    expect(turn(page)).to_have_text("Aparelho novo")
    page.get_by_role("button", name="O celular está comigo").click()
    expect(turn(page)).to_have_text("Códigos de recuperação novos")
    page.get_by_role("button", name="Gerar novos códigos").click()
    prove(page, show_code(key, clock.forward(seconds=30)))
    expect(page.locator("#codes li")).to_have_count(10)
    page.goto("/security/bad-day")
    expect(turn(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Tudo de volta")).to_be_visible()
    expect(page.get_by_text("Gerados às 9h00")).to_be_visible()


def test_each_step_leads_back_to_the_steps(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.goto("/security/bad-day")
    page.get_by_role("button", name="Bloquear tudo").click()
    page.get_by_role("link", name="Alterar senha").click()
    page.get_by_role("link", name="Voltar aos passos").click()
    page.get_by_role("link", name="Alterar senha").click()
    page.get_by_label("Senha atual").fill(PASSWORD)
    page.get_by_label("Nova senha", exact=True).fill(FRESH)
    page.get_by_label("Repita a nova senha").fill(FRESH)
    page.get_by_role("button", name="Alterar senha").click()
    expect(turn(page)).to_have_text("Aparelho novo")
    page.get_by_role("button", name="Trocar de aparelho").click()
    prove(page, show_code(key, clock.forward(seconds=30)), FRESH)
    ask_for_qr_code(page)
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(key, clock()), "Ativar")
    expect(turn(page)).to_have_text("Códigos de recuperação novos")
    expect(page.get_by_text("entrada antiga deste painel, apague-a")).to_be_visible()
    page.get_by_role("button", name="Gerar novos códigos").click()
    expect(page.locator(".steps .step-up" if page.evaluate("'htmx' in window") else "main > .step-up")).to_be_visible()
    prove(page, show_code(key, clock.forward(seconds=30)), FRESH)
    expect(page.locator("#codes li")).to_have_count(10)
    expect(page.get_by_role("heading", name="Segurança", level=1)).to_have_count(1)
    codes = page.locator("#codes li").all_inner_texts()
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_label("Código de recuperação").fill(codes[0])
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("heading", name="Tudo de volta")).to_be_visible()


def test_the_button_gives_way_to_the_proof_that_it_asks_for(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    switch_on(page, clock)
    clock.forward(minutes=6)
    page.goto("/security")
    rehearse = page.get_by_role("button", name="Ensaiar a recuperação")
    rehearse.click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    expect(rehearse).to_be_hidden()
    expect(page.locator("#main .primary:visible")).to_have_count(1)
    page.get_by_role("link", name="Cancelar").click()
    expect(rehearse).to_be_focused()


def test_new_devices_are_answered_one_by_one(page: Page, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    for agent in (PHONE, TABLET, DESKTOP):
        other = open_page(user_agent=agent)
        other.goto("/login")
        sign_in(other)
        expect(other.get_by_role("heading", name="Instâncias")).to_be_visible()
    page.goto("/instances")
    expect(page.locator("#main").get_by_text("(Firefox no Windows).")).to_be_hidden()
    page.get_by_text("3 avisos para conferir.").click()
    expect(page.locator("#main").get_by_text("(Firefox no Windows).")).to_be_visible()
    page.get_by_role("button", name="Fui eu", exact=True).first.click()
    expect(page.get_by_text("2 avisos para conferir.")).to_be_visible()
    page.get_by_role("button", name="Fui eu", exact=True).first.click()  # the list stands open still
    expect(page.get_by_text("(Safari no iPhone).")).to_be_visible()
    expect(page.get_by_text("(Firefox no Android).")).to_have_count(0)
    page.get_by_role("button", name="Não fui eu").click()
    expect(turn(page)).to_have_text("Feche a porta")


def test_alike_failures_are_one_line_that_opens(page: Page, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    switch_on(page, clock)
    other = open_page(user_agent=PHONE)
    other.goto("/login")
    give_password(other)
    for _ in range(3):
        clock.forward(minutes=1)
        give_code(other, "000000")
        expect(other.get_by_label("Código de verificação")).to_have_value("")
        expect(other.get_by_role("alert")).to_be_visible()
    page.goto("/activity")
    line = page.locator(".timeline > li.bad")
    expect(line).to_have_count(1)
    expect(line.get_by_text("3 códigos incorretos")).to_be_visible()
    expect(line.get_by_text("Falhou")).to_be_visible()
    expect(line.get_by_text("9h02")).to_be_hidden()
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(line.locator("details li")).to_have_text(["9h03", "9h02", "9h01"])
    page.get_by_role("link", name="O que falhou").click()
    expect(page.locator(".timeline > li:not(.day)")).to_have_count(1)


def test_the_drill_takes_four_clicks_and_one_field(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    switch_on(page, clock)
    codes = page.locator("#codes li").all_inner_texts()
    page.goto("/security/bad-day")
    page.get_by_role("link", name="Fazer o simulado").click()
    expect(turn(page)).to_have_text("Pegue a folha")
    page.get_by_role("button", name="A folha está comigo").click()
    expect(page.get_by_label("Código de recuperação")).to_be_focused()
    page.get_by_label("Código de recuperação").fill(codes[4])
    page.get_by_role("button", name="Conferir").click()
    expect(turn(page)).to_have_text("Guarde a ordem")
    page.get_by_role("link", name="Terminar o simulado").click()
    proved = re.compile("^Se seu celular sumir hoje, você entra com um código de papel: testado há pouco")
    expect(page.get_by_role("heading", name=proved)).to_be_visible()
    expect(page.get_by_text("de maio de 2027").first).to_be_visible()


def test_every_state_is_open_to_everyone(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page, other = open_page(), open_page(user_agent=PHONE)
    set_up(page, setup_code)
    key = switch_on(page, clock)
    codes = page.locator("#codes li").all_inner_texts()
    other.goto("/login")
    give_password(other)
    clock.forward(seconds=30)
    give_code(other, show_code(key, clock()))
    expect(other.get_by_role("heading", name="Instâncias")).to_be_visible()
    page.goto("/security/sessions")
    expect(page.get_by_role("button", name="Encerrar", exact=True)).to_be_visible()
    check(page)
    page.goto("/security/drill")
    check(page)
    page.get_by_role("button", name="A folha está comigo").click()
    page.get_by_label("Código de recuperação").fill("x")
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.get_by_label("Código de recuperação").fill(codes[0])
    page.get_by_role("button", name="Conferir").click()
    expect(turn(page)).to_have_text("Guarde a ordem")
    check(page)
    page.get_by_role("link", name="Terminar o simulado").click()
    check(page)
    page.goto("/security/bad-day")
    page.get_by_role("button", name="Bloquear tudo").click()
    page.get_by_role("button", name="Só eu sei a senha").click()
    expect(turn(page)).to_have_text("Aparelho novo")
    check(page)
    page.goto("/activity")
    page.locator(".dates summary").click()
    check(page)
    page.goto("/activity?de=2026-11-25&ate=2026-11-24")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
