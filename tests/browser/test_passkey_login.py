"""Passkeys at the ways in, by a real browser and its virtual authenticator."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.authenticators import Device
from tests.browser.conftest import OpenPage
from tests.browser.steps import give_password, set_up
from tests.conftest import Operate
from tests.support import accessible
from tests.support.authenticator import Authenticator, coded
from tests.support.ceremonies import give_passkey
from tests.support.clock import Clock
from tests.support.live import free_port, live
from tests.support.people import PASSWORD, Person
from tests.support.steady import StillLoop, until
from web.app import create_app
from web.settings import Settings

INSIDE = "**/instances"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of a panel at `localhost`: for an IP address browsers have no passkeys."""
    return replace(settings, public_url=f"http://localhost:{free_port()}")


@pytest.fixture
def live_server(settings: Settings, clock: Clock, still_loop: StillLoop) -> Iterator[str]:
    port = int(settings.public_url.rpartition(":")[2])
    listener = socket.create_server(("127.0.0.1", port))
    with live(create_app(settings, now=clock), still_loop, listener=listener):
        yield settings.public_url


@pytest.fixture
def phone(open_page: OpenPage, setup_code: str, operate: Operate, live_server: str) -> Authenticator:
    """Of ana, who has an account and a passkey."""
    set_up(open_page(), setup_code)
    phone = Authenticator(origin=live_server)
    give_passkey(operate, Person("ana", PASSWORD), phone)
    return phone


def open_login(page: Page, phone: Authenticator) -> Device:
    """Where passkeys are asked for by the button alone: an authenticator in the page answers an offer by itself."""
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    device = Device(page)
    device.hold(phone)
    device.touch()
    page.goto("/login")
    return device


def button(page: Page) -> Locator:
    return page.get_by_role("button", name="Entrar com chave de acesso")


def test_one_press_signs_in(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    open_login(page, phone)
    accessible.check(page)
    button(page).click()
    page.wait_for_url(INSIDE)
    page.go_back()
    expect(page.get_by_role("heading", name="Instâncias")).to_be_visible()


def test_the_field_of_the_name_offers_it_by_itself(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    device = Device(page)
    device.hold(phone)
    device.touch()
    page.goto("/login?next=/activity")
    expect(page.get_by_role("heading", name="Atividade")).to_be_visible()  # the address before ends like that one


def test_by_keyboard_alone(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    open_login(page, phone)
    page.get_by_label("Usuário").press("Tab")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(button(page)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(INSIDE)


def test_whoever_gives_it_up_is_told_nothing_and_may_begin_again(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    device = open_login(page, phone)
    device.verify(False)
    page.get_by_label("Usuário").fill("ana")
    button(page).click()
    expect(page.get_by_role("alert")).to_have_count(0)
    device.verify()
    button(page).click()
    page.wait_for_url(INSIDE)


def test_what_was_typed_stays_when_the_page_was_open_for_too_long(
    open_page: OpenPage, phone: Authenticator, clock: Clock
) -> None:
    page = open_page()
    open_login(page, phone)
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill(PASSWORD)
    clock.forward(minutes=6)
    button(page).click()
    expect(page.get_by_role("alert")).to_have_text("O pedido passou do tempo ou já foi respondido. Tente de novo.")
    expect(button(page)).to_be_focused()
    expect(page.get_by_label("Senha")).to_have_value(PASSWORD)
    accessible.check(page)
    button(page).click()
    page.wait_for_url(INSIDE)


def after_four_minutes(page: Page) -> bool:
    """The page sets its alarm a moment after it was loaded: the time may have to pass once more."""
    page.clock.run_for(240_000)
    return True


def test_a_page_that_stays_open_asks_anew(open_page: OpenPage, phone: Authenticator, clock: Clock) -> None:
    page = open_page()
    page.clock.install()
    device = Device(page)
    device.hold(phone)
    page.goto("/login")
    before = button(page).get_attribute("data-passkey")
    clock.forward(minutes=4)
    until(lambda: after_four_minutes(page) and button(page).get_attribute("data-passkey") != before)
    clock.forward(minutes=4)
    device.touch()
    button(page).click()
    page.wait_for_url(INSIDE)


@pytest.mark.parametrize("end", ["response", "requestfailed"])
def test_a_page_that_cannot_ask_anew_keeps_what_it_asked(end: str, open_page: OpenPage, phone: Authenticator) -> None:
    """A proxy says that the panel is away, or the network is."""
    page = open_page()
    page.clock.install()
    Device(page).hold(phone)
    refuse = Route.abort if end == "requestfailed" else partial(Route.fulfill, status=502, body="<p>Bad Gateway")
    page.route("**/login/passkey/options", lambda route: refuse(route))
    page.goto("/login")
    before = button(page).get_attribute("data-passkey")
    failed: list[str] = []
    page.on("response", lambda response: failed.append(response.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    until(lambda: after_four_minutes(page) and any(url.endswith("/options") for url in failed))
    page.evaluate("fetch('/login/passkey/options').then((one) => one.text()).catch(() => {})")  # behind the page's own
    expect(button(page)).to_have_attribute("data-passkey", before or "")


def test_two_tabs_do_not_disturb_each_other(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    open_login(page, phone)
    other = page.context.new_page()
    open_login(other, phone)
    for tab in (page, other):
        button(tab).click()
        tab.wait_for_url(INSIDE)


def test_what_the_panel_refuses_is_said_beside_the_button(
    open_page: OpenPage, phone: Authenticator, live_server: str
) -> None:
    stranger, page = Authenticator(origin=live_server), open_page()
    stranger.credentials = [replace(phone.credentials[0], id=bytes(32))]
    open_login(page, stranger)
    button(page).click()
    expect(page.get_by_role("alert")).to_have_text(
        "Nenhuma conta daqui tem esta chave de acesso. Use outra, ou entre com a senha."
    )


def test_a_password_manager_forgets_what_the_panel_says_is_gone(
    open_page: OpenPage, phone: Authenticator, clock: Clock
) -> None:
    """At `localhost` the panel never says so: the word is put into its refusal on the way."""
    page = open_page()
    device = open_login(page, phone)

    def add(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("data-passkey", "data-gone data-passkey", 1))

    page.route("**/login/passkey", add)
    clock.forward(minutes=6)
    assert device.holds() == 1
    button(page).click()
    expect(page.get_by_role("alert")).to_be_visible()
    until(lambda: device.holds() == 0)


def test_under_an_ip_address_it_is_not_there(open_page: OpenPage, phone: Authenticator, live_server: str) -> None:
    page = open_page()
    page.goto(live_server.replace("localhost", "127.0.0.1") + "/login")
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    expect(button(page)).to_be_hidden()


def half_way(page: Page, phone: Authenticator) -> Locator:
    """After the password; the button of the passkey."""
    open_login(page, phone)
    give_password(page)
    return page.get_by_role("button", name="Usar chave de acesso")


def test_after_the_password_the_passkey_takes_the_place_of_a_code(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    passkey = half_way(page, phone)
    accessible.check(page)
    expect(passkey).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(INSIDE)


def test_without_scripts_or_passkeys_the_challenge_says_what_is_left(open_page: OpenPage, phone: Authenticator) -> None:
    still, bare = open_page(java_script_enabled=False), open_page()
    bare.add_init_script("delete window.PublicKeyCredential")
    for page, words in (
        (still, "Para usar a chave de acesso, ligue o JavaScript deste navegador."),
        (bare, "Neste navegador ou neste endereço não há chaves de acesso. Entre de outro jeito."),
    ):
        page.goto("/login")
        give_password(page)
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.get_by_role("button", name="Usar chave de acesso")).to_be_hidden()
        page.get_by_role("link", name="Usar um código de recuperação").click()
        expect(page.get_by_label("Código de recuperação")).to_be_visible()


def test_a_refusal_at_the_challenge_is_said_there(open_page: OpenPage, phone: Authenticator, clock: Clock) -> None:
    page = open_page()
    passkey = half_way(page, phone)
    phone.credentials.clear()
    page.evaluate(
        "document.querySelector('#use-passkey').dataset.passkey = JSON.stringify({...JSON.parse("
        "document.querySelector('#use-passkey').dataset.passkey), challenge: 'AAAA'})"
    )
    passkey.click()
    expect(page.get_by_role("alert")).to_have_text(
        "A chave de acesso não foi aceita. Tente de novo, ou entre de outro jeito."
    )
    accessible.check(page)
    passkey.click()
    page.wait_for_url(INSIDE)


def test_confirming_who_it_is_takes_one_press_and_stays_in_place(
    open_page: OpenPage, phone: Authenticator, clock: Clock
) -> None:
    page = open_page()
    open_login(page, phone)
    button(page).click()
    page.wait_for_url(INSIDE)
    page.goto("/activity")
    clock.forward(minutes=6)
    page.goto("/security/sessions")
    page.get_by_role("button", name=re.compile("Encerrar|Esquecer")).first.click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    passkey = page.get_by_role("button", name="Usar chave de acesso")
    expect(passkey).to_be_focused()
    accessible.check(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirme que é você")).to_have_count(0)
    expect(page).to_have_url(re.compile("/security/sessions"))


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_nothing_moves_when_the_script_arrives(width: int, open_page: OpenPage, phone: Authenticator) -> None:
    """On a phone and at a desk: layout shifts of the whole visit, as Web Vitals counts them."""
    page = open_page(viewport={"width": width, "height": 800})
    page.goto("/login")
    expect(button(page)).to_be_visible()
    shifts = """() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().length)).observe(
        { type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 500))"""
    assert page.evaluate(shifts) == 0


def test_without_scripts_it_is_not_there(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/login")
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    expect(button(page)).to_be_hidden()


def test_a_browser_that_has_none_does_not_show_it(open_page: OpenPage, phone: Authenticator) -> None:
    page = open_page()
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto("/login")
    expect(page.get_by_role("button", name="Entrar", exact=True)).to_be_visible()
    expect(button(page)).to_be_hidden()


def test_what_is_gone_is_said_of_one_answer_and_not_of_the_next(open_page: OpenPage, phone: Authenticator) -> None:
    """What a password manager is told to forget is forgotten for good, and the next answer may be of a good one."""
    page = open_page()
    page.add_init_script(
        "window.told = []; PublicKeyCredential.signalUnknownCredential = async (one) => told.push(one.credentialId)"
    )
    open_login(page, phone)
    button = '<button id="use-passkey" name="answer" data-gone data-passkey=\'{"challenge": "", "rpId": "localhost"}\'>'
    gone = f'<form id="passkey" hx-post="/login/passkey" hx-swap="outerHTML">{button}</button><p></p></form>'
    to_notices = {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"}
    answers = [(422, gone, {}), (429, "<p>Espere um pouco</p>", to_notices)]

    def answer(route: Route) -> None:
        status, body, headers = answers.pop(0)
        route.fulfill(status=status, body=body, headers=headers, content_type="text/html")

    page.route("**/login/passkey", answer)
    page.locator("#use-passkey").click()
    expect(page.locator("#use-passkey")).to_have_text("")
    page.locator("#use-passkey").dispatch_event("click")
    expect(page.locator("#notices")).to_have_text("Espere um pouco")
    assert page.evaluate("told") == [coded(phone.credentials[0].id)]
