"""Passkeys as pages call them, with an authenticator that does what it is told. The walk through the pages stands in
tests/pages/, that in browsers in tests/browser/."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts, passkeys
from db.database import Transaction
from tests.conftest import Operate
from tests.support.authenticator import BE, UP, UV, Authenticator, Options, coded, judged_again
from tests.support.clock import Clock
from tests.support.people import Person, give_password, plant, proof, sign_in
from tests.support.services import Act, administer, id_of, visit_in
from web.auth import delayed_acts, step_up
from web.auth import passkeys as service
from web.auth.outcome import Accepted, Outcome, Proof, Reason, Refused
from web.auth.passkeys import Added, LoggedIn, Purpose
from web.cli import key_rotation, people
from web.crypto.vault import BrokenSeal
from web.limits import PASSKEY_CHALLENGE_TTL, PASSKEYS, PASSKEYS_REMOVED_KEPT
from web.panel import Panel
from web.runtime import housekeeping
from web.visit.cookies import Cookie, Jar
from web.visit.visit import Pending, SignedIn, Visit
from web.visit.visitor import session_transaction

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Ask = Callable[[SignedIn], Awaitable[Any]]


class Browser:
    """Somebody at the panel with an authenticator at hand: each act as a page would have it done."""

    def __init__(self, operate: Operate, client: TestClient, **kind: Any) -> None:
        self.operate, self.client, self.phone = operate, client, Authenticator(**kind)

    def ask(self, act: Ask) -> Any:
        """The cookies that the answer would have are kept."""

        async def work(panel: Panel) -> tuple[Any, Jar]:
            visit = await visit_in(panel, self.client)
            return await act(visit), visit.jar

        done, jar = self.operate(work)
        for cookie, token in jar.queued.items():
            self.keep(cookie, token or "")
        return done

    def act(self, act: Act) -> Any:
        """In a transaction of the session."""

        async def work(visit: SignedIn) -> Any:
            async with session_transaction(visit) as tx:
                return await act(tx, visit)

        return self.ask(work)

    def keep(self, cookie: Cookie, token: str) -> None:
        base = f"__Host-{cookie.base}-"
        name = next((one for one in self.client.cookies if one.startswith(base)), base + self.short_id())
        self.client.cookies.delete(name) if name in self.client.cookies else None
        plant(self.client, f"{name}={token}")

    def short_id(self) -> str:
        return str(self.client.app_state["panel"].short_id)

    def add(self, name: str = "", **faults: Any) -> Added | Refused:
        options = self.ask(service.registration_options)
        if isinstance(options, Refused):
            return options
        return self.answer_registration(options, self.phone.create(json_of(options), **faults), name)

    def answer_registration(self, options: Options, answer: str, name: str = "") -> Added | Refused:
        done: Added | Refused = self.ask(lambda visit: service.register(visit, answer, name))
        if isinstance(done, Added):
            judged_again(answer, options, self.phone.credentials[-1])
        return done

    def offer(self, purpose: Purpose = Purpose.LOGIN) -> Options:
        async def options(visit: SignedIn) -> Any:
            if purpose is Purpose.LOGIN:
                return service.login_options(Visit(visit.arrival))
            if purpose is Purpose.SECOND_FACTOR:
                return await service.second_factor_options(Pending(visit.arrival))
            return await service.step_up_options(visit)

        return json_of(self.ask(options))

    def answer(self, options: Options, answer: str, purpose: Purpose = Purpose.LOGIN) -> Any:
        async def act(visit: SignedIn) -> Any:
            if purpose is Purpose.LOGIN:
                return await service.login(Visit(visit.arrival), answer)
            if purpose is Purpose.SECOND_FACTOR:
                return await service.complete(Pending(visit.arrival), answer)
            return await step_up.verify_passkey(visit, answer)

        done = self.ask(act)
        if isinstance(done, LoggedIn | str):
            self.keep(Cookie.SESSION, done.token if isinstance(done, LoggedIn) else done)
        if not isinstance(done, Refused):
            judged_again(answer, options, next(one for one in self.phone.credentials if coded(one.id) in answer))
        return done

    def use(self, purpose: Purpose = Purpose.LOGIN, **faults: Any) -> Any:
        options = self.offer(purpose)
        return self.answer(options, self.phone.get(options, **faults), purpose)


def json_of(options: Any) -> Options:
    """What arrives in a browser."""
    read: Options = json.loads(json.dumps(options))
    return read


def reason(done: object) -> Reason:
    assert isinstance(done, Refused), done
    return done.reason


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
    assert reason(owner.add()) is Reason.PASSKEYS_FULL
    assert reason(owner.answer_registration(options, owner.phone.create(json_of(options)))) is Reason.PASSKEYS_FULL
    assert rows("SELECT count(*) FROM passkeys") == [(PASSKEYS,)]


def test_a_credential_is_of_one_account(
    owner: Browser, invite: Callable[[str], Person], new_client: NewClient, rows: Rows
) -> None:
    [first] = owner.phone.credentials
    assert reason(owner.add(credential_id=first.id)) is Reason.PASSKEY_KNOWN
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    his = Browser(owner.operate, bruno)
    assert reason(his.add(credential_id=first.id)) is Reason.PASSKEY_KNOWN
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


def test_the_last_factor_stays_where_two_are_required(
    owner: Browser, operate: Operate, client: TestClient, rows: Rows, clock: Clock
) -> None:
    rows("UPDATE policy SET two_factor_required_at = ?", int(clock().timestamp()))
    rows("INSERT INTO policy (id, two_factor_required_at) SELECT 1, ? WHERE NOT EXISTS (SELECT 1 FROM policy)", 1)
    [(passkey_id,)] = rows("SELECT id FROM passkeys")
    assert reason(owner.act(removal(passkey_id))) is Reason.FACTOR_REQUIRED
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
