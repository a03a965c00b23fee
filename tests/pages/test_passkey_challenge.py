"""After the password: the passkey or the code, the one that was used last first."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.authenticator import UP, UV, Authenticator, coded
from tests.support.ceremonies import asked, give_passkey, sign_in_by_passkey
from tests.support.clock import Clock
from tests.support.people import FRAGMENT, Person, cookie_of, give_password, sign_in

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
PASSKEY, CODE = "Usar chave de acesso", "Código de verificação"


@pytest.fixture
def phone(protected: Person, operate: Operate) -> Authenticator:
    """Alice's, with a passkey; she has an app, too."""
    phone = Authenticator()
    give_passkey(operate, protected, phone)
    return phone


@pytest.fixture
def half_way(protected: Person, phone: Authenticator, new_client: NewClient) -> TestClient:
    """A browser in which she gave her password."""
    browser = new_client()
    give_password(browser, protected, next="/activity")
    return browser


@pytest.fixture
def carla(invite: Callable[[str], Person], alice: Person) -> Person:
    return invite("carla")


@pytest.fixture
def hers(carla: Person, operate: Operate) -> Authenticator:
    """Carla's phone; she has no app."""
    phone = Authenticator()
    give_passkey(operate, carla, phone)
    return phone


def test_the_passkey_takes_the_place_of_the_code(half_way: TestClient, phone: Authenticator, rows: Rows) -> None:
    page = half_way.get("/login/code")
    assert CODE in page.text
    options = asked(page)
    assert len(options["allowCredentials"]) == 1
    answer = half_way.post("/login/code/passkey", data={"answer": phone.get(options)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/activity")
    assert half_way.get("/activity").status_code == 200
    assert rows("SELECT method FROM sessions ORDER BY created_at DESC, id LIMIT 1") == [("passkey",)]
    assert rows("SELECT count(*) FROM pending_logins") == [(0,)]


def test_in_place_the_passkey_is_there_as_soon_as_the_password_was_right(
    protected: Person, phone: Authenticator, new_client: NewClient
) -> None:
    browser = new_client()
    fields = {"name": protected.name, "password": protected.password, "next": ""}
    challenge = browser.post("/login", data=fields, headers=FRAGMENT)
    answer = browser.post("/login/code/passkey", data={"answer": phone.get(asked(challenge))}, headers=FRAGMENT)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/instances")
    assert answer.json()["allAcceptedCredentialIds"] == [coded(phone.credentials[0].id)]


def test_a_login_by_code_tells_password_managers_what_is_left_of_its_passkeys(
    protected: Person, operate: Operate, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    def sign_in_with(code: str) -> Any:
        browser = new_client()
        give_password(browser, protected)
        return browser.post("/login/code", data={"code": code}, headers=FRAGMENT)

    before = sign_in_with(protected.code_at(clock.forward(seconds=30)))
    assert (before.status_code, before.text) == (204, "")  # it never had one
    give_passkey(operate, protected, Authenticator())
    rows("DELETE FROM passkeys")
    after = sign_in_with(protected.code_at(clock.forward(seconds=30)))
    assert (after.json()["allAcceptedCredentialIds"], after.json()["name"]) == ([], "alice")


def test_what_was_used_last_comes_first(
    protected: Person, half_way: TestClient, phone: Authenticator, new_client: NewClient, clock: Clock
) -> None:
    def order() -> list[str]:
        browser = new_client()
        give_password(browser, protected)
        page = browser.get("/login/code").text
        return sorted((PASSKEY, CODE), key=page.index)

    assert order() == [CODE, PASSKEY]  # never used
    clock.forward(minutes=1)
    sign_in_by_passkey(new_client(), phone)
    assert order() == [PASSKEY, CODE]
    clock.forward(minutes=1)
    sign_in(new_client(), protected, protected.code_at(clock()))
    assert order() == [CODE, PASSKEY]


def test_with_a_passkey_alone_no_code_is_asked_for(
    carla: Person, hers: Authenticator, new_client: NewClient, rows: Rows
) -> None:
    browser = new_client()
    assert give_password(browser, carla).headers["location"] == "/login/code"
    page = browser.get("/login/code")
    assert CODE not in page.text
    assert "Usar um código de recuperação" in page.text
    assert "Sem a chave e sem códigos?" in page.text
    assert "Usar a chave de acesso" in browser.get("/login/recovery").text
    assert browser.post("/login/code", data={"code": "123456"}).status_code == 422
    answer = browser.post("/login/code/passkey", data={"answer": hers.get(asked(page))})
    assert answer.status_code == 303
    assert browser.get("/instances").status_code == 200


def test_a_passkey_of_another_address_is_not_asked_for(
    carla: Person, hers: Authenticator, new_client: NewClient, rows: Rows
) -> None:
    rows("UPDATE passkeys SET rp_id = 'antigo.test'")
    browser = new_client()
    give_password(browser, carla)
    page = browser.get("/login/code").text
    assert "não funciona neste endereço. Entre com um código de recuperação." in page
    assert "data-passkey" not in page
    assert CODE not in page


def test_the_page_without_passkeys_is_the_one_of_before(
    protected: Person, new_client: NewClient, operate: Operate
) -> None:
    browser = new_client()
    give_password(browser, protected)
    assert "chave de acesso" not in browser.get("/login/code").text


def test_a_challenge_answers_its_own_purpose_login_and_account_only(
    protected: Person,
    half_way: TestClient,
    phone: Authenticator,
    carla: Person,
    hers: Authenticator,
    new_client: NewClient,
) -> None:
    """A70."""
    mine = asked(half_way.get("/login/code"))
    other = new_client()
    give_password(other, protected)
    elsewhere = other.post("/login/code/passkey", data={"answer": phone.get(mine)})
    as_login = new_client().post("/login/passkey", data={"answer": phone.get(mine)})
    at_login = new_client().get("/login")
    of_login = half_way.post("/login/code/passkey", data={"answer": phone.get(asked(at_login))})
    hers.credentials[0].rp_id = mine["rpId"]
    of_carla = half_way.post("/login/code/passkey", data={"answer": hers.get(mine | {"allowCredentials": []})})
    assert [one.status_code for one in (elsewhere, as_login, of_login, of_carla)] == [422, 422, 422, 422]
    assert half_way.post("/login/code/passkey", data={"answer": phone.get(mine)}).status_code == 303


@pytest.mark.parametrize(
    "faults",
    [
        {"origin": "https://evil.test"},
        {"flags": UP},
        {"flags": UV},
        {"signature": bytes(70)},
        {"type": "webauthn.create"},
        {"challenge": bytes(64)},
        {"cross_origin": True},
        {"rp_id": "evil.test"},
        {"id": bytes(32)},
    ],
)
def test_a_refused_passkey_takes_no_try_and_is_recorded(
    faults: dict[str, Any], half_way: TestClient, phone: Authenticator, rows: Rows
) -> None:
    for _ in range(6):
        options = asked(half_way.get("/login/code"))
        refused = half_way.post("/login/code/passkey", data={"answer": phone.get(options, **faults)})
        assert refused.status_code == 422
    assert not cookie_of(half_way)
    assert rows("SELECT misses FROM pending_logins") == [(0,)]
    assert rows("SELECT event FROM activity ORDER BY id DESC LIMIT 1") == [("passkey.failed",)]
    assert half_way.post("/login/code/passkey", data={"answer": phone.get(options)}).status_code == 303


def test_without_the_password_before_nothing_is_judged(
    phone: Authenticator, half_way: TestClient, new_client: NewClient
) -> None:
    """A5."""
    answer = {"answer": phone.get(asked(half_way.get("/login/code")))}
    stranger = new_client()
    assert stranger.post("/login/code/passkey", data=answer).headers["location"].startswith("/login")
    assert half_way.post("/login/code/passkey", data=answer).status_code == 303


def test_of_two_right_answers_the_second_finds_its_login_over(half_way: TestClient, phone: Authenticator) -> None:
    options = asked(half_way.get("/login/code"))
    pending = cookie_of(half_way, "pre")
    assert half_way.post("/login/code/passkey", data={"answer": phone.get(options)}).status_code == 303
    again = half_way.post("/login/code/passkey", data={"answer": phone.get(options)}, headers={"Cookie": pending})
    assert again.headers["location"].startswith("/login")


def test_a_passkey_opens_what_wrong_codes_have_closed(
    protected: Person, half_way: TestClient, phone: Authenticator, clock: Clock
) -> None:
    for _ in range(4):
        half_way.post("/login/code", data={"code": protected.wrong_code_at(clock())})
    answer = {"answer": phone.get(asked(half_way.get("/login/code")))}
    assert half_way.post("/login/code/passkey", data=answer).status_code == 303
