"""The small things that people notice."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import show_code
from tests.browser.steps import give_code, give_password, open_row, row, set_up, stop_time, switch_on
from tests.support.clock import Clock
from tests.support.people import PASSWORD, Person
from tests.support.steady import until


@pytest.fixture
def page(open_page: OpenPage, setup_code: str) -> Page:
    page = open_page()
    set_up(page, setup_code)
    return page


def posts(page: Page) -> list[str]:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    return sent


def test_the_sixth_number_of_a_code_sends_it_once_however_it_is_written(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    sent, field = posts(page), page.get_by_label("Código de verificação")
    expect(page.get_by_text("Ao digitar o sexto dígito, o código é enviado.")).to_be_visible()
    field.fill("12345")
    code = show_code(key, clock.forward(seconds=30))
    field.fill(f"\u00a0{code[:3]} \u2011\u200b{code[3:]}\u2009")
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    assert len(sent) == 1


def test_a_code_waits_for_the_password_beside_it(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    clock.forward(minutes=6)
    page.goto("/security")
    open_row(page, "Códigos de recuperação")
    page.get_by_role("button", name="Gerar novos códigos de recuperação").click()
    sent = posts(page)
    page.get_by_label("Código de verificação").fill(show_code(key, clock()))
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_role("heading", name="Guarde seus códigos de recuperação")).to_be_visible()
    assert len(sent) == 1


def press(page: Page, button: str) -> str:
    """What comes of it when the form cannot be sent: a bubble of the browser, or not."""
    page.evaluate("""document.addEventListener("invalid", (event) => { window.refused = event; }, true)""")
    page.get_by_role("button", name=button, exact=True).last.click()
    return "quiet" if page.evaluate("window.refused.defaultPrevented") else "bubble"


def test_the_button_pressed_after_a_code_sent_itself_asks_nothing_more(page: Page, clock: Clock) -> None:
    """The code was refused and its field is empty: the error says so; the browser's bubble would lie over it."""
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.locator("#key")).to_be_visible()
    assert press(page, "Ativar") == "bubble"  # nothing was typed, and no error is there
    ana = Person("ana", "", page.locator("#key").inner_text().replace(" ", ""))
    error = page.get_by_text(re.compile("^Código incorreto"))
    field = page.get_by_label("Código de verificação")
    field.fill(ana.wrong_code_at(clock()))
    expect(error).to_be_visible()
    assert press(page, "Ativar") == "quiet"
    expect(field).to_be_focused()
    give_code(page, ana.code_at(clock()))
    expect(page.locator("#codes li")).to_have_count(10)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    give_code(page, ana.wrong_code_at(clock()))
    expect(error).to_be_visible()
    assert press(page, "Verificar") == "quiet"
    expect(field).to_be_focused()


@pytest.mark.parametrize("place", ["/security", "/security/password"])
def test_the_button_leads_to_the_password_that_was_emptied_with_the_code(place: str, page: Page, clock: Clock) -> None:
    ana = Person("ana", "", switch_on(page, clock))
    clock.forward(minutes=6)
    page.goto(place)
    if place == "/security":
        open_row(page, "Autenticação de Dois Fatores")
        page.get_by_role("button", name="Trocar de aparelho").click()
    page.get_by_label("Senha").fill(PASSWORD)
    give_code(page, ana.wrong_code_at(clock()))
    expect(page.get_by_text(re.compile("^Código incorreto"))).to_be_visible()
    assert press(page, "Continuar") == "quiet"
    expect(page.get_by_label("Senha")).to_be_focused()
    page.get_by_label("Senha").fill("")
    page.get_by_label("Código de verificação").fill("123456")  # which waits, and leaves the eye where it is
    expect(page.get_by_label("Código de verificação")).to_be_focused()


def test_a_password_can_be_looked_at_and_leaves_masked(page: Page) -> None:
    page.get_by_role("button", name="Sair").click()
    field = page.get_by_label("Senha")
    field.fill("girafa")
    page.get_by_role("button", name="Mostrar o campo Senha").click()
    assert field.get_attribute("type") == "text"
    expect(page.get_by_role("button", name="Ocultar o campo Senha")).to_be_visible()
    page.get_by_label("Usuário").fill("ana")
    page.evaluate("document.addEventListener('submit', () => { window.sentAs = password.type; })")
    page.get_by_role("button", name="Entrar", exact=True).click()
    expect(page.get_by_text("Usuário ou senha incorretos.")).to_be_visible()
    assert page.evaluate("window.sentAs") == "password"


@pytest.mark.parametrize(("width", "rows"), [(320, 2), (390, 1)])
def test_what_is_done_with_the_activity_is_as_wide_as_each_other_on_phones(page: Page, width: int, rows: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/activity")
    boxes = [page.locator(one).bounding_box() for one in ("#export", "#verify")]
    assert len({round(box["width"]) for box in boxes if box}) == 1
    assert len({box["y"] for box in boxes if box}) == rows
    assert len({box["height"] for box in boxes if box}) == 1


def test_caps_lock_is_told_where_a_password_is_typed(page: Page) -> None:
    page.get_by_role("button", name="Sair").click()
    hint = page.get_by_text("A tecla Caps Lock está ligada.")
    press = """([field, isOn]) => field.dispatchEvent(
        new KeyboardEvent("keyup", { key: "a", bubbles: true, modifierCapsLock: isOn }))"""
    field = page.get_by_label("Senha").element_handle()
    page.evaluate(press, [field, True])
    expect(hint).to_be_visible()
    page.evaluate(press, [field, False])
    expect(hint).to_have_count(0)


def test_after_a_wrong_code_the_servers_clock_ticks(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    page.get_by_role("button", name="Sair").click()
    clock.forward(seconds=10)  # the 15th of its 30 seconds
    stop_time(page)
    give_password(page)
    expect(page.get_by_text("No servidor são")).to_have_count(0)
    give_code(page, Person("ana", "", key).wrong_code_at(clock()))
    began = clock().astimezone(ZoneInfo("America/Sao_Paulo"))
    for left, later, seconds in ((15, 0, 2), (13, 2, 12), (1, 14, 1), (30, 15, 0)):
        time = f"{began + timedelta(seconds=later):%H:%M:%S}"
        expect(page.get_by_text(f"O código muda em {left} s. No servidor são {time};")).to_be_visible()
        page.clock.run_for(seconds * 1000)


def test_instances_are_searched_in_place(page: Page) -> None:
    page.goto("/instances")
    for name in ("Atendimento", "Cobrança", "Loja do Centro", "Loja do Norte", "Matriz", "Vendas"):
        page.get_by_label("Nome").fill(name)
        page.get_by_role("button", name="Criar instância").click()
        expect(row(page, name)).to_be_visible()
    sent = posts(page)
    expect(page.get_by_role("button", name="Procurar")).to_have_count(0)  # it searches by itself
    count = page.locator("#rows > [role=status]").element_handle()
    page.get_by_role("searchbox").press_sequentially("loja")
    expect(page.get_by_role("rowheader", name=re.compile("^Loja"))).to_have_count(2)
    expect(row(page, "Matriz")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="2 instâncias com “loja”.")).to_be_visible()
    assert count.inner_text().startswith("2 instâncias")  # in the very node: so it is read aloud
    expect(page.get_by_role("button", name="Copiar id")).to_have_count(2)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("")
    expect(row(page, "Matriz")).to_be_visible()
    expect(page.get_by_role("button", name="Copiar id")).to_have_count(6)
    assert sent == []


def test_a_login_that_takes_its_time_shows_that_it_works(page: Page) -> None:
    """A ring turns after 300 ms, in the button that waits, which stays as wide as it was."""
    page.get_by_role("button", name="Sair").click()
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    held: list[Route] = []
    page.route("**/login", lambda route: held.append(route))
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill("girafa")
    ring = "getComputedStyle(document.querySelector('#enter'), '::after')"
    width = "document.querySelector('#enter').offsetWidth"
    before = page.evaluate(width)
    page.evaluate("document.querySelector('#enter').click()")
    expect(page.locator("#enter")).to_be_disabled()
    assert page.evaluate(f"{ring}.animationDelay") == "0.3s"
    until(lambda: page.evaluate(f"{ring}.opacity") == "1")
    assert page.evaluate(width) == before
    held[0].continue_()
    expect(page.get_by_text("Usuário ou senha incorretos.")).to_be_visible()
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_enabled()


def test_title_and_icon_follow_what_is_owed(page: Page, clock: Clock) -> None:
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile("icon-pending"))
    switch_on(page, clock)
    page.goto("/security")
    expect(icon).to_have_attribute("href", re.compile(r"icon\.svg"))
    page.get_by_role("button", name="Sair").click()
    expect(page).to_have_title("Entrar · Painel Z-API")
    give_password(page)
    expect(page).to_have_title("Verificação em duas etapas · Painel Z-API")  # in place


def test_the_login_changes_into_the_challenge_without_jumping(page: Page, clock: Clock) -> None:
    switch_on(page, clock)
    page.get_by_role("button", name="Sair").click()
    expect(page.locator("#login")).to_be_visible()
    place = "it => { const r = it.getBoundingClientRect(); return [r.left, r.top, r.width]; }"
    before = page.locator("#login").evaluate(place)
    give_password(page)
    assert page.locator("#challenge").evaluate(place) == before


def test_on_paper_there_are_the_codes_and_whose_they_are_and_no_buttons(page: Page, clock: Clock) -> None:
    switch_on(page, clock)
    page.emulate_media(media="print")
    expect(page.locator("#codes li")).to_have_count(10)
    expect(page.get_by_role("heading", name="Painel Z-API, conta ana")).to_be_visible()
    expect(page.get_by_text(re.compile("^Folha de 24 de novembro de 2026"))).to_be_visible()
    for place in ("#copy-codes", "#saved", "#sign-out", "nav"):
        expect(page.locator(place)).to_be_hidden()
    expect(page.get_by_role("heading", name="Sessões e dispositivos")).to_be_hidden()


def test_the_panel_can_be_put_among_the_apps(page: Page) -> None:
    address = page.locator("link[rel=manifest]").get_attribute("href")
    assert address
    manifest = page.request.get(address)
    assert manifest.headers["content-type"] == "application/manifest+json"
    icon = page.request.get(address.rpartition("/")[0] + "/" + manifest.json()["icons"][0]["src"])
    assert (icon.status, icon.headers["content-type"]) == (200, "image/svg+xml")


def test_a_form_of_a_whole_page_is_sent_once_too(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    clock.forward(minutes=6)
    page.goto("/security/password")
    page.get_by_label("Senha").fill(PASSWORD)
    sent = posts(page)
    page.get_by_label("Código de verificação").evaluate("(it, code) => { it.value = code; }", show_code(key, clock()))
    submit_three_times = """() => setTimeout(() => {
        const stopped = [], form = document.querySelector(".step-up form");
        addEventListener("submit", (event) => stopped.push(event.defaultPrevented));
        for (let i = 0; i < 3; i++) form.requestSubmit();
        console.info(`stopped: ${stopped}`);
    })"""
    with page.expect_console_message() as told:
        page.evaluate(submit_three_times)
    assert told.value.text == "stopped: false,true,true"
    expect(page.get_by_role("heading", name="Alterar senha")).to_be_visible()
    assert len(sent) == 1


def test_a_theme_is_chosen_in_place_and_kept(page: Page) -> None:
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.locator("#key")).to_be_visible()
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    with page.expect_response("**/theme") as answer:
        page.get_by_role("button", name="Tema escuro").click()
    assert answer.value.status == 204
    dark = page.evaluate(paper)
    assert dark != light
    expect(page.locator("#key")).to_be_visible()  # which is shown once
    page.goto("/instances")
    assert page.evaluate(paper) == dark
    expect(page.get_by_role("button", name="Tema escuro")).to_have_attribute("aria-current", "true")
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Tema do sistema").click()
    page.reload()
    assert page.evaluate(paper) == light
