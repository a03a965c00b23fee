import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import activity, expiry
from db.database import Reader, Statement
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import ORIGIN, Person, begin_enrolment, give_password, proof, protect, sign_in
from tests.support.steady import StillLoop, until
from web.app import create_app
from web.limits import HOUSEKEEPING
from web.panel import Panel
from web.runtime.housekeeping import clear
from web.runtime.work_files import work_file
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
TABLES = ("sessions", "pending_logins", "totp_enrolments", "attempts", "rates", "former_cookies")


def counts(rows: Rows) -> list[int]:
    return [rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]  # noqa: S608


def test_expired_rows_are_deleted_and_live_ones_stay(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    give_password(new_client(), alice)
    give_password(new_client(), Person("nobody", "x"))
    before = counts(rows)
    assert before == [1, 1, 1, 2, 8, 2]
    assert operate(clear) == 0
    assert counts(rows) == before
    clock.forward(days=2)
    assert operate(clear) == 14
    assert counts(rows) == [0, 0, 0, 1, 0, 0]  # what adds up for the account stays


def test_wrong_codes_are_remembered(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    protect(client, alice, clock())
    sign_in(new_client(), alice, alice.wrong_code_at(clock()))
    clock.forward(days=300)
    operate(clear)
    assert rows("SELECT kind, failures FROM attempts") == [("totp", 1)]


def test_activity_is_kept_for_half_a_year_and_the_rest_still_verifies(
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


def test_the_newest_entry_stays_so_that_the_next_one_can_link_to_it(
    alice: Person, client: TestClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    clock.forward(days=400)
    operate(clear)
    assert rows("SELECT count(*) FROM activity") == [(1,)]
    sign_in(client, alice)
    assert "Nenhuma linha do registro foi alterada" in client.post("/activity/verify").text


def test_a_long_activity_is_deleted_in_batches(alice: Person, clock: Clock, operate: Operate, rows: Rows) -> None:
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        INSERT INTO activity (id, at, event, network, user_agent, detail) SELECT i, 0, 'x', '', '', '' FROM n
    """
    rows(fill)
    clock.forward(days=181)
    operate(clear)
    assert rows("SELECT count(*) FROM activity") == [(1,)]


def test_other_writers_get_a_turn_during_a_long_deletion(
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


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_old_notices_are_deleted_too(
    is_acknowledged: bool, alice: Person, client: TestClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    fresh = "pato verde corre na praia"
    client.post("/security/password", data={"current": alice.password, "password": fresh, "repeated": fresh})
    clock.forward(days=179)
    operate(clear)
    assert rows("SELECT count(*) FROM notices") == [(1,)]
    sign_in(client, Person("alice", fresh))
    [(notice,)] = rows("SELECT id FROM notices WHERE kind = 'password_changed'")
    if is_acknowledged:
        client.post(f"/security/notices/{notice}/mine")
    clock.forward(days=1)
    operate(clear)
    assert rows("SELECT count(*) FROM notices WHERE kind = 'password_changed'") == [(0,)]


def test_an_entry_dated_in_the_future_holds_no_deletion_back(
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


def test_a_panel_that_starts_deletes_expired_rows(
    alice: Person, client: TestClient, settings: Settings, clock: Clock, rows: Rows
) -> None:
    clock.forward(days=1)
    assert rows("SELECT count(*) FROM sessions") == [(1,)]
    with TestClient(create_app(settings, now=clock)):
        until(lambda: rows("SELECT count(*) FROM sessions") == [(0,)])


def test_entries_pruned_during_a_verification_are_no_tampering(
    alice: Person, client: TestClient, clock: Clock, operate: Operate
) -> None:
    clock.forward(days=181)
    sign_in(client, alice)

    async def verify(panel: Panel) -> int | None:
        class Racing(Reader):
            """A database in which old entries are pruned right after a reader asked where they begin."""

            async def _ask(self, statement: Statement) -> list[Any]:
                rows = await panel.db._ask(statement)
                if "activity_pruned" in statement[0]:
                    await clear(panel)
                return rows

        racing = Racing(panel.db._connection)
        racing.chain_key = panel.db.chain_key
        return await activity.first_broken(racing)

    assert operate(verify) is None


def test_a_failed_housekeeping_is_logged_and_the_panel_goes_on(
    alice: Person, settings: Settings, clock: Clock, still_loop: StillLoop, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    def failed_an_hour_later() -> bool:
        still_loop.forward(HOUSEKEEPING)
        return "housekeeping.failed" in caplog.text

    app, still = create_app(settings, now=clock), {"loop_factory": lambda: still_loop}
    with TestClient(app, backend_options=still, base_url=ORIGIN) as client:
        rows("CREATE TRIGGER fault BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'a broken index, say'); END")
        clock.forward(days=1)
        until(failed_an_hour_later)
        assert client.get("/health").status_code == 200


def test_no_batch_is_larger_than_it_may_be(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    sign_in(new_client(), alice)
    protect(client, alice, clock())
    for _ in range(3):
        clock.forward(seconds=30)
        sign_in(new_client(), alice, alice.code_at(clock()))
    give_password(new_client(), alice)
    rows("INSERT INTO setup_codes (id, digest, ends_at) VALUES (1, randomblob(32), 1)")
    clock.forward(days=1)

    async def clear_one(panel: Panel) -> int:
        long = timedelta(days=180)
        async with panel.db.transaction() as tx:
            return await expiry.clear(
                tx,
                at=panel.now(),
                idle=timedelta(hours=1),
                forget_after=long,
                lapse_after=long,
                keep_log=long,
                told_until=panel.now(),
                limit=1,
            )

    before = rows("SELECT count(*) FROM sessions")[0][0]
    assert operate(clear_one) == 2  # a pending login, and the setup code
    assert rows("SELECT count(*) FROM pending_logins") == rows("SELECT count(*) FROM setup_codes") == [(0,)]
    assert rows("SELECT count(*) FROM sessions") == [(before,)]


def test_only_files_that_killed_commands_left_are_deleted_after_a_day(
    client: TestClient, settings: Settings, clock: Clock, operate: Operate
) -> None:
    killed = [work_file(prefix, settings.data, clock()) for prefix in ("copying-", "restoring-")]
    left = [of_one.__enter__() for of_one in killed]
    left.append(left[1].with_name(left[1].name + "-wal"))
    names = ("copying-notes.db", "my-copying-a1b2c3d4.db", "restoring-a1b2c3d4.db.txt")
    others, linked = [settings.data / name for name in names], settings.data / "copying-bbbbbbbb.db"
    for file in (left[2], *others):
        file.touch(0o600)
    linked.symlink_to(settings.data / "panel.db")
    for file in (*left, *others):
        os.utime(file, (clock().timestamp(), clock().timestamp()))
    clock.forward(hours=24)
    operate(clear)
    assert all(file.exists() for file in left)
    clock.forward(seconds=1)
    operate(clear)
    assert not any(file.exists() for file in left)
    assert all(file.exists() for file in (*others, linked))
