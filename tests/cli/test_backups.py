import argparse
import contextlib
import os
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.canary import Canary
from tests.support.clock import Clock
from tests.support.commands import run
from tests.support.older import link_plainly, seal_as_first, take_back
from tests.support.people import Person, give_password, sign_in
from web.cli import backups, key_rotation, people
from web.cli.terminal import CommandRefused
from web.crypto import copies
from web.crypto.vault import SubKeys, Vault, write_keys
from web.panel import Panel
from web.runtime import running, spare
from web.runtime.work_files import work_file
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Act = Callable[[Path], None]
INDEX = "accounts_disabled"
LINES = 4  # of the header


@pytest.fixture
def backup(operate: Operate) -> Act:
    return lambda file: operate(lambda panel: backups.backup(panel, argparse.Namespace(file=file)))


@pytest.fixture
def restore(operate: Operate) -> Act:
    return lambda file: operate(lambda panel: backups.restore(panel, restoring(file)))


@pytest.fixture
def restore_unproven(operate: Operate) -> Act:
    return lambda file: operate(lambda panel: backups.restore(panel, restoring(file, without_proof=True)))


async def rotate(panel: Panel) -> None:
    await key_rotation.rotate_key(panel, argparse.Namespace())


def restoring(file: Path, *, without_proof: bool = False) -> argparse.Namespace:
    return argparse.Namespace(file=file, without_proof=without_proof)


@pytest.fixture
def old_copy(alice: Person, backup: Act, tmp_path: Path) -> Path:
    """As copies were before they had a header: the database alone."""
    backup(tmp_path / "new.db")
    (tmp_path / "old.db").write_bytes((tmp_path / "new.db").read_bytes().split(b"\n", LINES)[LINES])
    return tmp_path / "old.db"


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


def test_a_restore_forgets_what_administrators_had_begun(
    protected: Person, backup: Act, restore: Act, tmp_path: Path, rows: Callable[..., Any]
) -> None:
    rows("INSERT INTO delayed_acts VALUES (1, 'factor_reset', 'perdeu o celular', 1, 0, 0)")
    backup(tmp_path / "copy.db")
    restore(tmp_path / "copy.db")
    assert rows("SELECT count(*) FROM delayed_acts") == [(0,)]


def test_whoever_was_disabled_since_the_backup_stays_so(
    alice: Person,
    invite: Callable[[str], Person],
    new_client: NewClient,
    operate: Operate,
    backup: Act,
    restore: Act,
    tmp_path: Path,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A36: in a copy made before, the account was active, and its tokens were."""
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    browser.post("/instances", data={"name": "Loja"})
    backup(tmp_path / "copy.db")
    invite("carla")
    for name in ("bruno", "carla"):
        operate(partial(people.disable, options=argparse.Namespace(name=name)))
    capsys.readouterr()
    restore(tmp_path / "copy.db")
    assert "desativadas antes e continuam assim: bruno.\n" in capsys.readouterr().out
    assert give_password(new_client(), bruno).status_code == 422
    assert rows("SELECT name, disabled_at IS NOT NULL FROM accounts") == [("alice", 0), ("bruno", 1)]
    assert rows("SELECT paused_at IS NOT NULL FROM instances") == [(1,)]
    operate(partial(people.enable, options=argparse.Namespace(name="bruno")))
    assert give_password(new_client(), bruno).status_code == 303


def test_another_account_with_the_number_of_a_disabled_one_is_left_alone(
    alice: Person,
    invite: Callable[[str], Person],
    operate: Operate,
    backup: Act,
    restore: Act,
    tmp_path: Path,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
) -> None:
    invite("bruno")
    backup(tmp_path / "copy.db")
    operate(partial(people.disable, options=argparse.Namespace(name="bruno")))
    rows("UPDATE accounts SET name = 'carla' WHERE name = 'bruno'")
    restore(tmp_path / "copy.db")
    assert "continuam" not in capsys.readouterr().out
    assert rows("SELECT name FROM accounts WHERE disabled_at IS NOT NULL") == []


def test_a_database_that_cannot_be_read_any_more_is_replaced_all_the_same(
    alice: Person,
    invite: Callable[[str], Person],
    backup: Act,
    restore: Act,
    tmp_path: Path,
    settings: Settings,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
) -> None:
    invite("bruno")
    backup(tmp_path / "copy.db")
    [(page, size)] = rows("SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = ?", INDEX)
    rows("PRAGMA wal_checkpoint(TRUNCATE)")
    with (settings.data / "panel.db").open("r+b") as database:
        database.seek((page - 1) * size)
        database.write(b"\xff" * size)
    restore(tmp_path / "copy.db")
    assert "Não deu para ler quem estava desativado antes: confira as contas." in capsys.readouterr().out
    assert rows("SELECT name FROM accounts") == [("alice",), ("bruno",)]


def test_a_restore_that_revives_recovery_codes_raises_a_notice(
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


def test_a_backup_during_a_change_of_keys_names_the_key_that_opens_it(
    alice: Person,
    backup: Act,
    restore: Act,
    operate: Operate,
    tmp_path: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A55: `rotate-key` was killed before any value was sealed anew, and was finished on another day."""
    old = settings.key_file.read_text()
    write_keys(settings.key_file, [b"n" * 32, bytes.fromhex(old)])
    backup(tmp_path / "copy.db")
    named = capsys.readouterr().out.partition("é preciso a chave ")[2][:16]
    operate(rotate)
    with pytest.raises(CommandRefused, match=f"precisa da chave {named}"):
        restore(tmp_path / "copy.db")
    settings.key_file.write_text(settings.key_file.read_text() + old)
    assert named == Vault(settings.key_file, secrets.token_bytes).keys[1].fingerprint
    restore(tmp_path / "copy.db")


def test_a_backup_whose_key_is_gone_before_it_is_done_is_not_written(
    alice: Person, operate: Operate, tmp_path: Path, settings: Settings
) -> None:
    async def copy(panel: Panel) -> None:
        write_keys(settings.key_file, [b"n" * 32])
        await backups.backup(panel, argparse.Namespace(file=tmp_path / "copy.db"))

    with pytest.raises(CommandRefused, match="tente de novo"):
        operate(copy)
    assert not (tmp_path / "copy.db").exists()


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
def test_a_file_that_is_no_backup_changes_nothing(
    content: bytes, alice: Person, client: TestClient, restore: Act, tmp_path: Path
) -> None:
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(CommandRefused, match="não é uma cópia"):
        restore(tmp_path / "copy.db")
    with pytest.raises(CommandRefused, match="não existe"):
        restore(tmp_path / "nothing.db")
    assert client.get("/security").status_code == 200


def test_a_copy_replaces_a_missing_database(tmp_path: Path) -> None:
    """The other files that a panel leaves in its folder are no reason to refuse."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    assert run("create-account", "ana", "--data", str(data)).returncode == 0
    assert run("backup", str(copy), "--data", str(data)).returncode == 0
    for file in data.glob("panel.db*"):
        file.unlink()
    for name in (spare.FILE, running.FILE):
        (data / name).touch(0o600)
    answer = run("restore", str(copy), "--data", str(data))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_restore_leaves_no_files_behind(
    alice: Person, backup: Act, restore: Act, tmp_path: Path, settings: Settings
) -> None:
    backup(tmp_path / "copy.db")
    restore(tmp_path / "copy.db")
    assert not list(settings.data.glob("restor*"))


def test_a_copy_from_before_panels_had_ids_keeps_the_id_of_the_running_panel(
    old_copy: Path, client: TestClient, restore_unproven: Act, rows: Rows
) -> None:
    with contextlib.closing(sqlite3.connect(old_copy)) as copy:
        copy.execute("UPDATE panel SET short_id = NULL")
        copy.commit()
    restore_unproven(old_copy)
    assert rows("SELECT short_id FROM panel") == [(client.app_state["panel"].short_id,)]


def test_a_copy_with_one_altered_bit_is_refused(
    alice: Person, client: TestClient, backup: Act, operate: Operate, tmp_path: Path
) -> None:
    """A59: the first bit of a byte, and the one that makes a letter small or large."""
    backup(tmp_path / "copy.db")
    copy, altered = (tmp_path / "copy.db").read_bytes(), tmp_path / "altered.db"
    ends = [place for place, byte in enumerate(copy[:1000]) if byte == ord("\n")][:LINES]
    places = [place for end in ends for place in (end - 9, end - 8, end - 7, end - 1, end)]
    places += [0, ends[-1] + 1, ends[-1] + 100, len(copy) // 2, len(copy) - 1]

    async def try_each(panel: Panel) -> None:
        for place in places:
            for bit in (1, 32):
                altered.write_bytes(copy[:place] + bytes([copy[place] ^ bit]) + copy[place + 1 :])
                with pytest.raises(CommandRefused):
                    await backups.restore(panel, restoring(altered, without_proof=True))

    operate(try_each)
    assert client.get("/security").status_code == 200


@pytest.mark.parametrize("cut", [slice(-1), slice(-4096), slice(400), slice(200), slice(20), slice(12)])
def test_a_copy_that_is_cut_short_is_refused(
    cut: slice, alice: Person, backup: Act, restore: Act, tmp_path: Path
) -> None:
    """A59."""
    backup(tmp_path / "copy.db")
    (tmp_path / "cut.db").write_bytes((tmp_path / "copy.db").read_bytes()[cut])
    with pytest.raises(CommandRefused, match=r"está incompleto|não é uma cópia"):
        restore(tmp_path / "cut.db")


def test_the_header_of_one_copy_proves_no_other(
    alice: Person, client: TestClient, backup: Act, restore: Act, tmp_path: Path
) -> None:
    """A59."""
    backup(tmp_path / "one.db")
    client.post("/instances", data={"name": "Loja"})
    backup(tmp_path / "other.db")
    one, other = ((tmp_path / name).read_bytes().split(b"\n", LINES) for name in ("one.db", "other.db"))
    (tmp_path / "both.db").write_bytes(b"\n".join([*one[:LINES], other[LINES]]))
    with pytest.raises(CommandRefused, match="a prova não confere"):
        restore(tmp_path / "both.db")


def test_a_proof_made_with_the_key_of_another_panel_is_refused(
    alice: Person, backup: Act, restore: Act, settings: Settings, tmp_path: Path
) -> None:
    """A59: of another panel, under the name of ours."""
    backup(tmp_path / "copy.db")
    (tmp_path / "theirs.key").write_text("ab" * 32)
    theirs = Vault(tmp_path / "theirs.key", secrets.token_bytes)
    theirs.sub_keys = SubKeys(b"c" * 32, b"d" * 32, b"t" * 32)
    lines = (tmp_path / "copy.db").read_bytes().split(b"\n", LINES)
    (tmp_path / "content.db").write_bytes(lines[LINES])
    with (tmp_path / "forged.db").open("wb") as out:
        copies.write(tmp_path / "content.db", out, theirs, theirs.fingerprint)
    with pytest.raises(CommandRefused, match=f"precisa da chave {theirs.fingerprint}"):
        restore(tmp_path / "forged.db")
    forged = (tmp_path / "forged.db").read_bytes().replace(theirs.fingerprint.encode(), lines[1], 1)
    (tmp_path / "forged.db").write_bytes(forged)
    with pytest.raises(CommandRefused, match="a prova não confere"):
        restore(tmp_path / "forged.db")


def test_a_copy_without_proof_is_restored_only_when_asked_to(
    old_copy: Path, client: TestClient, restore: Act, restore_unproven: Act, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandRefused, match=r"ninguém mexeu nele.*restore --without-proof .*old\.db"):
        restore(old_copy)
    assert client.get("/security").status_code == 200
    restore_unproven(old_copy)
    assert client.get("/security").status_code == 303
    assert "Esta cópia não traz prova: confira as contas" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "CREATE TRIGGER help AFTER INSERT ON activity BEGIN UPDATE accounts SET role = 'admin'; END",
            "tem o gatilho 'help'",
        ),
        ("CREATE VIEW help AS SELECT 1", "tem a visão 'help'"),
        ("CREATE TABLE help (x)", "tem a tabela 'help'"),
    ],
)
def test_an_altered_schema_in_a_copy_without_proof_is_refused_before_it_runs(
    change: str, told: str, old_copy: Path, client: TestClient, restore_unproven: Act
) -> None:
    """A59."""
    with contextlib.closing(sqlite3.connect(old_copy)) as copy:
        copy.execute(change)
        copy.commit()
    with pytest.raises(CommandRefused, match=told):
        restore_unproven(old_copy)
    assert client.get("/security").status_code == 200


def test_a_copy_from_before_a_change_of_keys_needs_the_old_one_beside_the_new(
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    backup: Act,
    restore: Act,
    operate: Operate,
    tmp_path: Path,
    settings: Settings,
    clock: Clock,
) -> None:
    backup(tmp_path / "copy.db")
    old = settings.key_file.read_text()
    operate(rotate)
    with pytest.raises(CommandRefused, match="a antiga como segunda linha"):
        restore(tmp_path / "copy.db")
    new = settings.key_file.read_text()
    settings.key_file.write_text(new + old)
    restore(tmp_path / "copy.db")
    operate(rotate)
    assert settings.key_file.read_text() == new
    browser = new_client()
    assert sign_in(browser, protected, protected.code_at(clock.forward(minutes=2))).status_code == 303
    assert "Nenhuma linha do registro foi alterada" in browser.post("/activity/verify").text


@pytest.fixture
def without_sub_keys(old_copy: Path, settings: Settings) -> Rows:
    """Asks a copy as one that was made on another machine, or before there were any."""

    def rows(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(old_copy)) as copy:
            found = copy.execute(sql, parameters).fetchall()
            copy.commit()
            return found

    seal_as_first(rows, settings.key_file)
    link_plainly(rows)
    take_back(rows)
    return rows


def test_a_copy_without_sub_keys_gets_those_of_the_running_panel(
    old_copy: Path, without_sub_keys: Rows, alice: Person, client: TestClient, restore_unproven: Act
) -> None:
    restore_unproven(old_copy)
    sign_in(client, alice)
    assert "Nenhuma linha do registro foi alterada" in client.post("/activity/verify").text


def test_counters_under_the_tags_of_a_copy_are_forgotten_and_wrong_codes_are_not(
    old_copy: Path, without_sub_keys: Rows, restore_unproven: Act, rows: Rows
) -> None:
    for kind in ("password", "password-account", "password-device", "totp"):
        without_sub_keys("INSERT INTO attempts (kind, key, failures, opens_at) VALUES (?, x'01', 7, 1)", kind)
    restore_unproven(old_copy)
    assert rows("SELECT kind, failures FROM attempts") == [("totp", 7)]


def test_the_next_backup_deletes_the_files_that_a_killed_one_left(
    alice: Person, backup: Act, tmp_path: Path, clock: Clock
) -> None:
    killed = work_file("copying-", tmp_path, clock())
    left = killed.__enter__()
    os.utime(left, (clock().timestamp(), clock().timestamp()))
    clock.forward(hours=25)
    backup(tmp_path / "copy.db")
    assert not left.exists()
    assert not list(tmp_path.glob("copying-*"))
