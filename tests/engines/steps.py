"""What a person does at the screen again and again."""

import contextlib

from tests.browser.phone import key_in, show_code
from tests.engines.browser import Browser
from tests.support.clock import Clock
from tests.support.people import PASSWORD


def set_up(browser: Browser, setup_code: str) -> None:
    """By the link that the terminal prints; where no script runs, the code is typed."""
    browser.open(f"/setup#{setup_code}")
    if not browser.has_script:
        browser.fill("Código de instalação", setup_code)
    browser.fill("Usuário", "ana")
    browser.fill("Senha", PASSWORD)
    browser.fill("Repita a senha", PASSWORD)
    browser.press("Criar conta")
    browser.see("Boas-vindas, ana.")


def switch_on(browser: Browser, clock: Clock) -> tuple[str, list[str]]:
    """Configurar Agora, scan, confirm; returns the key that was scanned, and the recovery codes."""
    browser.press("Configurar Agora")
    key = scan(browser)
    [written] = browser.texts("//*[@id='key']")
    assert written.replace(" ", "") == key
    give_code(browser, show_code(key, clock()), "Ativar")
    browser.see("Guarde seus códigos de recuperação")
    codes = browser.texts("//*[@id='codes']/li")
    browser.press("Já guardei os códigos")
    browser.press("Depois")
    browser.see("Na próxima entrada, depois da senha")
    browser.press("Segurança")
    browser.see("Ativa desde")
    return key, codes


def scan(browser: Browser) -> str:
    def look() -> str:
        with contextlib.suppress(ValueError):  # not painted yet
            return key_in(browser.picture())
        return ""

    return browser.until(look, "no QR code is in sight")


def sign_out(browser: Browser) -> None:
    browser.press("Sair")
    browser.see("Usuário")


def give_password(browser: Browser) -> None:
    """And see the challenge."""
    browser.fill("Usuário", "ana")
    browser.fill("Senha", PASSWORD)
    browser.press("Entrar")
    browser.see("Verificação em duas etapas")


def give_code(browser: Browser, code: str, button: str) -> None:
    """The sixth digit sends it; where no script runs, the button does."""
    browser.fill("Código de verificação", code)
    if not browser.has_script:
        browser.press(button)


def prove(browser: Browser, code: str) -> None:
    """Confirme que é você."""
    browser.see("Confirme que é você")
    browser.fill("Senha", PASSWORD)
    give_code(browser, code, "Continuar")
