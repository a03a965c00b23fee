"""A try that waited for a hash in vain was not judged, and is not counted."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.people import Person, give_password
from tests.support.steady import HANG, StillLoop, run_reserved, until
from web.limits import HASH_PATIENCE, HASHES_AT_ONCE


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("way", ["password", "recovery"])
def test_a_refund_restores_the_count_and_leaves_no_row_at_zero(
    before: int,
    way: str,
    protected: Person,
    client: TestClient,
    new_client: Callable[[], TestClient],
    rows: Callable[..., Any],
) -> None:
    browser, wrong = new_client(), {"name": protected.name, "password": "girafa verde"}
    if way == "recovery":
        give_password(browser, protected)
        wrong = {"code": "0000-0000-0000-0000"}
    path = "/login" if way == "password" else "/login/recovery"
    assert [browser.post(path, data=wrong).status_code for _ in range(before)] == [422] * before
    counted = rows("SELECT * FROM attempts ORDER BY kind")
    with no_thread_free(client) as loop, ThreadPoolExecutor(1) as thread:
        told = thread.submit(browser.post, path, data=wrong)
        until(lambda: loop.timeouts(HASH_PATIENCE))
        assert rows("SELECT DISTINCT failures FROM attempts") == [(before + 1,)]
        loop.forward(HASH_PATIENCE)
        assert told.result().status_code == 503
    assert rows("SELECT * FROM attempts ORDER BY kind") == counted


@contextlib.contextmanager
def no_thread_free(client: TestClient) -> Iterator[StillLoop]:
    """While the block lasts, no hash begins: those with a place in the queue wait. Yields the panel's loop."""
    assert client.portal
    pool, release, loop = client.app_state["panel"].hash_workers, threading.Event(), client.portal.call(running_loop)
    assert isinstance(loop, StillLoop)
    until(lambda: not pool.taken)
    for _ in range(HASHES_AT_ONCE):
        client.portal.start_task_soon(run_reserved, pool, release.wait, HANG)
    until(lambda: pool.taken == HASHES_AT_ONCE)
    try:
        yield loop
    finally:
        release.set()


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
