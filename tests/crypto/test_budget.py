"""Costly work is done only for requests that were charged for it, one at a time for each account, owners' logins
first."""

import contextlib
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.at_once import post_at_once
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.people import ORIGIN, Person, cookie_of, proof, sign_in
from tests.support.replaced import Panel
from tests.support.steady import HANG, HeldHashes, StillLoop, until
from web.app import create_app
from web.auth.recovery_codes import make_set
from web.crypto import budget
from web.crypto.budget import Unbudgeted
from web.crypto.workers import Workers
from web.guards.guard import State, demand_of, get
from web.limits import ACTS, HASH_PATIENCE, HASHES_AT_ONCE, RENEWALS
from web.pages import activity
from web.pages.security import recovery_codes, totp
from web.routes import ROUTES
from web.settings import Settings
from web.visit.visit import Visit

NewClient = Callable[..., TestClient]
FRESH = "pato verde corre na praia"
COSTLY = {
    "/setup": "auth",
    "/activate": "auth",
    "/login": "auth",
    "/login/recovery": "auth",
    "/security/totp": "enrolment",
    "/security/totp/confirm": "confirmation",
    "/security/passkeys/confirm": "confirmation",
    "/security/recovery-codes": "renewal",
    "/security/recovery-codes/replacement": "recovery",
    "/security/recovery-codes/rehearsal": "auth",
    "/security/password": "password",
    "/security/password/strength": "strength",
    "/security/drill": "auth",
    "/activity/verify": "verification",
    "/activity/export": "export",
    "/me/download": "export",
    "/people/invite": "link",
    "/people/{id:int}/link": "link",
    "/people/{id:int}/invitation/renew": "link",
}


def test_every_route_that_reaches_costly_work_names_its_budget() -> None:
    """P14."""
    found = {}
    for route in ROUTES:
        demand = demand_of(route)
        if isinstance(route, Route) and demand and budget.reaches(route.endpoint):
            found[route.path] = demand.throttle.name if demand.throttle else ""
    assert found == COSTLY


async def hashes_by_a_function(visit: Visit) -> Response:
    return Response(str(await make_set(visit.panel)))


async def hashes_in_a_lambda(visit: Visit) -> Response:
    make: Any = lambda: visit.panel.hash_workers.run(abs, -1)  # noqa: E731
    return Response(str(await make()))


async def hashes_unseen(visit: Visit) -> Response:
    pool = getattr(visit.panel, "hash" + "_workers")
    return Response(str(await pool.run(abs, -1)))


@pytest.mark.parametrize("handler", [hashes_by_a_function, hashes_in_a_lambda, totp.begin, activity.verify])
def test_a_route_that_reaches_costly_work_without_a_budget_does_not_start(handler: Any, settings: Settings) -> None:
    """P14."""
    with pytest.raises(TypeError, match="/forgotten"):
        create_app(settings, routes=[get("/forgotten", handler, State.SIGNED_IN)])


def test_costly_work_not_found_at_the_start_is_refused_when_it_is_called(settings: Settings) -> None:
    app = create_app(settings, routes=[get("/unseen", hashes_unseen, State.ANYONE)])
    with TestClient(app, base_url=ORIGIN) as browser, pytest.raises(Unbudgeted):
        browser.get("/unseen")


@pytest.mark.parametrize("work", [recovery_codes.draw_qr_code, activity.first_broken, activity._csv, Workers.reserve])
def test_all_costly_work_asks_for_the_budget_of_its_request(work: Callable[..., object]) -> None:
    request = contextvars.copy_context()
    request.run(budget.begin)
    with pytest.raises(Unbudgeted):
        request.run(work)


@pytest.fixture
def bruno(alice: Person, invite: Callable[[str], Person]) -> Person:
    return invite("bruno")


def test_parallel_changes_of_a_password_take_one_place_and_stop_no_login(
    protected: Person,
    bruno: Person,
    client: TestClient,
    new_client: NewClient,
    settings: Settings,
    clock: Clock,
    rows: Callable[..., Any],
) -> None:
    """A58: no hash ends before 24 changes have come in, and the hash of an owner has begun beside them."""
    hashes, pool, loop = HeldHashes(), Workers(), StillLoop()
    device, login = new_client(), {"name": bruno.name, "password": bruno.password}
    sign_in(device, bruno)
    fields = {"current": protected.password, "password": FRESH, "repeated": FRESH}
    change: tuple[str, dict[str, str], str] = ("/security/password", fields, cookie_of(client))
    with (
        contextlib.closing(pool),
        live(Panel(create_app(settings, now=clock), argon2id=hashes, hash_workers=pool), loop) as address,
        ThreadPoolExecutor(2) as threads,
        httpx2.Client(base_url=address, timeout=HANG) as browser,
        contextlib.ExitStack() as at_last,
    ):
        at_last.callback(hashes.let)  # also when an assertion fails: requests wait for them
        until(lambda: not pool.taken)
        changes = threads.submit(post_at_once, address, [change] * ACTS.limit)
        charged = "SELECT count FROM rates WHERE kind = 'password'"
        until(lambda: rows(charged) == [(ACTS.limit,)] and hashes.begun)
        refused = post_at_once(address, [change] * (24 - ACTS.limit))
        assert {answer.status_code for answer in refused} == {429}
        headers = {"Cookie": cookie_of(device, "disp"), "Origin": address}
        own = threads.submit(browser.post, "/login", data=login, headers=headers)
        until(lambda: len(hashes.begun) == HASHES_AT_ONCE)
        assert pool.taken == 2  # one change and the login
        hashes.let()
        assert own.result().status_code == 303
        assert sum("Senha alterada" in answer.text for answer in changes.result()) == 1


def test_logins_of_one_owner_run_one_at_a_time_and_delay_no_other_owner(
    alice: Person, bruno: Person, client: TestClient, new_client: NewClient, settings: Settings, clock: Clock
) -> None:
    """P14: a person cannot fill the places reserved for owners, however many trusted browsers they have."""
    hashes, pool, loop = HeldHashes(), Workers(), StillLoop()
    browsers = [new_client() for _ in range(6)]
    for browser in browsers:
        sign_in(browser, bruno)
    login = {"name": bruno.name, "password": bruno.password}
    posts = [("/login", login, cookie_of(browser, "disp")) for browser in browsers]
    alices = [("/login", {"name": alice.name, "password": alice.password}, cookie_of(client, "disp"))]
    with (
        contextlib.closing(pool),
        live(Panel(create_app(settings, now=clock), argon2id=hashes, hash_workers=pool), loop) as address,
        ThreadPoolExecutor(2) as threads,
        contextlib.ExitStack() as at_last,
    ):
        at_last.callback(hashes.let)
        many = threads.submit(post_at_once, address, posts)
        until(lambda: loop.timeouts(HASH_PATIENCE) == len(posts) - 1)
        one = threads.submit(post_at_once, address, alices)
        until(lambda: len(hashes.begun) == HASHES_AT_ONCE)
        assert pool.taken == 2
        hashes.let()
        assert [answer.status_code for answer in one.result() + many.result()] == [303] * 7


def test_an_unproved_session_uses_up_no_limit_that_the_owner_needs_against_it(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A21: with a stolen session, nothing proved in it."""
    stolen, fresh = new_client(headers={"Origin": ORIGIN, "Cookie": cookie_of(client)}), "pato verde corre na praia"
    for path, fields in (
        ("/security/totp/confirm", {"code": "123456"}),
        ("/security/password/strength", {"password": "x"}),
    ):
        while stolen.post(path, data=fields).status_code != 429:
            pass
    change = {"current": alice.password, "password": fresh, "repeated": fresh}
    assert "Senha alterada" in client.post("/security/password", data=change).text


def test_each_account_has_a_budget_of_its_own(
    protected: Person, bruno: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A58."""
    answers = []
    for _ in range(RENEWALS.limit + 1):
        fields = proof(protected, clock.forward(seconds=30))
        answers.append(client.post("/security/recovery-codes", data=fields).status_code)
    assert answers == [200] * RENEWALS.limit + [429]
    clock.forward(minutes=1)
    rehearsals = [client.post("/security/recovery-codes/rehearsal").status_code for _ in range(ACTS.limit + 1)]
    assert rehearsals == [200] * ACTS.limit + [429]
    browser = new_client(client=("10.9.9.9", 1))  # a code is tried there: that counts for the network too
    sign_in(browser, bruno)
    assert browser.post("/security/recovery-codes/rehearsal").status_code == 200
