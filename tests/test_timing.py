"""With the real cost of a hash: time tells nothing about who exists, and nobody waits for somebody else's hash."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.conftest import Clock
from tests.people import Person, give_password
from tests.test_races import post_at_once
from web.limits import ARGON2
from web.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, hash_cost=ARGON2)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(alice: Person, client: TestClient, clock: Clock) -> None:
    """A11."""
    client.cookies.clear()
    times: dict[str, list[float]] = {"alice": [], "alyce": []}
    for _ in range(20):
        for name, taken in times.items():
            clock.forward(hours=1)
            begun = time.perf_counter()
            assert give_password(client, alice, name=name, password="girafa verde dança no chão").status_code == 422
            taken.append(time.perf_counter() - begun)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) <= max(0.015, 0.1 * known)


def test_in_a_flood_of_logins_pages_stay_quick_and_the_rest_is_told_to_come_back_uncharged(
    live_server: str, rows: Callable[..., Any]
) -> None:
    """A39."""
    posts = [("/login", {"name": f"nobody{n}", "password": "girafa verde"}, "") for n in range(60)]
    with ThreadPoolExecutor(1) as thread:
        flood = thread.submit(post_at_once, live_server, posts, networks=60)
        time.sleep(0.3)
        begun = time.perf_counter()
        for _ in range(10):
            assert httpx2.get(f"{live_server}/health").text == "ok"
        mean = (time.perf_counter() - begun) / 10
        assert not flood.done()
    assert mean < 0.1
    assert {answer.status_code for answer in flood.result()} == {422, 503}
    assert all(answer.headers["retry-after"] == "5" for answer in flood.result() if answer.status_code == 503)
    judged = sum(answer.status_code == 422 for answer in flood.result())
    assert rows("SELECT count(*) FROM attempts WHERE kind = 'password' AND failures > 0") == [(judged,)]
