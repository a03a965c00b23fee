"""The walk of the README and the days after it, in every engine, from the link with the set-up code to Sair."""

import pytest

from tests.browser.phone import show_code
from tests.engines.browser import Browser
from tests.engines.conftest import ENGINES
from tests.engines.steps import give_code, give_password, prove, scan, set_up, sign_out, switch_on
from tests.support.clock import Clock


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_the_whole_walk(window: Browser, setup_code: str, clock: Clock) -> None:
    set_up(window, setup_code)
    key, recovery_codes = switch_on(window, clock)

    sign_out(window)
    give_password(window)
    give_code(window, show_code(key, clock()), "Verificar")
    window.see("Este código já foi usado")
    give_code(window, show_code(key, clock.forward(seconds=30)), "Verificar")
    window.see("Crie a primeira instância")

    clock.forward(minutes=6)
    window.press("Segurança")
    window.press("Códigos de recuperação")
    window.press("Gerar novos códigos de recuperação")
    prove(window, show_code(key, clock()))
    window.see("Guarde seus códigos de recuperação")
    fresh_codes = window.texts("//*[@id='codes']/li")
    assert len(fresh_codes) == 10
    assert not set(fresh_codes) & set(recovery_codes)
    window.press("Já guardei os códigos")
    window.press("Depois")

    window.press("Autenticação de Dois Fatores")
    window.press("Trocar de aparelho")
    prove(window, show_code(key, clock.forward(seconds=30)))
    key = scan(window)
    give_code(window, show_code(key, clock.forward(seconds=30)), "Ativar")
    window.see("Aparelho trocado. Só o aplicativo novo vale agora.")

    sign_out(window)
    give_password(window)
    window.press("Usar um código de recuperação")
    window.fill("Código de recuperação", fresh_codes[0].lower())
    window.press("Verificar")
    window.see("Um código de recuperação foi usado")

    window.press("Segurança")
    window.press("Ver o que fazer")
    window.press("Bloquear tudo")
    window.see("Fechado. Agora, o caminho de volta.")

    window.press("Atividade")
    window.see("Verificar o registro")
    sign_out(window)
    if window.has_script:  # WebKit keeps pages over plain HTTP, and only a script can ask for them anew
        window.back()
        window.until(lambda: "/login?next=" in window.url(), "a page of the session that ended came back")
