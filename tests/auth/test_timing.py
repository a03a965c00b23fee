"""Timing does not tell which accounts exist, and nobody waits for somebody else's hash: steps are counted, not timed.

The times themselves are measured by `python3 run.py bench timing`.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.at_once import post_at_once
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.people import Person, cookie_of, give_password
from tests.support.replaced import Panel
from tests.support.steady import HANG, HeldHashes, StillLoop, until
from web.app import create_app
from web.crypto.workers import Workers
from web.limits import HASH_PATIENCE, HASHES_AT_ONCE, HASHES_WAITING, Cost
from web.settings import Settings

WRONG, NO_CODE = "girafa verde dança no chão", "0000-0000-0000-0000"


@pytest.fixture
def statements(client: TestClient) -> Iterator[list[str]]:
    """Whatever the panel asks of its database, values apart."""
    heard: list[str] = []
    hear = lambda statement: heard.append(re.sub(r"[xX]?'[^']*'|\b\d+\b|NULL", "?", statement))  # noqa: E731
    database = client.app_state["panel"].db
    assert client.portal
    for connection in (database._connection, database._writer, database._direct):
        client.portal.call(connection.set_trace_callback, hear)
    yield heard
    for connection in (database._connection, database._writer, database._direct):
        client.portal.call(connection.set_trace_callback, None)


@pytest.mark.parametrize("closed", [False, True], ids=["judged", "kept waiting"])
def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    closed: bool,
    alice: Person,
    client: TestClient,
    hashes: HeldHashes,
    statements: list[str],
    settings: Settings,
    clock: Clock,
) -> None:
    """A11: the same hashes of the same cost, and the same questions to the database, one for one."""
    client.cookies.clear()
    done = []
    for name in ("alice", "alyce"):
        for _ in range(5 if closed else 1):
            give_password(client, alice, name=name, password=WRONG)
        hashes.begun.clear()
        statements.clear()
        answer = give_password(client, alice, name=name, password=WRONG)
        done.append((answer.status_code, list(hashes.begun), list(statements)))
        clock.forward(minutes=1)
    known, unknown = done
    assert known == unknown
    assert known[1] == ([] if closed else [settings.hash_cost])
    assert len(known[2]) > 3


@pytest.mark.parametrize("closed", [False, True], ids=["judged", "kept waiting"])
def test_a_browser_that_is_trusted_by_somebody_learns_nothing_of_others(
    closed: bool,
    alice: Person,
    client: TestClient,
    invite: Callable[[str], Person],
    elsewhere: Callable[[], TestClient],
    statements: list[str],
) -> None:
    """A62: the same questions for a name that somebody has, with whatever cookie, also before a refusal."""
    mallory, done = elsewhere(), []
    assert give_password(mallory, invite("mallory")).status_code == 303
    mallory.post("/logout")
    for name in ("alice", "alyce"):
        for _ in range(5 if closed else 0):
            give_password(mallory, Person(name, WRONG))
        statements.clear()
        done.append((give_password(mallory, Person(name, WRONG)).status_code, list(statements)))
    assert done[0] == done[1]
    assert sum("FROM trusted_devices" in one for one in done[0][1]) == 1


def test_a_login_asks_once_whether_its_browser_is_trusted(
    protected: Person, client: TestClient, statements: list[str], clock: Clock
) -> None:
    """Each of its two requests."""
    client.post("/logout")
    for path, fields in (
        ("/login", {"name": protected.name, "password": protected.password}),
        ("/login/code", {"code": protected.code_at(clock())}),
    ):
        statements.clear()
        assert client.post(path, data=fields).status_code == 303
        asked = [one for one in statements if re.match(r"\s*(SELECT|WITH)[^;]*\btrusted_devices\b", one)]
        assert len(asked) == 1


def test_after_a_change_of_the_hash_cost_unknown_names_cost_what_known_ones_do(
    alice: Person,
    client: TestClient,
    invite: Callable[[str], Person],
    elsewhere: Callable[[], TestClient],
    hashes: HeldHashes,
    statements: list[str],
    settings: Settings,
) -> None:
    """A62: some names cost what old hashes do and some what new ones do, and each name always costs the same."""
    panel, dearer = client.app_state["panel"], Cost(memory_kib=16, passes=1, lanes=1)
    client.app_state["panel"] = replace(panel, settings=replace(settings, hash_cost=dearer))
    people = [alice, *(invite(f"bruno{number}") for number in range(3))]

    def done(name: str) -> tuple[Cost, list[str]]:
        hashes.begun.clear()
        statements.clear()
        assert give_password(elsewhere(), Person(name, WRONG)).status_code == 422
        [cost] = hashes.begun
        return cost, list(statements)

    known = {done(person.name)[0] for person in people}
    names = [f"nobody{number}" for number in range(40)]
    unknown = [done(name)[0] for name in names]
    assert known == set(unknown) == {settings.hash_cost, dearer}
    assert unknown.count(settings.hash_cost) < 20 < unknown.count(dearer)  # one person in four
    assert unknown == [done(name)[0] for name in names]
    assert done(alice.name)[1] == done("nobody0")[1]
    give_password(elsewhere(), alice)  # her password is hashed anew
    assert {done(name)[0] for name in names} == {dearer}


RECOVERIES: dict[str, Callable[[TestClient, Person], Response]] = {
    "login": lambda browser, _: browser.post("/login/recovery", data={"code": NO_CODE}),
    "step-up": lambda browser, person: browser.post(
        "/security/sessions/end-others", data={"step_up_password": person.password, "step_up_recovery": NO_CODE}
    ),
    "drill": lambda browser, _: browser.post("/security/drill", data={"code": NO_CODE}),
    "rehearsal": lambda browser, _: browser.post("/security/recovery-codes/rehearsal", data={"code": NO_CODE}),
}


@pytest.mark.parametrize("where", RECOVERIES)
def test_an_account_without_recovery_codes_costs_what_one_with_them_does(
    where: str,
    protected: Person,
    client: TestClient,
    new_client: Callable[..., TestClient],
    hashes: HeldHashes,
    statements: list[str],
    rows: Callable[..., Any],
) -> None:
    """The same hashes, questions, charges and lines, wherever such a code is tried."""

    def tried() -> tuple[object, ...]:
        browser = new_client() if where == "login" else client
        if where == "login":
            give_password(browser, protected)
        [(before,)] = rows("SELECT coalesce(sum(failures), 0) FROM attempts")
        [(last,)] = rows("SELECT max(id) FROM activity")
        hashes.begun.clear()
        statements.clear()
        answer = RECOVERIES[where](browser, protected)
        done = list(statements)
        [(after,)] = rows("SELECT coalesce(sum(failures), 0) FROM attempts")
        lines = rows("SELECT event FROM activity WHERE id > ? ORDER BY id", last)
        return answer.status_code, list(hashes.begun), done, after - before, lines

    tried()
    with_codes = tried()
    for table in ("recovery_codes", "recovery_sets"):
        rows(f"DELETE FROM {table}")  # noqa: S608, a constant
    assert tried() == with_codes
    assert with_codes[0] == 422
    assert with_codes[3] == 1


def test_in_a_flood_of_logins_pages_are_answered_and_refused_logins_are_not_charged(
    alice: Person, client: TestClient, settings: Settings, clock: Clock, rows: Callable[..., Any]
) -> None:
    """A39: no hash of the flood ends before its pages and its refusals are there, nor before an owner has a place."""
    hashes, pool, loop = HeldHashes(), Workers(), StillLoop()
    places = HASHES_AT_ONCE + HASHES_WAITING
    posts = [("/login", {"name": f"nobody{n}", "password": "girafa verde"}, "") for n in range(300)]
    cookie = {"Cookie": cookie_of(client)}
    counted = "SELECT count(*), coalesce(sum(failures), 0) FROM attempts WHERE kind = 'password'"
    with (
        contextlib.closing(pool),
        live(Panel(create_app(settings, now=clock), argon2id=hashes, hash_workers=pool), loop) as address,
        ThreadPoolExecutor(2) as threads,
        httpx2.Client(base_url=address, timeout=HANG) as browser,
        contextlib.ExitStack() as at_last,
    ):
        at_last.callback(hashes.let)  # also when an assertion fails: requests wait for them
        flood = threads.submit(post_at_once, address, posts, networks=100)
        until(lambda: rows(counted) == [(places, places)] and loop.timeouts(HASH_PATIENCE) == HASHES_WAITING)
        for path, words in (("/health", "ok"), ("/instances", "Instâncias")):
            assert words in browser.get(path, headers=cookie).text
        loop.forward(timedelta(seconds=1))
        device = {"Cookie": cookie_of(client, "disp"), "Origin": address}
        own = threads.submit(
            browser.post, "/login", data={"name": alice.name, "password": alice.password}, headers=device
        )
        until(lambda: pool.taken == places + 1 == loop.timeouts(HASH_PATIENCE) + HASHES_AT_ONCE)
        assert len(hashes.begun) == HASHES_AT_ONCE
        loop.forward(HASH_PATIENCE - timedelta(seconds=1))  # now the others have waited too long
        until(lambda: loop.timeouts(HASH_PATIENCE) == 1)
        hashes.let()
        answers = flood.result()
        assert own.result().status_code == 303  # a browser of the owner's finds a place in the queue
    assert {answer.status_code for answer in answers} == {422, 503}
    assert all(answer.headers["retry-after"] == "5" for answer in answers if answer.status_code == 503)
    judged = sum(answer.status_code == 422 for answer in answers)
    assert rows(counted) == [(judged, judged)]
