"""Every query of the database uses an index, so that its cost does not grow with the number of people."""

import ast
import asyncio
import importlib
import itertools
import re
import secrets
import sqlite3
from collections.abc import Iterator

import pytest

from db import migrate
from db.database import Database
from db.instances import IN_ORDER, Order
from db.people import PAGES, Filter, Search
from web.crypto.vault import Vault, write_keys
from web.http.page import ROOT

VERBS = ("WITH", "SELECT", "INSERT", "UPDATE", "DELETE")


ONE_ROW = {"policy", "panel", "setup_codes", "activity_pruned", "CONSTANT"}
WHOLE = {
    "accounts._ACCOUNT": "a beginning that `find` and `get` complete",
    "accounts._note_parts": "the letters of one name",
    "accounts.disabled": "an index of theirs alone",
    "accounts.exist": "ends at the first row",
    "accounts.has_administrator": "an index of theirs alone",
    "accounts.is_last_administrator": "ends at the first other account that is active",
    "accounts.spend_setup": "ends at the first row",
    "accounts.without_two_factor": "by name, to the hundredth",
    "activity._LINKED": "a beginning that others complete",
    "activity.record": "the last row",
    "activity.latest_at": "the last row",
    "activity.recent": "of as many rows as it is told, found by an index",
    "after_restore.apply": "a restored backup: every account is told",
    "findings.every": "a row a kind, of two kinds",
    "notices.raise_for_administrators": "an index of theirs alone",
    "notices.pending": "the few kinds, once they were counted by an index",
    "passkeys._PASSKEY": "a beginning that others complete",
    "passkeys.by_name": "an index alone, for the operator's `doctor`",
    "people._PERSON": "a beginning that others complete",
    "people._way_to": "three thousand rows at most",
    "people.counts": "how many there are: three indexes alone, the apps, and the passkeys",
    "rates.drop_beyond": "ten thousand rows at most",
    "schema.is_empty": "ends at the first row",
    "schema.without_trigger": "the schema",
    "schema._EVERY": "the tables, not what is in them",
    "sealed._PLACES": "the operator's `rotate-key`",
    "sessions.end_of_everybody": "the operator's `end-sessions`",
    "sessions.end_unenrolled": "an administrator lifts the requirement",
}


class Anything(dict[str, object]):
    """Parameters of any name."""

    def __missing__(self, _: str) -> int:
        return 1


def statements() -> Iterator[tuple[str, str]]:
    """The statements of db/, each with the function or constant that holds it."""
    for file in sorted((ROOT / "db").glob("*.py")):
        names = vars(importlib.import_module(f"db.{file.stem}"))
        for holder in ast.parse(file.read_text()).body:
            name = getattr(holder, "name", None) or ast.unparse(holder).split(" =")[0]
            seen: set[ast.AST] = set()
            for node in ast.walk(holder):
                if node in seen or not isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
                    continue
                seen.update(ast.walk(node))
                if not {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} <= set(names):
                    continue  # not put together from constants: no statement
                text = eval(compile(ast.Expression(node), file.name, "eval"), names)  # noqa: S307, our own source
                if isinstance(text, str) and text.split()[:1] and text.split()[0] in VERBS:
                    yield f"{file.stem}.{name}", text


EVERY = list(statements())


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "panel.db"
    path.touch()
    write_keys(path.with_name("secret.key"), [b"k" * 32])

    async def make() -> None:
        db = await Database.open(path)
        await migrate.migrate(db, Vault(path.with_name("secret.key"), secrets.token_bytes))
        await db.close()

    asyncio.run(make())
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def scanned(connection: sqlite3.Connection, sql: str) -> set[str]:
    """The tables that are read from one end."""
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", Anything())]
    return {step.split()[1] for step in plan if step.startswith("SCAN")} - ONE_ROW


@pytest.mark.parametrize(("place", "sql"), EVERY, ids=[place for place, _ in EVERY])
def test_every_statement_uses_an_index(place: str, sql: str, connection: sqlite3.Connection) -> None:
    assert place in WHOLE or not scanned(connection, sql)


@pytest.mark.parametrize("order", Order)
def test_instances_come_in_their_order_from_an_index(order: Order, connection: sqlite3.Connection) -> None:
    """Those by age second by second: only what is of one second is sorted."""
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {IN_ORDER[order]}", Anything())]
    by_name = order in (Order.NAME, Order.NAME_BACK)
    assert plan[0].startswith(f"SEARCH instances USING INDEX instances_by_{'name' if by_name else 'age'} ")
    parts = [
        step for step in plan[1:] if re.fullmatch("USE TEMP B-TREE FOR (RIGHT PART|LAST 2 TERMS) OF ORDER BY", step)
    ]
    assert len(plan) == 1 + len(parts) == (1 if by_name else 2)
    assert "LIMIT" in IN_ORDER[order]


@pytest.mark.parametrize(("whom", "search"), PAGES)
def test_people_come_by_name_from_an_index(whom: Filter, search: Search, connection: sqlite3.Connection) -> None:
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {PAGES[whom, search]}", Anything())]
    index = {Filter.INVITED: "accounts_invited", Filter.DISABLED: "accounts_disabled"}.get(whom, "accounts_1")
    assert not [step for step in plan if step.startswith("SCAN")]
    assert search is Search.RARE or any(re.search(rf"SEARCH accounts USING .*{index} \(name>", step) for step in plan)


def test_all_notices_of_a_person_are_found_by_their_account(connection: sqlite3.Connection) -> None:
    [(_, sql)] = [(place, sql) for place, sql in EVERY if place == "me.notices"]
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", Anything())]
    assert ["account_id=?" in step for step in steps if step.startswith("SEARCH")] == [True, True]


def asked_on_the_loop(methods: str = "one|few") -> Iterator[str]:
    """The functions of db/ that ask a Database, not a Transaction, for one row or a few."""
    for file in sorted((ROOT / "db").glob("*.py")):
        for holder in ast.parse(file.read_text()).body:
            if isinstance(holder, ast.AsyncFunctionDef) and re.search(rf"\bdb\.({methods})\(", ast.unparse(holder)):
                yield f"{file.stem}.{holder.name}"


UNBOUNDED = {"activity"}  # however few of an account's entries are wanted, it may have a million
IN_A_ROW = {"activity.newest"}  # it reads the rows of an index in order and skips none


@pytest.mark.parametrize("place", list(asked_on_the_loop()))
def test_queries_on_the_event_loop_are_short(place: str, connection: sqlite3.Connection) -> None:
    for sql in [sql for holder, sql in EVERY if holder == place]:
        assert not scanned(connection, sql) or WHOLE.get(place) == "ends at the first row"
        assert place in IN_A_ROW or not UNBOUNDED & set(re.findall(r"\w+", sql))


@pytest.mark.parametrize("place", list(asked_on_the_loop("few")))
def test_a_query_for_few_rows_has_a_limit(place: str) -> None:
    assert all("LIMIT" in sql for holder, sql in EVERY if holder == place)


def steps(connection: sqlite3.Connection, sql: str, **parameters: object) -> int:
    """How many SQLite takes to answer."""
    taken = itertools.count()
    connection.set_progress_handler(lambda: next(taken) < 0, 1)
    connection.execute(sql, parameters).fetchall()
    connection.set_progress_handler(None, 1)
    return next(taken)


def test_the_newest_entries_cost_the_same_however_many_there_are(connection: sqlite3.Connection) -> None:
    [newest] = [sql for place, sql in EVERY if place == "activity.newest"]
    taken = []
    for count in (20, 2000):
        fill = """
            INSERT INTO activity (id, at, account_id, event, network, user_agent, detail)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT :count)
            SELECT i, i, 1, 'totp.ok', '', '', '' FROM n
        """
        connection.execute(fill, {"count": count})
        taken += [steps(connection, newest, account_id=1, before=before, limit=9) for before in (None, 15)]
        connection.rollback()
    assert taken[:2] == taken[2:]


def test_every_column_is_read_somewhere(connection: sqlite3.Connection) -> None:
    read: set[tuple[str | None, str | None]] = set()

    def note(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ:
            read.add((table, column))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    for sql in [*(sql for _, sql in EVERY), *PAGES.values()]:
        connection.execute(f"EXPLAIN {sql}", Anything())
    connection.set_authorizer(None)
    of_tables = """
        SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    """
    held = set(connection.execute(of_tables))
    assert len(held) > 80
    assert held - read == {("policy", "id")}  # of one row


def test_no_exception_outlives_its_reason(connection: sqlite3.Connection) -> None:
    assert len(EVERY) > 130
    assert {place for place, sql in EVERY if scanned(connection, sql)} == set(WHOLE)
