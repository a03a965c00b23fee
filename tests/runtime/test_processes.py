"""Several server processes on one data folder: what they count together, and what each counts for itself."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.conftest import Busy
from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person, cookie_of, give_password, plant, proof
from tests.support.steady import HANG
from web.app import create_app
from web.limits import AUTH_POSTS, PASSWORD_BACKOFF_PAIR, RENEWALS
from web.settings import Settings

WRONG = "girafa verde dança no chão"


@pytest.fixture
def other(client: TestClient, settings: Settings, clock: Clock) -> Iterator[TestClient]:
    """The same browser, answered by another process."""
    app = create_app(settings, now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
        yield browser


def test_tries_of_a_network_are_counted_across_processes(client: TestClient, other: TestClient) -> None:
    for number in range(AUTH_POSTS.limit):
        nobody = Person(f"nobody{number}", WRONG)
        assert give_password((client, other)[number % 2], nobody).status_code == 422
    assert [give_password(browser, nobody).status_code for browser in (client, other)] == [429, 429]


def test_wrong_passwords_for_a_name_are_counted_across_processes(
    alice: Person, client: TestClient, other: TestClient
) -> None:
    client.cookies.clear()
    for number in range(PASSWORD_BACKOFF_PAIR.free):
        assert give_password((client, other)[number % 2], alice, password=WRONG).status_code == 422
    assert [give_password(browser, alice).status_code for browser in (client, other)] == [429, 429]


def test_the_budget_of_an_account_is_counted_across_processes(
    protected: Person, client: TestClient, other: TestClient, clock: Clock
) -> None:
    statuses = []
    for number in range(RENEWALS.limit + 2):
        browser, beside = (client, other) if number % 2 else (other, client)
        plant(browser, cookie_of(beside))  # it was renewed
        fields = proof(protected, clock.forward(seconds=30))
        statuses.append(browser.post("/security/recovery-codes", data=fields).status_code)
    assert statuses == [200] * RENEWALS.limit + [429, 429]


def test_each_process_has_a_queue_of_its_own(
    alice: Person, client: TestClient, other: TestClient, everybody_hashes: Busy
) -> None:
    with everybody_hashes():
        assert [give_password(browser, alice).status_code for browser in (client, other)] == [503, 303]


def test_each_process_does_one_costly_thing_at_a_time_for_an_account(
    protected: Person, client: TestClient, other: TestClient, clock: Clock
) -> None:
    plant(other, cookie_of(client))
    is_held, release = threading.Event(), threading.Event()

    async def hold() -> None:
        async with client.app_state["panel"].turns.of((1, True)):
            is_held.set()
            await asyncio.to_thread(release.wait, HANG)

    assert client.portal
    holding = client.portal.start_task_soon(hold)
    assert is_held.wait(HANG)
    try:
        assert other.post("/security/recovery-codes", data=proof(protected, clock())).status_code == 200
    finally:
        release.set()
        holding.result(HANG)
