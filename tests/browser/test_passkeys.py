"""Chaves de acesso at the screen, with Chromium's own virtual authenticator, over HTTPS under a name."""

import base64
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.authenticators import Device
from tests.browser.counting import count
from tests.browser.phone import show_code
from tests.browser.steps import create_account, give_password, leave_codes, prove, set_up, switch_on
from tests.support.accessible import check
from tests.support.authenticator import Authenticator, coded
from tests.support.certificate import write_certificate
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.people import PASSWORD
from tests.support.steady import StillLoop, until
from web.app import create_app
from web.settings import Settings

OpenPage = Callable[..., Page]
pytestmark = pytest.mark.usefixtures("live_server")  # it ends last: a browser that waits would hold it open


@pytest.fixture
def live_server(settings: Settings, clock: Clock, still_loop: StillLoop, tmp_path: Path) -> Iterator[str]:
    """Browsers find every name under `localhost` by themselves, and take it for a site like any other."""
    write_certificate(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"https://painel.localhost:{listener.getsockname()[1]}"
    app = create_app(replace(settings, public_url=address), now=clock)
    with live(app, still_loop, listener=listener, certificate=tmp_path):
        yield address


def phone_at(page: Page, **differs: object) -> Device:
    """One that is unlocked and in the hand: it answers by itself."""
    return Device(page, automaticPresenceSimulation=True, **differs)


@pytest.fixture
def page(open_page: OpenPage, setup_code: str) -> Page:
    """Somebody who has set the panel up, in Segurança."""
    page = open_page(ignore_https_errors=True)
    set_up(page, setup_code)
    return page


def add_first(page: Page) -> list[str]:
    """Returns the recovery codes."""
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    expect(page.locator("#codes li")).to_have_count(10)
    codes = page.locator("#codes li").all_inner_texts()
    page.get_by_role("link", name="Já guardei os códigos").click()
    return codes


def open_only(page: Page) -> None:
    page.goto("/security/passkeys")
    expect(page.locator(".rows > li")).to_have_count(1)
    page.locator(".rows summary").first.click()


def prove_by_paper(page: Page, code: str) -> None:
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    page.get_by_text("Usar a senha e um código de recuperação").click()
    page.get_by_label("Senha").last.fill(PASSWORD)
    page.get_by_label("Código de recuperação").fill(code)
    page.get_by_role("button", name="Continuar").click()


def test_what_is_removed_goes_from_the_authenticator_too(page: Page) -> None:
    phone = phone_at(page)
    codes = add_first(page)
    assert [one["rpId"] for one in phone.credentials()] == ["painel.localhost"]
    open_only(page)
    page.get_by_label("Nome").fill("Celular da Ana")
    page.get_by_role("button", name="Salvar nome").click()
    expect(page.get_by_text("Agora ela se chama Celular da Ana.")).to_be_focused()
    page.locator(".rows summary").first.click()
    page.get_by_text("Remover", exact=True).click()
    red = page.get_by_role("button", name="Remover Celular da Ana")
    red.click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    check(page)
    above, asked = red.bounding_box(), page.locator(".step-up").bounding_box()
    assert above
    assert asked
    assert (asked["x"], asked["y"]) == (above["x"], above["y"] + above["height"] + 16)
    prove_by_paper(page, codes[0])
    expect(page.get_by_text("Chave de acesso removida. Os dois fatores estão desativados.")).to_be_focused()
    expect(page.get_by_text("Nenhuma ainda.")).to_be_visible()
    until(lambda: not phone.credentials() and "Deleted" in phone.told)


def one_that_is_gone(phone: Device) -> Authenticator:
    """With a passkey of the same account, which the panel has no longer."""
    [kept] = phone.credentials()
    gone, user = Authenticator(), coded(base64.b64decode(kept["userHandle"]))
    gone.create({"rp": {"id": kept["rpId"]}, "user": {"id": user}, "challenge": coded(bytes(32))})
    return gone


def test_what_is_gone_leaves_the_authenticator_with_the_next_login(page: Page) -> None:
    """Removed where this authenticator was not told of it."""
    phone = phone_at(page)
    add_first(page)
    gone = one_that_is_gone(phone)

    def hold_it(route: Route) -> None:
        phone.hold_only(gone)
        route.continue_()

    page.route("**/login/passkey", hold_it)
    page.get_by_role("button", name="Sair").click()  # where the field of the name offers the passkey by itself
    page.wait_for_url("**/instances")
    until(lambda: not phone.credentials() and "Deleted" in phone.told)


def test_a_login_without_the_passkey_tells_the_authenticator_too(page: Page) -> None:
    phone = phone_at(page)
    codes = add_first(page)
    gone = one_that_is_gone(phone)
    phone.touch(False)
    page.get_by_role("button", name="Sair").click()
    give_password(page)
    page.get_by_role("link", name="Usar um código de recuperação").click()
    page.get_by_label("Código de recuperação").fill(codes[0])
    phone.hold_only(gone)
    page.get_by_role("button", name="Verificar").click()
    page.wait_for_url("**/instances")
    until(lambda: not phone.credentials() and "Deleted" in phone.told)


def test_a_device_that_checks_nobody_is_told_so_and_tries_again(page: Page) -> None:
    phone = phone_at(page)
    phone.verify(False)
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    expect(page.get_by_role("status").filter(has_text="Nada foi criado")).to_be_visible()
    expect(page.get_by_role("button", name="Tentar de novo")).to_be_focused()
    assert phone.credentials() == []
    check(page)
    phone.verify(True)
    page.keyboard.press("Enter")
    expect(page.locator("#codes li")).to_have_count(10)


def test_given_up_it_is_gone_and_nothing_is_created(page: Page) -> None:
    phone = Device(page)
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    expect(page.get_by_text("Siga o que o aparelho pedir")).to_be_visible()
    page.get_by_role("link", name="Cancelar").click()
    expect(page.get_by_role("button", name="Adicionar chave de acesso")).to_be_focused()
    assert (phone.credentials(), page.locator("#ask-passkey").inner_text()) == ([], "")


def test_the_way_that_suits_the_device_comes_first(page: Page) -> None:
    ways = page.locator(".next .actions button")
    expect(ways).to_have_text(["Configurar Agora", "Adicionar chave de acesso"])
    phone_at(page)
    page.reload()
    expect(ways).to_have_text(["Adicionar chave de acesso", "Configurar Agora"])
    expect(ways.first).to_have_class("primary")
    check(page)


def test_the_first_screen_offers_both_ways_too(page: Page) -> None:
    page.goto("/welcome")
    ways = page.locator(".next .actions button")
    expect(ways).to_have_text(["Configurar Agora", "Adicionar chave de acesso"])
    phone_at(page)
    page.reload()
    expect(ways).to_have_text(["Adicionar chave de acesso", "Configurar Agora"])
    expect(ways.first).to_have_class("primary")
    check(page)
    add_first(page)
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_text("Na próxima entrada basta a chave de acesso")).to_be_visible()
    body, words = page.locator(".hello .lock rect").bounding_box(), page.locator(".hello h2").bounding_box()
    assert body
    assert words
    assert abs(body["x"] - words["x"]) < 0.5


def test_somebody_new_is_protected_after_three_clicks_and_then_in_with_one(
    open_page: OpenPage, setup_code: str
) -> None:
    """Beside the walk with the app in test_counted.py. Where no field offers the passkey by itself."""
    page = open_page(ignore_https_errors=True)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    phone_at(page)
    asked = count(page)
    create_account(page, setup_code)
    asked.begin()
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_role("heading", name="Funciona, ana.")).to_be_visible()
    assert (len(asked.clicks), asked.fields, asked.keys) == (3, [], [])

    page.get_by_role("button", name="Sair").click()
    expect(page.get_by_label("Usuário")).to_be_visible()
    asked.begin()
    page.get_by_role("button", name="Entrar com chave de acesso").click()
    expect(page.get_by_text("Deu certo: esta entrada já pediu os dois fatores.")).to_be_visible()
    assert (len(asked.clicks), asked.fields, asked.keys) == (1, [], [])


def test_given_up_at_the_first_screen_both_ways_are_there_again(page: Page, clock: Clock) -> None:
    """Also where it is asked first who it is."""
    clock.forward(minutes=6)
    page.goto("/welcome")
    phone = Device(page)
    for name in ("Configurar Agora", "Adicionar chave de acesso"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("heading", name="Confirme que é você")).to_have_count(1)
        check(page)
        page.get_by_role("link", name="Cancelar").click()
        expect(page.get_by_role("button", name=name)).to_be_focused()
    assert phone.credentials() == []


def test_one_more_by_keyboard_alone(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    leave_codes(page)
    phone_at(page)
    clock.forward(seconds=30)
    page.goto("/security")
    page.get_by_role("button", name="Adicionar chave de acesso").focus()
    page.keyboard.press("Enter")
    prove(page, show_code(key, clock()))
    expect(page.get_by_role("textbox", name="Nome")).to_be_visible()
    expect(page.get_by_text("Chave de acesso adicionada.")).to_be_focused()
    check(page)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[name=name]')"):
            break
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Chaveiro")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Agora ela se chama Chaveiro.")).to_be_focused()


def test_the_first_one_confirms_who_adds_another(page: Page) -> None:
    phone = phone_at(page)
    add_first(page)
    page.goto("/security/passkeys")
    phone_at(page, transport="usb")
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    page.get_by_role("button", name="Usar chave de acesso").click()
    expect(page.locator(".rows > li")).to_have_count(2)
    expect(page.get_by_text("Chave de acesso adicionada.")).to_be_focused()
    assert len(phone.credentials()) == 1


def in_one_row(page: Page) -> list[str]:
    """The buttons that may be pressed in Confirme que é você, from left to right; all stand in one row."""
    buttons = page.locator(".step-up").locator("button:visible, a:visible").filter(has_not_text="Mostrar")
    middles = [(box["y"] + box["height"] / 2, box["x"]) for one in buttons.all() if (box := one.bounding_box())]
    assert len({middle for middle, _ in middles}) == 1
    assert middles == sorted(middles)
    return buttons.all_inner_texts()


def test_whichever_way_comes_first_the_buttons_stand_in_one_row(page: Page, clock: Clock) -> None:
    key = switch_on(page, clock)
    leave_codes(page)
    phone_at(page)
    clock.forward(seconds=30)
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    prove(page, show_code(key, clock()))
    expect(page.get_by_text("Chave de acesso adicionada.")).to_be_focused()
    page.goto("/security/passkeys")
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    assert in_one_row(page) == ["Continuar", "Usar chave de acesso", "Cancelar"]
    fields = page.locator(".step-up input:visible")
    assert fields.evaluate_all("(all) => all.map((one) => one.offsetHeight)") == [40, 40]
    check(page)
    phone_at(page, transport="usb")
    page.get_by_role("button", name="Usar chave de acesso").click()
    expect(page.locator(".rows > li")).to_have_count(2)
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    assert in_one_row(page) == ["Usar chave de acesso", "Cancelar"]
    check(page)


def test_one_authenticator_holds_one_passkey_of_an_account(page: Page) -> None:
    phone = phone_at(page)
    codes = add_first(page)
    page.goto("/security/passkeys")
    page.get_by_role("button", name="Adicionar chave de acesso").click()
    prove_by_paper(page, codes[0])
    expect(page.get_by_text("já tem uma chave desta conta")).to_be_visible()
    assert len(phone.credentials()) == 1


def test_a_browser_without_passkeys_says_so(open_page: OpenPage, setup_code: str) -> None:
    """As WebKitGTK's."""
    page = open_page(ignore_https_errors=True)
    page.add_init_script("delete window.PublicKeyCredential")
    set_up(page, setup_code)
    expect(page.locator(".next .actions button:visible")).to_have_text("Configurar Agora")
    page.goto("/security/passkeys")
    expect(page.get_by_text("Este navegador não tem chaves de acesso.")).to_be_visible()
    expect(page.get_by_role("button", name="Adicionar chave de acesso")).to_have_count(0)
    check(page)


def test_without_script_the_page_says_what_would_help(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(ignore_https_errors=True, java_script_enabled=False)
    set_up(page, setup_code)
    told = "Para criar uma chave de acesso, ligue o JavaScript deste navegador."
    for path in ("/welcome", "/security", "/security/passkeys"):
        page.goto(path)
        expect(page.get_by_text(told).first).to_be_visible()
        expect(page.get_by_role("button", name="Adicionar chave de acesso")).to_have_count(0)


def test_back_from_a_passkey_that_was_made_makes_no_other(page: Page) -> None:
    phone = phone_at(page)
    add_first(page)
    page.goto("/security/passkeys")
    page.go_back()
    page.go_forward()
    expect(page.locator(".rows > li")).to_have_count(1)
    assert (len(phone.credentials()), phone.told.count("Added")) == (1, 1)


def test_the_passkeys_of_a_lost_device_are_looked_through_on_the_bad_day(page: Page) -> None:
    phone_at(page)
    codes = add_first(page)
    page.goto("/security/bad-day")
    page.get_by_role("button", name="Bloquear tudo").click()
    page.get_by_role("button", name="Só eu sei a senha").click()
    expect(page.get_by_role("link", name="Rever chaves de acesso")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Rever chaves de acesso").click()
    page.locator(".rows summary").first.click()
    page.get_by_text("Remover", exact=True).click()
    page.get_by_role("button", name="Remover Chrome no Linux").click()
    prove_by_paper(page, codes[0])
    page.wait_for_url("**/security/bad-day")
    expect(page.get_by_role("button", name="Configurar Agora")).to_be_visible()
