import base64
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Busy
from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    cookie_of,
    key_on,
    plant,
    proof,
    protect,
    sign_in,
)
from tests.support.steady import HANG, HeldHashes, until
from web.crypto.vault import BrokenSeal

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def confirm(client: TestClient, code: str, **headers: str) -> Any:
    return client.post("/security/totp/confirm", data={"code": code}, headers=headers)


def test_the_icon_tells_that_the_second_factor_is_missing(alice: Person, client: TestClient, clock: Clock) -> None:
    assert "icon-pending.svg" in client.get("/instances").text
    protect(client, alice, clock())
    assert "icon-pending.svg" not in client.get("/instances").text


def test_pressing_configurar_agora_shows_qr_key_and_form(alice: Person, client: TestClient) -> None:
    state = '<p><span class="state"><i class="i-circle"></i>Desativada</span></p>'
    assert state in client.get("/security").text  # no second control beside the button
    page = client.post("/security/totp", headers=FRAGMENT).text
    key = key_on(page)
    assert re.search(r'<svg class="qr"[^>]* role="img" aria-label="QR code ', page)
    assert f"otpauth://totp/Painel%20Z-API:alice?secret={key}&amp;issuer=Painel%20Z-API" in page
    assert "Ativar" in page
    assert "Cancelar" in page
    assert "<html" not in page


def test_without_script_the_same_comes_as_a_page(alice: Person, client: TestClient) -> None:
    answer = client.post("/security/totp")
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_only_the_confirmed_code_switches_it_on(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    begin_enrolment(client)
    assert sign_in(new_client(), alice).headers["location"] == "/instances"
    answer = protect(client, alice, clock())
    assert "Guarde seus códigos de recuperação" in answer.text
    assert re.search("Ativa desde <time[^>]*>24/11/2026</time>", client.get("/security").text)
    assert sign_in(new_client(), alice, alice.code_at(clock.forward(seconds=30))).headers["location"] == "/instances"


def test_a_wrong_code_keeps_the_same_key(alice: Person, client: TestClient, clock: Clock) -> None:
    alice.key = begin_enrolment(client)
    refused = confirm(client, alice.wrong_code_at(clock()))
    assert refused.status_code == 422
    assert "Faltam 4 tentativas" in refused.text
    assert confirm(client, alice.code_at(clock())).status_code == 200


def test_in_place_a_wrong_code_swaps_the_form_and_leaves_the_qr(alice: Person, client: TestClient) -> None:
    begin_enrolment(client)
    refused = confirm(client, "12", **FRAGMENT)
    assert '<div id="confirm">' in refused.text
    assert "QR code" not in refused.text
    assert "<section" not in refused.text


def test_a_reload_offers_to_start_again_but_shows_no_key(alice: Person, client: TestClient) -> None:
    key = begin_enrolment(client)
    page = client.get("/security").text
    assert (
        "Se a conta já está no aplicativo, digite o código. Se não, comece de novo: a chave aparece uma vez só." in page
    )
    assert key not in page.replace(" ", "")
    assert "otpauth" not in page


def test_a_second_start_replaces_the_first(alice: Person, client: TestClient, clock: Clock) -> None:
    first, second = begin_enrolment(client), begin_enrolment(client)
    assert confirm(client, code_for(first, clock())).status_code == 422
    assert confirm(client, code_for(second, clock())).status_code == 200


def test_cancelling_changes_nothing(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    begin_enrolment(client)
    assert "Desativada" in client.post("/security/totp/cancel").text
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]
    assert sign_in(new_client(), alice).headers["location"] == "/instances"


def test_a_set_up_ends_after_ten_minutes(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    key = begin_enrolment(client)
    late = clock.forward(minutes=10)
    assert "passou do tempo" in confirm(client, code_for(key, late)).text
    assert rows("SELECT count(*) FROM totp") == [(0,)]


def test_five_wrong_codes_throw_the_key_away(alice: Person, client: TestClient, clock: Clock) -> None:
    alice.key = begin_enrolment(client)
    answers = [confirm(client, alice.wrong_code_at(clock())) for _ in range(5)]
    assert "cinco códigos errados" in answers[4].text
    assert "passou do tempo" in confirm(client, alice.code_at(clock())).text


def test_another_session_of_the_same_person_cannot_confirm(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    key, other = begin_enrolment(client), new_client()
    sign_in(other, alice)
    confirm(other, code_for(key, clock()))
    assert rows("SELECT count(*) FROM totp") == [(0,)]


@pytest.mark.parametrize("field", ["secret", "user_id", "key"])
def test_key_and_person_never_come_from_the_form(
    field: str, alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    key = begin_enrolment(client)
    answer = client.post("/security/totp/confirm", data={"code": code_for(key, clock()), field: "1"})
    assert answer.status_code == 422
    assert client.post("/security/totp", data={"secret": "A" * 32}).status_code == 422
    assert rows("SELECT count(*) FROM totp") == [(0,)]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(2, "2 min adiantado"), (-1.5, "1 min 30 s atrasado"), (180.5, "3 h adiantado"), (-24 * 60, "24 h atrasado")],
)
def test_a_wrong_clock_is_named_and_not_accepted(
    minutes: float, words: str, alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    key = begin_enrolment(client)
    refused = confirm(client, code_for(key, clock() + timedelta(minutes=minutes)))
    assert f"O relógio do seu celular parece estar {words}" in refused.text
    assert rows("SELECT count(*) FROM totp") == [(0,)]


@pytest.mark.parametrize("years", [2, -2])
def test_a_clock_two_years_off_is_told_by_the_date_on_the_server(
    years: int, alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    key = begin_enrolment(client)
    mistyped = confirm(client, code_for(key, clock() + timedelta(days=365 * years)), **FRAGMENT)
    assert "Digite o que aparece agora no aplicativo. Faltam 4 tentativas." in mistyped.text
    assert "O servidor marca" not in mistyped.text
    refused = confirm(client, code_for(key, clock() + timedelta(days=365 * years)), **FRAGMENT)
    assert refused.status_code == 422
    said = re.sub("<[^>]*>", "", refused.text)
    assert "Código incorreto" in said
    assert "O servidor marca 24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo." in said
    assert "Se o celular marca outra data ou outra hora, ligue nele a hora automática" in said
    assert "Faltam 3 tentativas" in said
    assert re.search('O servidor marca <time datetime="2026-11-24T12:00:05', refused.text)
    assert rows("SELECT count(*) FROM totp") == [(0,)]


def test_switching_on_ends_the_other_sessions_and_renews_this_one(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    other, before = new_client(), cookie_of(client)
    sign_in(other, alice)
    answer = protect(client, alice, clock())
    assert "A outra sessão foi encerrada" in answer.text
    assert other.get("/security").status_code == 303
    assert cookie_of(client) != before
    assert client.get("/security").status_code == 200


def test_a_session_stolen_right_after_its_login_binds_no_other_phone_and_draws_no_codes(
    protected: Person, client: TestClient, new_client: NewClient, rows: Callable[..., Any]
) -> None:
    """A70: the cookie alone, while the proof of the login still counts elsewhere."""
    thief, before = new_client(), rows("SELECT * FROM recovery_codes")
    plant(thief, cookie_of(client))
    for path in ("/security/totp", "/security/recovery-codes", "/security/recovery-codes/replacement"):
        asked = thief.post(path)
        assert asked.status_code == 403
        assert "Confirme que é você" in asked.text
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]
    assert rows("SELECT * FROM recovery_codes") == before


def test_a_person_who_just_set_a_first_password_is_not_asked_for_it_again(alice: Person, client: TestClient) -> None:
    assert "<svg" in client.post("/security/totp").text


def test_until_the_new_phone_is_confirmed_the_old_one_works(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    protect(client, alice, clock())
    old = alice.key
    new = begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    assert sign_in(new_client(), alice, code_for(old, clock.forward(seconds=30))).status_code == 303
    answer = confirm(client, code_for(new, clock.forward(seconds=30)))
    assert "Só o aplicativo novo vale agora" in answer.text
    clock.forward(seconds=30)
    assert sign_in(new_client(), alice, code_for(old, clock())).status_code == 422
    assert sign_in(new_client(), alice, code_for(new, clock())).status_code == 303


@pytest.fixture
def moved(alice: Person, client: TestClient, clock: Clock) -> tuple[str, str]:
    """The old key and the new one, a moment after the new phone was confirmed."""
    protect(client, alice, clock())
    old, new = alice.key, begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    confirm(client, code_for(new, clock.forward(seconds=30)))
    clock.forward(seconds=30)
    return old, new


def undo(client: TestClient, code: str) -> Any:
    return client.post("/security/totp/undo", data={"code": code})


def test_for_ten_minutes_the_move_can_be_undone_with_the_old_app(
    moved: tuple[str, str], alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    old, new = moved
    assert "Troca desfeita" in undo(client, code_for(old, clock())).text
    clock.forward(seconds=30)
    assert sign_in(new_client(), alice, code_for(new, clock())).status_code == 422
    assert sign_in(new_client(), alice, code_for(old, clock())).status_code == 303


def test_the_new_app_cannot_undo_and_the_old_one_cannot_sign_in(
    moved: tuple[str, str], alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    old, new = moved
    assert undo(client, code_for(new, clock())).status_code == 422
    assert sign_in(new_client(), alice, code_for(old, clock())).status_code == 422
    assert "Troca desfeita" in undo(client, code_for(old, clock())).text


def test_an_undo_whose_time_is_over_while_it_is_charged_undoes_nothing(
    moved: tuple[str, str], client: TestClient, clock: Clock, rows: Rows
) -> None:
    rows("CREATE TRIGGER over AFTER INSERT ON attempts BEGIN DELETE FROM totp_replaced; END")
    refused = undo(client, code_for(moved[0], clock()))
    assert refused.status_code == 422
    assert "Troca desfeita" not in refused.text
    assert not rows("SELECT 1 FROM activity WHERE event = 'totp.undone'")


def test_a_code_used_before_the_move_does_not_undo_it(alice: Person, client: TestClient, clock: Clock) -> None:
    protect(client, alice, clock())
    used = alice.code_at(clock.forward(seconds=30))
    new = begin_enrolment(client, **proof(alice, clock()))
    confirm(client, code_for(new, clock()))
    assert undo(client, used).status_code == 422


def test_after_ten_minutes_the_move_cannot_be_undone(moved: tuple[str, str], client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=10)
    assert "Desfazer até" not in client.get("/security").text
    assert "O prazo para desfazer a troca passou" in undo(client, code_for(moved[0], clock())).text


def test_another_session_cannot_undo(
    moved: tuple[str, str], alice: Person, new_client: NewClient, clock: Clock
) -> None:
    other = new_client()
    sign_in(other, alice, code_for(moved[1], clock()))
    assert "O prazo para desfazer" in undo(other, code_for(moved[0], clock())).text


def test_guessing_at_the_old_app_is_limited_like_any_code(
    moved: tuple[str, str], alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    wrong = alice.wrong_code_at(clock())
    refused = [undo(client, wrong) for _ in range(6)][5]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert "Tente de novo em" in refused.text
    assert rows("SELECT failures FROM attempts WHERE kind = 'totp'") == [(5,)]


def test_the_step_up_speaks_of_the_phone_where_there_is_one_already(
    alice: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=6)
    assert "Para <strong>ligar um aplicativo autenticador à sua conta</strong>." in client.post("/security/totp").text
    client.post("/security/totp", data={"step_up_password": alice.password})
    protect(client, alice, clock())
    asked = client.post("/security/totp").text
    assert "Para <strong>trocar de aparelho</strong>. O antigo vale até você confirmar o novo." in asked


def test_trocar_de_aparelho_looks_like_itself(protected: Person, client: TestClient, clock: Clock) -> None:
    page = client.post("/security/totp", data=proof(protected, clock())).text
    assert "<title>Trocar de aparelho" in page
    assert "O aparelho antigo vale até você confirmar o novo." in page
    assert "Configurar dois fatores" not in page
    hub = client.get("/security").text
    assert "Troca de aparelho em andamento" in hub
    assert "O antigo vale até você confirmar o novo. Se a conta já está no aplicativo novo, digite o código." in hub
    moved = confirm(client, code_for(key_on(page), clock.forward(seconds=30))).text
    assert "Só o aplicativo novo vale agora. Teste-o e apague a entrada antiga no aplicativo." in moved


def test_whoever_begins_again_is_told_of_the_entry_that_is_left_over(
    alice: Person, client: TestClient, clock: Clock
) -> None:
    once = protect(client, alice, clock()).text
    assert "apague a entrada antiga" not in once
    client.post("/security/totp/remove", data=proof(alice, clock.forward(seconds=30)))
    begin_enrolment(client)
    twice = protect(client, alice, clock()).text
    assert "apague a entrada antiga no aplicativo" in twice
    begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    new = begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    assert "apague as entradas antigas" in confirm(client, code_for(new, clock())).text


def test_the_set_up_tells_what_the_app_will_show_and_takes_the_key_there(alice: Person, client: TestClient) -> None:
    page = client.post("/security/totp").text
    assert "Aponte a câmera para o QR code" in page
    assert '<strong translate="no">Painel Z-API: alice.</strong>' in page
    assert re.search('<a class="button[^>]*href="otpauth://totp/[^>]*>Abrir no aplicativo<', page)
    assert not re.search('href="[^"]*(apple|google)', page)


def test_moving_to_another_phone_keeps_the_recovery_codes(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    protect(client, alice, clock())
    confirm(client, code_for(begin_enrolment(client, **proof(alice, clock.forward(seconds=30))), clock()))
    browser = new_client()
    sign_in(browser, alice)
    answer = browser.post("/login/recovery", data={"code": alice.recovery_codes[3]})
    assert answer.headers["location"] == "/instances"


def test_desativar_asks_password_and_code_even_right_after_the_login(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    protect(client, alice, clock())
    asked = client.post("/security/totp/remove")
    assert asked.status_code == 403
    assert "Confirme que é você" in asked.text
    clock.forward(seconds=30)
    answer = client.post("/security/totp/remove", data=proof(alice, clock()))
    assert "Autenticação de dois fatores desativada" in answer.text
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)") == [(0, 0)]
    assert sign_in(new_client(), alice).headers["location"] == "/instances"


def test_desativar_ends_the_other_sessions(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    other = new_client()
    sign_in(other, protected, protected.code_at(clock()))
    answer = client.post("/security/totp/remove", data=proof(protected, clock.forward(seconds=30)))
    assert "A outra sessão foi encerrada" in answer.text
    assert other.get("/instances").status_code == 303


def test_when_the_last_step_of_switching_on_fails_nothing_happened(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    rows("CREATE TRIGGER fault BEFORE UPDATE OF digest ON sessions BEGIN SELECT RAISE(ABORT, 'disk full, say'); END")
    key = begin_enrolment(client)
    with pytest.raises(Exception, match="disk full"):
        confirm(client, code_for(key, clock()))
    rows("DROP TRIGGER fault")
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)") == [(0, 0)]
    assert confirm(client, code_for(key, clock())).status_code == 200


def test_the_key_is_stored_sealed(alice: Person, client: TestClient, clock: Clock, settings: Any) -> None:

    protect(client, alice, clock())
    files = b"".join(file.read_bytes() for file in settings.data.glob("panel.db*"))
    assert alice.key.encode() not in files
    assert base64.b32decode(alice.key) not in files
    assert b"$argon2id$" not in files


def test_the_changes_leave_their_activity(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    protect(client, alice, clock())
    confirm(client, code_for(begin_enrolment(client, **proof(alice, clock.forward(seconds=30))), clock()))
    events = [event for (event,) in rows("SELECT event FROM activity WHERE event LIKE 'totp%' ORDER BY id")]
    assert events == ["totp.started", "totp.enabled", "totp.ok", "totp.started", "totp.replaced"]


def test_a_slow_judgement_of_a_password_delays_no_enrolment(alice: Person, client: TestClient) -> None:
    assert client.portal
    release = threading.Event()
    judged = client.portal.start_task_soon(client.app_state["panel"].strength_workers.run, release.wait, 10)
    try:
        assert "<svg" in client.post("/security/totp").text
    finally:
        release.set()
    assert judged.result(10)


def test_recovery_codes_are_hashed_while_the_person_still_types(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, hashes: HeldHashes
) -> None:
    alice.key = begin_enrolment(client)
    assert len(hashes.begun) == 10
    alice.recovery_codes = codes_on(confirm(client, alice.code_at(clock())).text)
    assert len(hashes.begun) == 10
    browser = new_client()
    sign_in(browser, alice)
    answer = browser.post("/login/recovery", data={"code": alice.recovery_codes[9]})
    assert answer.headers["location"] == "/instances"


def test_codes_that_could_not_be_made_early_are_made_when_they_are_needed(
    alice: Person, client: TestClient, clock: Clock, everybody_hashes: Busy, rows: Rows
) -> None:
    begin_enrolment(client)
    with everybody_hashes():
        alice.key = begin_enrolment(client)
    assert rows("SELECT sealed_codes FROM totp_enrolments") == [(None,)]  # not those of another key
    assert len(codes_on(confirm(client, alice.code_at(clock())).text)) == 10


def test_codes_made_early_die_with_their_key(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    first = key_on(client.post("/security/totp").text)
    [(early,)] = rows("SELECT sealed_codes FROM totp_enrolments")
    client.post("/security/totp/cancel")
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]
    second = begin_enrolment(client)
    assert first != second
    assert rows("SELECT sealed_codes FROM totp_enrolments") != [(early,)]
    assert rows("SELECT (SELECT count(*) FROM recovery_sets), (SELECT count(*) FROM recovery_codes)") == [(0, 0)]


def test_nothing_is_hashed_on_for_a_set_up_that_was_cancelled(
    alice: Person, client: TestClient, new_client: NewClient, hashes: HeldHashes, rows: Rows
) -> None:
    held = HeldHashes()
    client.app_state["panel"] = replace(client.app_state["panel"], argon2id=held)
    other = new_client()
    plant(other, cookie_of(client))
    begins = threading.Thread(target=begin_enrolment, args=(client,))
    begins.start()
    until(lambda: held.begun)
    other.post("/security/totp/cancel")
    held.let()
    begins.join(HANG)
    assert len(held.begun) == 1
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]


def test_codes_made_early_are_stored_sealed_for_their_account(
    alice: Person,
    client: TestClient,
    new_client: NewClient,
    clock: Clock,
    settings: Any,
    rows: Rows,
    invite: Callable[[str], Person],
) -> None:
    """A61: whoever can write to the database puts codes that they know in the row of another."""
    mallory, theirs = invite("mallory"), new_client()
    sign_in(theirs, mallory)
    begin_enrolment(theirs)
    alice.key = begin_enrolment(client)
    [(early,)] = rows("SELECT sealed_codes FROM totp_enrolments WHERE account_id = 2")
    rows("UPDATE totp_enrolments SET sealed_codes = ? WHERE account_id = 1", early)
    with pytest.raises(BrokenSeal):
        confirm(client, alice.code_at(clock()))
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)") == [(0, 0)]


def test_codes_made_early_are_nowhere_to_be_read(
    alice: Person, client: TestClient, clock: Clock, settings: Any
) -> None:
    alice.key = begin_enrolment(client)
    files = b"".join(file.read_bytes() for file in settings.data.glob("panel.db*"))
    codes = codes_on(confirm(client, alice.code_at(clock())).text)
    assert not any(code.encode() in files or code.replace("-", "").encode() in files for code in codes)
