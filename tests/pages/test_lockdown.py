import argparse
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    give_password,
    proof,
    protect,
    sign_in,
)
from web.cli import people

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


BACK = '<a class="button quiet" href="/security/bad-day" hx-boost="false">Voltar aos passos</a>'


def instance(client: TestClient, rows: Rows) -> str:
    client.post("/instances", data={"name": "Loja"})
    return str(rows("SELECT id FROM instances")[0][0])


def test_bloquear_tudo_ends_every_other_session_and_pauses_every_token(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    instance_id, other = instance(client, rows), new_client()
    sign_in(other, alice)
    assert "Tudo bloqueado" in client.post("/security/bad-day/lock").text
    assert other.get("/instances").status_code == 303
    assert "pausado" in client.get("/instances").text
    shown = client.post(f"/instances/{instance_id}/token/show").text
    assert 'id="token-' not in shown


def test_bloquear_tudo_answers_what_this_session_is_told_and_not_what_it_did_itself(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    other, lost = new_client(), new_client()
    for browser, code in ((other, 0), (lost, 1)):
        give_password(browser, protected)
        browser.post("/login/recovery", data={"code": protected.recovery_codes[code]})
    fresh = "pato verde corre na praia"
    proved = proof(protected, clock())
    assert (
        "Senha alterada"
        in client.post(
            "/security/password", data={"current": protected.password, "password": fresh, "repeated": fresh} | proved
        ).text
    )
    protected.password = fresh
    before = client.get("/security/bad-day").text
    assert before.index("Feche a porta") < before.index("Um código de recuperação foi usado")
    clock.forward(minutes=6)
    locked = client.post("/security/bad-day/lock", data=proof(protected, clock()), headers=FRAGMENT).text
    for page in (locked, client.get("/security/bad-day").text, client.get("/activity").text):
        assert "código de recuperação foi usado<" not in page
        assert "ui eu" not in page
    sign_in(other, protected, protected.code_at(clock.forward(seconds=30)))
    page = other.get("/activity").text
    assert "A senha foi alterada" in page
    assert "código de recuperação foi usado<" not in page


def test_the_title_and_the_lock_say_where_the_account_stands(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    def heads(page: str) -> list[str]:
        return [*re.findall(r"<h1[^>]*>([^<]*)</h1>", page), *re.findall(r"<title>([^<]*) ·", page)]

    question = "Algo deu errado com a conta?"
    assert heads(client.get("/security/bad-day").text) == [question, question]
    locked = client.post("/security/bad-day/lock", data=proof(protected, clock()), headers=FRAGMENT).text
    assert heads(locked) == ["Fechado. Agora, o caminho de volta."] * 2
    assert 'data-level="2"' in locked
    typed = proof(protected, clock.forward(seconds=30)) | {"code": protected.recovery_codes[0]}
    client.post("/security/recovery-codes/rehearsal", data=typed)
    assert 'data-level="3"' in client.get("/security/bad-day").text
    for step in ("password", "device", "codes"):
        done = client.post("/security/bad-day/skip", data={"step": step})
    assert heads(done.text) == ["Tudo de volta", "Tudo de volta"]


def test_a_changed_token_can_be_seen_again(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = instance(client, rows)
    client.post("/security/bad-day/lock")
    assert 'id="token-' in client.post(f"/instances/{instance_id}/token/change").text
    assert "pausado" not in client.get("/instances").text


def test_reopening_asks_every_factor_again(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    instance(client, rows)
    protect(client, alice, clock())
    client.post("/security/bad-day/lock")
    assert client.post("/security/bad-day/reopen").status_code == 403
    assert "pausado" in client.get("/instances").text
    clock.forward(seconds=30)
    assert "Tokens reabertos" in client.post("/security/bad-day/reopen", data=proof(alice, clock())).text
    assert "pausado" not in client.get("/instances").text


def steps(client: TestClient) -> dict[str, str]:
    """The steps on the page, each with its state."""
    found = re.findall(r'<li class="(\w+)"[^>]*>.*?<h2>([^<]*)</h2>', client.get("/security/bad-day").text, re.DOTALL)
    return {title: state for state, title in found}


def test_before_anything_is_locked_the_first_step_alone_has_a_button(
    protected: Person, client: TestClient, rows: Rows
) -> None:
    instance(client, rows)
    titles = ("Feche a porta", "Senha nova", "Aparelho novo", "Códigos de recuperação novos", "Tokens")
    assert steps(client) == dict(zip(titles, ("now", "later", "later", "later", "later"), strict=True))
    page = client.get("/security/bad-day").text
    assert "Os 10 que restam deixam de valer na hora." in page
    assert page.count('aria-current="step"') == page.count('class="primary"') == 1


def test_the_steps_tick_themselves_off(protected: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    instance_id = instance(client, rows)
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    assert "Bloquear tudo" not in client.get("/security/bad-day").text
    fresh = "pato verde corre na praia"
    change = {"current": protected.password, "password": fresh, "repeated": fresh}
    assert client.post("/security/password", data=change).headers["location"] == "/security/bad-day"
    protected.password = fresh
    assert list(steps(client).values()) == ["done", "done", "now", "later", "later"]
    new = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    answer = client.post("/security/totp/confirm", data={"code": code_for(new, clock())})
    assert answer.headers["location"] == "/security/bad-day"
    protected.key = new
    assert list(steps(client).values()) == ["done", "done", "done", "now", "later"]
    shown = client.post("/security/recovery-codes", data=proof(protected, clock.forward(seconds=30))).text
    assert 'href="/security/recovery-codes/rehearsal?back=/security/bad-day"' in shown
    assert list(steps(client).values()) == ["done", "done", "done", "done", "now"]
    changed = client.post(f"/instances/{instance_id}/token/change").text
    assert BACK in changed
    assert set(steps(client).values()) == {"done"}
    page = client.get("/security/bad-day").text
    assert "Tudo de volta</h1>" in page
    assert 'data-as="hour"' in page
    assert "9h00" in page


def change_password(client: TestClient, person: Person, to: str) -> Any:
    fields = {"current": person.password, "password": to, "repeated": to}
    answer = client.post("/security/password", data=fields)
    person.password = to
    return answer


def test_on_any_other_day_nothing_leads_to_the_steps(protected: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/recovery-codes", data=proof(protected, clock()))
    assert "Senha alterada" in change_password(client, protected, "pato verde corre na praia").text
    begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    assert client.post("/security/totp/cancel").status_code == 200
    asked = client.get("/security/recovery-codes/rehearsal").text
    assert 'id="later" href="/security"' in asked
    assert "step" not in re.findall(r'<input[^>]*name="([^"]*)"', asked)


def test_a_step_that_was_broken_off_leads_back_too(protected: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    assert client.post("/security/totp/cancel").headers["location"] == "/security/bad-day"
    begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    answer = client.post("/security/totp/cancel", headers=FRAGMENT)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/security/bad-day")


def test_new_codes_are_tried_out_on_the_way_back(protected: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    codes = codes_on(client.post("/security/recovery-codes", data=proof(protected, clock.forward(seconds=30))).text)
    asked = client.get("/security/recovery-codes/rehearsal?back=/security/bad-day").text
    assert 'id="later" href="/security/bad-day">Depois</a>' in asked
    typed = {"code": "0000-0000-0000-0000", "back": "/security/bad-day"}
    wrong = client.post("/security/recovery-codes/rehearsal", data=typed)
    assert 'name="back" value="/security/bad-day"' in wrong.text
    right = client.post("/security/recovery-codes/rehearsal", data=typed | {"code": codes[0]})
    assert right.headers["location"] == "/security/bad-day"


def test_the_first_app_leads_back_by_way_of_its_codes(alice: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/bad-day/lock")
    client.post("/security/bad-day/skip", data={"step": "password"})
    codes = protect(client, alice, clock())
    assert "/security/recovery-codes/rehearsal?back=/security/bad-day" in codes.text
    typed = {"code": alice.recovery_codes[0], "back": "/security/bad-day"}
    assert client.post("/security/recovery-codes/rehearsal", data=typed).headers["location"] == "/security/bad-day"


def test_a_step_that_was_left_out_leads_back_for_half_an_hour_after_the_last(
    alice: Person, client: TestClient, clock: Clock
) -> None:
    client.post("/security/bad-day/lock")
    for step in ("password", "device"):
        client.post("/security/bad-day/skip", data={"step": step})
    assert set(steps(client).values()) == {"done", "skipped"}
    clock.forward(minutes=29)
    sign_in(client, alice)
    answer = change_password(client, alice, "pato verde corre na praia")
    assert answer.headers["location"] == "/security/bad-day"
    clock.forward(minutes=31)
    sign_in(client, alice)
    assert "Senha alterada" in change_password(client, alice, "girafa azul dorme na praia").text


def test_tokens_changed_together_tick_their_step_off_when_they_are_changed(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance(client, rows)
    client.post("/security/bad-day/lock")
    for step in ("password", "device"):
        client.post("/security/bad-day/skip", data={"step": step})
    [way] = re.findall('id="to-tokens" href="([^"]*)">Trocar o token<', client.get("/security/bad-day").text)
    assert "O antigo deixa de valer para sempre. O novo aparece aqui uma vez." in client.get(way).text
    clock.forward(minutes=4)
    client.post(way)
    told = re.search(r"<p>(Nenhum está pausado desde as .*?)\. ", client.get("/security/bad-day").text)
    assert told
    assert "9h04" in told[1]


def test_a_change_of_phone_that_was_undone_is_to_do_again(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    client.post("/security/bad-day/skip", data={"step": "password"})
    new = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    client.post("/security/totp/confirm", data={"code": code_for(new, clock())})
    assert steps(client)["Aparelho novo"] == "done"
    client.post("/security/totp/undo", data={"code": protected.code_at(clock.forward(seconds=30))})
    assert steps(client)["Aparelho novo"] == "now"


def test_two_factor_that_the_operator_switched_off_is_to_do_again(
    protected: Person, client: TestClient, clock: Clock, operate: Operate
) -> None:
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    client.post("/security/bad-day/skip", data={"step": "password"})
    new = begin_enrolment(client, **proof(protected, clock.forward(seconds=30)))
    client.post("/security/totp/confirm", data={"code": code_for(new, clock())})
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="alice")))
    sign_in(client, protected)
    assert steps(client)["Dois fatores"] == "now"


def test_the_hub_says_how_far_the_way_back_is_until_its_end(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance_id = instance(client, rows)
    assert "Ver o que fazer" in client.get("/security").text
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    page = client.get("/security").text
    assert "Faltam 4 passos para reabrir a conta" in page
    assert re.search(r"Passo 2 de 5</span>\s*<div class=\"do\"><a href=\"/security/bad-day\">Continuar</a>", page)
    assert "Ensaiar a recuperação" in page  # in its row: one thing is next
    assert "Falta uma proteção" not in page
    for step in ("password", "device", "codes"):
        client.post("/security/bad-day/skip", data={"step": step})
    assert "Falta 1 passo para reabrir a conta" in client.get("/security").text
    client.post("/security/bad-day/reopen", data=proof(protected, clock.forward(seconds=30)))
    assert steps(client)["Tokens"] == "skipped"  # none of them was changed
    assert "Reabertos sem trocar às" in client.get("/security/bad-day").text
    client.post(f"/instances/{instance_id}/token/change")
    assert steps(client)["Tokens"] == "done"
    assert "para reabrir a conta" not in client.get("/security").text


def test_on_the_way_back_two_factor_can_still_be_switched_on_from_the_hub(alice: Person, client: TestClient) -> None:
    client.post("/security/bad-day/lock")
    page = client.get("/security").text
    assert "Faltam 2 passos para reabrir a conta" in page
    assert page.count('id="configure"') == 1


def test_what_does_not_concern_this_day_is_left_out_and_can_still_be_done(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance(client, rows)
    client.post("/security/bad-day/lock", data=proof(protected, clock()))
    for step in ("password", "device", "device", "codes"):
        answer = client.post("/security/bad-day/skip", data={"step": step}, headers=FRAGMENT)
    assert list(steps(client).values()) == ["done", "skipped", "skipped", "skipped", "now"]
    for words in ("só você sabe a senha", "Alterar senha", "Trocar de aparelho", "Gerar novos códigos", "Reabrir"):
        assert words in answer.text
    assert rows("SELECT detail FROM activity WHERE event = 'account.step_skipped' ORDER BY id") == [
        ("password",),
        ("device",),
        ("codes",),
    ]
    told = client.get("/activity").text
    assert "Você pulou um passo (3 vezes)" in told
    assert all(f"</time> · {step}</li>" in told for step in ("senha nova", "aparelho novo"))


@pytest.mark.parametrize("step", ["door", "tokens", "", "x"])
def test_the_door_and_the_tokens_are_not_left_out(step: str, alice: Person, client: TestClient) -> None:
    client.post("/security/bad-day/lock")
    assert client.post("/security/bad-day/skip", data={"step": step}).status_code == 422


def test_nothing_is_left_out_before_its_turn(alice: Person, client: TestClient, rows: Rows) -> None:
    assert client.post("/security/bad-day/skip", data={"step": "device"}).status_code == 200
    assert rows("SELECT count(*) FROM activity WHERE event = 'account.step_skipped'") == [(0,)]


def test_bloquear_tudo_is_offered_again_once_somebody_is_in_again(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/bad-day/lock")
    assert "Só este navegador continua aberto" in client.get("/security/bad-day").text
    for step in ("password", "device"):
        page = client.post("/security/bad-day/skip", data={"step": step}).text
    assert "<dt>" not in page  # nothing was open elsewhere, and nothing trusted or paused
    assert "as chaves são suas de novo" in page
    sign_in(new_client(), alice)
    page = client.get("/security/bad-day").text
    assert "Bloquear tudo de novo" in page
    assert "Chaves trocadas. Confira quem entrou depois." in page
    client.post("/security/bad-day/lock")
    assert "Bloquear tudo" not in client.get("/security/bad-day").text


def test_the_page_says_what_is_shut(alice: Person, client: TestClient, new_client: NewClient, rows: Rows) -> None:
    instance(client, rows)
    for number in range(2):
        browser = new_client()
        browser.headers["User-Agent"] = f"Firefox/{number}"
        sign_in(browser, alice)
    told = re.findall(r"<dt>([^<]*)</dt><dd>(\d+)</dd>", client.post("/security/bad-day/lock").text)
    assert told == [("Sessões encerradas", "2"), ("Dispositivos esquecidos", "2"), ("Tokens pausados", "1")]


def test_a_week_later_the_page_begins_anew_unless_a_token_is_still_paused(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance_id = instance(client, rows)
    client.post("/security/bad-day/lock")
    clock.forward(days=8)
    sign_in(client, alice)
    assert steps(client)["Feche a porta"] == "done"
    client.post(f"/instances/{instance_id}/token/change")
    assert steps(client)["Feche a porta"] == "now"


def test_a_lock_of_an_earlier_version_is_read_too(alice: Person, client: TestClient, rows: Rows) -> None:
    rows("INSERT INTO activity VALUES (99, 1795521605, 1, NULL, 'account.locked', '::', '', '3 · 0', NULL)")
    page = client.get("/security/bad-day").text
    assert "<dt>Sessões encerradas</dt><dd>3</dd>" in page
    assert "Dispositivos esquecidos" not in page


def test_a_step_that_only_another_version_knows_is_passed_over(alice: Person, client: TestClient, rows: Rows) -> None:
    client.post("/security/bad-day/lock")
    skipped = "INSERT INTO activity VALUES (99, 1795521605, 1, NULL, 'account.step_skipped', '::', '', 'keys', NULL)"
    rows(skipped)
    assert steps(client)["Senha nova"] == "now"


def test_without_two_factor_and_instances_there_is_less_to_do(alice: Person, client: TestClient) -> None:
    client.post("/security/bad-day/lock")
    client.post("/security/bad-day/skip", data={"step": "password"})
    assert steps(client) == {"Feche a porta": "done", "Senha nova": "skipped", "Dois fatores": "now"}
    assert "Configurar Agora" in client.get("/security/bad-day").text


def test_nobody_elses_tokens_are_paused(
    alice: Person, client: TestClient, new_client: NewClient, invite: Callable[[str], Person], rows: Rows
) -> None:
    instance(client, rows)
    bruno = new_client()
    sign_in(bruno, invite("bruno"))
    bruno.post("/security/bad-day/lock")
    assert "pausado" not in client.get("/instances").text


def test_it_leaves_its_activity(alice: Person, client: TestClient, rows: Rows) -> None:
    instance(client, rows)
    client.post("/security/bad-day/lock")
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("account.locked", "0 · 1 · 0")]
