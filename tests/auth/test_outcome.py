"""The outcome of a try: only an explicit acceptance counts as one, and every refusal has a sentence."""

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from db.attempts import Attempts
from tests.support.clock import Clock
from tests.support.people import Person, cookie_of, give_password
from web.auth.outcome import Accepted, Proof, Reason, Refused
from web.auth.people import NameRefusal
from web.auth.sessions import METHODS, begin_session
from web.auth.tries import Try
from web.factors.password import Refusal
from web.http.refusals import NAME_SENTENCES, PASSWORD_SENTENCES, SENTENCES, password_errors, sentence, status_of
from web.visit.scope import arrive
from web.visit.visit import Visit
from web.words.waits import counted

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
MINUTE = timedelta(minutes=1)
OPEN_NOTHING = [Proof.CODE_OF_OLD_APP, Proof.REHEARSED_CODE, Proof.EARLIER]


@pytest.fixture
def visit(client: TestClient) -> Visit:
    return arrive(
        Request(
            {"type": "http", "state": client.app_state, "path": "/", "method": "POST", "headers": [], "client": None}
        )
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_of_its_own(reason: Reason) -> None:
    said = sentence(Refused(reason, wait=MINUTE, next_code=MINUTE, drift=MINUTE))
    assert said.endswith((".", ".</span>"))
    assert "{" not in said
    assert list(SENTENCES.values()).count(SENTENCES[reason]) == 1


@pytest.mark.parametrize(("said", "reasons"), [(PASSWORD_SENTENCES, Refusal), (NAME_SENTENCES, NameRefusal)])
def test_every_refusal_of_a_password_or_a_name_has_a_sentence_of_its_own(
    said: dict[Enum, str], reasons: type[Enum]
) -> None:
    assert set(said) == set(reasons)
    assert len(set(said.values())) == len(reasons)


def test_a_refused_password_is_told_beside_the_field_that_it_is_about(visit: Visit) -> None:
    assert list(password_errors(Refusal.COMMON, visit.panel)) == ["password"]
    assert list(password_errors(Refusal.NOT_REPEATED, visit.panel)) == ["repeated"]


@pytest.mark.parametrize(("wait", "status"), [(timedelta(0), 422), (MINUTE, 429)])
def test_a_refusal_with_a_wait_has_its_own_status(wait: timedelta, status: int) -> None:
    assert status_of(Refused(Reason.CODE_BACKOFF, wait=wait)) == status


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(seconds=16.2), '<span data-wait="17">Em 17 s.</span>'),
        (2 * MINUTE, '<span data-wait="120">Em 120 s.</span>'),
        (timedelta(seconds=121), "Em 3 min."),
    ],
)
def test_a_wait_in_seconds_is_marked_for_the_script(left: timedelta, said: str) -> None:
    assert counted("Em {}.", left) == said


@pytest.mark.parametrize("standing", [Attempts(5, wait=MINUTE), Attempts(100, is_closed=True)])
def test_a_try_that_has_to_wait_cannot_be_accepted(standing: Attempts, client: TestClient, visit: Visit) -> None:
    async def accept() -> Accepted:
        async with visit.panel.db.transaction() as tx:
            return await Try([], standing).accept(tx, Proof.CODE)

    assert client.portal
    with pytest.raises(ValueError, match="Attempts"):
        client.portal.call(accept)


@pytest.mark.parametrize("proof", OPEN_NOTHING)
def test_a_proof_that_is_no_login_begins_no_session(proof: Proof, client: TestClient, visit: Visit) -> None:
    async def begin() -> str:
        async with visit.panel.db.transaction() as tx:
            return await begin_session(tx, visit, 1, Accepted(proof))

    assert set(METHODS) == set(Proof) - set(OPEN_NOTHING)
    assert client.portal
    with pytest.raises(KeyError):
        client.portal.call(begin)


def test_a_pending_login_whose_app_is_gone_lets_nobody_in(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """Removing an app ends pending logins too: here the app is deleted in the database by hand."""
    browser = new_client()
    give_password(browser, protected)
    rows("DELETE FROM totp")
    refused = browser.post("/login/code", data={"code": protected.code_at(clock())})
    assert refused.status_code == 422
    assert "A proteção desta conta mudou enquanto isso. Entre de novo." in refused.text
    assert not cookie_of(browser)
