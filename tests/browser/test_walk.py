"""The walk that must always work, in a real browser, from the set-up code to the login with a recovery code."""

import contextlib
import re
from typing import Any

import pytest
from playwright.sync_api import Error, FloatRect, Locator, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import scan, show_code
from tests.browser.steps import (
    ask_for_qr_code,
    choose,
    create_account,
    give_code,
    give_password,
    leave_codes,
    open_row,
    row,
    set_up,
    stop_time,
    switch_on,
    type_code,
)
from tests.support.clock import Clock
from tests.support.people import PASSWORD


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_walk(script: bool, scheme: str, open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page(java_script_enabled=script, color_scheme=scheme)
    set_up(page, setup_code)
    key = switch_on(page, clock)
    recovery_codes = page.locator("#codes li").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("button", name="Baixar (.txt)").click()
    assert download.value.suggested_filename == "codigos-de-recuperacao.txt"
    assert all(code in download.value.path().read_text() for code in recovery_codes)
    leave_codes(page)
    expect(page.get_by_text("Ativa desde")).to_be_visible()

    page.get_by_role("button", name="Sair").click()
    give_password(page)
    page.goto("/instances")
    expect(page.get_by_role("heading", name="Verificação em duas etapas")).to_be_visible()
    give_code(page, show_code(key, clock()))
    expect(page.get_by_text("Este código já foi usado")).to_be_visible()
    give_code(page, show_code(key, clock.forward(seconds=30)))
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()

    page.get_by_label("Nome").fill("Loja do Centro")
    page.get_by_role("button", name="Criar instância").click()
    page.get_by_role("button", name="Mostrar token").click()
    token = page.locator("code[id^=token-]").inner_text()
    choose(page, "Loja do Centro", "Trocar token")
    expect(page.get_by_text("O atual deixa de valer na hora")).to_be_visible()
    page.get_by_role("button", name="Trocar agora").click()
    expect(page.get_by_text("O antigo não vale mais")).to_be_visible()
    expect(page.locator("code[id^=token-]")).not_to_have_text(token)
    choose(page, "Loja do Centro", "Renomear")
    page.locator("tbody").get_by_label("Nome").fill("Matriz")
    page.get_by_role("button", name="Salvar").click()
    expect(row(page, "Matriz")).to_be_visible()
    choose(page, "Matriz", "Excluir")
    page.get_by_role("button", name="Excluir de vez").click()
    expect(page.get_by_role("heading", name="Crie a primeira instância")).to_be_visible()

    page.get_by_role("button", name="Sair").click()
    give_password(page)
    page.get_by_role("link", name="Usar um código de recuperação").click()
    page.get_by_label("Código de recuperação").fill(recovery_codes[0].lower())
    page.get_by_role("button", name="Verificar").click()
    expect(page.get_by_role("button", name="Sair")).to_be_visible()

    page.goto("/security")
    open_row(page, "Autenticação de Dois Fatores")
    page.get_by_role("button", name="Desativar").click()
    page.get_by_label("Senha").fill(PASSWORD)
    type_code(page, show_code(key, clock.forward(seconds=30)), "Continuar")
    expect(page.get_by_text("Autenticação de dois fatores desativada.", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Configurar Agora")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_from_the_first_screen_it_is_three_clicks_and_one_field(
    script: bool, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(java_script_enabled=script)
    create_account(page, setup_code)
    expect(page.get_by_role("heading", name="Boas-vindas, ana.")).to_be_visible()
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    type_code(page, show_code(key, clock()), "Ativar")  # the sixth number, or a fourth click
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_role("heading", name="Funciona, ana.")).to_be_visible()
    expect(page.get_by_text("Na próxima entrada, depois da senha, o painel pede o código")).to_be_visible()

    page.get_by_role("link", name="Digitar um código").click()
    expect(page.get_by_role("heading", name="Confira a folha")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_one_code_is_typed_back_and_the_next_login_is_greeted(
    script: bool, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(java_script_enabled=script)
    set_up(page, setup_code)
    key = switch_on(page, clock)
    code = page.locator("#codes li").nth(3).inner_text()
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_label("Código de recuperação").fill(code)
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_text("os códigos de recuperação estão à mão")).to_be_visible()
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    give_code(page, show_code(key, clock.forward(seconds=30)))
    expect(page.get_by_text("Deu certo: esta entrada já pediu os dois fatores.")).to_be_visible()


def test_each_first_step_has_its_button_in_sight_on_a_phone(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    """Above the navigation, which stands over the page there."""
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    create_account(page, setup_code)
    tabs = page.get_by_role("navigation")
    for button in (page.get_by_role("button", name="Configurar Agora"), page.locator("#to-instances")):
        page.goto("/welcome")
        place = box(button)
        assert place["y"] + place["height"] < box(tabs)["y"]
        assert box(page.locator(".hello .lock"))["y"] >= box(page.locator(".side"))["height"] + 24
        if page.locator("#configure").is_visible():
            switch_on(page, clock)


def test_the_sheet_is_put_away_while_a_code_is_typed_back_and_back_shows_it_again(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    set_up(page, setup_code)
    switch_on(page, clock)
    codes = page.locator("#codes")
    page.get_by_role("link", name="Já guardei os códigos").click()
    expect(page.get_by_label("Código de recuperação")).to_be_in_viewport()
    assert box(page.get_by_label("Código de recuperação"))["y"] < 700  # above the navigation, without scrolling
    title, again = page.get_by_role("heading", name="Confira a folha"), page.get_by_text("Ver a folha de novo")
    lock, check_it = page.locator(".keep .lock"), page.get_by_role("button", name="Conferir")
    assert box(lock)["x"] + box(lock)["width"] < box(title)["x"]
    assert box(lock)["y"] < box(title)["y"] < box(lock)["y"] + box(lock)["height"]
    assert box(page.locator(".keep .next"))["y"] == box(lock)["y"] + box(lock)["height"] + 16
    field = page.get_by_label("Código de recuperação")
    assert box(check_it)["y"] == box(field)["y"] + box(field)["height"] + 16
    assert box(again)["y"] > box(page.locator(".keep"))["y"] + box(page.locator(".keep"))["height"]
    expect(page.get_by_role("heading", name="Guarde seus códigos")).to_be_hidden()
    expect(codes).to_be_hidden()
    page.emulate_media(media="print")
    expect(codes).to_be_visible()
    expect(page.get_by_text("Ver a folha de novo")).to_be_hidden()
    page.emulate_media(media="screen")
    page.go_back()
    expect(codes).to_be_visible()
    page.get_by_text("Ver a folha de novo").click()
    expect(codes).to_be_hidden()
    field.fill("0000-0000-0000-0000")
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_text("Este código não está na folha.")).to_be_visible()
    expect(field).to_have_value("0000-0000-0000-0000")
    expect(field).to_be_focused()


def ground(button: Locator) -> str:
    return str(button.evaluate("(it) => getComputedStyle(it).backgroundColor"))


def test_on_the_phone_itself_the_app_comes_first_and_the_qr_code_is_folded_away(
    open_page: OpenPage, setup_code: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.get_by_role("heading", name="Leve a chave para o aplicativo")).to_be_visible()
    opens = page.get_by_role("link", name="Abrir no aplicativo")
    assert str(opens.get_attribute("href")).startswith("otpauth://totp/")
    copies = page.get_by_role("button", name="Copiar a chave")
    assert box(opens)["y"] < box(copies)["y"]
    assert box(opens)["width"] > 200
    activates, field, green = page.locator("#activate"), page.get_by_label("Código de verificação"), ground(opens)
    assert ground(activates) != green  # one green at a time
    page.route("**/security/totp/confirm", lambda _: None)  # no answer: it stays as it is sent
    field.fill("12345")
    assert ground(activates) != green
    field.fill("123456")
    assert ground(activates) == green
    assert ground(opens) != green
    field.fill("")
    name = box(page.get_by_text("No aplicativo vai aparecer"))
    assert name["y"] - box(copies)["y"] - box(copies)["height"] < 24
    assert box(page.get_by_role("heading", name="Digite o código que o aplicativo mostra"))["y"] < 780 - 70  # the tabs
    expect(page.locator("#key")).to_be_hidden()
    qr = page.get_by_role("img", name=re.compile("^QR code"))
    expect(qr).to_have_count(0)
    page.get_by_text("O aplicativo está em outro aparelho").click()
    expect(page.get_by_text("Não abriu? Instale um aplicativo e toque de novo, ou copie a chave.")).to_be_visible()
    expect(page.locator("#key")).to_be_visible()
    assert scan(qr)


def test_the_code_is_typed_without_looking_for_its_field(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.get_by_role("heading", name="Configurar dois fatores")).to_be_focused()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    page.keyboard.type(show_code(key, clock()))
    expect(page.locator("#codes li")).to_have_count(10)


@pytest.mark.parametrize("screen", [{}, {"viewport": {"width": 1366, "height": 768}, "has_touch": True}])
def test_on_the_desktop_the_qr_code_is_large(screen: dict[str, Any], open_page: OpenPage, setup_code: str) -> None:
    """Also on one that is touched."""
    page = open_page(**screen)
    set_up(page, setup_code)
    assert page.evaluate("matchMedia('(pointer: coarse)').matches") == ("has_touch" in screen)
    page.get_by_role("button", name="Configurar Agora").click()
    expect(page.get_by_role("heading", name="Aponte a câmera para o QR code")).to_be_visible()
    assert box(page.get_by_role("img", name=re.compile("^QR code")))["width"] >= 240
    columns = "getComputedStyle(document.querySelector('.enrol')).gridTemplateColumns"
    assert len(page.evaluate(columns).split()) == 2  # it stands beside the steps
    expect(page.get_by_text("O aplicativo está em outro aparelho")).to_be_hidden()
    expect(page.get_by_text("Não abriu?")).to_be_hidden()


def box(place: Locator) -> FloatRect:
    found = place.bounding_box()
    assert found
    return found


def test_ativar_shows_that_it_works(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    """The button keeps its word, its colours and its width; a ring turns beside the word, in the word's colour."""
    page, held = open_page(), list[Route]()
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    page.route("**/security/totp/confirm", lambda route: held.append(route))
    looks = "(({ color, backgroundColor, width }) => [color, backgroundColor, width])"
    looks += "(getComputedStyle(document.querySelector('#activate')))"
    before = page.evaluate(looks)
    with page.expect_request("**/security/totp/confirm"):
        type_code(page, show_code(key, clock()), "Ativar")
    expect(page.get_by_role("button", name="Ativar")).to_be_disabled()
    assert page.evaluate(looks) == before
    turning = "getComputedStyle(document.querySelector('#activate'), '::after')"
    assert page.evaluate(f"[{turning}.animationName, {turning}.animationDelay]") == ["turn", "0.3s"]
    assert page.evaluate(f"{turning}.borderTopColor") == before[0]
    held[0].continue_()
    expect(page.locator("#codes li")).to_have_count(10)


WINDOWS = {"wide": (1440, 900), "low": (1440, 640), "tablet": (1024, 768), "narrow": (390, 844)}
STILL = """document.addEventListener("htmx:after:swap", () => {
    window.moves = document.getAnimations().filter((one) => one.animationName !== "turn"); // the ring of the button
    for (const one of moves) one.pause();
})"""
FRAME = """(at) => {
    for (const one of moves) one.currentTime = at;
    const place = document.querySelector(".closing"), look = (path) => getComputedStyle(place.querySelector(path));
    const { left, top, width, height } = place.querySelector(":scope > .plate").getBoundingClientRect();
    const bow = place.querySelector(":scope > .bow path").getBoundingClientRect();
    return {
        body: [left, top, width, height], bow: [bow.left + bow.width / 2, bow.top, bow.width],
        left: Number(look(".enrol").opacity), pins: Number(look(".lock path:nth-of-type(2)").opacity),
        words: Number(getComputedStyle(document.querySelector("#codes-title")).opacity),
    };
}"""
PLACES = """() => [".closing > .lock rect", ".closing > .lock path", ".codes-page", "#codes"].map((path) => {
    const { left, top, width, height } = document.querySelector(path).getBoundingClientRect();
    return [left, top, width, height, document.documentElement.scrollHeight, scrollY];
})"""


def accept(page: Page, clock: Clock) -> FloatRect | None:
    """The code, whose QR code was scanned; returns where its plate stood, unless it was folded away."""
    page.get_by_role("button", name="Configurar Agora").click()
    page.get_by_label("Código de verificação").last.focus()  # which may scroll the page
    key = page.locator("#key").inner_text().replace(" ", "")
    plate = page.locator(".open .plate").bounding_box()
    page.evaluate(STILL)
    type_code(page, show_code(key, clock()), "Ativar")
    expect(page.locator("#codes li")).to_have_count(10)
    return plate


@pytest.mark.parametrize("window", WINDOWS)
def test_the_qr_code_closes_into_a_lock_where_it_stands(
    window: str, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    """Then goes to the top of the codes. The page around it fades; the bars come last, and nothing moves afterwards."""
    width, height = WINDOWS[window]
    page = open_page(viewport={"width": width, "height": height})
    set_up(page, setup_code)
    was = accept(page, clock)
    assert was
    x, y, wide, tall = was["x"], was["y"], was["width"], was["height"]
    first, covered, closed, counted, last = (page.evaluate(FRAME, at) for at in (0, 260, 650, 800, 1079.9))
    assert first["body"] == pytest.approx([x, y, wide, tall], abs=1)
    assert first["bow"][1] > 0  # it stays in the window while the code is typed
    for frame in (covered, closed):
        left, top, *size = frame["body"]
        assert [left, *size] == pytest.approx([x, wide, tall], abs=1)
        assert frame["bow"][0] == pytest.approx(x + wide / 2, abs=1)
        assert 0 < frame["bow"][1] < top < height - tall  # all of it can be seen
    assert closed["bow"][1] - covered["bow"][1] > 15  # it dropped
    assert [frame["left"] for frame in (first, closed)] == [1, 0]
    assert 0 < page.evaluate(FRAME, 160)["left"] < 1
    assert [frame["pins"] for frame in (first, covered, closed, counted)] == [0, 0, 0, 1]
    assert closed["words"] == 0
    assert last["words"] > 0.99
    page.evaluate("moves.forEach((one) => one.finish())")
    expect(page.locator(".closing > *")).to_have_count(1)
    (body, bow, *_) = page.evaluate(PLACES)
    assert body[:4] == pytest.approx(last["body"], abs=1)
    assert [bow[0] + bow[2] / 2, bow[1], bow[2]] == pytest.approx(last["bow"], abs=1)
    assert body[2:4] == [76, 60]  # the lock of every page


def test_on_a_phone_the_lock_closes_at_the_top_of_the_codes(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    set_up(page, setup_code)
    assert accept(page, clock) is None
    look = """(at) => {
        for (const one of moves) one.currentTime = at;
        const look = (path) => getComputedStyle(document.querySelector(path));
        return [look(".closing .enrol").opacity, look(".closing .lock path").transform !== "none",
            look(".closing .lock path:nth-of-type(2)").opacity, look("#codes-title").opacity].map(Number);
    }"""
    places = page.evaluate(PLACES)[2:]
    assert page.evaluate(look, 0) == [1, 1, 0, 0]
    assert page.evaluate(look, 680) == [0, 0, 0, 1]
    assert page.evaluate(look, 1079.9) == [0, 0, 1, 1]
    page.evaluate("moves.forEach((one) => one.finish())")
    expect(page.locator(".closing > *")).to_have_count(1)
    assert page.evaluate(PLACES)[2:] == places


@pytest.mark.parametrize("window", WINDOWS)
def test_where_motion_is_unwanted_the_closed_lock_is_there_at_once(
    window: str, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    width, height = WINDOWS[window]
    page = open_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    set_up(page, setup_code)
    accept(page, clock)
    assert page.evaluate("moves.length") == 0
    expect(page.locator(".closing > *")).to_have_count(1)
    assert page.evaluate(PLACES)[0][2:4] == [76, 60]


def test_the_next_step_keeps_room_for_its_text(open_page: OpenPage, setup_code: str) -> None:
    """22 rem, 352 pixels; where it cannot, what is on stands below it."""
    page = open_page()
    set_up(page, setup_code)
    text, on = page.locator(".meter > div"), page.locator(".meter > ul")
    for width, is_beside in ((640, False), (1024, False), (1215, False), (1216, True), (1440, True)):
        page.set_viewport_size({"width": width, "height": 900})
        assert box(text)["width"] >= 352
        assert (box(on)["x"] > box(text)["x"] + box(text)["width"]) is is_beside
        assert (box(on)["y"] > box(text)["y"] + box(text)["height"]) is not is_beside


def test_the_paper_folds_to_the_size_of_a_card(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    switch_on(page, clock)
    page.emulate_media(media="print")
    millimetre = 96 / 25.4
    halves = [box(half) for half in page.locator(".half").all()]
    for half in halves:
        assert 84 < half["width"] / millimetre < 86
        assert 53.5 < half["height"] / millimetre < 54.5
    last = box(page.locator("#codes li").last)
    assert last["x"] + last["width"] < halves[0]["x"] + halves[0]["width"]
    size = page.locator("#codes code").last.evaluate("(code) => parseFloat(getComputedStyle(code).fontSize)")
    assert size * 72 / 96 >= 7.9  # points
    assert last["y"] + last["height"] < halves[0]["y"] + halves[0]["height"]
    expect(page.get_by_role("button", name="Imprimir")).to_be_hidden()


def test_the_set_up_address_fills_the_code_in_and_hides_it(open_page: OpenPage, setup_code: str) -> None:
    page = open_page()
    page.goto(f"/setup#{setup_code}")
    expect(page.get_by_label("Código de instalação")).to_have_value(setup_code)
    assert "#" not in page.url


def test_a_wrong_code_at_enrolment_leaves_the_qr_and_puts_the_eye_in_the_field(
    open_page: OpenPage, setup_code: str
) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    page.get_by_label("Código de verificação").fill("12")
    page.get_by_role("button", name="Ativar").click()
    expect(page.get_by_text("O código tem seis números")).to_be_visible()
    expect(page.get_by_label("Código de verificação")).to_be_focused()
    assert scan(page.get_by_role("img", name=re.compile("^QR code"))) == key


def test_after_confirme_que_e_voce_the_new_recovery_codes_are_seen(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    set_up(page, setup_code)
    key = switch_on(page, clock)
    leave_codes(page)
    clock.forward(minutes=6)
    open_row(page, "Códigos de recuperação")
    page.get_by_role("button", name="Gerar novos códigos de recuperação").click()
    page.get_by_label("Senha").fill(PASSWORD)
    type_code(page, show_code(key, clock()), "Continuar")
    expect(page.locator("#codes li")).to_have_count(10)
    expect(page.get_by_role("heading", name="Guarde seus códigos")).to_be_focused()


def test_two_rows_may_ask_who_it_is_at_once(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.goto("/instances")
    for name in ("Loja", "Matriz"):
        page.get_by_label("Nome").fill(name)
        page.get_by_role("button", name="Criar instância").click()
        expect(row(page, name).get_by_text(f"Instância {name} criada.").locator("xpath=..")).to_be_focused()
    clock.forward(minutes=6)
    for name in ("Matriz", "Loja"):
        choose(page, name, "Mostrar token")
        expect(page.get_by_label("Senha").last).to_be_focused()
    page.get_by_label("Senha").last.fill(PASSWORD)
    page.get_by_role("button", name="Continuar").last.click()
    expect(page.locator("code[id^=token-]")).to_have_count(1)
    expect(row(page, "Loja").locator("dd:has([id^=token-])")).to_be_focused()


def test_errors_in_place_are_told_one_after_another(open_page: OpenPage, setup_code: str) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.goto("/instances")
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, "Loja")).to_be_visible()
    page.evaluate(
        "document.querySelector('.drawer form:last-of-type').setAttribute('action', '/instances/0/token/show')"
    )
    for _ in range(2):
        page.get_by_role("button", name="Mostrar token").click()
        expect(page.get_by_role("alert")).to_contain_text("Não encontrado.")
        expect(page.get_by_role("alert")).to_be_focused()


def test_every_swap_leaves_the_eye_somewhere(open_page: OpenPage, setup_code: str) -> None:
    page = open_page()
    set_up(page, setup_code)
    for button, focused in (
        ("Configurar Agora", "Configurar dois fatores"),
        ("Cancelar", "Autenticação de Dois Fatores"),
    ):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", name=focused)).to_be_focused()
    page.goto("/instances")
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    told, asked, name = page.locator("tbody [role=status]"), page.locator(".ask"), page.locator("tbody th > span")
    expect(told).to_be_focused()
    page.get_by_role("button", name="Mostrar token").click()
    expect(page.locator("dd:has([id^=token-])")).to_be_focused()
    page.get_by_role("link", name="Ocultar token").click()
    expect(name).to_be_focused()
    choose(page, "Loja", "Trocar token")
    expect(asked).to_be_focused()
    page.get_by_role("button", name="Trocar agora").click()
    expect(told).to_be_focused()
    choose(page, "Loja", "Excluir")
    expect(asked).to_be_focused()
    page.get_by_role("link", name="Cancelar").click()
    expect(name).to_be_focused()


def test_a_new_password_is_judged_while_it_is_typed_and_then_counts(open_page: OpenPage, setup_code: str) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("link", name="Alterar senha").click()
    page.get_by_label("Nova senha", exact=True).press_sequentially("pato verde")
    expect(page.get_by_text("A senha precisa de pelo menos 12 caracteres")).to_be_visible()
    page.get_by_label("Nova senha", exact=True).press_sequentially(" corre na praia")
    expect(page.get_by_text("Senha muito boa.")).to_be_visible()
    expect(page.get_by_label("Nova senha", exact=True)).to_be_focused()
    page.get_by_label("Senha atual").fill(PASSWORD)
    page.get_by_label("Repita a nova senha").fill("pato verde corre na praia")
    page.get_by_role("button", name="Alterar senha").click()
    expect(page.get_by_text("Senha alterada.")).to_be_visible()


@pytest.mark.parametrize("first", ["pato verde", "pato verde corre na praia"], ids=["typed on", "judged already"])
def test_nothing_is_asked_beside_a_password_that_is_being_changed(
    first: str, open_page: OpenPage, setup_code: str
) -> None:
    """The change gives the session another cookie: what was asked with the one of before would lead to the login."""
    page, asked = open_page(), list[str]()
    held: list[Route] = []
    set_up(page, setup_code)
    page.get_by_role("link", name="Alterar senha").click()
    page.wait_for_url("**/security/password")
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.route(re.compile("/security/password(/strength)?$"), lambda route: held.append(route))
    stop_time(page)
    page.get_by_label("Senha atual").fill(PASSWORD)
    page.get_by_label("Nova senha", exact=True).fill(first)
    page.clock.run_for(1000)
    expect(page.locator("#password.htmx-request")).to_be_attached()
    page.get_by_label("Nova senha", exact=True).fill("pato verde corre na praia")
    page.get_by_label("Repita a nova senha").fill("pato verde corre na praia")
    page.get_by_role("button", name="Alterar senha").click()
    page.clock.run_for(1000)
    assert asked == ["strength", "password"]
    with contextlib.suppress(Error):  # nobody waits for it any more
        held[0].fulfill(status=401, headers={"HX-Redirect": "/login"})
    page.clock.run_for(1000)
    held[1].continue_()
    expect(page.get_by_text("Senha alterada.")).to_be_visible()


def test_the_wait_for_the_next_code_counts_down(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    expect(page.get_by_text(re.compile(r"\d\d:\d\d"))).to_have_count(0)
    stop_time(page)
    give_code(page, show_code(key, clock()))
    for left, seconds in ((25, 2), (23, 22), (1, 1)):
        expect(page.get_by_text(f"o próximo aparece em {left} s.")).to_be_visible()
        page.clock.run_for(seconds * 1000)
    expect(page.get_by_text("o próximo aparece agora.")).to_be_visible()


def test_the_export_is_a_file_also_after_confirme_que_e_voce(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("link", name="Atividade", exact=True).click()
    page.get_by_role("link", name="Conta e servidor").click()
    expect(page.get_by_role("link", name="Conta e servidor")).to_have_attribute("aria-current", "true")
    clock.forward(minutes=6)
    page.get_by_role("button", name="Baixar em CSV").click()
    page.get_by_label("Senha").fill(PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Continuar").click()
    assert "Conta criada" in download.value.path().read_text()


TYPE_AND_CLICK = """(field, code) => {
    field.value = code;
    field.dispatchEvent(new Event("input", {bubbles: true}));
    for (let i = 0; i < 3; i++) document.querySelector("#verify").click();
}"""  # at once: the sixth digit sends the code, and the page goes


def test_three_fast_clicks_send_one_code(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    set_up(page, setup_code)
    key = switch_on(page, clock)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_label("Código de verificação").evaluate(TYPE_AND_CLICK, show_code(key, clock.forward(seconds=30)))
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()
    assert len(sent) == 1


def test_back_after_signing_out_shows_the_login(open_page: OpenPage, setup_code: str) -> None:
    """A34."""
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    key = page.locator("#key").inner_text()
    page.get_by_role("button", name="Sair").click()
    page.wait_for_url("**/login")
    page.go_back()
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    assert key not in page.content()


def test_copy_says_that_it_copied(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    page.get_by_role("button", name="Copiar a chave").click()
    expect(page.get_by_role("button", name="Copiado")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#key").inner_text().replace(" ", "")


def test_id_and_token_of_an_instance_are_copied_as_they_stand(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    set_up(page, setup_code)
    page.get_by_role("link", name="Instâncias").click()
    page.get_by_label("Nome").fill("Loja do Centro")
    page.get_by_role("button", name="Criar instância").click()
    page.get_by_role("button", name="Mostrar token").click()
    for what in ("id de Loja do Centro", "token"):
        button = page.get_by_role("button", name=f"Copiar {what}", exact=True)
        button.click()
        expect(page.get_by_role("status").filter(has_text="Copiado")).to_be_attached()
        shown = button.locator("xpath=preceding-sibling::code").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == shown


def test_the_text_survives_a_320_pixel_screen(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(viewport={"width": 320, "height": 700})
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    ask_for_qr_code(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert scan(page.get_by_role("img", name=re.compile("^QR code")))
