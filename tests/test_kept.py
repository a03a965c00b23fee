from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person
from web.app import create_app
from web.guards import State, get_kept
from web.kept import MOST
from web.settings import Settings
from web.visit import Visit

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def made() -> list[str]:
    """The pages that were made and not kept."""
    return []


@pytest.fixture
def counting(settings: Settings, clock: Clock, made: list[str]) -> Iterator[TestClient]:
    """A panel of one page that tells how often it was made."""

    async def page(visit: Visit) -> Response:
        made.append(visit.request.url.query)
        response = PlainTextResponse(str(len(made)))
        if "cookie" in visit.request.query_params:
            response.set_cookie("a", "b")
        return response

    app = create_app(settings, now=clock, routes=[get_kept("/", page, State.ANYONE)])
    with TestClient(app, base_url=ORIGIN) as client:
        yield client


def test_the_same_page_is_made_once_a_second(counting: TestClient, clock: Clock) -> None:
    assert [counting.get("/").text for _ in range(3)] == ["1", "1", "1"]
    clock.forward(seconds=1)
    assert counting.get("/").text == "2"


def test_whatever_somebody_writes_in_another_process_makes_it_anew(counting: TestClient, rows: Rows) -> None:
    assert counting.get("/").text == "1"
    rows("INSERT INTO rates (kind, key, count, begins_at) VALUES ('x', x'00', 1, 1)")
    assert counting.get("/").text == "2"


def test_another_browser_is_another_page(counting: TestClient) -> None:
    assert counting.get("/").text == "1"
    for headers in ({"Cookie": "a=b"}, {"HX-Request": "true"}, {"User-Agent": "x"}):
        assert counting.get("/", headers=headers).text not in ("1",)
    assert counting.get("/?a").text == "5"


def test_an_answer_that_gives_a_cookie_is_nobody_elses(counting: TestClient, made: list[str]) -> None:
    for _ in range(2):
        counting.get("/?cookie")
        counting.cookies.clear()
    assert made == ["cookie", "cookie"]


def test_no_more_are_kept_than_have_room(counting: TestClient, made: list[str]) -> None:
    for number in range(MOST + 1):
        counting.get(f"/?{number}")
    counting.get("/?0")
    counting.get(f"/?{MOST}")
    assert made[MOST:] == [str(MOST), str(MOST)]


def test_an_ended_session_sees_nothing_in_the_very_second(alice: Person, client: TestClient, rows: Rows) -> None:
    assert client.get("/instances").status_code == client.get("/instances").status_code == 200
    rows("DELETE FROM sessions")
    assert client.get("/instances").status_code == 303
