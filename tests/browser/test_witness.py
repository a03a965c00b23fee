"""A phone whose clock is years off: the clock of the device at hand tells which of the two to look at."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import scan, show_code
from tests.browser.steps import set_up, type_code
from tests.support.clock import Clock


def enrol_with_a_phone_two_years_ahead(page: Page, setup_code: str, clock: Clock) -> None:
    set_up(page, setup_code)
    page.get_by_role("button", name="Configurar Agora").click()
    key = scan(page.get_by_role("img", name=re.compile("^QR code")))
    for tries, days in ((4, 730), (3, 731)):
        type_code(page, show_code(key, clock() + timedelta(days=days)), "Ativar")
        expect(page.get_by_role("alert")).to_contain_text(f"Faltam {tries} tentativas.")


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (
            timedelta(minutes=-9),
            "A hora deste aparelho confere. Se o aplicativo está em outro, ligue nele a hora automática.",
        ),
        (timedelta(days=730), "Este aparelho marca outra hora. Se a dele é automática, peça a quem cuida do painel"),
    ],
)
def test_the_device_says_whose_clock_to_look_at(
    ahead: timedelta, words: str, open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    page = open_page(timezone_id="Asia/Tokyo")
    page.clock.set_fixed_time(clock() + ahead)
    enrol_with_a_phone_two_years_ahead(page, setup_code, clock)
    expect(page.get_by_text("O servidor marca 24 de novembro de 2026 às 21:00.")).to_contain_text(words)


def test_without_script_both_are_named(open_page: OpenPage, setup_code: str, clock: Clock) -> None:
    page = open_page(java_script_enabled=False)
    enrol_with_a_phone_two_years_ahead(page, setup_code, clock)
    expect(page.get_by_text("se o errado é o servidor, avise quem cuida do painel.")).to_be_visible()
