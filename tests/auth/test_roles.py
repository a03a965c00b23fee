"""Who administers: what it allows, what ends with it, and that somebody always does."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts
from db.accounts import Account
from db.database import Transaction
from db.delayed_acts import Kind
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import Person, begin_enrolment, give_password, proof, protect, sign_in
from tests.support.services import administer, id_of, visit_in
from web.auth import delayed_acts, people, roles
from web.auth.people import PersonRefusal
from web.cli import people as terminal
from web.limits import RESET_DELAYS
from web.panel import Panel
from web.runtime import housekeeping
from web.visit.visit import SignedIn
from web.visit.visitor import NotAllowed, SessionEnded, administrator_transaction

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
Act = Callable[[Transaction, SignedIn, int], Awaitable[Any]]
WHY = "perdeu o celular na praia"


def ask(operate: Operate, browser: TestClient, act: Act, name: str) -> Any:
    async def work(tx: Transaction, visit: SignedIn) -> Any:
        return await act(tx, visit, await id_of(tx, name))

    return administer(operate, browser, work)


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person]) -> Person:
    return invite("bruno")


@pytest.fixture
def carlas(
    protected: Person, invite: Callable[[str], Person], new_client: NewClient, operate: Operate, clock: Clock
) -> TestClient:
    """The browser of another administrator with two factors."""
    carla, browser = invite("carla"), new_client()
    operate(partial(terminal.promote, options=argparse.Namespace(name="carla")))
    sign_in(browser, carla)
    protect(browser, carla, clock())
    clock.forward(seconds=30)
    return browser


async def reset_at_once(tx: Transaction, visit: SignedIn, account_id: int) -> object:
    return await delayed_acts.reset_two_factor(tx, visit, account_id, WHY, delay=timedelta(0))


async def reset_in_an_hour(tx: Transaction, visit: SignedIn, account_id: int) -> object:
    return await delayed_acts.reset_two_factor(tx, visit, account_id, WHY, delay=RESET_DELAYS[0])


ACTS: list[Act] = [
    roles.promote,
    roles.demote,
    roles.disable,
    roles.enable,
    delayed_acts.link_password,
    reset_at_once,
    people.renew_invitation,
    people.revoke_invitation,
]


@pytest.mark.parametrize("act", ACTS)
def test_nobody_acts_on_themselves(act: Act, protected: Person, client: TestClient, operate: Operate) -> None:
    """A51: hence whoever acts is still there afterwards."""
    assert ask(operate, client, act, "alice") is PersonRefusal.ONESELF


@pytest.mark.parametrize("act", ACTS)
def test_only_administrators_with_two_factors_act(
    act: Act, bruno: Person, new_client: NewClient, operate: Operate, clock: Clock, rows: Rows
) -> None:
    """A51: neither an administrator who has only a password nor a member who has both."""
    browser = new_client()
    sign_in(browser, bruno)
    rows("UPDATE accounts SET role = 'admin' WHERE name = 'bruno'")
    with pytest.raises(NotAllowed):
        ask(operate, browser, act, "alice")
    rows("UPDATE accounts SET role = 'member' WHERE name = 'bruno'")
    protect(browser, bruno, clock())
    with pytest.raises(NotAllowed):
        ask(operate, browser, act, "alice")
    assert rows("SELECT event FROM activity WHERE event LIKE 'people.%'") == []


def test_of_two_administrators_who_demote_each_other_one_stays(
    carlas: TestClient, client: TestClient, operate: Operate, rows: Rows
) -> None:
    """A68: whoever comes second, signed in when both began, has no session any more."""

    async def both(panel: Panel) -> None:
        alice, carla = await visit_in(panel, client), await visit_in(panel, carlas)
        async with administrator_transaction(alice) as tx:
            assert await roles.demote(tx, alice, carla.session.account_id) is None
        async with administrator_transaction(carla) as tx:
            await roles.demote(tx, carla, alice.session.account_id)

    with pytest.raises(SessionEnded):
        operate(both)
    assert rows("SELECT name FROM accounts WHERE role = 'admin'") == [("alice",)]


@pytest.mark.parametrize("act", [roles.demote, roles.disable])
def test_what_an_administrator_began_ends_with_the_role(
    act: Act,
    carlas: TestClient,
    bruno: Person,
    client: TestClient,
    new_client: NewClient,
    operate: Operate,
    create_account: Callable[[str], str],
    clock: Clock,
    rows: Rows,
) -> None:
    create_account("davi")
    davis = ask(operate, carlas, people.renew_invitation, "davi")
    code = ask(operate, carlas, delayed_acts.link_password, "bruno")
    ask(operate, carlas, reset_in_an_hour, "alice")
    assert rows("SELECT count(*) FROM activations") == [(2,)]
    assert ask(operate, client, act, "carla") is None
    assert rows("SELECT 1 FROM activations") == rows("SELECT 1 FROM delayed_acts") == []
    for dead in (davis, code):
        assert "não vale" in new_client().post("/activate", data={"activation_code": dead}).text
    found = rows("SELECT event, account_id FROM activity WHERE event LIKE 'people.%' ORDER BY id DESC LIMIT 5")
    assert {event for event, _ in found} == {
        "people.invitation_revoked",
        "people.link_revoked",
        "people.factor_reset_stopped",
    }


def test_a_person_reads_that_what_an_administrator_began_ended_with_the_role(
    carlas: TestClient, bruno: Person, client: TestClient, new_client: NewClient, operate: Operate, clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    ask(operate, carlas, reset_in_an_hour, "bruno")
    operate(partial(terminal.demote, options=argparse.Namespace(name="carla")))
    assert "desistiu do que estava marcado para a sua conta</strong>" in browser.get("/instances").text


@pytest.mark.parametrize(("act", "back"), [(roles.demote, roles.promote), (roles.disable, roles.enable)])
def test_whoever_administers_no_longer_keeps_no_notice_about_others(
    act: Act,
    back: Act,
    protected: Person,
    client: TestClient,
    invite: Callable[[str], Person],
    new_client: NewClient,
    operate: Operate,
    clock: Clock,
    rows: Rows,
) -> None:
    """A51, A23: nor gets one meanwhile; coming back brings none of them back. What is about themselves stays."""
    persons, browsers = {name: invite(name) for name in ("carla", "davi", "elisa", "fabio")}, dict[str, TestClient]()
    for name, person in persons.items():
        browsers[name] = new_client()
        sign_in(browsers[name], person)
        protect(browsers[name], person, clock())
    ask(operate, client, roles.promote, "carla")
    for name in ("davi", "fabio"):
        ask(operate, client, reset_at_once, name)
    rule(operate, client, people.unlock, "carla")
    carla, browser = persons["carla"], browsers["carla"]

    def page() -> str:
        sign_in(browser, carla, carla.code_at(clock.forward(seconds=30)))
        return browser.get("/instances").text + browser.post("/me/download").text

    assert f"(davi, por alice: {WHY})" in page()
    [(newest,)] = rows("SELECT max(id) FROM notices WHERE kind = 'person_reset' AND account_id = 2")
    browser.post(f"/security/notices/{newest}/mine")
    assert f"fabio, por alice: {WHY}" in page()  # in the download
    ask(operate, client, act, "carla")
    ask(operate, client, reset_at_once, "elisa")
    if act is roles.demote:
        assert "apagou as esperas" in page()
        assert WHY not in page()
    ask(operate, client, back, "carla")
    assert "apagou as esperas" in page()
    assert WHY not in page()
    assert "de uma pessoa foram zerados" not in browser.get("/instances").text


def test_a_reset_that_would_leave_nobody_who_administers_is_dropped_and_told(
    carlas: TestClient, client: TestClient, operate: Operate, clock: Clock, rows: Rows
) -> None:
    """A51, A68: Carla begins it; then she loses her own second factor at the terminal."""
    ask(operate, carlas, reset_in_an_hour, "alice")
    operate(partial(terminal.reset_two_factor, options=argparse.Namespace(name="carla")))
    clock.forward(hours=1)
    operate(housekeeping.clear)
    assert rows("SELECT account_id FROM totp") == [(1,)]
    assert rows("SELECT 1 FROM delayed_acts") == []
    told = rows("SELECT account_id, detail FROM notices WHERE kind = 'person_reset_dropped' ORDER BY account_id")
    assert [owner for owner, _ in told] == [1, 2]
    assert told[0][1] == f"alice, por carla: {WHY}"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET disabled_at = 1 WHERE name = 'carla'",
        "UPDATE accounts SET role = 'member' WHERE name = 'carla'",
        "UPDATE accounts SET sealed_password = NULL WHERE name = 'carla'",
        "DELETE FROM totp WHERE account_id = 2",
        "",
    ],
)
def test_whoever_counts_as_an_administrator_is_active_with_a_password_and_two_factors(
    change: str, carlas: TestClient, operate: Operate, rows: Rows
) -> None:
    async def another(panel: Panel) -> bool:
        async with panel.db.transaction() as tx:
            return await accounts.has_administrator(tx, apart_from=1)

    if change:
        rows(change)
    assert operate(another) == (not change)


KEEPS = "Só você administra este painel com senha e dois fatores"


def switch_off(browser: TestClient, person: Person, clock: Clock) -> str:
    return browser.post("/security/totp/remove", data=proof(person, clock.forward(seconds=30))).text


def test_the_last_administrator_keeps_their_second_factor_while_anybody_else_is_there(
    protected: Person,
    client: TestClient,
    create_account: Callable[[str], str],
    operate: Operate,
    clock: Clock,
    rows: Rows,
) -> None:
    """A51, D18: an open invitation counts, a disabled account does not; alone it may be undone."""
    assert 'id="remove"' in client.get("/security").text
    create_account("davi")
    hub = client.get("/security").text
    assert 'id="remove"' not in hub
    assert f'<p class="hint">{KEEPS}; por isso não dá para desativar agora.' in hub
    assert f"{KEEPS}, e há outras contas ativas." in switch_off(client, protected, clock)
    protected.key = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    moved = client.post("/security/totp/confirm", data={"code": protected.code_at(clock())}).text
    assert "Aparelho trocado" in moved
    assert rows("SELECT account_id FROM totp") == [(1,)]
    ask(operate, client, roles.disable, "davi")
    assert 'id="remove"' in client.get("/security").text
    assert "Autenticação de dois fatores desativada." in switch_off(client, protected, clock)


def test_of_several_administrators_with_two_factors_all_but_the_last_may_switch_theirs_off(
    carlas: TestClient, bruno: Person, protected: Person, client: TestClient, operate: Operate, clock: Clock
) -> None:
    """A51, D18: one whose password waits for a new one does not count."""
    assert KEEPS not in client.get("/security").text
    ask(operate, client, roles.promote, "bruno")  # who has no second factor
    code = ask(operate, client, delayed_acts.link_password, "carla")
    assert KEEPS in switch_off(client, protected, clock)
    fresh = {"password": "pato verde corre na praia", "repeated": "pato verde corre na praia"}
    carlas.post("/activate", data={"activation_code": code} | fresh)
    assert "Autenticação de dois fatores desativada" in switch_off(client, protected, clock)


def test_a_member_may_switch_their_second_factor_off(
    bruno: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    rows("DELETE FROM totp WHERE account_id = 1")
    assert 'id="remove"' in browser.get("/security").text
    assert "Autenticação de dois fatores desativada" in switch_off(browser, bruno, clock)


def test_a_person_is_told_who_did_it_and_both_activities_name_the_other(
    bruno: Person, client: TestClient, new_client: NewClient, operate: Operate, rows: Rows
) -> None:
    ask(operate, client, roles.promote, "bruno")
    browser = new_client()
    sign_in(browser, bruno)
    assert "Você passou a administrar o painel</strong> (por alice)" in browser.get("/instances").text
    found = rows("SELECT account_id, detail FROM activity WHERE event = 'people.promoted' ORDER BY account_id")
    assert found == [(1, "bruno"), (2, "por alice")]
    assert "10.9.9.9" not in browser.get("/instances").text  # where she was


def test_every_administrator_reads_the_reason_of_every_reset(
    carlas: TestClient,
    client: TestClient,
    invite: Callable[[str], Person],
    new_client: NewClient,
    operate: Operate,
    clock: Clock,
    rows: Rows,
) -> None:
    """Of two in a row, neither hides the other, and both are answered for themselves."""
    for name in ("davi", "elisa"):
        person, browser = invite(name), new_client()
        sign_in(browser, person)
        protect(browser, person, clock())
        ask(operate, client, reset_at_once, name)
    page = carlas.get("/instances").text
    assert f"(davi, por alice: {WHY})" in page
    assert f"(elisa, por alice: {WHY})" in page
    assert "por alice" not in client.get("/instances").text  # hers was the session that did it
    [(newest,)] = rows("SELECT max(id) FROM notices WHERE kind = 'person_reset' AND account_id = 2")
    carlas.post(f"/security/notices/{newest}/mine")
    page = carlas.get("/instances").text
    assert "elisa" not in page
    assert f"(davi, por alice: {WHY})" in page


def test_of_several_invitations_only_the_newest_counts_and_a_revoked_one_does_not(
    protected: Person, client: TestClient, new_client: NewClient, operate: Operate, rows: Rows
) -> None:
    invited = administer(operate, client, lambda tx, visit: people.create(tx, visit, "davi", is_admin=False))
    renewed = ask(operate, client, people.renew_invitation, "davi")

    def form(code: str) -> str:
        return new_client().post("/activate", data={"activation_code": code}).text

    assert "não vale" in form(invited)
    assert "davi" in form(renewed)
    assert rows("SELECT kind, made_by, ends_at - made_at FROM activations") == [("invitation", 1, 86400)]
    assert ask(operate, client, people.revoke_invitation, "davi") is None
    assert "não vale" in form(renewed)
    assert ask(operate, client, people.revoke_invitation, "davi") is PersonRefusal.NOT_INVITED
    assert ask(operate, client, delayed_acts.link_password, "davi") is PersonRefusal.INVITED
    assert isinstance(ask(operate, client, people.renew_invitation, "davi"), str)


def test_acts_on_somebody_in_another_state_are_refused(
    bruno: Person, client: TestClient, operate: Operate, rows: Rows
) -> None:
    def refused(act: Act) -> Any:
        return ask(operate, client, act, "bruno")

    assert refused(roles.enable) is PersonRefusal.NOT_DISABLED
    assert refused(roles.demote) is PersonRefusal.DOES_NOT_ADMINISTER
    assert refused(reset_at_once) is PersonRefusal.NO_FACTOR
    assert refused(people.renew_invitation) is PersonRefusal.NOT_INVITED
    assert refused(roles.disable) is None
    for act in (roles.disable, roles.promote, delayed_acts.link_password, reset_at_once, people.renew_invitation):
        assert refused(act) is PersonRefusal.DISABLED
    gone = lambda tx, visit: roles.disable(tx, visit, 99)  # noqa: E731
    assert administer(operate, client, gone) is PersonRefusal.GONE


# The rule of two factors for one person


def rule(operate: Operate, browser: TestClient, act: Callable[..., Awaitable[Any]], name: str = "bruno") -> Any:
    async def work(tx: Transaction, visit: SignedIn) -> Any:
        person = await people.find(tx, visit, await id_of(tx, name))
        assert isinstance(person, Account)
        return await act(tx, visit, person)

    return administer(operate, browser, work)


def test_two_factors_may_be_required_of_one_person_alone(
    bruno: Person,
    client: TestClient,
    new_client: NewClient,
    operate: Operate,
    invite: Callable[[str], Person],
    clock: Clock,
) -> None:
    """A49."""
    davi, brunos, davis = invite("davi"), new_client(), new_client()
    sign_in(brunos, bruno)
    sign_in(davis, davi)
    assert rule(operate, client, partial(people.require_two_factor, at=clock() + timedelta(days=7))) is True
    assert "(faltam 7 dias) este painel exige dois fatores de você" in brunos.get("/instances").text
    assert rule(operate, client, partial(people.require_two_factor, at=clock() + timedelta(days=9))) is False
    assert rule(operate, client, partial(people.require_two_factor, at=clock())) is True
    assert brunos.get("/instances").headers["location"] == "/security"
    assert "Este painel exige dois fatores de você" in brunos.get("/security").text
    assert davis.get("/instances").status_code == 200
    clock.forward(minutes=16)
    assert brunos.get("/security").headers["location"].startswith("/login")
    protect_after_login(bruno, new_client(), clock)


def protect_after_login(person: Person, browser: TestClient, clock: Clock) -> None:
    """A49: a password alone opens the set-up; with it done, it cannot be switched off."""
    assert sign_in(browser, person).headers["location"] == "/instances"
    assert browser.get("/instances").headers["location"] == "/security"
    protect(browser, person, clock())
    assert browser.get("/instances").status_code == 200
    hub = browser.get("/security").text
    assert "exige dois fatores de você; por isso não dá para desativar" in hub
    clock.forward(seconds=30)
    fields = {"step_up_password": person.password, "step_up_code": person.code_at(clock()), "step_up_recovery": ""}
    assert "Este painel exige dois fatores: dá para trocar" in browser.post("/security/totp/remove", data=fields).text


def test_the_browser_of_a_required_person_is_not_trusted_for_a_password_alone(
    bruno: Person, client: TestClient, new_client: NewClient, operate: Operate, clock: Clock, rows: Rows
) -> None:
    rows("DELETE FROM trusted_devices WHERE account_id = 2")  # of the activation
    rule(operate, client, partial(people.require_two_factor, at=clock()))
    sign_in(new_client(), bruno)
    assert rows("SELECT count(*) FROM trusted_devices WHERE account_id = 2") == [(0,)]


def test_lifting_the_rule_for_everybody_leaves_that_of_one_person(
    bruno: Person, protected: Person, client: TestClient, new_client: NewClient, operate: Operate, clock: Clock
) -> None:
    browser = new_client()
    rule(operate, client, partial(people.require_two_factor, at=clock()))
    client.post("/policy/require", data={"days": "0"})
    client.post("/policy/release", data=proof(protected, clock()))
    sign_in(browser, bruno)
    assert browser.get("/instances").headers["location"] == "/security"
    rule(operate, client, people.release_two_factor)
    assert browser.get("/instances").status_code == 200


def test_the_earlier_of_the_two_rules_counts(
    bruno: Person, client: TestClient, new_client: NewClient, operate: Operate, clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    rule(operate, client, partial(people.require_two_factor, at=clock() + timedelta(days=30)))
    client.post("/policy/require", data={"days": "7"})
    assert "(faltam 7 dias) este painel exige dois fatores de todos" in browser.get("/instances").text


def test_people_without_two_factors_are_reminded_and_others_are_not(
    bruno: Person, carlas: TestClient, client: TestClient, new_client: NewClient, operate: Operate
) -> None:
    assert rule(operate, client, people.remind) is True
    assert rule(operate, client, people.remind, "carla") is False
    browser = new_client()
    sign_in(browser, bruno)
    assert "pede que você ative os dois fatores</strong> (por alice)" in browser.get("/instances").text


def test_sessions_are_ended_and_waits_forgotten_by_an_administrator(
    bruno: Person, client: TestClient, new_client: NewClient, operate: Operate, rows: Rows
) -> None:
    browser = new_client()
    for _ in range(5):
        give_password(new_client(), bruno, password="girafa verde dança no chão")
    assert give_password(new_client(), bruno).status_code == 429
    rule(operate, client, people.unlock)
    sign_in(browser, bruno)
    assert rule(operate, client, people.end_sessions) == 2  # with the one that the activation began
    assert rule(operate, client, people.end_sessions) == 0
    assert browser.get("/instances").headers["location"].startswith("/login")
    sign_in(browser, bruno)
    page = browser.get("/instances").text
    assert "encerrou suas sessões</strong> (por alice: 2)" in page
    assert Kind.FACTOR_RESET not in page
