import argparse
import contextlib
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.canary import Canary
from tests.conftest import Clock, Operate
from tests.people import Person, give_password, sign_in
from web import backups
from web.operator_commands import CommandRefused
from web.seal import write_keys
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Act = Callable[[Path], None]


@pytest.fixture
def backup(operate: Operate) -> Act:
    return lambda file: operate(lambda panel: backups.backup(panel, argparse.Namespace(file=file)))


@pytest.fixture
def restore(operate: Operate) -> Act:
    return lambda file: operate(lambda panel: backups.restore(panel, argparse.Namespace(file=file)))


def test_a_backup_is_for_its_owner_only_and_never_holds_the_key(
    protected: Person, client: TestClient, backup: Act, tmp_path: Path, settings: Settings, canary: Canary
) -> None:
    client.post("/instances", data={"name": "Loja"})
    backup(tmp_path / "copy.db")
    canary.check(tmp_path, "", [protected.password])  # no secret in clear, as in the database itself
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    content, key = (tmp_path / "copy.db").read_bytes(), settings.key_file.read_text().strip()
    assert key.encode() not in content
    assert bytes.fromhex(key) not in content


def test_a_backup_replaces_no_file(alice: Person, backup: Act, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("something else")
    with pytest.raises(CommandRefused, match="já existe"):
        backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "something else"


def test_a_running_panel_goes_back_to_its_backup(
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    backup: Act,
    restore: Act,
    tmp_path: Path,
    clock: Clock,
) -> None:
    client.post("/instances", data={"name": "Antes"})
    backup(tmp_path / "copy.db")
    client.post("/instances", data={"name": "Depois"})
    restore(tmp_path / "copy.db")
    assert client.get("/instances").status_code == 303
    browser = new_client()
    sign_in(browser, protected, protected.code_at(clock.forward(minutes=2)))
    page = browser.get("/instances").text
    assert "Antes" in page
    assert "Depois" not in page


def test_a_code_used_after_the_backup_does_not_come_back_to_life(
    protected: Person, new_client: NewClient, backup: Act, restore: Act, tmp_path: Path, clock: Clock
) -> None:
    """A36."""
    backup(tmp_path / "copy.db")
    code = protected.code_at(clock())
    assert sign_in(new_client(), protected, code).status_code == 303
    restore(tmp_path / "copy.db")
    assert sign_in(new_client(), protected, code).status_code == 422


def test_after_a_restore_no_device_is_trusted(
    protected: Person, backup: Act, restore: Act, tmp_path: Path, rows: Callable[..., Any]
) -> None:
    backup(tmp_path / "copy.db")
    restore(tmp_path / "copy.db")
    assert rows("SELECT count(*) FROM trusted_devices") == [(0,)]


def test_recovery_codes_that_live_again_do_not_do_so_unnoticed(
    protected: Person, new_client: NewClient, backup: Act, restore: Act, tmp_path: Path, clock: Clock
) -> None:
    def recover(browser: TestClient) -> int:
        give_password(browser, protected)
        return browser.post("/login/recovery", data={"code": protected.recovery_codes[0]}).status_code

    backup(tmp_path / "copy.db")
    assert recover(new_client()) == 303
    assert recover(new_client()) == 422
    restore(tmp_path / "copy.db")
    clock.forward(minutes=2)
    browser = new_client()
    assert recover(browser) == 303
    assert "O painel voltou de uma cópia antiga" in browser.get("/instances").text


def test_a_backup_of_another_key_is_refused_with_the_cause(
    alice: Person, client: TestClient, backup: Act, restore: Act, tmp_path: Path, settings: Settings
) -> None:
    backup(tmp_path / "copy.db")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "copy.db", other)
    kept = settings.key_file.read_text()
    (settings.data / "panel.db").rename(tmp_path / "aside.db")
    for left in settings.data.glob("panel.db-*"):
        left.unlink()
    write_keys(settings.key_file, [b"x" * 32])
    with pytest.raises(CommandRefused, match=r"precisa da chave [0-9a-f]{16}, e a chave deste painel é [0-9a-f]{16}"):
        restore(other / "copy.db")
    assert kept not in settings.key_file.read_text()


@pytest.mark.parametrize("content", [b"", b"not a database at all, just a longer text"])
def test_what_is_no_backup_changes_nothing(
    content: bytes, alice: Person, client: TestClient, restore: Act, tmp_path: Path
) -> None:
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(CommandRefused, match="não é uma cópia"):
        restore(tmp_path / "copy.db")
    with pytest.raises(CommandRefused, match="não existe"):
        restore(tmp_path / "nothing.db")
    assert client.get("/security").status_code == 200


def test_nothing_of_a_restore_is_left_lying_about(
    alice: Person, backup: Act, restore: Act, tmp_path: Path, settings: Settings
) -> None:
    backup(tmp_path / "copy.db")
    restore(tmp_path / "copy.db")
    assert not list(settings.data.glob("restor*"))


def test_a_copy_from_before_panels_had_ids_goes_on_under_the_one_that_browsers_know(
    alice: Person, client: TestClient, backup: Act, restore: Act, tmp_path: Path, rows: Rows
) -> None:
    backup(tmp_path / "copy.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        copy.execute("UPDATE panel SET short_id = NULL")
        copy.commit()
    restore(tmp_path / "copy.db")
    assert rows("SELECT short_id FROM panel") == [(client.app_state["panel"].short_id,)]
