"""Confirme que é você with a passkey: every factor at once, and no password."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.authenticator import UP, Authenticator
from tests.support.ceremonies import asked, give_passkey, sign_in_by_passkey
from tests.support.clock import Clock
from tests.support.people import FRAGMENT, Person, cookie_of, proof, sign_in
from web.guards.guard import State, demand_of
from web.routes import ROUTES

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
THERE = FRAGMENT | {"HX-Target": "div#ask-app"}


@pytest.fixture
def phone(protected: Person, operate: Operate, clock: Clock) -> Authenticator:
    """Alice's, with a passkey; her app is on, and her session is older than five minutes."""
    phone = Authenticator()
    give_passkey(operate, protected, phone)
    clock.forward(minutes=6)
    return phone


def press(client: TestClient, phone: Authenticator, path: str, data: Any = None, **faults: Any) -> Any:
    """What was asked for, and the button of the form that it is interrupted by."""
    form = client.post(path, data=data or {}, headers=THERE)
    assert form.status_code == 403, form.text
    answer = {"step_up_passkey": phone.get(asked(form), **faults)}
    return client.post(path, data=(data or {}) | answer, headers=THERE)


def test_what_was_interrupted_goes_on_with_one_press(
    phone: Authenticator, client: TestClient, clock: Clock, rows: Rows
) -> None:
    before = cookie_of(client)
    done = press(client, phone, "/security/recovery-codes")
    assert done.status_code == 200
    assert "Guarde seus códigos" in done.text
    assert cookie_of(client) != before
    assert [event for (event,) in rows("SELECT event FROM activity WHERE event LIKE 'stepup%'")] == ["stepup.ok"]
    clock.forward(minutes=4)
    assert client.post("/security/recovery-codes/rehearsal").status_code == 200  # proved within five minutes
    assert client.post("/security/totp/remove").status_code == 403  # asks with that very request


@pytest.mark.usefixtures("phone")
def test_every_door_that_asks_takes_it(client: TestClient, clock: Clock) -> None:
    paths = [
        route.path.replace("{id:int}", "1").replace("{id}", "0" * 32)  # type: ignore[attr-defined]
        for route in ROUTES
        if (demand := demand_of(route))
        and demand.door in (State.RECENTLY_VERIFIED, State.VERIFY_NOW, State.BINDING)
        and "POST" in route.methods  # type: ignore[attr-defined]
    ]
    assert len(paths) > 30
    for path in paths:
        clock.forward(minutes=6)
        form = client.post(path, headers=THERE)
        assert (form.status_code, "data-passkey=" in form.text) == (403, True), path


def test_the_code_stays_possible_and_the_last_used_comes_first(
    phone: Authenticator, protected: Person, client: TestClient, clock: Clock
) -> None:
    form = client.post("/security/totp/remove", headers=THERE).text
    assert form.index("Continuar") < form.index("Usar chave de acesso")
    assert client.post("/security/recovery-codes", data=proof(protected, clock()), headers=THERE).status_code == 200
    clock.forward(minutes=1)
    press(client, phone, "/security/recovery-codes")
    form = client.post("/security/totp/remove", headers=THERE).text
    assert form.index("Usar chave de acesso") < form.index("Continuar")
    assert "<summary>Usar a senha e um código</summary>" in form
    wrong = client.post("/security/totp/remove", data={"step_up_password": "x", "step_up_code": ""}, headers=THERE)
    assert "<details open><summary>Usar a senha e um código</summary>" in wrong.text
    clock.forward(minutes=1)
    done = client.post("/security/recovery-codes", data=proof(protected, clock()), headers=THERE)
    assert done.status_code == 200


def test_with_a_passkey_alone_a_recovery_code_stands_beside_it(
    invite: Callable[[str], Person], alice: Person, operate: Operate, new_client: NewClient, clock: Clock
) -> None:
    carla, phone, browser = invite("carla"), Authenticator(), new_client()
    give_passkey(operate, carla, phone)
    assert sign_in_by_passkey(browser, phone).status_code == 303
    clock.forward(minutes=6)
    form = browser.post("/activity/export", headers=THERE)
    assert "Código de verificação" not in form.text
    assert "Código de recuperação" in form.text
    assert press(browser, phone, "/activity/export").status_code == 200


def test_what_was_typed_before_goes_on_sealed(phone: Authenticator, protected: Person, client: TestClient) -> None:
    fresh = "pato verde corre na praia"
    typed = {"current": protected.password, "password": fresh, "repeated": fresh}
    form = client.post("/security/password", data=typed, headers=THERE)
    kept = form.text.partition('name="step_up_kept" value="')[2].partition('"')[0]
    assert form.text.count('name="step_up_kept"') == 2  # in the form of the passkey and in the other
    answer = {"step_up_passkey": phone.get(asked(form)), "step_up_kept": kept}
    assert "Senha alterada" in client.post("/security/password", data=answer, headers=THERE).text


def test_it_stands_for_no_current_password(phone: Authenticator, protected: Person, client: TestClient) -> None:
    """ASVS V6.2.3: whoever changes the password types the one of now, also beside a passkey."""
    fresh = "pato verde corre na praia"
    shown = press(client, phone, "/security/password")
    assert (shown.status_code, "Senha atual" in shown.text) == (200, True)
    for current in ("", "girafa verde"):
        refused = client.post("/security/password", data={"current": current, "password": fresh, "repeated": fresh})
        assert (refused.status_code, "Senha incorreta" in refused.text) == (422, True)
    typed = {"current": protected.password, "password": fresh, "repeated": fresh}
    assert "Senha alterada" in client.post("/security/password", data=typed).text


def test_with_it_nobody_changes_a_password_in_one_go(phone: Authenticator, client: TestClient, rows: Rows) -> None:
    before, fresh = rows("SELECT sealed_password FROM accounts"), "pato verde corre na praia"
    form = client.post("/security/password", headers=THERE)
    typed = {"step_up_passkey": phone.get(asked(form)), "current": "", "password": fresh, "repeated": fresh}
    assert client.post("/security/password", data=typed, headers=THERE).status_code == 422
    assert rows("SELECT sealed_password FROM accounts") == before


@pytest.mark.parametrize(
    "faults",
    [{"origin": "https://evil.test"}, {"flags": UP}, {"signature": bytes(70)}, {"user": bytes(64)}, {"id": bytes(32)}],
)
def test_a_refused_passkey_proves_nothing_and_is_recorded(
    faults: dict[str, Any], phone: Authenticator, client: TestClient, rows: Rows
) -> None:
    """A21."""
    before = rows("SELECT digest, verified_at FROM sessions"), rows("SELECT * FROM recovery_codes")
    refused = press(client, phone, "/security/recovery-codes", **faults)
    assert refused.status_code == 422
    assert 'id="ask-app-passkey-error" role="alert"' in refused.text
    assert (rows("SELECT digest, verified_at FROM sessions"), rows("SELECT * FROM recovery_codes")) == before
    events = [event for (event,) in rows("SELECT event FROM activity ORDER BY id DESC LIMIT 2")]
    assert events == ["stepup.failed", "passkey.failed"]


def test_an_answer_proves_one_request_of_one_session(
    phone: Authenticator, protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A22, A70."""
    other = new_client()
    sign_in(other, protected, protected.code_at(clock()))
    clock.forward(minutes=6)
    answer = {"step_up_passkey": phone.get(asked(client.post("/security/totp/remove", headers=THERE)))}
    assert other.post("/security/recovery-codes", data=answer, headers=THERE).status_code == 422
    assert client.post("/security/recovery-codes", data=answer, headers=THERE).status_code == 200
    again = client.post("/security/totp/remove", data=answer, headers=THERE)
    assert again.status_code == 422
    assert "já foi respondido" in again.text
    at_login = {"step_up_passkey": phone.get(asked(new_client().get("/login")))}
    assert client.post("/security/totp/remove", data=at_login, headers=THERE).status_code == 422


def test_no_script_and_nothing_pressed_is_no_wrong_password(
    phone: Authenticator, client: TestClient, rows: Rows
) -> None:
    refused = client.post("/security/totp/remove", data={"step_up_passkey": ""})
    assert refused.status_code == 422
    assert "A chave de acesso não foi aceita" in refused.text
    assert rows("SELECT count(*) FROM attempts") == [(0,)]
