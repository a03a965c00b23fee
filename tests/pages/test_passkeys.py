"""Chaves de acesso: adding one, the first of all, names, removal, and what is refused."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.authenticator import BE, BS, UP, UV, Authenticator, Options, coded, judged_again
from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    ORIGIN,
    PASSWORD,
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    key_on,
    lost,
    proof,
    protect,
    set_up,
    sign_in,
)
from tests.support.steady import until
from web.app import create_app
from web.crypto import budget
from web.limits import HASHES_WAITING_INSIDE
from web.settings import Settings

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def options_on(answer: Response) -> Options:
    """What the page hands the browser's script."""
    found = re.search(r'data-create="([^"]+)"', answer.text)
    assert found, answer.text
    told: Options = json.loads(unescape(found[1]))
    return told


def begin(client: TestClient, **proved: str) -> Options:
    return options_on(client.post("/security/passkeys", data=proved))


def add(client: TestClient, authenticator: Authenticator, **proved: str) -> Response:
    """Press the button, touch the sensor. What the panel accepts is judged by another library too."""
    options = begin(client, **proved)
    answer = authenticator.create(options)
    judged_again(answer, options, authenticator.credentials[-1], origin=authenticator.origin)
    return client.post("/security/passkeys/confirm", data={"answer": answer})


def ids(rows: Rows) -> list[str]:
    return [one for (one,) in rows("SELECT id FROM passkeys ORDER BY created_at, id")]


def events(rows: Rows) -> list[str]:
    return [event for (event,) in rows("SELECT event FROM activity ORDER BY id")]


def test_the_first_factor_of_all_may_be_a_passkey(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    other = new_client()
    sign_in(other, alice)
    answer = add(client, Authenticator())
    assert answer.status_code == 200
    assert len(codes_on(answer.text)) == 10
    assert "Chave de acesso criada. Dois fatores ativados." in answer.text
    assert "A outra sessão foi encerrada." in answer.text
    assert "/login" in other.get("/security").headers["location"]
    assert "passkey.enabled" in events(rows)
    hub = client.get("/security").text
    assert "2 de 3 proteções ligadas" in hub
    assert "1 chave" in hub
    assert "Ativa, com chave de acesso" in hub


def test_what_was_made_while_the_panel_was_busy_is_sent_again(alice: Person, client: TestClient, rows: Rows) -> None:
    """The recovery codes of the first factor take hashes; the authenticator keeps what it made, so it has to arrive."""
    answer, hashes = Authenticator().create(begin(client)), client.app_state["panel"].hash_workers

    async def fill() -> None:
        budget.begin()
        budget.grant(inside=True)
        with contextlib.ExitStack() as others:
            for _ in range(HASHES_WAITING_INSIDE):
                others.enter_context(hashes.reserve(is_owner=True))
            await asyncio.Event().wait()

    assert client.portal
    until(lambda: not hashes.taken)
    filling = client.portal.start_task_soon(fill)
    until(lambda: hashes.taken == HASHES_WAITING_INSIDE)
    try:
        busy = client.post("/security/passkeys/confirm", data={"answer": answer}, headers=FRAGMENT)
    finally:
        filling.cancel()
    assert (busy.status_code, ids(rows), "data-signals" in busy.text) == (503, [], False)
    found = re.search(r'name="answer" value="([^"]+)"', busy.text)
    assert found
    until(lambda: not hashes.taken)
    sent = client.post("/security/passkeys/confirm", data={"answer": unescape(found[1])}, headers=FRAGMENT)
    assert (len(codes_on(sent.text)), len(ids(rows))) == (10, 1)


def test_a_further_one_asks_for_a_proof_with_that_very_request(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    asked = client.post("/security/passkeys", headers=FRAGMENT)
    assert asked.status_code == 403
    assert "Para <strong>adicionar uma chave de acesso à sua conta</strong>" in asked.text
    answer = add(client, Authenticator(), **proof(protected, clock()))
    assert (answer.status_code, len(ids(rows))) == (200, 1)
    assert codes_on(answer.text) == []
    assert "Chave de acesso adicionada." in answer.text
    assert "Ativa desde" in client.get("/security").text


def test_what_was_asked_without_a_factor_adds_none_beside_one(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A70. What was asked before binds to nothing of now: with a factor, each further one takes a proof of its own."""
    phone, asked = Authenticator(), begin(client)
    protect(client, alice, clock())
    late = client.post("/security/passkeys/confirm", data={"answer": phone.create(asked)})
    assert (late.status_code, ids(rows)) == (422, [])


def test_an_app_that_was_begun_without_a_factor_is_not_added_beside_a_passkey(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A70."""
    key = begin_enrolment(client)
    add(client, Authenticator())
    late = client.post("/security/totp/confirm", data={"code": code_for(key, clock())})
    assert "Aplicativo adicionado" not in late.text
    assert (rows("SELECT count(*) FROM totp"), len(ids(rows))) == ([(0,)], 1)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/security/bad-day/lock", {}),
        ("/security/password", {"current": PASSWORD} | dict.fromkeys(("password", "repeated"), "pato verde na praia")),
    ],
)
def test_what_was_asked_before_everything_changed_adds_nothing(
    path: str, data: dict[str, str], alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    asked, key = begin(client), begin_enrolment(client)
    assert client.post(path, data=data).status_code == 200
    late = client.post("/security/passkeys/confirm", data={"answer": Authenticator().create(asked)})
    assert (late.status_code, ids(rows)) == (422, [])
    late = client.post("/security/totp/confirm", data={"code": code_for(key, clock())})
    assert ("passou do tempo" in late.text, rows("SELECT * FROM totp")) == (True, [])


def test_with_a_further_one_other_sessions_may_end_as_well(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """ASVS V7.4.3: it is offered, and taken unless somebody declines."""
    other = new_client()
    sign_in(other, protected, protected.code_at(clock.forward(seconds=30)))
    box = 'type="checkbox" name="ends_others" value="1" checked'
    asked = client.post("/security/passkeys", data=proof(protected, clock.forward(seconds=30)))
    assert (box in asked.text, "Encerrar a outra sessão desta conta" in asked.text) == (True, True)
    declined = client.post("/security/passkeys/confirm", data={"answer": Authenticator().create(options_on(asked))})
    assert "encerrada" not in declined.text
    assert other.get("/security").status_code == 200
    answer = Authenticator().create(begin(client, **proof(protected, clock.forward(seconds=30))))
    added = client.post("/security/passkeys/confirm", data={"answer": answer, "ends_others": "1"})
    assert "que você reconheça. A outra sessão foi encerrada." in added.text
    assert "/login" in other.get("/security").headers["location"]
    alone = client.post("/security/passkeys", data=proof(protected, clock.forward(seconds=30)))
    assert "ends_others" not in alone.text


def test_of_those_with_a_factor_only_the_passkey_is_new(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    other = new_client()
    sign_in(other, protected, protected.code_at(clock()))
    clock.forward(seconds=30)
    add(client, Authenticator(), **proof(protected, clock()))
    assert other.get("/security").status_code == 200
    clock.forward(seconds=30)
    sign_in(new_client(), protected, protected.code_at(clock()))
    assert "Uma chave de acesso foi adicionada" in other.get("/security").text


def test_the_list_tells_of_each_what_tells_it_apart(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    kinds = [(UP | UV | BE | BS, "Sincronizada entre aparelhos"), (UP | UV | BE, "Ainda em um aparelho só")]
    kinds.append((UP | UV, "Só em um aparelho"))
    for flags, words in kinds:
        clock.forward(seconds=30)
        page = add(client, Authenticator(flags=flags), **proof(protected, clock())).text
        assert words in page
    rows("UPDATE passkeys SET rp_id = 'antigo.test' WHERE is_backup_eligible = 0")
    page = client.get("/security/passkeys").text
    assert page.count("Nunca usada") == 3
    assert page.count("Criada <time") == 3
    assert "Só em um aparelho · do endereço antigo.test" in page


def test_a_name_is_suggested_and_may_be_changed(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    bitwarden = bytes.fromhex("d548826e79b4db40a3d811116f7e8349")
    add(client, Authenticator(aaguid=bitwarden), **proof(protected, clock()))
    assert rows("SELECT name FROM passkeys") == [("Bitwarden",)]
    path = f"/security/passkeys/{ids(rows)[0]}/rename"
    answer = client.post(path, data={"name": " Cofre <b> "}, headers=FRAGMENT)
    assert (answer.status_code, rows("SELECT name FROM passkeys")) == (200, [("Cofre <b>",)])
    assert "Agora ela se chama Cofre &lt;b&gt;." in answer.text
    assert events(rows)[-1] == "passkey.renamed"
    for name in ("", " ", "x" * 41, "a\u202eb"):
        answer = client.post(path, data={"name": name}, headers=FRAGMENT)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert client.post("/security/passkeys/0123/rename", data={"name": "x"}).status_code == 404


def test_removing_one_asks_first_and_leaves_the_others(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    for _ in range(2):
        add(client, Authenticator(), **proof(protected, clock()))
        clock.forward(seconds=30)
    other, (first, second) = new_client(), ids(rows)
    sign_in(other, protected, protected.code_at(clock()))
    clock.forward(seconds=30)
    asked = client.post(f"/security/passkeys/{first}/remove")
    assert asked.status_code == 403
    assert "remover a chave de acesso</strong> <strong>Chave de acesso</strong>." in asked.text
    answer = client.post(f"/security/passkeys/{first}/remove", data=proof(protected, clock()), headers=FRAGMENT)
    assert "Chave de acesso removida. A outra sessão foi encerrada." in answer.text
    assert (ids(rows), events(rows).count("passkey.removed")) == ([second], 1)
    assert other.get("/security").status_code == 303
    assert "Restam 10 de 10" in client.get("/security").text
    clock.forward(seconds=30)
    again = client.post(f"/security/passkeys/{first}/remove", data=proof(protected, clock()))
    assert again.status_code == 404


def test_the_last_factor_goes_with_its_recovery_codes_and_says_so_before(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    codes = codes_on(add(client, Authenticator()).text)
    page = client.get("/security/passkeys").text
    assert "sem ela os dois fatores se desativam" in page
    path = f"/security/passkeys/{ids(rows)[0]}/remove"
    proved = {"step_up_password": alice.password, "step_up_code": "", "step_up_recovery": codes[0]}
    answer = client.post(path, data=proved, headers=FRAGMENT)
    assert "Os dois fatores estão desativados." in answer.text
    assert rows("SELECT count(*) FROM recovery_codes") == [(0,)]
    hub = client.get("/security").text
    assert ("Você desativou" in hub, "1 de 3 proteções" in hub) == (True, True)


def test_where_two_factors_are_required_the_last_one_stays(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    codes = codes_on(add(client, Authenticator()).text)
    client.post("/policy/require", data={"days": "0"})
    assert "adicione outra chave ou um aplicativo" in client.get("/security/passkeys").text
    path = f"/security/passkeys/{ids(rows)[0]}/remove"
    proved = {"step_up_password": alice.password, "step_up_code": "", "step_up_recovery": codes[0]}
    answer = client.post(path, data=proved)
    assert (answer.status_code, len(ids(rows))) == (422, 1)
    assert "Este painel exige dois fatores" in answer.text


def test_the_last_administrator_reads_why_the_last_one_stays(
    alice: Person, client: TestClient, create_account: Callable[[str], str], rows: Rows
) -> None:
    codes = codes_on(add(client, Authenticator()).text)
    create_account("davi")
    told = client.get("/security/passkeys").text
    assert "Só você administra este painel com senha e dois fatores" in told
    assert "/remove" not in told
    proved = {"step_up_password": alice.password, "step_up_code": "", "step_up_recovery": codes[0]}
    answer = client.post(f"/security/passkeys/{ids(rows)[0]}/remove", data=proved)
    assert (answer.status_code, len(ids(rows))) == (422, 1)


def test_an_app_beside_a_passkey_is_another_way_in_and_may_go_again(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    codes = codes_on(add(client, Authenticator()).text)
    proved = {"step_up_password": alice.password, "step_up_code": "", "step_up_recovery": codes[0]}
    begun = client.post("/security/totp", data=proved).text
    assert "Configurar dois fatores" in begun
    alice.key = key_on(begun)
    answer = client.post("/security/totp/confirm", data={"code": alice.code_at(clock())})
    assert "Aplicativo adicionado." in answer.text
    assert (codes_on(answer.text), events(rows)[-1]) == ([], "totp.added")
    assert "Restam 9 de 10" in answer.text
    clock.forward(seconds=30)
    client.post("/policy/require", data={"days": "0"})
    answer = client.post("/security/totp/remove", data=proof(alice, clock()))
    assert "Aplicativo removido. As chaves de acesso continuam valendo." in answer.text
    assert rows("SELECT count(*) FROM recovery_codes WHERE used_at IS NULL") == [(9,)]
    assert "totp.app_removed" in events(rows)


def test_beside_passkeys_of_another_address_alone_the_app_stays(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """They would still have the account ask for a second factor, and nothing but recovery codes would answer."""
    add(client, Authenticator(), **proof(protected, clock()))
    rows("UPDATE passkeys SET rp_id = 'antigo.test'")
    hub = client.get("/security").text
    assert ("só restariam chaves de acesso de outro endereço" in hub, 'id="remove"' in hub) == (True, False)
    assert "continuam abrindo a conta" not in hub
    answer = client.post("/security/totp/remove", data=proof(protected, clock.forward(seconds=30)))
    assert (answer.status_code, rows("SELECT count(*) FROM totp")) == (422, [(1,)])
    assert "remova primeiro essas chaves" in answer.text
    gone = client.post(f"/security/passkeys/{ids(rows)[0]}/remove", data=proof(protected, clock.forward(seconds=30)))
    assert (gone.status_code, ids(rows)) == (200, [])
    answer = client.post("/security/totp/remove", data=proof(protected, clock.forward(seconds=30)))
    assert "Autenticação de dois fatores desativada." in answer.text


def test_the_one_passkey_that_opens_the_account_here_stays_beside_those_of_another_address(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    codes = codes_on(add(client, Authenticator()).text)
    lasting = [{"step_up_password": alice.password, "step_up_code": "", "step_up_recovery": one} for one in codes]
    clock.forward(seconds=30)
    add(client, Authenticator(), **lasting[0])
    former, here = ids(rows)
    rows("UPDATE passkeys SET rp_id = 'antigo.test' WHERE id = ?", former)
    page = client.get("/security/passkeys").text
    assert "só restariam chaves de acesso de outro endereço" in page
    assert (f"{former}/remove" in page, f"{here}/remove" in page) == (True, False)
    answer = client.post(f"/security/passkeys/{here}/remove", data=lasting[1])
    assert (answer.status_code, ids(rows)) == (422, [former, here])
    assert client.post(f"/security/passkeys/{former}/remove", data=lasting[2]).status_code == 200
    assert client.post(f"/security/passkeys/{here}/remove", data=lasting[3]).status_code == 200
    assert ids(rows) == []


def test_what_needs_a_script_leads_on_without_one(alice: Person, client: TestClient) -> None:
    page, inside = client.post("/security/passkeys").text, client.post("/security/passkeys", headers=FRAGMENT).text
    assert "Crie a chave de acesso</h1>" in page
    assert '<div data-no-script><p class="actions"><a class="button" href="/security/passkeys">Voltar</a>' in page
    assert '<a href="/security">Usar o aplicativo autenticador</a>' in page
    assert "data-no-script" not in inside


def test_ten_are_enough(protected: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    for _ in range(10):
        add(client, Authenticator(), **proof(protected, clock()))
        clock.forward(seconds=30)
    assert 'id="add-passkey"' not in client.get("/security/passkeys").text
    answer = client.post("/security/passkeys", data=proof(protected, clock()))
    assert (answer.status_code, len(ids(rows))) == (422, 10)
    assert "A conta já tem 10 chaves de acesso." in answer.text


def test_one_authenticator_is_added_once(protected: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    authenticator = Authenticator()
    add(client, authenticator, **proof(protected, clock()))
    clock.forward(seconds=30)
    options, used = begin(client, **proof(protected, clock())), authenticator.credentials[0].id
    assert [one["type"] for one in options["excludeCredentials"]] == ["public-key"]
    answer = client.post(
        "/security/passkeys/confirm", data={"answer": authenticator.create(options, credential_id=used)}
    )
    assert (answer.status_code, len(ids(rows))) == (422, 1)
    assert "Esta chave de acesso já está cadastrada." in answer.text


FAULTS: dict[str, dict[str, Any]] = {
    "subdomain": {"origin": "https://login.painel.test"},
    "other port": {"origin": f"{ORIGIN}:8443"},
    "plain": {"origin": "http://painel.test"},
    "rp id": {"rp_id": "outro.test"},
    "type": {"type": "webauthn.get"},
    "challenge": {"challenge": bytes(72)},
    "unverified": {"flags": UP | BE | BS | 0x40},
    "absent": {"flags": UV | BE | BS | 0x40},
    "framed": {"cross_origin": True},
    "attestation": {"attestation": b"\xff" * 40},
    "named otherwise": {"id": b"another one's" * 2},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_hostile_answer_adds_nothing_and_is_told(
    fault: dict[str, Any], alice: Person, client: TestClient, rows: Rows
) -> None:
    answer = Authenticator().create(begin(client), **fault)
    refused = client.post("/security/passkeys/confirm", data={"answer": answer})
    assert (refused.status_code, ids(rows)) == (422, [])
    assert events(rows)[-1] == "passkey.failed"
    assert 'role="alert"' in refused.text


@pytest.mark.parametrize("answer", ["", "{", "[]", "null", "[" * 1000, '{"type": "public-key"}', "x" * 1000])
def test_what_is_no_answer_adds_nothing(answer: str, alice: Person, client: TestClient, rows: Rows) -> None:
    begin(client)
    refused = client.post("/security/passkeys/confirm", data={"answer": answer})
    assert (refused.status_code, ids(rows), events(rows)[-1]) == (422, [], "passkey.failed")


def test_what_was_asked_is_answered_once_in_time_and_in_its_own_session(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    other, options = new_client(), begin(client)
    sign_in(other, alice)
    first, second = (Authenticator().create(options) for _ in range(2))
    assert other.post("/security/passkeys/confirm", data={"answer": first}).status_code == 422
    clock.forward(minutes=5)
    late = client.post("/security/passkeys/confirm", data={"answer": first})
    assert ("passou do tempo" in late.text, ids(rows)) == (True, [])
    clock.forward(minutes=-1)
    assert client.post("/security/passkeys/confirm", data={"answer": first}).status_code == 200
    spent = client.post("/security/passkeys/confirm", data={"answer": second})
    assert (spent.status_code, len(ids(rows))) == (422, 1)


def test_a_stranger_to_a_passkey_finds_none(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    add(client, Authenticator())
    browser, path = new_client(), f"/security/passkeys/{ids(rows)[0]}"
    sign_in(browser, invite("bruno"))
    for answer in (browser.post(f"{path}/rename", data={"name": "x"}), browser.post(f"{path}/remove")):
        assert answer.status_code == 404
    assert len(ids(rows)) == 1


def test_whoever_has_to_begin_may_begin_with_a_passkey(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    browser, bruno = new_client(), invite("bruno")
    add(client, Authenticator())
    client.post("/policy/require", data={"days": "0"})
    sign_in(browser, bruno)
    page = browser.get("/security").text
    assert ("Configurar Agora" in page, "Adicionar chave de acesso" in page) == (True, True)
    assert len(codes_on(add(browser, Authenticator()).text)) == 10
    assert browser.get("/instances").status_code == 200


@pytest.mark.parametrize(
    ("changes", "opened", "told"),
    [
        ({"host": "192.0.2.7"}, "http://192.0.2.7:8000", "este endereço é um número (IP)"),
        ({"public_url": "http://painel.lan"}, "http://painel.lan", "precisam de HTTPS"),
        ({}, "http://127.0.0.1:8000", "Abra o painel em http://localhost:8000 para usá-las."),
    ],
    ids=["address", "plain", "number of this machine"],
)
def test_where_there_can_be_none_the_page_says_why_and_what_would_help(
    changes: dict[str, Any], opened: str, told: str, settings: Settings, clock: Clock, setup_code: str, rows: Rows
) -> None:
    app = create_app(replace(replace(settings, public_url="", allow_http=True), **changes), now=clock)
    with TestClient(app, base_url=opened, headers={"Origin": opened}, follow_redirects=False) as client:
        assert set_up(client, Person("alice", PASSWORD), setup_code).status_code == 303
        assert told in client.get("/security/passkeys").text
        hub, first = client.get("/security").text, client.get("/welcome").text
        assert (told in hub, 'id="configure"' in hub, 'id="add-passkey"' in hub) == (True, True, False)
        assert ('id="configure"' in first, 'id="add-passkey"' in first, "passkey" in first) == (True, False, False)
        refused = client.post("/security/passkeys")
        assert (refused.status_code, told in refused.text, "data-create" in refused.text) == (422, True, False)


def test_at_the_machine_itself_localhost_is_a_name(
    settings: Settings, clock: Clock, setup_code: str, rows: Rows
) -> None:
    here, app = "http://localhost:8000", create_app(replace(settings, public_url=""), now=clock)
    with TestClient(app, base_url=here, headers={"Origin": here}, client=("127.0.0.1", 1)) as client:
        set_up(client, Person("alice", PASSWORD), setup_code)
        answer = add(client, Authenticator(origin=here))
        assert len(codes_on(answer.text)) == 10
        assert "data-signals" not in client.get("/security/passkeys").text  # its passkeys are of every program there


def test_password_managers_are_told_which_passkeys_are_accepted(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    assert "data-signals" not in client.get("/security/passkeys").text
    phone = Authenticator()
    add(client, phone)
    found = re.search(r'data-signals="([^"]+)"', client.get("/security/passkeys").text)
    assert found
    told = json.loads(unescape(found[1]))
    assert (told["rpId"], told["name"]) == ("painel.test", "alice")
    assert told["allAcceptedCredentialIds"] == [coded(phone.credentials[0].id)]


def test_people_read_which_factors_somebody_has(
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
    clock: Clock,
    rows: Rows,
) -> None:
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    codes = codes_on(add(browser, Authenticator()).text)
    add(client, Authenticator(), **proof(protected, clock()))
    page = client.get("/people").text
    assert "2 de 2 protegidas." in page
    assert "Aplicativo, 1 chave <small>· 10 códigos</small>" in page
    assert "1 chave <small>· 10 códigos</small>" in page.replace("Aplicativo, 1 chave", "")
    bruno.recovery_codes = codes
    add(browser, Authenticator(), **lost(bruno, 0))
    person = client.get("/people/2").text
    assert ("2 chaves" in person, "Zerar dois fatores" in person) == (True, True)
    assert "Restam 9 códigos de recuperação." in person


def test_a_reset_takes_passkeys_too_and_says_so(
    protected: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    add(browser, Authenticator())
    fields = {"reason": "Perdeu o aparelho", "hours": "0"} | proof(protected, clock())
    assert client.post("/people/2/reset-factor", data=fields).status_code == 303
    sign_in(browser, bruno)
    assert "Nenhuma ainda." in browser.get("/security/passkeys").text
    assert "Só a senha" in client.get("/people/2").text


def test_whoever_has_a_passkey_alone_stops_what_was_begun(
    protected: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    bruno.recovery_codes = codes_on(add(browser, Authenticator()).text)
    fields = {"reason": "Perdeu o aparelho", "hours": "24"} | proof(protected, clock())
    assert client.post("/people/2/reset-factor", data=fields).status_code == 303
    assert "Não tenho o aplicativo" in browser.get("/security").text
    asked = browser.post("/security/delayed-acts/stop-proved", headers=FRAGMENT)
    assert (asked.status_code, "Confirme que é você" in asked.text) == (403, True)
    stopped = browser.post("/security/delayed-acts/stop-proved", data=lost(bruno, 0)).text
    assert "Impedido: nada muda na sua conta." in stopped
    assert "Não tenho o aplicativo" not in stopped
    assert "Não tenho o aplicativo" not in browser.get("/security").text


def test_a_password_alone_stops_nothing(
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
    clock: Clock,
    rows: Rows,
) -> None:
    """After a reset it may be what somebody else has, and the link what takes it from them."""
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    fields = {"reason": "Perdeu o aparelho", "hours": "0"} | proof(protected, clock())
    client.post("/people/2/reset-factor", data=fields)
    client.post("/people/2/link", data=proof(protected, clock.forward(seconds=30)))
    sign_in(browser, bruno)
    typed = {"step_up_password": bruno.password, "step_up_code": "", "step_up_recovery": ""}
    refused = browser.post("/security/delayed-acts/stop-proved", data=typed)
    assert (refused.status_code, "Ative antes os seus dois fatores" in refused.text) == (403, True)
    assert rows("SELECT kind FROM delayed_acts") == [("password_link",)]


def test_the_first_screen_tells_how_the_next_login_goes(alice: Person, client: TestClient) -> None:
    assert [one in client.get("/welcome").text for one in ('id="configure"', 'id="add-passkey"')] == [True, True]
    add(client, Authenticator())
    page = client.get("/welcome").text
    assert "Na próxima entrada basta a chave de acesso" in page
    assert "aplicativo" not in page


def test_the_policy_page_claims_a_factor_that_resists_phishing(alice: Person, client: TestClient) -> None:
    row = client.get("/policy").text.partition("§2.2.2")[2].partition("</li>")[0]
    assert ("chaves de acesso" in row, "Atendida" in row) == (True, True)


def test_an_account_that_lost_its_last_passkey_reads_what_is_left_to_do(
    alice: Person, client: TestClient, rows: Rows
) -> None:
    alice.recovery_codes = codes_on(add(client, Authenticator()).text)
    client.post(f"/security/passkeys/{ids(rows)[0]}/remove", data=lost(alice, 0))
    assert "Apague a chave antiga do aparelho ou do gerenciador de senhas" in client.get("/security").text


def on_the_device_step(client: TestClient) -> str:
    """Everything is locked, and the password is nobody else's."""
    client.post("/security/bad-day/lock")
    return client.post("/security/bad-day/skip", data={"step": "password"}).text.partition("Aparelho novo")[2]


def test_on_the_bad_day_the_passkeys_of_a_lost_device_are_removed_and_lead_back(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    alice.recovery_codes = codes_on(add(client, Authenticator(flags=UP | UV)).text)
    add(client, Authenticator(), **lost(alice, 0))
    rows("UPDATE passkeys SET name = 'Celular de antes' WHERE id = ?", ids(rows)[0])
    step = on_the_device_step(client)
    assert "<strong>Celular de antes</strong>" in step
    assert ("só em um aparelho" in step, "em um gerenciador de senhas" in step) == (True, True)
    assert ('id="to-passkeys"' in step, "Trocar de aparelho" in step) == (True, False)
    clock.forward(minutes=1)
    removed = client.post(f"/security/passkeys/{ids(rows)[0]}/remove", data=lost(alice, 1))
    assert (removed.status_code, removed.headers["location"]) == (303, "/security/bad-day")
    assert "Celular de antes" not in client.get("/security/bad-day").text
    after = client.post("/security/bad-day/skip", data={"step": "device"}).text
    assert "Você disse que os aparelhos estão com você" in after


def test_on_the_bad_day_app_and_passkeys_are_both_looked_at(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    add(client, Authenticator(), **proof(protected, clock()))
    step = on_the_device_step(client)
    assert ("Trocar de aparelho" in step, "Rever chaves de acesso" in step) == (True, True)
    assert "Os aparelhos estão comigo" in step


def test_on_the_bad_day_the_last_passkey_gone_is_a_factor_to_make_anew(
    alice: Person, client: TestClient, rows: Rows
) -> None:
    alice.recovery_codes = codes_on(add(client, Authenticator()).text)
    on_the_device_step(client)
    client.post(f"/security/passkeys/{ids(rows)[0]}/remove", data=lost(alice, 0))
    assert "Configurar Agora" in client.get("/security/bad-day").text
    answer = add(client, Authenticator())
    assert "back=/security/bad-day" in answer.text
    assert "Feito às" in client.get("/security/bad-day").text
