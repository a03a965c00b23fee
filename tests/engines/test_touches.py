"""What the script adds, where engines have differed or might: each of them at each of its touches."""

import pytest

from tests.engines.browser import Browser
from tests.engines.steps import set_up


def test_the_set_up_link_leaves_the_caret_in_the_first_empty_field(window: Browser, setup_code: str) -> None:
    """WebKit gives [autofocus] its focus a frame after the page came, when the script has long run."""
    window.open(f"/setup#{setup_code}")
    window.until(lambda: window.value("Código de instalação") == setup_code, "the code is not in its field")
    window.settle()
    assert window.is_focused("Usuário")
    assert "#" not in window.url()


def test_the_set_up_link_counts_on_a_page_that_was_open_already(window: Browser, setup_code: str) -> None:
    window.open("/setup")
    window.open(f"/setup#{setup_code}")
    window.until(lambda: window.value("Código de instalação") == setup_code, "the code is not in its field")
    window.until(lambda: window.is_focused("Usuário"), "the caret is elsewhere")
    assert "#" not in window.url()


def test_a_password_can_be_looked_at(window: Browser, setup_code: str) -> None:
    window.open("/setup")
    window.fill("Senha", "girafa")
    window.press("Mostrar o campo Senha")
    assert window.run("return document.querySelector('#password').type") == "text"
    window.press("Ocultar o campo Senha")
    assert window.run("return document.querySelector('#password').type") == "password"


def test_switching_on_in_place_leaves_the_focus_somewhere_and_copies_the_key(window: Browser, setup_code: str) -> None:
    set_up(window, setup_code)
    for button in ("Configurar Agora", "Cancelar", "Configurar Agora"):
        window.press(button)
        window.until(lambda: _focused(window) == "two-factor-title", f"{button} leaves the focus elsewhere")
    window.press("Copiar a chave")
    window.see("Copiado")
    window.fill("Código de verificação", "12")
    window.press("Ativar")
    window.see("O código tem seis números")
    window.until(lambda: window.is_focused("Código de verificação"), "the caret is elsewhere")


@pytest.mark.parametrize("engine", ["chromium", "firefox"], indirect=True)  # WebKit does not tell how it draws it
def test_what_a_field_suggests_can_be_read(window: Browser, setup_code: str) -> None:
    """WCAG 1.4.3: left to themselves Firefox and WebKit draw it too pale."""
    set_up(window, setup_code)
    window.open("/instances")
    window.fill("Nome da instância", "Loja")
    window.press("Criar instância")
    window.see("Instância Loja criada.")
    window.open("/instances?busca=loja")
    assert window.run(_colour("#search", "::placeholder")) == window.run(_colour(".hint"))


def _colour(selector: str, part: str = "") -> str:
    drawn = f"getComputedStyle(document.querySelector('{selector}'), '{part}')"
    return f"const {{ color, opacity }} = {drawn}; return `${{color}} ${{opacity}}`"


def _focused(window: Browser) -> str:
    return str(window.run("return document.activeElement.id"))
