"""The QR code as a camera sees it, and what a translator must leave alone."""

import dataclasses
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import scan
from tests.browser.steps import ask_for_qr_code, set_up, switch_on
from tests.support.clock import Clock
from web.settings import Settings

LONGEST = "Instâncias São João " + "x" * 44


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A panel whose name is as long as it may be."""
    name = Settings.from_environment({"PANEL_NAME": LONGEST}).name
    return dataclasses.replace(settings, name=name)


def begin(page: Page) -> None:
    page.get_by_role("button", name="Configurar Agora").click()
    ask_for_qr_code(page)
    expect(page.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_largest_code_is_read_on_the_smallest_phone(scheme: str, open_page: OpenPage, setup_code: str) -> None:
    page = open_page(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    set_up(page, setup_code, name="m" * 32)
    begin(page)
    qr = page.get_by_role("img", name=re.compile("^QR code"))
    modules = int((page.locator("symbol#qr").get_attribute("viewBox") or "").split()[-1])
    box = qr.bounding_box()
    assert box
    assert box["width"] == box["height"] >= 4 * modules
    assert box["x"] > 16
    assert box["x"] + box["width"] < 320 - 16
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert len(scan(qr)) == 32


def test_no_translator_touches_keys_codes_tokens_and_ids(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page()
    untouched = "[...document.querySelectorAll('code:not([aria-hidden])')].map((code) => code.translate)"
    set_up(page, setup_code)
    begin(page)
    assert page.evaluate(untouched) == [False]
    page.goto("/security")
    page.get_by_role("button", name="Cancelar").click()
    expect(page.get_by_role("button", name="Configurar Agora")).to_be_visible()
    switch_on(page, clock)
    assert set(page.evaluate(untouched)) == {False}  # the key, too, while its page fades
    page.goto("/instances")
    page.get_by_label("Nome").fill("Loja")
    page.get_by_role("button", name="Criar instância").click()
    page.get_by_role("button", name="Mostrar token").click()
    expect(page.locator("code[id^=token-]")).to_be_visible()
    assert set(page.evaluate(untouched)) == {False}
