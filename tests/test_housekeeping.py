import asyncio
import time
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from db import activity
from db.database import Reader, Statement
from tests.conftest import Clock, Operate
from tests.people import Person, begin_enrolment, give_password, protect, sign_in
from web.app import create_app
from web.housekeeping import clear
from web.panel import Panel
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
TABLES = ("sessions", "half_logins", "totp_enrolments", "attempts", "rates")


def counts(rows: Rows) -> list[int]:
    return [rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]  # noqa: S608


def test_what_is_over_goes_and_what_lives_stays(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    begin_enrolment(client)
    give_password(new_client(), alice)
    give_password(new_client(), Person("nobody", "x"))
    before = counts(rows)
    assert before == [1, 1, 1, 2, 4]
    assert operate(clear) == 0
    assert counts(rows) == before
    clock.forward(days=2)
    assert operate(clear) == 8
    assert counts(rows) == [0, 0, 0, 1, 0]  # what adds up for the account stays


def test_wrong_codes_are_remembered(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    sign_in(new_client(), alice, alice.wrong_code_at(clock()))
    clock.forward(days=300)
    operate(clear)
    assert rows("SELECT kind, failures FROM attempts") == [("totp", 1)]


def test_activity_is_kept_for_half_a_year_and_what_is_left_still_follows(
    alice: Person, client: TestClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    client.post("/instances", data={"name": "Loja"})
    clock.forward(days=100)
    sign_in(client, alice)
    client.post("/instances", data={"name": "Matriz"})
    clock.forward(days=81)
    assert operate(clear) > 0
    assert operate(clear) == 0
    sign_in(client, alice)
    page = client.get("/activity").text
    assert "Loja" not in page
    assert "Matriz" in page
    assert "Nenhuma linha do registro foi alterada" in client.post("/activity/verify").text
    rows("UPDATE activity_pruned SET link = zeroblob(32)")
    assert "O registro foi alterado" in client.post("/activity/verify").text


def test_the_newest_line_stays_so_that_the_next_one_follows(
    alice: Person, client: TestClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    clock.forward(days=400)
    operate(clear)
    assert rows("SELECT count(*) FROM activity") == [(1,)]
    sign_in(client, alice)
    assert "Nenhuma linha do registro foi alterada" in client.post("/activity/verify").text


def test_a_long_history_goes_in_batches(alice: Person, clock: Clock, operate: Operate, rows: Rows) -> None:
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        INSERT INTO activity (id, at, event, network, user_agent, detail) SELECT i, 0, 'x', '', '', '' FROM n
    """
    rows(fill)
    clock.forward(days=181)
    operate(clear)
    assert rows("SELECT count(*) FROM activity") == [(1,)]


def test_whoever_writes_while_much_is_taken_away_gets_a_turn(
    alice: Person, clock: Clock, operate: Operate, rows: Rows
) -> None:
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO sessions SELECT randomblob(32), i, 1, 'password', '', '', 0, 0, 0, 0 FROM n
    """
    rows(fill)

    async def meanwhile(panel: Panel) -> int | None:
        clearing = asyncio.create_task(clear(panel))
        await asyncio.sleep(0)
        async with panel.db.transaction() as tx:
            left = await tx.one(int, "SELECT count(*) FROM sessions")
        assert await clearing == 3000
        return left

    assert 0 < operate(meanwhile) <= 2501


def test_old_notices_go_too(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    fresh = "pato verde corre na praia"
    client.post("/security/password", data={"current": alice.password, "password": fresh, "repeated": fresh})
    clock.forward(days=400)
    operate(clear)
    assert rows("SELECT count(*) FROM notices") == [(1,)]  # not seen yet
    sign_in(client, Person("alice", fresh))
    [(notice,)] = rows("SELECT id FROM notices WHERE kind = 'password_changed'")
    client.post(f"/security/notices/{notice}/mine")
    clock.forward(days=180)
    operate(clear)
    assert rows("SELECT count(*) FROM notices WHERE kind = 'password_changed'") == [(0,)]


def test_a_line_from_a_clock_that_was_ahead_holds_nothing_back(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    """A48."""
    clock.forward(days=3650)
    give_password(new_client(), Person("nobody", "x"))
    clock.forward(days=-3650)
    sign_in(client, alice)
    clock.forward(days=400)
    operate(clear)
    assert rows("SELECT count(*) FROM activity") == [(1,)]


def test_a_panel_that_starts_takes_away_what_is_over(
    alice: Person, client: TestClient, settings: Settings, clock: Clock, rows: Rows
) -> None:
    clock.forward(days=1)
    assert rows("SELECT count(*) FROM sessions") == [(1,)]
    with TestClient(create_app(settings, now=clock)):
        for _ in range(100):
            if rows("SELECT count(*) FROM sessions") == [(0,)]:
                return
            time.sleep(0.02)
    raise AssertionError("nothing was taken away")


def test_lines_removed_while_the_log_is_verified_are_no_tampering(
    alice: Person, client: TestClient, clock: Clock, operate: Operate
) -> None:
    clock.forward(days=181)
    sign_in(client, alice)

    async def verify(panel: Panel) -> int | None:
        class Racing(Reader):
            """Has the old lines removed once it was read where they begin."""

            async def _ask(self, statement: Statement) -> list[Any]:
                rows = await panel.db._ask(statement)
                if "activity_pruned" in statement[0]:
                    await clear(panel)
                return rows

        return await activity.first_broken(Racing(panel.db._connection))

    assert operate(verify) is None
