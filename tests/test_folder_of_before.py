"""A data folder that an earlier version of the panel made, in use: nothing of it is lost with this version.

`tests/data/folder_of_before.json` holds the files of that folder and what its people know. It was made with
migration 22 and the hash cost of the tests, through the pages of that version.
"""

import base64
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, Person, code_for, give_password, plant, sign_in
from web.http.page import ROOT
from web.settings import Settings

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
MADE: dict[str, Any] = json.loads((ROOT / "tests/data/folder_of_before.json").read_text(encoding="utf-8"))
ALICE = Person("alice", MADE["alice"]["password"], MADE["alice"]["key"], MADE["alice"]["recovery_codes"])


@pytest.fixture
def settings(settings: Settings, clock: Clock) -> Settings:
    for name, packed in MADE["files"].items():
        (settings.data / name).write_bytes(zlib.decompress(base64.b64decode(packed)))
    clock.at = datetime.fromisoformat(MADE["at"])
    return settings


@pytest.fixture
def in_use(new_client: NewClient) -> Callable[[str], TestClient]:
    """One that was in use when the folder was made, with its cookies."""

    def of(owner: str) -> TestClient:
        browser = new_client()
        for name, value in MADE["browsers"][owner].items():
            plant(browser, f"{name}={value}")
        return browser

    return of


@pytest.mark.parametrize("owner", ["alice", "alice_by_recovery_code", "bia"])
def test_every_session_goes_on(owner: str, in_use: Callable[[str], TestClient]) -> None:
    assert in_use(owner).get("/instances").status_code == 200


def test_a_pending_login_is_finished_with_the_code_of_the_moment(
    in_use: Callable[[str], TestClient], clock: Clock
) -> None:
    answer = in_use("alice_pending").post("/login/code", data={"code": ALICE.code_at(clock())})
    assert (answer.status_code, answer.headers["location"]) == (303, "/instances")


def test_password_and_app_sign_in(new_client: NewClient, clock: Clock) -> None:
    assert sign_in(new_client(), ALICE, ALICE.code_at(clock())).headers["location"] == "/instances"


def test_nine_recovery_codes_are_left_and_the_used_one_is_not(new_client: NewClient) -> None:
    for code, status in ((MADE["alice"]["used"], 422), *((code, 303) for code in ALICE.recovery_codes[::4])):
        browser = new_client()
        give_password(browser, ALICE)
        assert browser.post("/login/recovery", data={"code": code}).status_code == status, code


def test_an_enrolment_that_was_begun_is_confirmed(in_use: Callable[[str], TestClient], clock: Clock) -> None:
    code = code_for(MADE["bia"]["enrolling"], clock())
    assert "códigos de recuperação" in in_use("bia").post("/security/totp/confirm", data={"code": code}).text


def test_an_invitation_is_accepted(new_client: NewClient) -> None:
    caio = Person("caio", "barco roxo sobe a montanha")
    fields = {"activation_code": MADE["invitation_of_caio"], "password": caio.password, "repeated": caio.password}
    assert new_client().post("/activate", data=fields).status_code < 400
    assert sign_in(new_client(), caio).headers["location"] == "/instances"


def test_the_tokens_are_those_of_before(in_use: Callable[[str], TestClient]) -> None:
    alice = in_use("alice")
    for instance_id, token in MADE["tokens"].items():
        assert token in alice.post(f"/instances/{instance_id}/token/show", data={}, headers=FRAGMENT).text


def test_every_line_of_the_activity_is_there_and_proved(in_use: Callable[[str], TestClient], rows: Rows) -> None:
    kept = rows("SELECT account_id, event, detail FROM activity ORDER BY id")
    assert [list(line) for line in kept[: len(MADE["lines"])]] == MADE["lines"]
    assert (
        "Nenhuma linha do registro foi alterada"
        in in_use("alice").post("/activity/verify", data={}, headers=FRAGMENT).text
    )
