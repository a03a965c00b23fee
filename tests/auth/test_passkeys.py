"""Passkeys as pages call them, with an authenticator that does what it is told. The walk through the pages stands in
tests/pages/, that in browsers in tests/browser/."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts, passkeys
from db.database import Transaction
from tests.conftest import Operate
from tests.support.authenticator import BE, UP, UV, Authenticator, coded
from tests.support.clock import Clock
from tests.support.passkeys import Browser, json_of, reason
from tests.support.people import Person, begin_enrolment, give_password, lost, proof, sign_in
from tests.support.services import Act, administer, id_of, visit_in
from web.auth import delayed_acts, step_up
from web.auth import passkeys as service
from web.auth.outcome import Accepted, Outcome, Proof, Reason, Refused
from web.auth.passkeys import Added, LoggedIn, Purpose
from web.cli import backups, doctor, key_rotation, people, roster
from web.cli.terminal import CommandRefused
from web.crypto.vault import BrokenSeal
from web.limits import PASSKEY_CHALLENGE_TTL, PASSKEYS, PASSKEYS_REMOVED_KEPT
from web.panel import Panel
from web.runtime import housekeeping
from web.visit.visit import Pending, SignedIn, Visit

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Ask = Callable[[SignedIn], Awaitable[Any]]


@pytest.fixture
def hers(alice: Person, client: TestClient, operate: Operate) -> Browser:
    """Alice's, where she is signed in without a second factor."""
    return Browser(operate, client)


@pytest.fixture
def owner(hers: Browser) -> Browser:
    """Alice's, with a passkey."""
    assert isinstance(hers.add(), Added)
    return hers


@pytest.fixture
def stranger(owner: Browser, new_client: NewClient) -> Browser:
    """Another browser, with Alice's phone at hand."""
    other = Browser(owner.operate, new_client())
    other.phone = owner.phone
    return other


def everything(rows: Rows) -> list[Any]:
    """All that an answer which proves nothing must leave as it was."""
    tables = ("passkeys", "removed_passkeys", "used_challenges", "sessions", "recovery_sets", "accounts")
    return [rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608, constants


def last_events(rows: Rows, count: int) -> list[tuple[Any, ...]]:
    return rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT ?", count)[::-1]


def test_a_first_passkey_is_a_second_factor_with_recovery_codes(hers: Browser, rows: Rows, client: TestClient) -> None:
    added = hers.add("Celular")
    assert isinstance(added, Added)
    assert added.fresh
    assert len(added.fresh.codes) == 10
    assert rows("SELECT name, rp_id, counter, last_used_at FROM passkeys") == [("Celular", "painel.test", 0, None)]
    assert rows("SELECT count(*) FROM recovery_codes") == [(10,)]
    assert ("passkey.enabled", "Celular") in last_events(rows, 3)
    assert hers.ask(lambda visit: asyncio.sleep(0, visit.session.has_two_factor))


def test_the_first_factor_ends_other_sessions_and_a_further_one_does_not(
    alice: Person, hers: Browser, new_client: NewClient, rows: Rows
) -> None:
    for number in range(3):
        if number == 0:
            sign_in(new_client(), alice)
        added = hers.add()
        assert isinstance(added, Added)
        assert (added.ended, added.fresh is not None) == ((1, True) if number == 0 else (0, False))
    assert [name for (name,) in rows("SELECT name FROM passkeys ORDER BY created_at, name")][1:] == [
        "Chave de acesso 2",
        "Chave de acesso 3",
    ]
    assert [kind for (kind,) in rows("SELECT kind FROM notices ORDER BY id")][-2:] == ["passkey_added"] * 2


def test_another_way_in_is_what_a_used_recovery_code_calls_for(
    protected: Person, client: TestClient, operate: Operate, new_client: NewClient, rows: Rows
) -> None:
    browser, waiting = new_client(), "SELECT count(*) FROM recovery_codes WHERE used_at > 0 AND acknowledged_at IS NULL"
    give_password(browser, protected)
    browser.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert rows(waiting) == [(1,)]
    assert isinstance(Browser(operate, client).add(), Added)
    assert rows(waiting) == [(0,)]


def test_a_passkey_is_a_whole_login(owner: Browser, stranger: Browser, rows: Rows, clock: Clock) -> None:
    clock.forward(seconds=60)
    done = stranger.use()
    assert isinstance(done, LoggedIn)
    assert rows("SELECT method FROM sessions ORDER BY created_at") == [("password",), ("passkey",)]
    assert ("passkey.ok", "Chave de acesso") in last_events(rows, 2)
    assert rows("SELECT last_used_at FROM passkeys") == [(int(clock().timestamp()),)]
    assert len(rows("SELECT 1 FROM trusted_devices")) == 2


def test_the_session_of_a_passkey_opens_the_panel(owner: Browser, stranger: Browser, client: TestClient) -> None:
    assert isinstance(stranger.use(), LoggedIn)
    assert stranger.client.get("/instances").status_code == 200
    assert "entrou com chave de acesso" in stranger.client.get("/security/sessions").text


def test_after_the_password_the_passkey_takes_the_place_of_the_code(
    alice: Person, owner: Browser, stranger: Browser, rows: Rows
) -> None:
    assert give_password(stranger.client, alice).headers["location"] == "/login/code"
    options = stranger.offer(Purpose.SECOND_FACTOR)
    assert [one["id"] for one in options["allowCredentials"]] == [coded(owner.phone.credentials[0].id)]
    answer = stranger.phone.get(options, user=b"")  # an authenticator that was told which passkey need not say whose
    assert isinstance(stranger.answer(options, answer, Purpose.SECOND_FACTOR), str)
    assert rows("SELECT method FROM sessions ORDER BY method") == [("passkey",), ("password",)]
    assert rows("SELECT count(*) FROM pending_logins") == [(0,)]
    assert rows("SELECT count(*) FROM notices WHERE kind = 'password_known' AND acknowledged_at IS NULL") == [(0,)]
    assert stranger.ask(lambda visit: asyncio.sleep(0, visit.pending_login)) is None


def test_of_two_answers_to_one_pending_login_the_second_comes_too_late(alice: Person, stranger: Browser) -> None:
    give_password(stranger.client, alice)
    options = [stranger.offer(Purpose.SECOND_FACTOR) for _ in range(2)]
    answers = [stranger.phone.get(one) for one in options]

    async def both(visit: SignedIn) -> list[Any]:
        return [await service.complete(Pending(visit.arrival), one) for one in answers]

    done = stranger.ask(both)
    assert isinstance(done[0], str)
    assert done[1] is None


def test_a_whole_login_ends_the_pending_one_of_this_browser(alice: Person, stranger: Browser, rows: Rows) -> None:
    give_password(stranger.client, alice)
    assert isinstance(stranger.use(), LoggedIn)
    assert rows("SELECT count(*) FROM pending_logins") == [(0,)]
    assert rows("SELECT count(*) FROM notices WHERE kind = 'password_known'") == [(0,)]


def test_a_passkey_alone_is_the_step_up(owner: Browser, rows: Rows, clock: Clock) -> None:
    clock.forward(minutes=20)
    assert isinstance(owner.use(Purpose.STEP_UP), Accepted)
    assert rows("SELECT verified_at FROM sessions") == [(int(clock().timestamp()),)]
    assert [event for event, _ in last_events(rows, 2)] == ["passkey.ok", "stepup.ok"]


def test_a_refused_step_up_verifies_nothing(owner: Browser, rows: Rows, clock: Clock) -> None:
    verified = rows("SELECT verified_at FROM sessions")
    clock.forward(minutes=20)
    assert reason(owner.use(Purpose.STEP_UP, flags=UP | BE)) is Reason.PASSKEY_UNVERIFIED
    assert rows("SELECT verified_at FROM sessions") == verified
    assert [event for event, _ in last_events(rows, 2)] == ["passkey.failed", "stepup.failed"]


HOSTILE = [
    ({"origin": "https://loja.painel.test"}, "outra origem"),
    ({"origin": "https://painel.test:8443"}, "outra origem"),
    ({"origin": "http://painel.test"}, "outra origem"),
    ({"rp_id": "test"}, "outro endereço"),
    ({"type": "webauthn.create"}, "outro tipo de pedido"),
    ({"challenge": b"c" * 72}, "pedido que não é deste painel"),
    ({"challenge": b""}, "pedido que não é deste painel"),
    ({"flags": UV | BE}, "sem presença"),
    ({"flags": UP | BE}, "sem conferir a pessoa"),
    ({"flags": UP | UV}, "mudou de espécie"),
    ({"signature": b"s" * 70}, "assinatura"),
    ({"user": b"v" * 64}, "outra conta"),
    ({"user": b""}, "outra conta"),
    ({"cross_origin": True}, "dentro de outra página"),
    ({"id": b"i" * 32}, "desconhecida"),
]


@pytest.mark.parametrize(("fault", "told"), HOSTILE, ids=[f"{told} {fault}"[:40] for fault, told in HOSTILE])
def test_a_hostile_answer_is_refused_told_and_changes_nothing(
    fault: dict[str, Any], told: str, stranger: Browser, rows: Rows
) -> None:
    """A69."""
    before = everything(rows)
    assert isinstance(stranger.use(**fault), Refused)
    assert everything(rows) == before
    assert last_events(rows, 1) == [("passkey.failed", told)]
    assert isinstance(stranger.use(), LoggedIn)


NOT_MADE = [
    ({"origin": "https://loja.painel.test"}, "outra origem"),
    ({"rp_id": "test"}, "outro endereço"),
    ({"type": "webauthn.get"}, "outro tipo de pedido"),
    ({"challenge": b"c" * 72}, "pedido que não é deste painel"),
    ({"flags": UP | BE | 0x40}, "sem conferir a pessoa"),
    ({"cross_origin": True}, "dentro de outra página"),
    ({"cose": b"\xa0"}, "ilegível"),
    ({"attestation": b"\x81" * 2000}, "ilegível"),
    ({"id": b"i" * 32}, "ilegível"),
]


@pytest.mark.parametrize(("fault", "told"), NOT_MADE, ids=[f"{told} {fault}"[:40] for fault, told in NOT_MADE])
def test_a_hostile_registration_adds_nothing(fault: dict[str, Any], told: str, hers: Browser, rows: Rows) -> None:
    hers.ask(service.registration_options)  # makes what authenticators know her by
    before = everything(rows)
    assert isinstance(hers.add(**fault), Refused)
    assert everything(rows) == before
    assert last_events(rows, 1) == [("passkey.failed", told)]


@pytest.mark.parametrize("answer", ["", "{}", "[" * 4000, "x" * 10_000_000, '{"id": ' + "9" * 3000 + "}"], ids=len)
def test_what_is_no_answer_at_all_is_refused(answer: str, owner: Browser, rows: Rows) -> None:
    before = everything(rows)
    assert reason(owner.ask(lambda visit: service.login(Visit(visit.arrival), answer))) is Reason.PASSKEY_REFUSED
    assert reason(owner.ask(lambda visit: service.register(visit, answer))) is Reason.PASSKEY_REFUSED
    assert reason(owner.ask(lambda visit: step_up.verify_passkey(visit, answer))) is Reason.PASSKEY_REFUSED
    assert everything(rows) == before


def test_a_challenge_is_answered_once_and_within_five_minutes(stranger: Browser, rows: Rows, clock: Clock) -> None:
    options = stranger.offer()
    answer = stranger.phone.get(options)
    clock.forward(seconds=PASSKEY_CHALLENGE_TTL.total_seconds() - 1)
    assert isinstance(stranger.answer(options, answer), LoggedIn)
    assert reason(stranger.answer(options, answer)) is Reason.PASSKEY_EXPIRED
    assert last_events(rows, 1) == [("passkey.failed", "pedido já respondido")]
    options = stranger.offer()
    answer = stranger.phone.get(options)
    clock.forward(seconds=PASSKEY_CHALLENGE_TTL.total_seconds())
    assert reason(stranger.answer(options, answer)) is Reason.PASSKEY_EXPIRED
    assert last_events(rows, 1) == [("passkey.failed", "pedido vencido")]


def test_an_answered_challenge_is_remembered_only_while_it_would_count(
    stranger: Browser, operate: Operate, rows: Rows, clock: Clock
) -> None:
    stranger.use()
    operate(housekeeping.clear)
    assert rows("SELECT count(*) FROM used_challenges") == [(2,)]  # of the registration too
    clock.forward(seconds=PASSKEY_CHALLENGE_TTL.total_seconds())
    operate(housekeeping.clear)
    assert rows("SELECT count(*) FROM used_challenges") == [(0,)]


def test_a_challenge_of_one_purpose_is_none_of_another(alice: Person, owner: Browser, stranger: Browser) -> None:
    """A70."""
    give_password(stranger.client, alice)
    for asked, given in [
        (Purpose.SECOND_FACTOR, Purpose.LOGIN),
        (Purpose.LOGIN, Purpose.SECOND_FACTOR),
    ]:
        answer = stranger.phone.get(stranger.offer(asked))
        assert reason(stranger.answer({}, answer, given)) is Reason.PASSKEY_REFUSED
    for asked, given in [(Purpose.STEP_UP, Purpose.LOGIN), (Purpose.LOGIN, Purpose.STEP_UP)]:
        answer = owner.phone.get(owner.offer(asked))
        assert reason(owner.answer({}, answer, given)) is Reason.PASSKEY_REFUSED
    options = owner.offer(Purpose.STEP_UP)
    made = owner.phone.create(options | {"rp": {"id": "painel.test"}, "user": {"id": coded(b"u" * 64)}})
    assert reason(owner.answer_registration(options, made)) is Reason.PASSKEY_REFUSED


def test_a_challenge_of_another_name_of_the_panel_is_refused(
    owner: Browser, stranger: Browser, operate: Operate, new_client: NewClient
) -> None:
    async def of_another_name(panel: Panel) -> Any:
        visit = await visit_in(moved_to(panel, "https://outro.test"), new_client())
        return service.login_options(Visit(visit.arrival))

    options = operate(of_another_name) | {"rpId": "painel.test"}
    assert reason(stranger.answer(options, stranger.phone.get(options))) is Reason.PASSKEY_REFUSED


def test_a_challenge_of_one_session_is_none_of_another(alice: Person, owner: Browser, stranger: Browser) -> None:
    give_password(stranger.client, alice)
    answer = stranger.phone.get(stranger.offer(Purpose.SECOND_FACTOR))
    give_password(stranger.client, alice)  # another pending login
    assert reason(stranger.answer({}, answer, Purpose.SECOND_FACTOR)) is Reason.PASSKEY_REFUSED
    options = owner.ask(service.registration_options)
    assert isinstance(owner.use(), LoggedIn)  # another session of the same account in the same browser
    answer = owner.phone.create(json_of(options))
    assert reason(owner.answer_registration(options, answer)) is Reason.PASSKEY_REFUSED


def test_a_passkey_of_another_account_is_no_second_factor(
    alice: Person, owner: Browser, invite: Callable[[str], Person], new_client: NewClient, rows: Rows
) -> None:
    bruno, mallory = invite("bruno"), new_client()
    sign_in(mallory, bruno)
    his = Browser(owner.operate, mallory)
    assert isinstance(his.add(), Added)
    give_password(mallory, alice)
    options = his.offer(Purpose.SECOND_FACTOR) | {"allowCredentials": []}
    assert reason(his.answer(options, his.phone.get(options), Purpose.SECOND_FACTOR)) is Reason.PASSKEY_REFUSED
    [(account_id,)] = rows("SELECT account_id FROM activity ORDER BY id DESC LIMIT 1")
    assert account_id == 1  # she reads it


def test_a_key_that_was_moved_to_another_account_opens_nothing(
    owner: Browser, stranger: Browser, invite: Callable[[str], Person], rows: Rows
) -> None:
    invite("bruno")
    rows("UPDATE accounts SET passkey_user = (SELECT passkey_user FROM accounts WHERE id = 1)")
    rows("UPDATE passkeys SET account_id = 2")
    with pytest.raises(BrokenSeal):
        stranger.use()


def test_a_counter_that_went_back_is_told_to_the_owner(hers: Browser, new_client: NewClient, rows: Rows) -> None:
    hers.phone = Authenticator(flags=UP | UV, counter=5)
    assert isinstance(hers.add("Chaveiro"), Added)
    assert isinstance(hers.use(), LoggedIn)
    assert rows("SELECT counter FROM passkeys") == [(6,)]
    for counter in (6, 5, 0):
        before = everything(rows)
        assert reason(hers.use(counter=counter)) is Reason.PASSKEY_COPIED
        assert everything(rows) == before
    assert last_events(rows, 1) == [("passkey.counter_failed", "Chaveiro")]
    assert rows("SELECT kind, detail, session_id FROM notices ORDER BY id DESC LIMIT 1") == [
        ("passkey_copied", "Chaveiro", None)
    ]
    assert isinstance(hers.use(counter=99), LoggedIn)


def test_of_two_signatures_at_once_of_a_key_that_counts_one_passes(hers: Browser, rows: Rows) -> None:
    hers.phone = Authenticator(flags=UP | UV, counter=5)
    hers.add()
    answers = [hers.phone.get(hers.offer()) for _ in range(2)]

    async def both(visit: SignedIn) -> list[Outcome]:
        tried = [await service.try_passkey(visit, Purpose.LOGIN, answer) for answer in answers]
        async with visit.panel.db.transaction() as tx:
            return [await service.judge(tx, visit, one) for one in tried]

    done = hers.ask(both)
    assert isinstance(done[0], Accepted)
    assert reason(done[1]) is Reason.PASSKEY_EXPIRED
    assert rows("SELECT count(*) FROM notices WHERE kind = 'passkey_copied'") == [(0,)]


def test_one_answer_fifty_times_at_once_is_one_session(stranger: Browser, rows: Rows) -> None:
    answer = stranger.phone.get(stranger.offer())

    async def all_at_once(visit: SignedIn) -> list[Any]:
        return await asyncio.gather(*(service.login(Visit(visit.arrival), answer) for _ in range(50)))

    done = stranger.ask(all_at_once)
    assert [type(one) for one in done].count(LoggedIn) == 1
    assert rows("SELECT count(*) FROM sessions WHERE method = 'passkey'") == [(1,)]


def test_strangers_leave_nothing_behind(operate: Operate, new_client: NewClient, owner: Browser, rows: Rows) -> None:
    """A56."""
    before = everything(rows)
    nobody = Browser(operate, new_client())
    for _ in range(20):
        options = nobody.offer()
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    assert everything(rows) == before


def test_a_disabled_account_is_as_if_it_were_nobodys(
    owner: Browser, stranger: Browser, rows: Rows, operate: Operate
) -> None:
    rows("UPDATE accounts SET disabled_at = 1")
    before = everything(rows)
    assert reason(stranger.use()) is Reason.PASSKEY_UNKNOWN
    assert everything(rows) == before


def test_ten_passkeys_are_the_most(owner: Browser, rows: Rows) -> None:
    options = owner.ask(service.registration_options)
    for _ in range(PASSKEYS - 1):
        assert isinstance(owner.add(), Added)
    assert reason(owner.ask(service.registration_options)) is Reason.PASSKEYS_FULL
    assert reason(owner.answer_registration(options, owner.phone.create(json_of(options)))) is Reason.PASSKEYS_FULL
    assert last_events(rows, 1) == [("passkey.failed", "a conta já tem dez")]
    assert rows("SELECT count(*) FROM passkeys") == [(PASSKEYS,)]


def test_a_credential_is_of_one_account(
    owner: Browser, invite: Callable[[str], Person], new_client: NewClient, rows: Rows
) -> None:
    [first] = owner.phone.credentials
    assert reason(owner.add(credential_id=first.id)) is Reason.PASSKEY_KNOWN
    assert last_events(rows, 1) == [("passkey.failed", "já cadastrada")]
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    his = Browser(owner.operate, bruno)
    assert reason(his.add(credential_id=first.id)) is Reason.PASSKEY_KNOWN
    assert rows("SELECT account_id, event FROM activity ORDER BY id DESC LIMIT 1") == [(2, "passkey.failed")]
    assert rows("SELECT account_id FROM passkeys") == [(1,)]
    assert rows("SELECT count(*) FROM recovery_sets") == [(1,)]


def test_what_authenticators_know_a_person_by_stays_and_tells_nothing(owner: Browser, rows: Rows) -> None:
    [(user,)] = rows("SELECT passkey_user FROM accounts")
    assert len(user) == 64
    options = owner.ask(service.registration_options)
    assert options["user"] == {"id": coded(user), "name": "alice", "displayName": "alice"}
    assert [one["id"] for one in options["excludeCredentials"]] == [coded(owner.phone.credentials[0].id)]
    assert {one["alg"] for one in options["pubKeyCredParams"]} == {-8, -7, -257}
    assert options["authenticatorSelection"]["residentKey"] == options["authenticatorSelection"]["userVerification"]


def removal(passkey_id: str) -> Act:
    return lambda tx, visit: service.remove(tx, visit, passkey_id)


def test_a_removed_passkey_opens_nothing_and_is_named_as_such(
    owner: Browser, stranger: Browser, operate: Operate, client: TestClient, rows: Rows
) -> None:
    second = owner.add("Segunda")
    assert isinstance(second, Added)
    done = owner.act(removal(second.passkey.id))
    assert (done.passkey.name, done.is_last) == ("Segunda", False)
    assert reason(stranger.use()) is Reason.PASSKEY_REMOVED
    assert owner.act(removal(second.passkey.id)) is None
    assert ("passkey.removed", "Segunda") in rows("SELECT event, detail FROM activity")
    assert rows("SELECT count(*) FROM recovery_codes") == [(10,)]
    nobody = Authenticator()
    nobody.create({"rp": {"id": "painel.test"}, "user": {"id": coded(b"u")}, "challenge": "AA"})
    stranger.phone = nobody
    assert reason(stranger.use()) is Reason.PASSKEY_UNKNOWN


def test_a_removal_ends_the_other_sessions(owner: Browser, stranger: Browser, rows: Rows) -> None:
    assert isinstance(owner.add(), Added)
    assert isinstance(stranger.use(), LoggedIn)
    [(passkey_id,)] = rows("SELECT id FROM passkeys WHERE name = 'Chave de acesso'")
    assert owner.act(removal(passkey_id)).ended == 1
    assert rows("SELECT method FROM sessions") == [("password",)]


def test_with_the_last_factor_its_recovery_codes_go_and_what_was_tried_on_them(
    owner: Browser, stranger: Browser, new_client: NewClient, alice: Person, rows: Rows
) -> None:
    give_password(stranger.client, alice)
    stranger.client.post("/login/recovery", data={"code": "0000-0000-0000-0000"})
    assert rows("SELECT kind, failures FROM attempts") == [("recovery", 1)]
    [(passkey_id,)] = rows("SELECT id FROM passkeys")
    done = owner.act(removal(passkey_id))
    assert done.is_last
    assert rows("SELECT count(*) FROM recovery_codes") == rows("SELECT count(*) FROM attempts") == [(0,)]
    assert "passkey.last_removed" in [event for event, _ in last_events(rows, 3)]
    assert sign_in(new_client(), alice).headers["location"] == "/instances"


def require_two_factor(rows: Rows) -> None:
    rows("DELETE FROM policy")
    rows("INSERT INTO policy (id, two_factor_required_at) VALUES (1, 1)")


def test_the_last_factor_stays_where_two_are_required(owner: Browser, rows: Rows) -> None:
    require_two_factor(rows)
    [(passkey_id,)] = rows("SELECT id FROM passkeys")
    assert reason(owner.act(removal(passkey_id))) is Reason.FACTOR_REQUIRED
    assert isinstance(owner.add(), Added)
    assert not owner.act(removal(passkey_id)).is_last


def test_the_last_administrator_keeps_the_last_factor_while_others_are_there(
    owner: Browser, create_account: Callable[[str], str], rows: Rows
) -> None:
    create_account("davi")
    [(passkey_id,)] = rows("SELECT id FROM passkeys")
    before = everything(rows)
    assert reason(owner.act(removal(passkey_id))) is Reason.LAST_ADMINISTRATOR
    assert everything(rows) == before
    assert isinstance(owner.add(), Added)
    assert not owner.act(removal(passkey_id)).is_last


def test_nobody_renames_or_removes_what_is_not_theirs(
    owner: Browser,
    operate: Operate,
    client: TestClient,
    invite: Callable[[str], Person],
    new_client: NewClient,
    rows: Rows,
) -> None:
    [(passkey_id,)] = rows("SELECT id FROM passkeys")
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    his = Browser(operate, bruno)
    assert his.act(removal(passkey_id)) is None
    assert not his.act(lambda tx, visit: service.rename(tx, visit, passkey_id, "Minha"))
    assert owner.act(lambda tx, visit: service.rename(tx, visit, passkey_id, " Chaveiro "))
    assert rows("SELECT name FROM passkeys") == [("Chaveiro",)]
    assert last_events(rows, 1) == [("passkey.renamed", "Chaveiro")]


def test_so_many_removed_passkeys_are_remembered_the_newest(
    operate: Operate, owner: Browser, rows: Rows, clock: Clock
) -> None:
    [known] = operate(lambda panel: passkeys.owned_by(panel.db, 1))

    async def come_and_go(panel: Panel) -> None:
        for number in range(PASSKEYS_REMOVED_KEPT + 2):
            async with panel.db.transaction() as tx:
                one = known._replace(id=str(number), credential_id=bytes([number]) * 16)
                await passkeys.add(tx, one)
                at = clock() + timedelta(seconds=number)
                await passkeys.remove(tx, one, at=at, keep=PASSKEYS_REMOVED_KEPT)

    operate(come_and_go)
    assert rows("SELECT count(*) FROM removed_passkeys") == [(PASSKEYS_REMOVED_KEPT,)]

    async def is_removed(credential_id: bytes, panel: Panel) -> bool:
        return await passkeys.was_removed(panel.db, credential_id)

    remembered = [operate(partial(is_removed, bytes([n]) * 16)) for n in (0, 1, 2, 51)]
    assert remembered == [False, False, True, True]


def test_what_was_removed_and_comes_back_is_removed_no_longer(owner: Browser, operate: Operate, rows: Rows) -> None:
    added = owner.add(credential_id=b"c" * 32)
    assert isinstance(added, Added)
    owner.act(removal(added.passkey.id))
    assert operate(lambda panel: passkeys.was_removed(panel.db, b"c" * 32))
    assert isinstance(owner.add(credential_id=b"c" * 32), Added)
    assert not operate(lambda panel: passkeys.was_removed(panel.db, b"c" * 32))


def test_the_operators_reset_takes_passkeys_away(
    owner: Browser, stranger: Browser, operate: Operate, alice: Person, rows: Rows
) -> None:
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="alice")))
    assert rows("SELECT count(*) FROM passkeys") == rows("SELECT count(*) FROM recovery_codes") == [(0,)]
    assert reason(stranger.use()) is Reason.PASSKEY_REMOVED
    assert sign_in(stranger.client, alice).headers["location"] == "/instances"


def test_a_reset_that_is_due_takes_the_passkey_of_this_very_login_away(
    protected: Person,
    client: TestClient,
    operate: Operate,
    invite: Callable[[str], Person],
    new_client: NewClient,
    clock: Clock,
) -> None:
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    his = Browser(operate, bruno)
    assert isinstance(his.add(), Added)

    async def begin(tx: Transaction, visit: SignedIn) -> object:
        who, hour = await id_of(tx, "bruno"), timedelta(hours=1)
        return await delayed_acts.reset_two_factor(tx, visit, who, "perdeu o celular na praia", delay=hour)

    administer(operate, client, begin)
    clock.forward(minutes=59)
    assert isinstance(his.use(), LoggedIn)
    clock.forward(minutes=1)
    assert reason(his.use()) is Reason.FACTOR_CHANGED
    assert reason(his.use()) is Reason.PASSKEY_REMOVED


def test_whoever_administers_with_a_passkey_counts_as_protected(
    owner: Browser, operate: Operate, client: TestClient
) -> None:
    async def look(tx: Transaction, visit: SignedIn) -> tuple[bool, bool]:
        return await accounts.has_administrator(tx), visit.session.has_two_factor

    assert administer(operate, client, look) == (True, True)
    assert operate(lambda panel: accounts.without_two_factor(panel.db, limit=5)) == []


def test_a_change_of_keys_keeps_passkeys(owner: Browser, stranger: Browser, operate: Operate, rows: Rows) -> None:
    before = rows("SELECT sealed_key FROM passkeys")
    operate(lambda panel: key_rotation.rotate_key(panel, argparse.Namespace()))
    assert rows("SELECT sealed_key FROM passkeys") != before
    assert isinstance(stranger.use(), LoggedIn)


def test_an_answer_of_after_the_backup_does_not_come_back_to_life(
    owner: Browser, stranger: Browser, operate: Operate, tmp_path: Path, clock: Clock, rows: Rows
) -> None:
    """A36."""
    copy = tmp_path / "copy.db"
    operate(lambda panel: backups.backup(panel, argparse.Namespace(file=copy)))
    options = stranger.offer()
    answer = stranger.phone.get(options)
    assert isinstance(stranger.answer(options, answer), LoggedIn)
    operate(lambda panel: backups.restore(panel, argparse.Namespace(file=copy, without_proof=False)))
    assert rows("SELECT count(*) FROM sessions") == [(0,)]
    assert reason(stranger.answer(options, answer)) is Reason.PASSKEY_EXPIRED
    again = tmp_path / "again.db"  # a copy of a panel that has just come back from one
    operate(lambda panel: backups.backup(panel, argparse.Namespace(file=again)))
    operate(lambda panel: backups.restore(panel, argparse.Namespace(file=again, without_proof=False)))
    clock.forward(seconds=1)
    assert isinstance(stranger.use(), LoggedIn)


def test_password_managers_are_told_what_is_accepted(
    alice: Person, hers: Browser, operate: Operate, client: TestClient, rows: Rows
) -> None:
    assert hers.ask(service.signals) is None
    first, second = hers.add(), hers.add()
    assert isinstance(first, Added)
    assert isinstance(second, Added)
    hers.act(removal(first.passkey.id))
    [(user,)] = rows("SELECT passkey_user FROM accounts")
    assert hers.ask(service.signals) == {
        "rpId": "painel.test",
        "userId": coded(user),
        "allAcceptedCredentialIds": [coded(second.passkey.credential_id)],
        "name": "alice",
        "displayName": "alice",
    }


def test_a_passkey_of_another_name_of_the_panel_is_not_asked_for(
    alice: Person, owner: Browser, stranger: Browser, rows: Rows
) -> None:
    rows("UPDATE passkeys SET rp_id = 'antigo.test'")
    give_password(stranger.client, alice)
    assert stranger.offer(Purpose.SECOND_FACTOR) is None
    assert owner.offer(Purpose.STEP_UP) is None
    assert owner.ask(service.signals)["allAcceptedCredentialIds"] == []


def test_codes_and_passkeys_stand_beside_each_other(
    protected: Person, client: TestClient, operate: Operate, new_client: NewClient, clock: Clock
) -> None:
    hers = Browser(operate, client)
    added = hers.add()
    assert isinstance(added, Added)
    assert added.fresh is None
    assert sign_in(new_client(), protected, protected.code_at(clock.forward(seconds=30))).status_code == 303
    assert Proof.PASSKEY is hers.use(Purpose.STEP_UP).proof
    assert client.post("/security/recovery-codes", data=proof(protected, clock.forward(seconds=30))).status_code == 200


def test_an_app_beside_a_passkey_comes_and_goes_without_the_codes(
    alice: Person, hers: Browser, client: TestClient, rows: Rows, clock: Clock
) -> None:
    added = hers.add()
    assert isinstance(added, Added)
    assert added.fresh
    alice.recovery_codes = added.fresh.codes
    codes = rows("SELECT digest FROM recovery_codes ORDER BY 1")
    alice.key = begin_enrolment(client, **lost(alice, 0))
    answer = client.post("/security/totp/confirm", data={"code": alice.code_at(clock())})
    assert "Aplicativo adicionado. As chaves de acesso continuam valendo." in answer.text
    assert "totp.added" in [event for event, _ in last_events(rows, 3)]
    require_two_factor(rows)
    asked = client.post("/security/totp/remove").text
    assert "Para <strong>remover o aplicativo</strong>. A chave de acesso continua abrindo a conta." in asked
    answer = client.post("/security/totp/remove", data=proof(alice, clock.forward(seconds=30)))
    assert "Aplicativo removido. As chaves de acesso continuam valendo." in answer.text
    assert rows("SELECT digest FROM recovery_codes ORDER BY 1") == codes
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM passkeys)") == [(0, 1)]
    assert [kind for (kind,) in rows("SELECT kind FROM notices ORDER BY id")][-2:] == ["app_added", "app_removed"]


def test_with_passkeys_beside_it_another_app_still_takes_the_place_of_the_first(
    protected: Person, client: TestClient, operate: Operate, clock: Clock
) -> None:
    assert isinstance(Browser(operate, client).add(), Added)
    protected.key = begin_enrolment(client, **proof(protected, clock()))
    answer = client.post("/security/totp/confirm", data={"code": protected.code_at(clock.forward(seconds=30))})
    assert "Aparelho trocado." in answer.text


def test_the_terminal_tells_who_has_passkeys_and_which_name_they_belong_to(
    protected: Person, client: TestClient, operate: Operate, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    hers = Browser(operate, client)
    for _ in range(3):
        assert isinstance(hers.add(), Added)
    operate(lambda panel: roster.list_people(panel, argparse.Namespace(json=False)))
    assert "aplicativo, 3 chaves de acesso, 10 códigos" in capsys.readouterr().out
    rows("UPDATE passkeys SET rp_id = 'antigo.test' WHERE name LIKE '% 2'")
    with pytest.raises(CommandRefused):
        operate(lambda panel: doctor.doctor(panel, argparse.Namespace()))
    told = capsys.readouterr().out
    assert "certo  Chaves de acesso deste endereço (painel.test): 2." in told
    assert "ERRADO Chaves de acesso de antigo.test: 1; aqui valem as de painel.test." in told
    assert "PANEL_FORMER_URLS=https://antigo.test" in told


def test_one_challenge_makes_one_passkey(owner: Browser, rows: Rows) -> None:
    options = json_of(owner.ask(service.registration_options))
    answers = [owner.phone.create(options) for _ in range(2)]
    owner.phone.credentials.pop()
    assert isinstance(owner.answer_registration(options, answers[0]), Added)
    assert reason(owner.answer_registration(options, answers[1])) is Reason.PASSKEY_EXPIRED
    assert rows("SELECT count(*) FROM passkeys") == [(2,)]


def test_a_passkey_that_becomes_the_first_factor_meanwhile_is_not_added(owner: Browser, rows: Rows) -> None:
    """No recovery codes were made for it: whoever asked had a factor then."""
    answer = owner.phone.create(json_of(owner.ask(service.registration_options)))

    async def too_late(visit: SignedIn) -> Added | Refused:
        rows("DELETE FROM passkeys")
        return await service.register(visit, answer)

    assert reason(owner.ask(too_late)) is Reason.FACTOR_CHANGED
    assert last_events(rows, 1) == [("passkey.failed", "a proteção mudou enquanto isso")]
    assert rows("SELECT count(*) FROM passkeys") == [(0,)]


def moved_to(panel: Panel, address: str) -> Panel:
    return replace(panel, settings=replace(panel.settings, public_url=address))


def test_on_localhost_password_managers_are_told_nothing(owner: Browser, operate: Operate) -> None:
    async def told(panel: Panel) -> Any:
        return await service.signals(await visit_in(moved_to(panel, ""), owner.client))

    assert owner.ask(service.signals)
    assert operate(told) is None


def test_under_an_ip_address_there_are_no_passkeys(owner: Browser, operate: Operate, rows: Rows) -> None:
    answer = owner.phone.get(owner.offer())

    async def try_everything(panel: Panel) -> list[Any]:
        visit = await visit_in(moved_to(panel, "https://10.0.0.1"), owner.client)
        offered = [service.login_options(visit), await service.step_up_options(visit), await service.signals(visit)]
        assert offered == [None] * 3
        return [await service.registration_options(visit), await service.login(Visit(visit.arrival), answer)]

    before = everything(rows)
    assert [reason(one) for one in operate(try_everything)] == [Reason.PASSKEYS_NOT_HERE, Reason.PASSKEY_REFUSED]
    assert everything(rows) == before
