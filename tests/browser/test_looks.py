"""The style guide, where eyes or machines have wishes of their own: strong contrast, forced colours, no motion."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.accessible import check
from tests.support.clock import Clock
from tests.support.live import live
from web.app import create_app
from web.routes import DEMO_ROUTES
from web.settings import Settings


@pytest.fixture
def guide(settings: Settings, clock: Clock, new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    with live(create_app(settings, now=clock, routes=DEMO_ROUTES)) as address:
        page = new_context(base_url=address, locale="pt-BR").new_page()
        page.goto("/styleguide")
        yield page


def style(page: Page, place: str, name: str, pseudo: str = "") -> str:
    found: str = page.locator(place).first.evaluate(
        "(it, [name, pseudo]) => getComputedStyle(it, pseudo)[name]", [name, pseudo]
    )
    return found


def test_every_component_in_every_state_is_open_to_everyone(guide: Page) -> None:
    check(guide)


def test_where_colours_are_forced_everything_keeps_its_edges(guide: Page) -> None:
    guide.emulate_media(forced_colors="active")
    for place in (".note", ".exposed", ".next", ".plate", ".drawer"):
        assert style(guide, place, "borderTopStyle") == "solid", place
    assert style(guide, ".qr", "forcedColorAdjust") == "none"  # a QR code in two forced colours may not be readable


def test_who_wants_more_contrast_gets_no_grey(guide: Page) -> None:
    assert style(guide, ".hint", "color") != style(guide, "h1", "color")
    guide.emulate_media(contrast="more")
    assert style(guide, ".hint", "color") == style(guide, "h1", "color")


def test_nothing_turns_where_motion_is_unwanted(guide: Page) -> None:
    place, turning = ".htmx-request button", "animationDuration"
    assert style(guide, place, turning, "::after") == "0.8s"
    guide.emulate_media(reduced_motion="reduce")
    assert style(guide, place, "animationName", "::after") == "none"
