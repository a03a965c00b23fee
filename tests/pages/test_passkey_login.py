"""Signing in with a passkey alone: one gesture, and nothing is typed."""

import argparse
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.authenticator import BE, BS, UP, UV, Authenticator, coded, decoded, judged_again
from tests.support.ceremonies import asked, give_passkey, sign_in_by_passkey, unasked
from tests.support.clock import Clock
from tests.support.people import FRAGMENT, ORIGIN, Person, cookie_of, give_password, sign_in
from web.app import create_app
from web.cli import people
from web.limits import AUTH_POSTS
from web.settings import Settings

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
OTHER = "https://outro.painel.test"


@pytest.fixture
def phone(protected: Person, operate: Operate) -> Authenticator:
    """Alice's, with a passkey; she has an app, too."""
    phone = Authenticator()
    give_passkey(operate, protected, phone)
    return phone


@pytest.fixture
def stranger(phone: Authenticator, new_client: NewClient) -> TestClient:
    """A stranger's so far, with her phone beside it."""
    return new_client()


def everything(rows: Rows) -> dict[str, Any]:
    """What is stored, row by row."""
    names = [name for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: rows(f"SELECT * FROM {name}") for name in names}  # noqa: S608


def changed(rows: Rows, before: dict[str, Any]) -> set[str]:
    return {name for name, found in everything(rows).items() if found != before[name]}


def test_one_gesture_opens_the_panel_without_name_password_or_code(
    stranger: TestClient, phone: Authenticator, rows: Rows
) -> None:
    options = asked(stranger.get("/login"))
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    answer = phone.get(options)
    entered = stranger.post("/login/passkey", data={"answer": answer, "next": "/activity"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/activity")
    assert stranger.get("/activity").status_code == 200
    assert rows("SELECT method FROM sessions ORDER BY created_at DESC, id LIMIT 1") == [("passkey",)]
    assert [event for (event,) in rows("SELECT event FROM activity ORDER BY id DESC LIMIT 2")] == [
        "session.started",
        "passkey.ok",
    ]
    judged_again(answer, options, phone.credentials[0])


def test_in_place_the_whole_page_goes_on(stranger: TestClient, phone: Authenticator) -> None:
    fields = {"answer": phone.get(asked(stranger.get("/login")))}
    answer = stranger.post("/login/passkey", data=fields, headers=FRAGMENT)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/instances")
    assert stranger.get("/instances").status_code == 200


def test_the_answer_tells_password_managers_which_passkeys_the_account_has(
    stranger: TestClient, phone: Authenticator, protected: Person, operate: Operate
) -> None:
    laptop = Authenticator()
    give_passkey(operate, protected, laptop)
    fields = {"answer": phone.get(asked(stranger.get("/login")))}
    told = stranger.post("/login/passkey", data=fields, headers=FRAGMENT).json()
    assert told.keys() == {"rpId", "userId", "allAcceptedCredentialIds", "name", "displayName"}
    assert (told["rpId"], told["name"]) == ("painel.test", "alice")
    assert sorted(told["allAcceptedCredentialIds"]) == sorted(coded(one.credentials[0].id) for one in (phone, laptop))


def test_the_browser_is_trusted_afterwards_and_what_was_typed_before_is_there(
    phone: Authenticator, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    stranger = new_client()
    sign_in_by_passkey(stranger, phone)
    assert cookie_of(stranger, "disp")
    clock.forward(days=2)
    login = stranger.post("/instances", data={"name": "Loja"}).headers["location"]
    assert sign_in_by_passkey(stranger, phone, next="/instances").status_code == 303
    assert login.startswith("/login")
    assert 'value="Loja"' in stranger.get("/instances").text


def test_no_next_leads_away(stranger: TestClient, phone: Authenticator) -> None:
    """A9."""
    assert sign_in_by_passkey(stranger, phone, next="//evil.example").headers["location"] == "/instances"


def test_somebody_without_a_passkey_sees_the_same_page(phone: Authenticator, new_client: NewClient) -> None:
    """A12: what authenticators are asked depends on nobody."""
    stranger, known = new_client(), new_client()
    sign_in_by_passkey(known, phone)
    known.post("/logout")
    pages = [unasked(one.get("/login").text) for one in (stranger, known)]
    assert pages[0] == pages[1]
    assert 'autocomplete="username webauthn"' in pages[0]
    assert stranger.get("/login/passkey/options").json().keys() == asked(stranger.get("/login")).keys()


def test_strangers_who_only_ask_leave_no_row(phone: Authenticator, new_client: NewClient, rows: Rows) -> None:
    """A56."""
    before, stranger = everything(rows), new_client()
    challenges = {asked(stranger.get("/login"))["challenge"] for _ in range(20)}
    challenges |= {stranger.get("/login/passkey/options").json()["challenge"] for _ in range(20)}
    assert len(challenges) == 40
    assert changed(rows, before) == set()


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "of a subdomain": ({"origin": "https://x.painel.test"}, "outra origem"),
    "of another port": ({"origin": "https://painel.test:8443"}, "outra origem"),
    "over plain HTTP": ({"origin": "http://painel.test"}, "outra origem"),
    "of another site": ({"origin": OTHER}, "outra origem"),
    "for another rp id": ({"rp_id": "outro.test"}, "outro endereço"),
    "of a registration": ({"type": "webauthn.create"}, "outro tipo de pedido"),
    "to a made-up challenge": ({"challenge": bytes(64)}, "pedido que não é deste painel"),
    "without presence": ({"flags": UV | BE | BS}, "sem presença"),
    "without verification": ({"flags": UP | BE | BS}, "sem conferir a pessoa"),
    "of another kind": ({"flags": UP | UV}, "mudou de espécie"),
    "with a broken signature": ({"signature": bytes(70)}, "assinatura"),
    "of another account": ({"user": bytes(64)}, "outra conta"),
    "of nobody": ({"user": b""}, "outra conta"),
    "in a frame": ({"cross_origin": True}, "dentro de outra página"),
    "by an unknown credential": ({"id": bytes(32)}, "desconhecida"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_opens_nothing_and_is_recorded(
    name: str, stranger: TestClient, phone: Authenticator, rows: Rows
) -> None:
    """A70."""
    faults, flaw = HOSTILE[name]
    before = everything(rows)
    refused = sign_in_by_passkey(stranger, phone, **faults)
    assert refused.status_code == 422
    assert not cookie_of(stranger)
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("passkey.failed", flaw)]
    assert changed(rows, before) <= {"activity", "activity_heads", "rates", "alerts"}
    assert sign_in_by_passkey(stranger, phone).status_code == 303  # the owner is kept from nothing


def test_an_answer_opens_one_session_and_an_old_one_none(
    stranger: TestClient, phone: Authenticator, new_client: NewClient, clock: Clock
) -> None:
    """A70."""
    fields = {"answer": phone.get(asked(stranger.get("/login")))}
    assert stranger.post("/login/passkey", data=fields).status_code == 303
    thief = new_client()
    again = thief.post("/login/passkey", data=fields)
    assert again.status_code == 422
    assert "passou do tempo ou já foi respondido" in again.text
    options = asked(thief.get("/login"))
    clock.forward(minutes=5)
    late = thief.post("/login/passkey", data={"answer": phone.get(options)}, headers=FRAGMENT)
    assert late.status_code == 422
    assert 'id="name"' not in late.text  # what was typed beside it stays
    assert thief.post("/login/passkey", data={"answer": phone.get(asked(late))}).status_code == 303


@pytest.mark.parametrize(
    "answer", ["", "x", "[]", "{}", "null", "[" * 1300, '{"a":' * 300, json.dumps({"rawId": "é", "response": {}})]
)
def test_what_no_authenticator_says_is_refused_kindly(
    answer: str, stranger: TestClient, phone: Authenticator, rows: Rows
) -> None:
    sign_in_by_passkey(stranger, phone)  # from here on the stranger is known, and the answer is looked at before
    stranger.post("/logout")
    refused = stranger.post("/login/passkey", data={"answer": answer})
    assert refused.status_code == 422
    assert "A chave de acesso não foi aceita" in refused.text
    assert rows("SELECT detail FROM activity ORDER BY id DESC LIMIT 1") == [("ilegível",)]


def test_long_answers_are_not_read(stranger: TestClient, phone: Authenticator, rows: Rows) -> None:
    before = everything(rows)
    assert stranger.post("/login/passkey", data={"answer": "x" * 5000}).status_code == 422
    assert stranger.post("/login/passkey", content=b"answer=" + b"x" * 10_000_000).status_code in (413, 415)
    assert changed(rows, before) <= {"rates"}


def test_a_bomb_in_the_answer_is_refused(stranger: TestClient, phone: Authenticator) -> None:
    """CBOR that nests, or that promises gigabytes, where extensions of an authenticator would stand."""
    for bomb in (b"\x81" * 2000, b"\x9b" + b"\xff" * 8, b"\xbf" * 500):
        told = json.loads(phone.get(asked(stranger.get("/login"))))
        data = bytearray(decoded(told["response"]["authenticatorData"]))
        data[32] |= 0x80
        told["response"]["authenticatorData"] = coded(bytes(data) + bomb)
        assert stranger.post("/login/passkey", data={"answer": json.dumps(told)}).status_code == 422


@pytest.mark.parametrize("counter", [7, 6])
def test_a_counter_that_stands_still_or_goes_back_is_refused_and_told(
    counter: int, protected: Person, client: TestClient, new_client: NewClient, operate: Operate, rows: Rows
) -> None:
    key = Authenticator(flags=UP | UV, counter=6)
    give_passkey(operate, protected, key)
    assert sign_in_by_passkey(new_client(), key).status_code == 303
    refused = sign_in_by_passkey(new_client(), key, counter=counter)
    assert refused.status_code == 422
    assert "pode ter sido copiada" in refused.text
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [
        ("passkey.counter_failed", "Celular")
    ]
    assert "pode haver uma cópia dela" in client.get("/security").text


def test_the_passkey_of_somebody_disabled_is_nobodys(
    stranger: TestClient, phone: Authenticator, operate: Operate, invite: Callable[[str], Person], rows: Rows
) -> None:
    other, bruno = Authenticator(), invite("bruno")
    give_passkey(operate, bruno, other)
    rows("UPDATE accounts SET disabled_at = 1 WHERE name = 'bruno'")
    refused = sign_in_by_passkey(stranger, other)
    unknown = sign_in_by_passkey(stranger, phone, id=bytes(32))
    assert refused.status_code == 422
    assert unasked(refused.text) == unasked(unknown.text)


@pytest.fixture
def removed(phone: Authenticator, rows: Rows) -> None:
    """Alice removed her passkey, and her phone did not hear of it."""
    digest = hashlib.sha256(phone.credentials[0].id).digest()
    rows("INSERT INTO removed_passkeys SELECT ?, account_id, rp_id, 1 FROM passkeys", digest)
    rows("DELETE FROM passkeys")


@pytest.mark.usefixtures("removed")
def test_a_removed_passkey_opens_nothing_and_may_be_forgotten(stranger: TestClient, phone: Authenticator) -> None:
    """A70."""
    refused = sign_in_by_passkey(stranger, phone)
    assert refused.status_code == 422
    assert "Esta chave de acesso foi removida da conta" in refused.text
    assert " data-gone" in refused.text
    unknown = Authenticator()
    unknown.credentials = [replace(phone.credentials[0], id=bytes(32))]
    refused = sign_in_by_passkey(stranger, unknown)
    assert "Nenhuma conta daqui tem esta chave de acesso" in refused.text
    assert " data-gone" not in refused.text  # after a backup came back it may be good tomorrow


@pytest.mark.usefixtures("removed")
def test_at_localhost_no_password_manager_is_told_to_forget_one(
    phone: Authenticator, settings: Settings, clock: Clock
) -> None:
    """Its passkeys may be of another program."""
    address = "http://localhost:8000"
    here = Authenticator(origin=address, credentials=[replace(phone.credentials[0], rp_id="localhost")])
    app = create_app(replace(settings, public_url=""), now=clock)
    with TestClient(app, base_url=address, headers={"Origin": address}) as other:
        refused = sign_in_by_passkey(other, here)
    assert "Esta chave de acesso foi removida da conta" in refused.text
    assert " data-gone" not in refused.text


@pytest.mark.parametrize(
    ("address", "has_passkeys"),
    [("https://painel.test", True), ("https://192.0.2.7", False), ("http://127.0.0.1:8000", False), ("", True)],
)
def test_only_where_browsers_have_passkeys_the_login_offers_them(
    address: str, has_passkeys: bool, alice: Person, settings: Settings, clock: Clock
) -> None:
    here = replace(settings, public_url=address)
    with TestClient(create_app(here, now=clock), base_url=address or "http://localhost:8000") as other:
        page = other.get("/login")
    assert page.status_code == 200
    assert ("Entrar com chave de acesso" in page.text) == has_passkeys


def test_where_there_are_none_an_answer_is_refused(
    stranger: TestClient, phone: Authenticator, settings: Settings, clock: Clock
) -> None:
    fields = {"answer": phone.get(asked(stranger.get("/login")))}
    here = replace(settings, public_url="https://192.0.2.7")
    with TestClient(create_app(here, now=clock), base_url="https://192.0.2.7") as other:
        refused = other.post("/login/passkey", data=fields, headers={"Origin": "https://192.0.2.7"})
    assert refused.status_code == 422
    assert not cookie_of(other)


def test_whose_password_was_erased_reads_which_way_leads_to_another(
    stranger: TestClient, phone: Authenticator, protected: Person, operate: Operate
) -> None:
    """The passkey opens the account meanwhile; the form would ask for a password that there is not."""
    operate(lambda panel: people.reset_password(panel, argparse.Namespace(name=protected.name)))
    sign_in_by_passkey(stranger, phone)
    hub = stranger.get("/security").text
    assert ("Apagada" in hub, "Definida" in hub, "use o link que recebeu" in hub) == (True, False, True)
    typed = {"current": "x", "password": "pato verde na praia", "repeated": "pato verde na praia"}
    for page in (stranger.get("/security/password"), stranger.post("/security/password", data=typed)):
        assert "Escolha outra pelo link que você recebeu." in page.text
        assert "Senha atual" not in page.text


def test_a_passkey_waits_for_no_hash(
    stranger: TestClient, phone: Authenticator, everybody_hashes: Callable[[], AbstractContextManager[None]]
) -> None:
    """A39."""
    with everybody_hashes():
        assert sign_in_by_passkey(stranger, phone).status_code == 303


def test_strangers_in_the_same_network_do_not_keep_the_owner_waiting(
    protected: Person, phone: Authenticator, new_client: NewClient
) -> None:
    """A20: in a stranger that the account trusts."""
    known, stranger = new_client(), new_client()
    sign_in_by_passkey(known, phone)
    known.post("/logout")
    for _ in range(AUTH_POSTS.limit):
        stranger.post("/login/passkey", data={"answer": "x"})
    assert stranger.post("/login/passkey", data={"answer": "x"}).status_code == 429
    assert give_password(stranger, protected).status_code == 429  # they are counted together
    assert sign_in_by_passkey(stranger, phone).status_code == 429
    assert sign_in_by_passkey(known, phone).status_code == 303


def test_it_ends_the_pending_login_that_it_overtakes(
    protected: Person, stranger: TestClient, phone: Authenticator, client: TestClient, clock: Clock, rows: Rows
) -> None:
    options = asked(stranger.get("/login"))
    give_password(stranger, protected)
    assert stranger.post("/login/passkey", data={"answer": phone.get(options)}).status_code == 303
    assert rows("SELECT count(*) FROM pending_logins") == [(0,)]
    clock.forward(minutes=6)
    assert "Alguém acertou sua senha" not in client.get("/security").text


def test_after_the_password_the_same_people_still_sign_in_by_code(
    protected: Person, stranger: TestClient, clock: Clock
) -> None:
    assert sign_in(stranger, protected, protected.code_at(clock())).status_code == 303


def test_no_cookie_of_ours_and_no_origin_no_login(stranger: TestClient, phone: Authenticator) -> None:
    """A8."""
    fields = {"answer": phone.get(asked(stranger.get("/login")))}
    foreign = stranger.post("/login/passkey", data=fields, headers={"Origin": OTHER})
    assert foreign.status_code == 403
    assert stranger.post("/login/passkey", data=fields, headers={"Origin": ORIGIN}).status_code == 303
