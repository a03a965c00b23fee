"""A real browser at the real server; whatever breaks its policy or its console fails the test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, expect

from tests.support import chromium
from tests.support.steady import HANG

expect.set_options(timeout=HANG * 1000)

COLLECT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], playwright: Playwright) -> dict[str, Any]:
    path = chromium.find(playwright)
    if path is None:
        pytest.fail("No Chromium starts on this machine: run python3 run.py test, which installs one.")
    return browser_type_launch_args | {"executable_path": path}


@pytest.fixture(scope="session")
def base_url() -> str:
    """Each test has a server of its own, see open_page."""
    return ""


@pytest.fixture
def new_context(new_context: Callable[..., BrowserContext]) -> Callable[..., BrowserContext]:
    """Whose pages wait as long as it takes."""

    def make(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(HANG * 1000)
        return context

    return make


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(new_context: Callable[..., BrowserContext], live_server: str) -> Iterator[OpenPage]:
    """Open the panel in a browser of its own: no policy violation, no console error, nothing in browser storage."""
    watched: list[Page] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def open_page(**options: Any) -> Page:
        context = new_context(
            **{"base_url": live_server, "locale": "pt-BR", "timezone_id": "America/Sao_Paulo"} | options
        )
        context.add_init_script(COLLECT)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if options.get("java_script_enabled", True):
            watched.append(page)
        return page

    yield open_page
    for page in watched:
        complaints += page.evaluate("window.violations")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert complaints == []
