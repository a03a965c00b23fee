"""Who administers, who is disabled, everybody in a table, many invited at once: at the terminal."""

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.ceremonies import unasked
from tests.support.clock import Clock
from tests.support.people import Person, cookie_of, give_password, plant, protect, sign_in
from tests.support.steady import HeldHashes
from web.cli import people, roster
from web.cli.terminal import Command, CommandRefused
from web.limits import INVITATIONS_AT_ONCE, Cost

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., str]
WRONG = "girafa verde dança no chão"


@pytest.fixture
def run(operate: Operate, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return what it printed."""

    def run_command(command: Command, **options: object) -> str:
        capsys.readouterr()
        operate(lambda panel: command(panel, argparse.Namespace(**options)))
        return capsys.readouterr().out

    return run_command


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person]) -> Person:
    return invite("bruno")


def state_of(rows: Rows, table: str) -> list[tuple[Any, ...]]:
    return rows(f"SELECT count(*) FROM {table} WHERE account_id = (SELECT id FROM accounts WHERE name = 'bruno')")  # noqa: S608


def test_a_disabled_person_is_nowhere_any_more(
    bruno: Person, new_client: NewClient, clock: Clock, run: Run, rows: Rows
) -> None:
    """A23: the next request of a cookie that was live is over, and nothing is deleted."""
    open_one, half = new_client(), new_client()
    sign_in(open_one, bruno)
    open_one.post("/instances", data={"name": "Loja"})
    protect(open_one, bruno, clock())
    clock.forward(seconds=30)
    give_password(half, bruno)
    open_one.post("/security/totp", data={"step_up_password": bruno.password, "step_up_code": bruno.code_at(clock())})
    assert state_of(rows, "totp_enrolments") == state_of(rows, "pending_logins") == [(1,)]
    printed = run(people.disable, name="bruno")
    assert "A conta bruno foi desativada" in printed
    assert people.NONE_LEFT not in printed
    assert open_one.get("/instances").headers["location"].startswith("/login")
    clock.forward(seconds=30)
    assert half.post("/login/code", data={"code": bruno.code_at(clock())}).headers["location"].startswith("/login")
    for table in ("sessions", "pending_logins", "totp_enrolments", "trusted_devices", "activations"):
        assert state_of(rows, table) == [(0,)], table
    assert rows("SELECT count(*) FROM instances WHERE paused_at IS NOT NULL") == [(1,)]


def test_a_session_of_a_disabled_account_is_none_even_where_its_row_is_left(
    bruno: Person, new_client: NewClient, rows: Rows
) -> None:
    """A23: each lookup asks, besides what disabling removes."""
    open_one, half = new_client(), new_client()
    sign_in(open_one, bruno)
    rows(
        "INSERT INTO totp (account_id, sealed_key, last_step, confirmed_at) SELECT id, x'00', 0, 0 FROM accounts "
        "WHERE name = 'bruno'"
    )
    give_password(half, bruno)
    assert half.get("/login/code").status_code == 200
    rows("UPDATE accounts SET disabled_at = 1 WHERE name = 'bruno'")
    assert open_one.get("/instances").headers["location"].startswith("/login")
    assert half.get("/login/code").headers["location"].startswith("/login")


def test_the_right_password_of_a_disabled_account_is_answered_and_counted_as_a_wrong_one(
    bruno: Person, new_client: NewClient, run: Run, rows: Rows
) -> None:
    """A10."""
    run(people.disable, name="bruno")
    counters = "SELECT kind, failures FROM attempts ORDER BY kind, key"
    right = give_password(new_client(), bruno)
    after_right = rows(counters)
    wrong = give_password(new_client(), bruno, password=WRONG)
    unknown = give_password(new_client(), Person("bruna", WRONG))
    assert unasked(right.text) == unasked(wrong.text) == unasked(unknown.text).replace("bruna", "bruno")
    assert dict(right.headers) == dict(wrong.headers) == dict(unknown.headers)
    assert right.status_code == wrong.status_code == 422
    assert not right.cookies
    assert after_right == [("password", 1), ("password-account", 1)]
    assert {failures for _, failures in rows(counters)} >= {2}
    events = rows("SELECT event FROM activity ORDER BY id DESC LIMIT 2")
    assert events[0] != ("login.password_ok",)
    assert ("login.password_failed",) in events


def test_the_right_password_of_a_disabled_account_costs_no_second_hash(
    bruno: Person, client: TestClient, hashes: HeldHashes, new_client: NewClient, run: Run
) -> None:
    """A11: as it would where the stored hash is of other parameters than new ones, and the account opens."""
    panel = client.app_state["panel"]
    other_cost = replace(panel.settings, hash_cost=Cost(memory_kib=16, passes=1, lanes=1))
    client.app_state["panel"] = replace(panel, settings=other_cost)
    run(people.disable, name="bruno")
    give_password(new_client(), bruno)
    assert len(hashes.begun) == 1
    run(people.enable, name="bruno")
    give_password(new_client(), bruno)
    assert len(hashes.begun) == 3


def test_a_code_made_before_does_not_open_a_disabled_account(
    bruno: Person, new_client: NewClient, run: Run, rows: Rows
) -> None:
    printed = run(people.reset_password, name="bruno")
    code = re.search(r"ativação: (\S+)", printed)
    assert code
    fields = {"activation_code": code[1], "password": WRONG, "repeated": WRONG}
    rows("UPDATE accounts SET disabled_at = 1 WHERE name = 'bruno'")
    for typed in (fields, {"activation_code": code[1]}):
        assert "Este código não vale" in new_client().post("/activate", data=typed).text
    rows("UPDATE accounts SET disabled_at = NULL WHERE name = 'bruno'")
    run(people.disable, name="bruno")
    run(people.enable, name="bruno")
    assert "Este código não vale" in new_client().post("/activate", data=fields).text


def test_a_code_made_for_a_disabled_account_says_that_it_waits(bruno: Person, new_client: NewClient, run: Run) -> None:
    run(people.disable, name="bruno")
    printed = run(people.reset_password, name="bruno")
    assert "só vale depois de python3 run.py enable bruno\n" in printed
    code = re.search(r"ativação: (\S+)", printed)
    assert code
    fields = {"activation_code": code[1], "password": WRONG, "repeated": WRONG}
    assert new_client().post("/activate", data=fields).status_code == 422
    run(people.enable, name="bruno")
    assert new_client().post("/activate", data=fields).status_code == 303
    assert "desativada" not in run(people.reset_password, name="bruno")


def test_an_enabled_account_is_what_it_was_with_its_tokens_paused(
    bruno: Person, new_client: NewClient, clock: Clock, run: Run, rows: Rows
) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    browser.post("/instances", data={"name": "Loja"})
    protect(browser, bruno, clock())
    run(people.disable, name="bruno")
    run(people.enable, name="bruno")
    back = new_client()
    assert sign_in(back, bruno, bruno.code_at(clock.forward(seconds=30))).headers["location"] == "/instances"
    page = back.get("/instances").text
    assert "Loja" in page
    assert "reativou sua conta" in page
    assert rows("SELECT count(*) FROM instances WHERE paused_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("command", [people.promote, people.demote])
def test_whoever_gets_another_role_signs_in_again(
    command: Command, bruno: Person, new_client: NewClient, run: Run, rows: Rows
) -> None:
    rows("UPDATE accounts SET role = ? WHERE name = 'bruno'", "admin" if command is people.demote else "member")
    browser = new_client()
    sign_in(browser, bruno)
    live = cookie_of(browser)
    run(command, name="bruno")
    thief = new_client()
    plant(thief, live)
    assert thief.get("/instances").headers["location"].startswith("/login")
    sign_in(browser, bruno)
    assert browser.get("/policy").status_code == (200 if command is people.promote else 403)
    assert rows("SELECT kind FROM notices WHERE account_id = 2 ORDER BY id DESC LIMIT 1") == [(command.__name__ + "d",)]


@pytest.mark.parametrize("command", [people.demote, people.disable, people.reset_two_factor, people.reset_password])
def test_the_terminal_says_when_nobody_is_left_who_administers_with_two_factors(
    command: Command, bruno: Person, run: Run, rows: Rows
) -> None:
    assert people.NONE_LEFT in run(command, name="alice")
    assert people.NONE_LEFT not in run(people.end_sessions, name="bruno")


def test_a_command_that_changes_nothing_is_refused(bruno: Person, operate: Operate) -> None:
    for command, why in [
        (people.promote, None),
        (people.promote, "já administra"),
        (people.enable, "já está ativa"),
        (people.disable, None),
        (people.disable, "está desativada"),
        (people.promote, "está desativada"),
        (people.demote, None),
        (people.demote, "não administra"),
    ]:
        act = partial(command, options=argparse.Namespace(name="bruno"))
        if why is None:
            operate(act)
        else:
            with pytest.raises(CommandRefused, match=why):
                operate(act)


def test_everybody_stands_in_a_table(bruno: Person, create_account: Callable[[str], str], run: Run) -> None:
    create_account("carla")
    run(people.disable, name="bruno")
    lines = run(roster.list_people, json=False).splitlines()
    assert [line.split()[0] for line in lines] == ["NOME", "alice", "bruno", "carla", "1"]
    assert re.search(r"administra +aplicativo, 10 códigos .*2026.* 1 +ativa$", lines[1])
    assert re.search(r"membro +só a senha +24 de novembro de 2026 .* 0 +desativada$", lines[2])
    assert lines[3].endswith("convidada")
    assert lines[4] == "1 de 3 protegidas por dois fatores."


def test_everybody_comes_as_json_too(bruno: Person, run: Run, clock: Clock) -> None:
    alice, member = json.loads(run(roster.list_people, json=True))
    assert (alice["name"], alice["is_admin"], alice["has_two_factor"], alice["state"]) == (
        "alice",
        True,
        True,
        "active",
    )
    assert alice["last_login_at"] == "2026-11-24T12:00:05+00:00"
    assert (member["name"], member["open_sessions"]) == ("bruno", 1)


def test_more_people_than_are_read_at_a_time_are_all_listed(alice: Person, run: Run, tmp_path: Path) -> None:
    names = [f"pessoa-{number:04}" for number in range(INVITATIONS_AT_ONCE)]
    run(roster.invite_csv, file=written(tmp_path, *names))
    listed = [one["name"] for one in json.loads(run(roster.list_people, json=True))]
    assert listed == ["alice", *names]


def written(folder: Path, *lines: str) -> Path:
    file = folder / "people.csv"
    file.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return file


def test_the_people_of_a_file_are_invited(
    alice: Person, new_client: NewClient, run: Run, rows: Rows, tmp_path: Path
) -> None:
    printed = run(roster.invite_csv, file=written(tmp_path, "Bruno ", "", "carla,admin", "davi, member"))
    assert rows("SELECT name, role FROM accounts WHERE id > 1") == [
        ("bruno", "member"),
        ("carla", "admin"),
        ("davi", "member"),
    ]
    links = dict(re.findall(r"linha \d: (\w+): https://painel\.test/activate#(\S+)", printed))
    assert list(links) == ["bruno", "carla", "davi"]
    assert "Contas criadas: 3." in printed
    shown = new_client().post("/activate", data={"activation_code": links["carla"]}).text
    assert "carla" in shown


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("al", "O nome precisa ter de 3 a 32 caracteres"),
        ("root", "reservado"),
        ("alice", "Já existe uma conta alice"),
        ("bruno", "Já existe uma conta bruno"),
        ("carla,chefe", "o papel é member ou admin"),
        ("carla,admin,já", "o papel é member ou admin"),
        ("\x1b[2Jcarla", r"'\\x1b\[2jcarla'"),
    ],
)
def test_with_one_wrong_line_nobody_is_invited_and_every_line_is_reported(
    line: str, why: str, alice: Person, operate: Operate, capsys: pytest.CaptureFixture[str], rows: Rows, tmp_path: Path
) -> None:
    file = written(tmp_path, "bruno", line, "davi")
    capsys.readouterr()
    with pytest.raises(CommandRefused, match=r"Nenhuma conta foi criada. Linhas a corrigir: 1\."):
        operate(lambda panel: roster.invite_csv(panel, argparse.Namespace(file=file)))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "linha 1: bruno poderia ser criada"
    assert re.search(why, printed[1])
    assert printed[2] == "linha 3: davi poderia ser criada"
    assert rows("SELECT name FROM accounts") == [("alice",)]
    assert rows("SELECT count(*) FROM activations") == [(0,)]


def test_a_file_that_is_too_long_missing_or_no_text_is_refused(alice: Person, operate: Operate, tmp_path: Path) -> None:
    too_long = written(tmp_path, *(f"pessoa-{number}" for number in range(INVITATIONS_AT_ONCE + 1)))
    (binary := tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for file, why in ((too_long, "passa de 500"), (tmp_path / "none", "ler"), (binary, "UTF-8")):
        options = argparse.Namespace(file=file)
        with pytest.raises(CommandRefused, match=why):
            operate(partial(roster.invite_csv, options=options))
