"""Keys that outlive secret.key, and data folders from before there were any."""

import argparse
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts, activity
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.older import link_plainly, seal_as_first, take_back
from tests.support.people import Person, sign_in
from web.auth.passwords import stored_phc
from web.cli import key_rotation
from web.crypto.vault import BrokenSeal
from web.panel import Panel
from web.runtime import housekeeping
from web.settings import Settings, StartRefused

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def before_sub_keys(alice: Person, client: TestClient, settings: Settings, rows: Rows) -> None:
    """Alice's data folder as it would be without them: two instances, and a chain that nobody altered."""
    for name in ("Loja", "Matriz"):
        client.post("/instances", data={"name": name})
    seal_as_first(rows, settings.key_file)
    link_plainly(rows)
    take_back(rows)


async def first_broken(panel: Panel) -> int | None:
    return await activity.first_broken(panel.db)


def test_a_folder_from_before_sub_keys_is_linked_and_sealed_anew_and_loses_no_count(
    before_sub_keys: None, operate: Operate, settings: Settings, rows: Rows
) -> None:
    async def look(panel: Panel) -> bytes:
        for instance_id, sealed in rows("SELECT id, sealed_token FROM instances"):
            assert len(panel.vault.unseal("instance", f"{instance_id} 1", sealed)) == 43
            with pytest.raises(BrokenSeal):
                panel.vault.unseal("instance", instance_id, sealed)
        account = await accounts.find(panel.db, "alice")
        assert account
        assert stored_phc(panel, account).startswith("$argon2id$")
        return panel.vault.tag("name", "alice")

    key = hmac.digest(bytes.fromhex(settings.key_file.read_text()), b"tag", "sha256")
    assert operate(look) == hmac.digest(key, b"name:alice", "sha256")
    assert operate(first_broken) is None


def test_entries_from_before_there_were_links_are_linked(before_sub_keys: None, operate: Operate, rows: Rows) -> None:
    [(trigger,)] = rows("SELECT sql FROM sqlite_schema WHERE name = 'activity_is_never_changed'")
    rows("DROP TRIGGER activity_is_never_changed")
    rows("UPDATE activity SET link = NULL")
    rows(trigger)
    assert operate(first_broken) is None
    assert rows("SELECT count(*) FROM activity WHERE link IS NULL") == [(0,)]


def test_tampering_from_before_sub_keys_is_reported_at_the_same_entry(
    before_sub_keys: None, operate: Operate, rows: Rows
) -> None:
    [(trigger,)] = rows("SELECT sql FROM sqlite_schema WHERE name = 'activity_is_never_changed'")
    rows("DROP TRIGGER activity_is_never_changed")
    rows("UPDATE activity SET detail = 'Padaria' WHERE id = 3")
    rows(trigger)
    assert operate(first_broken) == 3


def test_a_token_that_already_did_not_open_stops_no_start(before_sub_keys: None, operate: Operate, rows: Rows) -> None:
    rows("UPDATE instances SET sealed_token = zeroblob(88) WHERE name = 'Loja'")
    assert operate(first_broken) is None
    assert rows("SELECT sealed_token FROM instances WHERE name = 'Loja'") == [(bytes(88),)]


def test_a_new_panel_has_random_sub_keys(alice: Person, operate: Operate, settings: Settings, rows: Rows) -> None:
    async def keys(panel: Panel) -> set[bytes]:
        return set(vars(panel.vault.sub_keys).values())

    key = bytes.fromhex(settings.key_file.read_text())
    found = operate(keys)
    assert [len(one) for one in found] == [32, 32, 32]
    assert not {key, hmac.digest(key, b"tag", "sha256")} & found
    assert not any(one in (settings.data / "panel.db").read_bytes() for one in found)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM sub_keys WHERE name = 'chain'",
        "UPDATE sub_keys SET sealed = (SELECT sealed FROM sub_keys WHERE name = 'tags') WHERE name = 'chain'",
    ],
)
def test_a_missing_or_replaced_sub_key_stops_the_start(
    change: str, alice: Person, operate: Operate, rows: Rows
) -> None:
    """A61: otherwise an attacker who can write the file would get a new key for a chain of their own."""
    rows(change)
    with pytest.raises(StartRefused, match="foram alteradas"):
        operate(first_broken)


@pytest.mark.parametrize("rewrite", ["link plainly", "drop links"])
def test_an_activity_rewritten_without_the_key_is_reported(
    rewrite: str, alice: Person, client: TestClient, operate: Operate, rows: Rows
) -> None:
    """A61."""
    client.post("/instances", data={"name": "Loja"})
    [(trigger,)] = rows("SELECT sql FROM sqlite_schema WHERE name = 'activity_is_never_changed'")
    rows("DROP TRIGGER activity_is_never_changed")
    rows("UPDATE activity SET detail = 'Padaria', link = NULL")
    rows(trigger)
    if rewrite == "link plainly":
        link_plainly(rows)
    assert "O registro foi alterado" in client.post("/activity/verify").text
    assert operate(first_broken) == 1


def test_a_folder_taken_back_to_before_sub_keys_stops_the_start(alice: Person, operate: Operate, rows: Rows) -> None:
    """A61: otherwise the migration would link the rewritten entries anew."""
    link_plainly(rows)
    take_back(rows)
    with pytest.raises(StartRefused, match="mais antigo do que é"):
        operate(first_broken)
    assert rows("PRAGMA user_version") == [(17,)]


def test_first_entries_that_somebody_else_removed_are_reported(
    alice: Person, client: TestClient, operate: Operate, rows: Rows
) -> None:
    """A61: with the link of the last removed entry stored, as the panel itself stores it."""
    client.post("/instances", data={"name": "Loja"})
    rows("INSERT INTO activity_pruned (id, last_id, link) SELECT 1, id, link FROM activity WHERE id = 2")
    rows("DELETE FROM activity WHERE id <= 2")
    assert operate(first_broken) == 3


def test_what_the_panel_removed_and_added_after_a_change_of_keys_is_no_tampering(
    alice: Person, client: TestClient, operate: Operate, clock: Clock, rows: Rows
) -> None:
    clock.forward(days=100)
    sign_in(client, alice)
    clock.forward(days=100)
    assert operate(housekeeping.clear) > 0
    operate(lambda panel: key_rotation.rotate_key(panel, argparse.Namespace()))
    sign_in(client, alice)
    assert rows("SELECT count(*) FROM activity_pruned") == [(1,)]
    assert operate(first_broken) is None
    assert "Nenhuma linha do registro foi alterada" in client.post("/activity/verify").text
