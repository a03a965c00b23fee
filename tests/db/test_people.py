"""The list of people: by name, a page at a time, whatever is looked for."""

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from db import accounts, people
from db.people import MANY, Counts, Filter, State
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.older import PASSKEYS_OF_BEFORE, PEOPLE_OF_BEFORE, ZONES_OF_BEFORE
from tests.support.people import Person
from web.cli import people as terminal
from web.panel import Panel

Rows = Callable[..., list[tuple[Any, ...]]]
NAMES = ["ana", "bruno", "camila", "carla", "davi", "elisa"]
IDLE = timedelta(hours=1)


@pytest.fixture
def team(operate: Operate, clock: Clock, rows: Rows) -> None:
    """Camila has two factors, Davi is disabled, Elisa never came in; the others have a password."""

    async def make(panel: Panel) -> None:
        async with panel.db.transaction() as tx:
            for name in NAMES:
                await accounts.create(tx, name, role="member", at=clock())

    operate(make)
    rows("UPDATE accounts SET sealed_password = x'00', last_login_at = 5 WHERE name <> 'elisa'")
    rows("INSERT INTO totp SELECT id, x'00', 0, 0 FROM accounts WHERE name = 'camila'")
    rows("UPDATE accounts SET disabled_at = 9 WHERE name = 'davi'")


@pytest.fixture
def listed(operate: Operate, clock: Clock) -> Callable[..., list[str]]:
    def ask(whom: Filter = Filter.EVERYBODY, *, limit: int = 50, **chosen: str) -> list[str]:
        found = operate(lambda panel: people.page_of(panel.db, whom, at=clock(), idle=IDLE, limit=limit, **chosen))
        return [person.name for person in found]

    return ask


@pytest.mark.parametrize(
    ("whom", "names"),
    [
        (Filter.EVERYBODY, NAMES),
        (Filter.UNPROTECTED, ["ana", "bruno", "carla", "davi", "elisa"]),
        (Filter.INVITED, ["elisa"]),
        (Filter.DISABLED, ["davi"]),
    ],
)
def test_a_filter_shows_those_it_names(
    whom: Filter, names: list[str], team: None, listed: Callable[..., list[str]]
) -> None:
    assert listed(whom) == names
    assert listed(whom, search=names[0][1:]) == names[:1]
    assert listed(whom, after=names[0]) == names[1:]


def test_pages_follow_each_other_by_name(team: None, listed: Callable[..., list[str]]) -> None:
    assert listed(limit=4) == NAMES[:4]
    assert listed(limit=4, after="carla") == NAMES[4:]
    assert listed(limit=4, after="elisa") == []


@pytest.mark.parametrize("search", ["a", "an", "mil", "la", "elisa", "a_", "%", "é", "'", "zz", "-"])
@pytest.mark.parametrize("is_common", [False, True])
def test_a_search_finds_every_name_that_holds_it(
    search: str, is_common: bool, team: None, listed: Callable[..., list[str]], rows: Rows
) -> None:
    if is_common:  # so many that names are walked instead
        rows(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
            "INSERT INTO name_parts SELECT ? || char(96 + n % 26) || n, 1 FROM n",
            MANY,
            search,
        )
    expected = [name for name in NAMES if search in name or (is_common and name == "ana")]
    assert listed(search=search) == expected


def test_a_person_is_told_of_whole(team: None, operate: Operate, clock: Clock, rows: Rows) -> None:
    rows("INSERT INTO activations VALUES (6, x'01', 2000000000, 'invitation', 1000000000, 1)")
    listed = operate(lambda panel: people.page_of(panel.db, at=clock(), idle=IDLE, limit=9))
    ask = {person.name: person for person in listed}
    elisa, davi, camila = ask["elisa"], ask["davi"], ask["camila"]
    assert (elisa.state, elisa.activation_kind, elisa.activation_made_by) == (State.INVITED, "invitation", "ana")
    assert (davi.state, davi.has_two_factor, davi.activation_kind) == (State.DISABLED, False, None)
    assert (camila.state, camila.has_app, camila.recovery_codes_left) == (State.ACTIVE, True, 0)
    one = operate(lambda panel: people.one(panel.db, elisa.id, at=clock(), idle=IDLE))
    chosen = operate(lambda panel: people.chosen(panel.db, (elisa.id, davi.id, 99), at=clock(), idle=IDLE))
    assert one == elisa
    assert chosen == [davi, elisa]


def test_people_are_counted(team: None, operate: Operate) -> None:
    counted = operate(lambda panel: people.counts(panel.db))
    assert counted == Counts(all=6, protected=1, invited=1, disabled=1)
    assert counted.unprotected == 5


def test_whoever_has_several_factors_is_counted_once(team: None, operate: Operate, rows: Rows, clock: Clock) -> None:
    for number, name in enumerate(["ana", "ana", "camila"]):
        rows(
            "INSERT INTO passkeys SELECT ?, id, ?, x'00', 'painel.test', 'Chave', x'00', 0, 0, 0, '', 0, NULL "
            "FROM accounts WHERE name = ?",
            str(number),
            bytes([number]),
            name,
        )
    counted = operate(lambda panel: people.counts(panel.db))
    assert (counted.protected, counted.unprotected) == (2, 4)
    listed = operate(lambda panel: people.page_of(panel.db, at=clock(), idle=IDLE, limit=50))
    assert [(one.has_two_factor, one.has_app, one.passkeys) for one in listed[:3]] == [
        (True, False, 2),
        (False, False, 0),
        (True, True, 1),
    ]
    unprotected = operate(lambda panel: people.page_of(panel.db, Filter.UNPROTECTED, at=clock(), idle=IDLE, limit=50))
    assert [one.name for one in unprotected] == ["bruno", "carla", "davi", "elisa"]


def test_a_name_of_one_letter_over_and_over_is_kept_part_by_part(operate: Operate, clock: Clock, rows: Rows) -> None:
    async def make(panel: Panel) -> None:
        async with panel.db.transaction() as tx:
            await accounts.create(tx, "aaa", role="member", at=clock())

    operate(make)
    assert rows("SELECT part FROM name_parts ORDER BY part") == [("a",), ("aa",), ("aaa",)]


def test_a_folder_of_before_tells_the_same_of_its_people(
    alice: Person, create_account: Callable[[str], str], operate: Operate, clock: Clock, rows: Rows
) -> None:
    create_account("bruno")
    operate(lambda panel: terminal.reset_password(panel, argparse.Namespace(name="alice")))
    known = [
        "SELECT part, account_id FROM name_parts ORDER BY 1, 2",
        "SELECT name, last_login_at FROM accounts ORDER BY id",
        "SELECT account_id, kind, made_at, made_by FROM activations ORDER BY 1",
    ]
    now = [rows(sql) for sql in known]
    assert now[2] == [
        (1, "password", int(clock().timestamp()), None),
        (2, "invitation", int(clock().timestamp()), None),
    ]
    for change in (*PASSKEYS_OF_BEFORE, *ZONES_OF_BEFORE, *PEOPLE_OF_BEFORE, "PRAGMA user_version = 28"):
        rows(change)
    operate(lambda panel: people.counts(panel.db))
    assert [rows(sql) for sql in known] == now
