"""A browser of each engine at the real server, at the address that the terminal prints."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from tests.engines import launch, packages
from tests.engines.browser import Browser
from web.settings import Settings

ENGINES: dict[str, Callable[[], AbstractContextManager[Browser]]] = {
    "chromium": launch.chromium,
    "firefox": launch.firefox,
    "webkit": launch.webkit,
    "firefox without script": lambda: launch.firefox(has_script=False),
    "webkit without script": lambda: launch.webkit(has_script=False),
}


@pytest.fixture(scope="session", params=["chromium", "firefox", "webkit"])
def engine(request: pytest.FixtureRequest) -> Iterator[Browser]:
    assert not packages.missing(), "run python3 run.py test --engines, which says what to install"
    with ENGINES[request.param]() as browser:
        yield browser


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, public_url="")


@pytest.fixture
def window(engine: Browser, live_server: str) -> Iterator[Browser]:
    """Without a cookie of the test before."""
    engine.resize(1280, 1000)
    engine.origin = live_server.replace("127.0.0.1", "localhost")
    yield engine
    engine.forget()
