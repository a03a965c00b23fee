"""Services as a page calls them, for somebody who is signed in in a browser."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.testclient import TestClient

from db import accounts
from db.database import Transaction
from tests.conftest import Operate
from web.panel import Panel
from web.visit.cookies import Jar
from web.visit.visit import Arrival, SignedIn
from web.visit.visitor import administrator_transaction, identify, session_transaction

Act = Callable[[Transaction, SignedIn], Awaitable[Any]]


async def visit_in(panel: Panel, browser: TestClient) -> SignedIn:
    sent = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    jar = Jar(Headers({"cookie": sent}), "/people", short_id=panel.short_id, is_secure=True)
    arrival = Arrival(panel, "/people", address="10.9.9.9", user_agent="", jar=jar, at=panel.now(), section="/people")
    visit = SignedIn(arrival)
    await identify(visit)
    return visit


def administer(operate: Operate, browser: TestClient, act: Act) -> Any:
    async def work(panel: Panel) -> Any:
        visit = await visit_in(panel, browser)
        async with administrator_transaction(visit) as tx:
            return await act(tx, visit)

    return operate(work)


def act_alone(operate: Operate, browser: TestClient, act: Act) -> Any:
    """Of somebody on their own account, whoever they are."""

    async def work(panel: Panel) -> Any:
        visit = await visit_in(panel, browser)
        async with session_transaction(visit) as tx:
            return await act(tx, visit)

    return operate(work)


async def id_of(tx: Transaction, name: str) -> int:
    account = await accounts.find(tx, name)
    assert account
    return account.id
