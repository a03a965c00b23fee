"""A database may hold the schema that the migrations make, and nothing else."""

import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from db import schema
from db.migrate import APPLICATION_ID, MIGRATIONS, script
from db.schema import BROUGHT_RIGHT, DRAFTS, EDITED, NEWEST
from tests.conftest import Operate
from tests.support.people import Person
from web.panel import Panel
from web.settings import Settings, StartRefused

Rows = Callable[..., list[tuple[Any, ...]]]
FIRST_TRIGGER = "BEFORE UPDATE ON activity BEGIN SELECT 1; END"
BY_HAND = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, {}, {}) WHERE name = {};"

# The beginning of the SHA-256 of every migration that was ever on main: none is edited any more.
TEXTS = {
    "0001_initial.sql": "3086af7ddb1ed13c",
    "0002_undo_replacement.sql": "c6c47c02cb272312",
    "0003_recovery_rehearsal.sql": "92f75411824be162",
    "0004_notices.sql": "c61e1a931447d86b",
    "0005_activity_chain.sql": "be5fd96386218f4e",
    "0006_trusted_devices.sql": "576c38f42cc78016",
    "0007_used_recovery_codes.sql": "35b791433e074c4f",
    "0008_activity_retention.sql": "8d20e9aa37da6cca",
    "0009_told_step.sql": "1ba9c30f9e4b409d",
    "0010_policy.sql": "7831a12dc958242e",
    "0011_rates.sql": "1033491b05b00100",
    "0012_recovery_cost.sql": "8e73dbe8255355ef",
    "0013_growth.sql": "ae8eecc512f46c52",
    "0014_findings.sql": "f4af945a4ea581e5",
    "0015_short_id.sql": "4bcecb4b6270c7ce",
    "0016_former_cookies.sql": "cdefabbc647dec6a",
    "0017_edited_migrations.py": "63644442a9d4733b",
    "0018_sub_keys.py": "dc3fc065d1d24a93",
    "0019_notices_by_age.sql": "e47f21af190d0ba2",
    "0020_nobodys_names.sql": "efe6aaa2c40172b9",
    "0021_factors_in_force.sql": "38bc03c8477f0550",
    "0022_recovery_keys.py": "9741e013ff18a3a3",
    "0023_unread_column.sql": "da229b0cedd00b25",
    "0024_factors_since.sql": "82cbd7d31adbb3d4",
    "0025_pending_logins.sql": "6298a38db4a8529f",
    "0026_order_of_instances.py": "eb98145881bb8411",
    "0027_early_codes.sql": "b75e6462a1e18b5a",
    "0028_endings.sql": "fcf8cdce89c7eee8",
    "0029_people.sql": "5bc9633749c3d595",
    "0030_zones.sql": "70149ab94e685f7e",
    "0031_passkeys.sql": "a58db867d6564b6d",
    "drafts/0006_trusted_devices.sql": "51228a22beebcf43",
    "drafts/0009_told_step.sql": "c46202a0e2939b7c",
}


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def test_no_migration_that_was_on_main_is_edited() -> None:
    assert {str(file.relative_to(DRAFTS.parent)): digest(file) for file in [*MIGRATIONS, *DRAFTS.iterdir()]} == TEXTS


def test_the_digest_of_the_newest_schema_is_that_of_all_migrations() -> None:
    assert schema.digest(schema.made_by(len(MIGRATIONS))) == NEWEST


def open_again(operate: Operate) -> None:
    async def nothing(_: Panel) -> None:
        return

    operate(nothing)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "CREATE TRIGGER x AFTER INSERT ON sessions BEGIN UPDATE accounts SET role = 'admin'; END",
            "tem o gatilho 'x'",
        ),
        ("CREATE VIEW x AS SELECT * FROM accounts", "tem a visão 'x'"),
        ("CREATE TABLE x (y)", "tem a tabela 'x'"),
        ("CREATE INDEX x ON accounts (role)", "tem o índice 'x'"),
        ("DROP INDEX notices_pending", "está sem o índice 'notices_pending'"),
        ("DROP TRIGGER activity_is_never_changed", "está sem o gatilho 'activity_is_never_changed'"),
        (
            f"DROP TRIGGER activity_is_never_changed; CREATE TRIGGER activity_is_never_changed {FIRST_TRIGGER}",
            "tem o gatilho 'activity_is_never_changed' diferente",
        ),
        (
            BY_HAND.format("'we know' || char(10)", "'we know '", "'activity'"),  # the next column is in the comment
            "tem a tabela 'activity' diferente",
        ),
        ('CREATE TRIGGER "x\x1b[2J" AFTER INSERT ON sessions BEGIN SELECT 1; END', r"tem o gatilho 'x\\x1b\[2J'"),
    ],
)
def test_an_extra_missing_or_changed_schema_object_stops_the_start_and_is_named(
    change: str, told: str, alice: Person, settings: Settings, operate: Operate
) -> None:
    """A59: and every command of the operator, `doctor` first."""
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as db:
        db.executescript(change)
    with pytest.raises(StartRefused, match=told):
        open_again(operate)


def test_comments_blanks_and_planner_statistics_are_no_difference(
    alice: Person, settings: Settings, operate: Operate, rows: Rows
) -> None:
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as db:
        db.executescript("ANALYZE")
        db.executescript(
            BY_HAND.format("'-- SHA-256 of the cookie'", "'\n\n /* that of the cookie */ '", "'pending_logins'")
        )
    assert rows("SELECT 1 FROM sqlite_schema WHERE name = 'pending_logins' AND sql LIKE '%that of the cookie%'")
    open_again(operate)


@pytest.fixture(params=[(version, names) for names in EDITED for version in (9, BROUGHT_RIGHT - 1)])
def drafted(request: pytest.FixtureRequest, settings: Settings) -> Iterator[sqlite3.Connection]:
    """A data folder from before some migrations were edited, with a person and a browser of theirs."""
    version, names = request.param
    shutil.rmtree(settings.data)
    settings.data.mkdir(mode=0o700)
    (settings.data / "panel.db").touch(0o600)
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as db:
        for file in MIGRATIONS[:version]:
            db.executescript((DRAFTS / file.name if file.name in names else file).read_text())
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}")
        db.execute("INSERT INTO accounts VALUES (1, 'alice', 'admin', NULL, 0)")
        db.execute("INSERT INTO trusted_devices VALUES (x'01', 'a', 1, '::1', 'Firefox', 1, 2, 3)")
        db.execute("INSERT INTO totp (account_id, sealed_key, last_step, confirmed_at) VALUES (1, x'00', 7, 0)")
        told = "UPDATE totp SET told_step = 9" if len(names) == 2 else "INSERT INTO totp_told VALUES (1, 9)"
        db.execute(told)
        db.commit()
        yield db


def test_a_folder_from_before_a_migration_was_edited_is_repaired(
    drafted: sqlite3.Connection, operate: Operate, rows: Rows
) -> None:
    open_again(operate)
    assert rows("SELECT account_id, step FROM totp_told") == [(1, 9)]
    assert rows("SELECT last_step FROM totp") == [(7,)]
    rows("INSERT INTO trusted_devices VALUES (x'01', 'b', 1, '::1', 'Firefox', 1, 2, 3) ON CONFLICT DO NOTHING")
    rows("INSERT INTO accounts (id, name, role, created_at) VALUES (2, 'bruno', 'member', 0)")
    rows("INSERT INTO trusted_devices VALUES (x'01', 'c', 2, '::1', 'Firefox', 1, 2, 3)")  # two people of one browser
    assert rows("SELECT id FROM trusted_devices ORDER BY id") == [("a",), ("c",)]
    open_again(operate)  # where everything is compared with what the migrations make


def test_a_folder_from_before_a_migration_was_edited_hides_no_trigger(
    drafted: sqlite3.Connection, operate: Operate
) -> None:
    drafted.execute("CREATE TRIGGER x AFTER INSERT ON accounts BEGIN SELECT 1; END")
    with pytest.raises(StartRefused, match="tem o gatilho 'x'"):
        open_again(operate)


REFERRING = {
    "totp_enrolments": "(account_id, session_id, sealed_key, ends_at) VALUES (1, 's', x'00', 9)",
    "former_cookies": "VALUES (x'02', 's', 9)",
}


@pytest.fixture
def earlier(settings: Settings) -> Iterator[sqlite3.Connection]:
    """From before the table of sessions was made anew, with somebody signed in who is switching two-factor on."""
    shutil.rmtree(settings.data)
    settings.data.mkdir(mode=0o700)
    (settings.data / "panel.db").touch(0o600)
    with contextlib.closing(sqlite3.connect(settings.data / "panel.db")) as db:
        for file in MIGRATIONS[:BROUGHT_RIGHT]:
            db.executescript(script(file))
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {BROUGHT_RIGHT}")
        db.execute("INSERT INTO accounts VALUES (1, 'alice', 'admin', NULL, 0)")
        db.execute("INSERT INTO sessions VALUES (x'01', 's', 1, 'password', '::1', 'Firefox', 1, 1, 1, 9)")
        for table, row in REFERRING.items():
            db.execute(f"INSERT INTO {table} {row}")
        db.commit()
        yield db


def test_rows_that_refer_to_a_rebuilt_table_stay(earlier: sqlite3.Connection, operate: Operate, rows: Rows) -> None:
    open_again(operate)
    assert rows("SELECT id, method, ends_at FROM sessions") == [("s", "password", 9)]
    for table in REFERRING:
        assert rows(f"SELECT session_id FROM {table}") == [("s",)]  # noqa: S608, ours
    earlier.executescript("PRAGMA foreign_keys = ON; DELETE FROM sessions")
    assert rows("SELECT * FROM totp_enrolments") == rows("SELECT * FROM former_cookies") == []


def test_a_broken_foreign_key_stops_an_update(earlier: sqlite3.Connection, operate: Operate, rows: Rows) -> None:
    earlier.execute("DELETE FROM sessions")
    earlier.commit()
    with pytest.raises(StartRefused, match=r"linhas da tabela (totp_enrolments|former_cookies) apontam"):
        open_again(operate)
    assert rows("PRAGMA user_version") == [(BROUGHT_RIGHT,)]
