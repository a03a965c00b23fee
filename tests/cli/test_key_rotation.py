import argparse
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from db.sealed import _PLACES
from tests.conftest import Operate
from tests.support.at_once import post_at_once
from tests.support.clock import Clock
from tests.support.commands import run
from tests.support.people import Person, begin_enrolment, codes_on, cookie_of, give_password, protect, sign_in
from tests.support.steady import until
from web.cli import key_rotation, people
from web.cli.terminal import CommandRefused
from web.crypto.vault import BrokenSeal, Vault, write_keys
from web.panel import Panel
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def rotate(operate: Operate) -> Callable[[], None]:
    return lambda: operate(lambda panel: key_rotation.rotate_key(panel, argparse.Namespace()))


@pytest.fixture
def token(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> str:
    """Of an instance of Alice's, who has two-factor on."""
    protect(client, alice, clock())
    client.post("/instances", data={"name": "Loja"})
    clock.forward(seconds=30)
    return shown(client, rows)


def shown(client: TestClient, rows: Rows) -> str:
    [(instance_id,)] = rows("SELECT id FROM instances")
    page = client.post(f"/instances/{instance_id}/token/show").text
    found = re.search(r'<code id="token-\w+"[^>]*>([\w-]{43})</code>', page)
    assert found
    return found[1]


def sealed_values(rows: Rows) -> list[bytes]:
    sources = (
        "sealed_password FROM accounts",
        "sealed_key FROM totp",
        "sealed_key FROM recovery_sets",
        "sealed_token FROM instances",
    )
    return [value for source in sources for (value,) in rows(f"SELECT {source}")]


def test_a_running_panel_goes_on_with_the_new_key(
    token: str,
    alice: Person,
    client: TestClient,
    new_client: NewClient,
    rotate: Callable[[], None],
    clock: Clock,
    rows: Rows,
) -> None:
    rotate()
    assert shown(client, rows) == token
    assert sign_in(new_client(), alice, alice.code_at(clock())).status_code == 303
    browser = new_client()
    give_password(browser, alice)
    assert browser.post("/login/recovery", data={"code": alice.recovery_codes[0]}).status_code == 303


def test_failures_of_strangers_stay_counted_and_unlock_finds_them(
    alice: Person, new_client: NewClient, operate: Operate, rotate: Callable[[], None]
) -> None:
    for _ in range(5):
        give_password(new_client(), alice, password="girafa verde dança")
    rotate()
    assert give_password(new_client(), alice).status_code == 429
    operate(lambda panel: people.unlock(panel, argparse.Namespace(name="alice")))
    assert give_password(new_client(), alice).status_code == 303


def test_the_old_key_opens_nothing_any_more(
    token: str, rotate: Callable[[], None], settings: Settings, rows: Rows, tmp_path: Path
) -> None:
    old = settings.key_file.read_text()
    rotate()
    assert old not in settings.key_file.read_text()
    (tmp_path / "old.key").write_text(old)
    vault = Vault(tmp_path / "old.key", bytes)
    for value in sealed_values(rows):
        with pytest.raises(BrokenSeal):
            vault.unseal("totp", 1, value)


def test_a_panel_without_any_secret_gets_a_new_key_too(
    operate: Operate, rotate: Callable[[], None], settings: Settings
) -> None:
    operate(lambda panel: panel.db.one(int, "SELECT 1"))
    old = settings.key_file.read_text()
    rotate()
    assert settings.key_file.read_text() != old
    assert len(settings.key_file.read_text().split()) == 1
    operate(lambda panel: panel.db.one(int, "SELECT 1"))


def test_stopped_before_anything_was_sealed_anew_it_starts_and_can_be_finished(
    token: str, client: TestClient, rotate: Callable[[], None], settings: Settings, rows: Rows, operate: Operate
) -> None:
    old = bytes.fromhex(settings.key_file.read_text())
    write_keys(settings.key_file, [b"n" * 32, old])
    operate(lambda panel: panel.db.one(int, "SELECT 1"))
    assert shown(client, rows) == token
    rotate()
    assert settings.key_file.read_text().split() == [(b"n" * 32).hex()]
    assert shown(client, rows) == token


def test_stopped_before_the_old_key_went_it_starts_and_can_be_finished(
    token: str, client: TestClient, rotate: Callable[[], None], settings: Settings, rows: Rows
) -> None:
    old = settings.key_file.read_text().strip()
    rotate()
    new = settings.key_file.read_text().strip()
    write_keys(settings.key_file, [bytes.fromhex(new), bytes.fromhex(old)])
    rotate()
    assert settings.key_file.read_text().split() == [new]
    assert shown(client, rows) == token


def test_a_fault_while_sealing_leaves_everything_readable(
    token: str, client: TestClient, operate: Operate, rotate: Callable[[], None], rows: Rows
) -> None:
    async def rotate_on_a_full_disk(panel: Panel) -> None:
        rows("CREATE TRIGGER fault BEFORE UPDATE ON instances BEGIN SELECT RAISE(ABORT, 'disk full, say'); END")
        await key_rotation.rotate_key(panel, argparse.Namespace())

    with pytest.raises(Exception, match="disk full"):
        operate(rotate_on_a_full_disk)
    rows("DROP TRIGGER fault")
    assert shown(client, rows) == token
    rotate()
    assert shown(client, rows) == token


def test_a_broken_seal_is_named_left_as_it_is_and_stops_nothing_else(
    token: str,
    alice: Person,
    client: TestClient,
    new_client: NewClient,
    rotate: Callable[[], None],
    settings: Settings,
    clock: Clock,
    rows: Rows,
) -> None:
    [(instance_id, sealed)] = rows("SELECT id, sealed_token FROM instances")
    rows("UPDATE instances SET sealed_token = ?", broken := sealed[:-1] + bytes([sealed[-1] ^ 1]))
    for _ in range(2):
        with pytest.raises(CommandRefused, match=f"o token da instância {instance_id}"):
            rotate()
    assert rows("SELECT sealed_token FROM instances") == [(broken,)]
    assert sign_in(new_client(), alice, alice.code_at(clock())).status_code == 303
    rows("UPDATE instances SET sealed_token = ?", sealed)  # nothing is lost: the key that it needs is still there
    assert shown(client, rows) == token
    rotate()
    assert len(settings.key_file.read_text().split()) == 1
    assert shown(client, rows) == token


def test_a_value_sealed_with_a_missing_key_is_named_too(
    token: str, rotate: Callable[[], None], settings: Settings, rows: Rows
) -> None:
    rows("UPDATE totp SET sealed_key = zeroblob(60)")
    with pytest.raises(CommandRefused, match="o aplicativo da conta de número 1"):
        rotate()
    assert len(settings.key_file.read_text().split()) == 1


def test_tokens_changed_while_the_key_is_rotated_are_all_readable(
    alice: Person,
    new_client: Callable[[], TestClient],
    invite: Callable[[str], Person],
    live_server: str,
    settings: Settings,
    clock: Clock,
    rows: Rows,
) -> None:
    """A60: a value whose write waits for its turn is sealed with the key that is in force by then."""
    people = [alice, *(invite(f"pessoa{number}") for number in range(9))]
    clock.forward(minutes=1)
    posts = []
    for person in people:  # 500 changes, of ten people: one account may write sixty lines a minute
        browser = new_client()
        sign_in(browser, person)
        for number in range(10):
            browser.post("/instances", data={"name": f"Loja {number}"})
        own = "SELECT id FROM instances WHERE account_id = (SELECT id FROM accounts WHERE name = ?)"
        paths = [f"/instances/{instance_id}/token/change" for (instance_id,) in rows(own, person.name)]
        posts += [(path, dict[str, str](), cookie_of(browser)) for path in paths * 5]
    assert len(posts) == 500
    with ThreadPoolExecutor(1) as thread:
        changes = thread.submit(post_at_once, live_server, posts)
        until(lambda: rows("SELECT 1 FROM activity WHERE event = 'instance.token_changed'"))
        rotated = run("rotate-key", "--data", str(settings.data))
    assert {answer.status_code for answer in changes.result()} == {200}
    assert (rotated.returncode, rotated.stderr) == (0, "")
    vault = Vault(settings.key_file, bytes)
    for bound_to, sealed in rows("SELECT id || ' ' || account_id, sealed_token FROM instances"):
        assert len(vault.unseal("instance", bound_to, sealed)) == 43
    assert run("rotate-key", "--data", str(settings.data)).returncode == 0


def test_codes_made_before_a_change_of_keys_are_handed_out_after_it(
    alice: Person, client: TestClient, rotate: Callable[[], None], clock: Clock, rows: Rows
) -> None:
    alice.key = begin_enrolment(client)
    [(before,)] = rows("SELECT sealed_codes FROM totp_enrolments")
    rotate()
    assert rows("SELECT sealed_codes FROM totp_enrolments") != [(before,)]
    answer = client.post("/security/totp/confirm", data={"code": alice.code_at(clock())})
    assert len(codes_on(answer.text)) == 10


def test_every_place_of_a_seal_can_be_named() -> None:
    assert set(key_rotation.WORDS) == set(_PLACES)
