"""Passkeys added and removed at the same time, on the real server."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.pages.test_passkeys import add, begin, ids
from tests.support.at_once import post_at_once
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.people import Person, codes_on, cookie_of, lost, proof, sign_in

Rows = Callable[..., list[tuple[Any, ...]]]
CONFIRM = "/security/passkeys/confirm"


def test_one_answer_sent_many_times_at_once_adds_one_passkey(
    protected: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A69."""
    answer = Authenticator().create(begin(client, **proof(protected, clock())))
    answers = post_at_once(live_server, [(CONFIRM, {"answer": answer}, cookie_of(client))] * 8)
    assert sorted(one.status_code for one in answers) == [200] + [422] * 7
    assert len(ids(rows)) == 1


def test_one_authenticator_is_added_once_by_two_questions_at_once(
    protected: Person,
    client: TestClient,
    new_client: Callable[[], TestClient],
    live_server: str,
    clock: Clock,
    rows: Rows,
) -> None:
    """In two browsers: another question in the same one ends the first."""
    authenticator, other = Authenticator(), new_client()
    asked = [(client, begin(client, **proof(protected, clock())))]
    sign_in(other, protected, protected.code_at(clock.forward(seconds=30)))
    asked.append((other, begin(other, **proof(protected, clock.forward(seconds=30)))))
    made = [(one, authenticator.create(options, credential_id=b"the only one" * 2)) for one, options in asked]
    answers = post_at_once(live_server, [(CONFIRM, {"answer": answer}, cookie_of(one)) for one, answer in made])
    assert sorted(one.status_code for one in answers) == [200, 422]
    assert sum("Esta chave de acesso já está cadastrada" in one.text for one in answers) == 1
    assert len(ids(rows)) == 1


def test_of_two_first_factors_at_once_one_brings_the_recovery_codes(
    alice: Person, client: TestClient, live_server: str, rows: Rows
) -> None:
    made = [Authenticator().create(begin(client)) for _ in range(2)]
    answers = post_at_once(live_server, [(CONFIRM, {"answer": one}, cookie_of(client)) for one in made])
    assert sorted(len(codes_on(one.text)) for one in answers) == [0, 10]
    assert rows("SELECT count(*) FROM recovery_codes") == [(10,)]
    assert len(ids(rows)) == 1  # with the first the session has another cookie


def test_where_two_factors_are_required_one_of_two_passkeys_stays(
    alice: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    alice.recovery_codes = codes_on(add(client, Authenticator()).text)
    add(client, Authenticator(), **lost(alice, 0))
    client.post("/policy/require", data={"days": "0"})
    posts = [
        (f"/security/passkeys/{one}/remove", lost(alice, number), cookie_of(client))
        for number, one in enumerate(ids(rows), start=1)
    ]
    post_at_once(live_server, posts)
    assert len(ids(rows)) == 1
