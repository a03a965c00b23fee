"""What a person does at the screen again and again."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.phone import scan, show_code
from tests.support.clock import Clock
from tests.support.people import PASSWORD


def set_up(page: Page, setup_code: str, name: str = "ana") -> None:
    """The first account, and on past its first screen."""
    create_account(page, setup_code, name)
    page.goto("/security")


def create_account(page: Page, setup_code: str, name: str = "ana") -> None:
    page.goto("/setup")
    page.get_by_label("Código de instalação").fill(setup_code)
    page.get_by_label("Usuário").fill(name)
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_label("Repita a senha").fill(PASSWORD)
    page.get_by_role("button", name="Criar conta").click()
    page.wait_for_url("**/welcome")


def switch_on(page: Page, clock: Clock) -> str:
    """Configurar Agora, scan, confirm; returns the key that was scanned."""
    page.get_by_role("link", name="Segurança").first.click()
    page.get_by_role("button", name="Configurar Agora").click()
    ask_for_qr_code(page)
    qr = page.get_by_role("img", name=re.compile("^QR code"))
    key = scan(qr)
    shown = page.locator("#key").inner_text()
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", shown)
    assert shown.replace(" ", "") == key
    type_code(page, show_code(key, clock()), "Ativar")
    expect(page.locator("#codes li")).to_have_count(10)
    return key


def ask_for_qr_code(page: Page) -> None:
    """On a phone it is folded away: the app is there, and only one that is elsewhere needs to see it."""
    expect(page.locator("#otpauth")).to_be_visible()
    elsewhere = page.get_by_text("O aplicativo está em outro aparelho")
    if elsewhere.is_visible():
        elsewhere.click()


def open_row(page: Page, name: str) -> None:
    """A row of Segurança that opens in place, unless it stands open."""
    row = page.locator(".rows details").filter(has=page.get_by_text(name, exact=True))
    expect(row).to_be_visible()
    if row.get_attribute("open") is None:
        row.locator("summary").first.click()


def leave_codes(page: Page) -> None:
    """Keep them, type none back, and on to Segurança."""
    page.get_by_role("link", name="Já guardei os códigos").click()
    page.get_by_role("link", name="Depois").click()
    expect(page.get_by_text("Na próxima entrada, depois da senha")).to_be_visible()
    page.goto("/security")


def give_password(page: Page, name: str = "ana", password: str = PASSWORD) -> None:
    """And see the challenge."""
    sign_in(page, name, password)
    expect(page.get_by_role("heading", name="Verificação em duas etapas")).to_be_visible()


def give_code(page: Page, code: str) -> None:
    type_code(page, code, "Verificar")


def type_code(page: Page, code: str, button: str) -> None:
    """The sixth number sends it; where no script runs, the button does."""
    has_script = page.evaluate("'htmx' in window")  # asked before: the last number may lead to another page
    page.get_by_label("Código de verificação").last.fill(code)
    if not has_script:
        page.get_by_role("button", name=button).last.click()


def sign_in(page: Page, name: str = "ana", password: str = PASSWORD) -> None:
    page.get_by_label("Usuário").fill(name)
    page.get_by_label("Senha").fill(password)
    page.get_by_role("button", name="Entrar", exact=True).click()


def prove(page: Page, code: str = "", password: str = PASSWORD) -> None:
    """Confirme que é você."""
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    page.get_by_label("Senha").last.fill(password)
    if code:
        type_code(page, code, "Continuar")
    else:
        page.get_by_role("button", name="Continuar").last.click()


def stop_time(page: Page) -> None:
    """From here on time passes in the page only when told, as it does for the server."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 3_600_000"))


def row(page: Page, name: str) -> Locator:
    """Of an instance, with what is asked about it."""
    return page.locator("tbody.instance", has=page.get_by_role("rowheader", name=name, exact=True))


def choose(page: Page, name: str, action: str) -> None:
    """From the menu of an instance."""
    row(page, name).get_by_label(f"Ações de {name}").click()
    row(page, name).locator(".menu").get_by_text(action, exact=True).click()
