"""The rules of WCAG, at every width, in light and in dark."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Desktop, phone, desktop at 200 %, and 1280 pixels at 400 % (WCAG 1.4.10).
WIDTHS = (1280, 390, 640, 320)


# The closing lock, on whose end the recovery codes appear; a ring that turns for ever is not waited for.
AT_REST = """Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().iterations !== Infinity)
    .map((one) => one.finished)).then(() => {})"""


def check(page: Page) -> None:
    """What the page shows once nothing moves, at every width, in light and in dark."""
    page.evaluate(AT_REST)
    own = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, width)
            found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
            assert [describe(one) for one in found] == [], (page.url, scheme, width)
    page.set_viewport_size(own or {"width": 1280, "height": 800})


def describe(violation: dict[str, Any]) -> str:
    return f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
