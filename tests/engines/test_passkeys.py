"""Passkeys at the ways in: with Firefox's own authenticator, and where an engine has none."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import Operate
from tests.engines.browser import Browser
from tests.engines.steps import give_password, set_up, sign_out
from tests.support.authenticator import BE, BS, Authenticator
from tests.support.ceremonies import give_passkey
from tests.support.clock import Clock
from tests.support.live import free_port, live
from tests.support.people import PASSWORD, Person
from tests.support.steady import StillLoop
from web.app import create_app
from web.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url=f"http://localhost:{free_port()}")


@pytest.fixture
def live_server(settings: Settings, clock: Clock, still_loop: StillLoop) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", int(settings.public_url.rpartition(":")[2])))
    with live(create_app(settings, now=clock), still_loop, listener=listener):
        yield settings.public_url


@pytest.fixture
def phone(window: Browser, setup_code: str, operate: Operate) -> Authenticator:
    """Of ana, who has an account, a passkey and no app. Firefox keeps its passkeys on this device alone."""
    set_up(window, setup_code)
    phone = Authenticator(origin=window.origin)
    phone.flags &= ~(BE | BS)
    give_passkey(operate, Person("ana", PASSWORD), phone)
    return phone


@pytest.mark.parametrize("engine", ["firefox"], indirect=True)
def test_a_passkey_signs_in_and_takes_the_place_of_a_code(window: Browser, phone: Authenticator) -> None:
    sign_out(window)
    with window.holding(phone):
        window.open("/login")
        window.press("Entrar com chave de acesso")
        window.see("Crie a primeira instância")
        sign_out(window)
        give_password(window)
        window.press("Usar chave de acesso")
        window.see("Crie a primeira instância")


@pytest.mark.parametrize("engine", ["webkit"], indirect=True)
def test_an_engine_without_passkeys_offers_none_and_says_what_is_left(window: Browser, phone: Authenticator) -> None:
    sign_out(window)
    window.open("/login")
    window.see("Entrar")
    assert "Entrar com chave de acesso" not in window.text()
    give_password(window)
    window.see("Neste navegador ou neste endereço não há chaves de acesso. Entre de outro jeito.")
    assert "Usar chave de acesso" not in window.text()
    window.press("Usar um código de recuperação")
    window.see("Código de recuperação")
