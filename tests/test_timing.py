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
from tests.people import Person, cookie_of, give_password
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
    alice: Person, client: TestClient, live_server: str, rows: Callable[..., Any]
) -> None:
    """A39."""
    cookie = {"Cookie": cookie_of(client)}
    device = {"Cookie": cookie_of(client, "disp"), "Origin": live_server}
    posts = [("/login", {"name": f"nobody{n}", "password": "girafa verde"}, "") for n in range(300)]
    taken = []
    with ThreadPoolExecutor(1) as thread, httpx2.Client(base_url=live_server) as browser:
        flood = thread.submit(post_at_once, live_server, posts, networks=100)
        time.sleep(0.3)
        for path, words in [("/health", "ok"), ("/instances", "Instâncias")] * 20:
            begun = time.perf_counter()
            assert words in browser.get(path, headers=cookie).text
            taken.append(time.perf_counter() - begun)
        own = browser.post("/login", data={"name": alice.name, "password": alice.password}, headers=device)
        assert not flood.done()
    assert own.status_code == 303  # a browser of the owner's finds a place in the queue
    assert sorted(taken)[int(0.95 * len(taken))] < 0.5
    assert {answer.status_code for answer in flood.result()} == {422, 503}
    assert all(answer.headers["retry-after"] == "5" for answer in flood.result() if answer.status_code == 503)
    judged = sum(answer.status_code == 422 for answer in flood.result())
    assert rows("SELECT count(*), sum(failures) FROM attempts WHERE kind = 'password'") == [(judged, judged)]
