import contextlib
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, ORIGIN, Person, proof, sign_in
from tests.support.steady import until
from web.app import create_app
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


def on_another_device(alice: Person, new_client: NewClient) -> TestClient:
    browser = new_client()
    browser.headers["User-Agent"] = FIREFOX
    sign_in(browser, alice)
    return browser


def id_of_the_other(rows: Rows) -> str:
    [(found,)] = rows("SELECT id FROM sessions WHERE user_agent = ?", FIREFOX)
    return str(found)


def test_the_list_tells_device_network_and_times(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    on_another_device(alice, new_client)
    clock.forward(minutes=3)
    page = client.get("/security/sessions").text
    assert "Firefox no Linux" in page
    assert "entrou com senha" in page
    assert page.count("Esta sessão") == 1
    assert "há 3 minutos" in page


def test_a_row_says_whether_a_device_is_in_the_network_of_the_reader_and_has_one_action(
    alice: Person, client: TestClient, new_client: Callable[..., TestClient]
) -> None:
    sign_in(new_client(), alice)
    sign_in(new_client(client=("10.1.0.1", 1)), alice)
    page = client.get("/security/sessions").text
    assert "A conta está aberta em 3 lugares." in page
    opened, trusted = page.split("Dispositivos confiáveis")
    assert opened.count(", nesta mesma rede") == 1
    assert "da rede local (10.1.0.1) ·" in opened
    rows = [row.count("<button") for part in (opened, trusted) for row in re.findall("<li>.*?</li>", part, re.DOTALL)]
    assert sorted(rows) == [0, 1, 1, 1, 1, 1]  # this session ends with Sair


def listed(page: str) -> tuple[list[str], list[str]]:
    """The rows of sessions and of trusted devices."""
    opened, trusted = re.findall('<ul class="rows">(.*?)</ul>', page, re.DOTALL)
    return opened.split("<li>")[1:], trusted.split("<li>")[1:]


def test_ones_own_session_and_device_stand_first_however_late_the_others_were_used(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    clock.forward(minutes=1)
    other = on_another_device(alice, new_client)
    for browser in (client, other):
        opened, trusted = listed(browser.get("/security/sessions").text)
        assert ["Esta sessão" in row for row in opened] == [True, False]
        assert ["Este dispositivo" in row for row in trusted] == [True, False]
        assert {"Firefox no Linux" in rows[0] for rows in (opened, trusted)} == {browser is other}


def test_rows_that_read_alike_tell_the_hour_at_which_they_came_in(
    alice: Person, client: TestClient, new_client: Callable[..., TestClient], clock: Clock
) -> None:
    """From the computer of the panel by either of its addresses; what stands alone needs none."""
    for address in ("127.0.0.1", "::1", "10.1.0.1"):
        browser = new_client(client=(address, 1))
        browser.headers["User-Agent"] = FIREFOX
        clock.forward(minutes=1)
        sign_in(browser, alice)
    opened, trusted = listed(client.get("/security/sessions").text)
    for rows in (opened, trusted):
        hours = [re.findall(r'\(<time [^>]*data-as="hour"[^>]*>(\w+)</time>\)', row) for row in rows]
        assert hours == [[], [], ["9h02"], ["9h01"]]


def test_one_device_is_signed_out(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    other = on_another_device(alice, new_client)
    answer = client.post(f"/security/sessions/{id_of_the_other(rows)}/end", headers=FRAGMENT)
    assert "Sessão encerrada" in answer.text
    assert "entrou com senha" in answer.text
    assert answer.text.count("/end") == 0
    assert other.get("/instances").status_code == 303
    assert client.get("/instances").status_code == 200


def test_a_session_that_is_ended_in_another_process_is_over_in_the_same_second(
    alice: Person, client: TestClient, rows: Rows
) -> None:
    assert client.get("/instances").status_code == client.get("/instances").status_code == 200
    rows("DELETE FROM sessions")
    for path in ("/instances", "/security", "/activity"):
        assert client.get(path).status_code == 303


def test_all_the_others_are_signed_out(alice: Person, client: TestClient, new_client: NewClient) -> None:
    others = [on_another_device(alice, new_client) for _ in range(3)]
    assert "Só esta sessão continua aberta" in client.post("/security/sessions/end-others").text
    assert {other.get("/instances").status_code for other in others} == {303}
    assert client.get("/instances").status_code == 200


def test_ending_a_session_asks_for_a_step_up(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    other = on_another_device(alice, new_client)
    clock.forward(minutes=6)
    for path in ("end-others", f"{id_of_the_other(rows)}/end"):
        assert client.post(f"/security/sessions/{path}").status_code == 403
    assert other.get("/instances").status_code == 200


def test_the_session_of_another_account_is_not_found(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    other = on_another_device(alice, new_client)
    rows("INSERT INTO accounts (name, role, created_at) VALUES ('bruno', 'member', 0)")
    rows(
        "UPDATE sessions SET account_id = (SELECT id FROM accounts WHERE name = 'bruno') WHERE user_agent = ?", FIREFOX
    )
    assert client.post(f"/security/sessions/{id_of_the_other(rows)}/end").status_code == 404
    assert other.get("/instances").status_code == 200
    assert 'id="end-' not in client.get("/security/sessions").text


def test_this_session_ends_with_sair_and_not_here(alice: Person, client: TestClient, rows: Rows) -> None:
    [(mine,)] = rows("SELECT id FROM sessions")
    assert client.post(f"/security/sessions/{mine}/end").status_code == 404
    assert client.get("/instances").status_code == 200


def test_ended_sessions_are_not_listed(alice: Person, client: TestClient, new_client: NewClient, clock: Clock) -> None:
    on_another_device(alice, new_client)
    clock.forward(minutes=40)
    client.get("/instances")
    clock.forward(minutes=25)
    assert 'id="end-' not in client.get("/security/sessions").text


@pytest.mark.parametrize("idle", [1, 2])
def test_a_session_in_use_lives_however_short_the_idle_time_is(
    idle: int, alice: Person, settings: Settings, clock: Clock
) -> None:
    app = create_app(replace(settings, session_idle=timedelta(minutes=idle)), now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
        sign_in(browser, alice)
        for _ in range(20):
            clock.forward(seconds=idle * 24)
            assert browser.get("/instances").status_code == 200
            clock.forward(seconds=idle * 48)
            assert browser.get("/instances").status_code == 200
        clock.forward(minutes=idle)
        assert browser.get("/instances").status_code == 303


def test_the_last_use_is_written_once_a_minute(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    """With the idle time of an hour."""
    seen = set()
    for _ in range(12):
        clock.forward(seconds=20)
        client.get("/instances")
        seen.add(rows("SELECT last_seen_at FROM sessions")[0])
    assert len(seen) == 5


def test_ending_leaves_its_activity(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    on_another_device(alice, new_client)
    client.post(f"/security/sessions/{id_of_the_other(rows)}/end")
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("session.ended", "other")]


def test_a_token_paused_while_its_request_waits_is_not_shown(
    protected: Person, client: TestClient, settings: Settings, rows: Rows
) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance,)] = rows("SELECT id FROM instances")
    with ThreadPoolExecutor(1) as thread, contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        shown = thread.submit(lambda: client.post(f"/instances/{instance}/token/show"))
        until(client.app_state["panel"].db._writing.locked)
        other.execute("UPDATE instances SET paused_at = 1")
        other.commit()
    assert "pausado" in shown.result().text
    assert f'id="token-{instance[:8]}"' not in shown.result().text
    assert rows("SELECT count(*) FROM activity WHERE event = 'instance.token_shown'") == [(0,)]


ACTS: dict[str, dict[str, str]] = {
    "/instances": {"name": "Outra"},
    "/instances/{id}/rename": {"name": "Outra"},
    "/instances/{id}/delete": {},
    "/instances/{id}/token/show": {},
    "/instances/{id}/token/change": {},
    "/security/totp": {},
    "/security/recovery-codes": {},
    "/security/sessions/end-others": {},
    "/security/bad-day/lock": {},
    "/policy/require": {"days": "7"},
}
VERIFY_NOW = ("/security/totp", "/security/recovery-codes")


@pytest.mark.parametrize("path", ACTS)
def test_an_act_whose_session_ends_while_it_waits_does_nothing(
    path: str, protected: Person, client: TestClient, settings: Settings, clock: Clock, rows: Rows
) -> None:
    """The act waits for another write, which ends its session."""
    client.post("/instances", data={"name": "Loja"})
    [(instance,)] = rows("SELECT id FROM instances")
    fields = ACTS[path] | (proof(protected, clock()) if path in VERIFY_NOW else {})
    tables = ("instances", "totp", "totp_enrolments", "recovery_codes", "trusted_devices", "policy", "activity")
    with ThreadPoolExecutor(1) as thread, contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        act = thread.submit(lambda: client.post(path.replace("{id}", instance), data=fields))
        until(client.app_state["panel"].db._writing.locked)
        assert not act.done()
        other.execute("DELETE FROM sessions")
        before = [other.execute(f"SELECT * FROM {table}").fetchall() for table in tables]  # noqa: S608
        other.commit()
    assert act.result().headers["location"].startswith("/login")
    assert [rows(f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/instances/{id}/rename", {"name": "Outra"}), ("/instances/{id}/token/change", {})],
)
def test_an_act_on_an_instance_deleted_while_it_waits_does_nothing(
    path: str, fields: dict[str, str], protected: Person, client: TestClient, settings: Settings, rows: Rows
) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance,)] = rows("SELECT id FROM instances")
    before = rows("SELECT * FROM activity")
    with ThreadPoolExecutor(1) as thread, contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        act = thread.submit(lambda: client.post(path.replace("{id}", instance), data=fields))
        until(client.app_state["panel"].db._writing.locked)
        other.execute("DELETE FROM instances")
        other.commit()
    assert act.result().status_code == 404
    assert rows("SELECT * FROM activity") == before
