import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.routing import Match
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import (
    FRAGMENT,
    Person,
    begin_enrolment,
    cookie_of,
    give_password,
    lost,
    plant,
    proof,
    protect,
    sign_in,
)
from web.guards.guard import demand_of
from web.routes import ROUTES

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def later(alice: Person, client: TestClient, clock: Clock) -> Person:
    """Alice with two-factor on, signed in for more than five minutes."""
    protect(client, alice, clock())
    clock.forward(minutes=6)
    return alice


def test_a_full_login_counts_for_five_minutes(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=4)
    assert client.post("/security/totp").status_code == 200
    clock.forward(minutes=1)
    assert client.post("/security/totp").status_code == 403


@pytest.mark.parametrize("path", ["/security/totp", "/security/totp/remove", "/security/recovery-codes"])
def test_a_clock_that_went_back_proves_nothing(
    path: str, protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A47: a session whose verification is dated ten minutes ahead."""
    before = rows("SELECT sealed_key FROM totp"), rows("SELECT digest FROM recovery_codes")
    clock.forward(minutes=-10)
    answer = client.post(path)
    assert answer.status_code == 403
    assert "Confirme que é você" in answer.text
    assert (rows("SELECT sealed_key FROM totp"), rows("SELECT digest FROM recovery_codes")) == before


def test_without_a_second_factor_the_password_is_enough(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=6)
    asked = client.post("/security/totp", headers=FRAGMENT)
    assert "Confirme que é você" in asked.text
    assert "Código de verificação" not in asked.text
    assert client.post("/security/totp", data={"step_up_password": alice.password}).status_code == 200


@pytest.mark.parametrize("path", ["/security/totp", "/security/recovery-codes", "/security/totp/remove"])
def test_a_stolen_session_changes_no_factor(
    path: str, later: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A21."""
    before = rows("SELECT * FROM totp"), rows("SELECT * FROM recovery_codes"), rows("SELECT * FROM totp_enrolments")
    assert client.post(path).status_code == 403
    for half in ({"step_up_code": later.code_at(clock())}, {"step_up_password": later.password}):
        assert client.post(path, data=half).status_code == 422
    after = rows("SELECT * FROM totp"), rows("SELECT * FROM recovery_codes"), rows("SELECT * FROM totp_enrolments")
    assert before == after


def test_after_the_step_up_the_interrupted_action_goes_on_by_itself(
    later: Person, client: TestClient, clock: Clock
) -> None:
    asked = client.post("/security/recovery-codes", headers=FRAGMENT)
    assert "Depois, o painel continua de onde parou." in asked.text
    answer = client.post("/security/recovery-codes", data=proof(later, clock()), headers=FRAGMENT)
    assert answer.status_code == 200
    assert "Guarde seus códigos de recuperação" in answer.text


def test_what_was_typed_is_carried_along(later: Person, client: TestClient) -> None:
    asked = client.post("/security/recovery-codes", data={"note": 'a "quoted" word'})
    assert '<input type="hidden" name="note" value="a &#34;quoted&#34; word">' in asked.text


def hidden_fields(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}


def test_secrets_typed_before_the_step_up_are_sealed_meanwhile_and_then_used(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    fresh = "pato verde corre na praia"
    typed = {"current": later.password, "password": fresh, "repeated": fresh}
    asked = client.post("/security/password", data=typed, headers=FRAGMENT)
    assert asked.status_code == 403
    assert "pato" not in asked.text
    assert later.password not in asked.text
    wrong = client.post("/security/password", data=hidden_fields(asked.text) | {"step_up_password": "x"})
    answer = client.post("/security/password", data=hidden_fields(wrong.text) | proof(later, clock()))
    assert "Senha alterada" in answer.text
    assert give_password(new_client(), later, password=fresh).status_code == 303


def test_sealed_secrets_are_good_for_this_session_and_this_action_alone(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    fresh = "pato verde corre na praia"
    typed = {"current": later.password, "password": fresh, "repeated": fresh}
    kept = hidden_fields(client.post("/security/password", data=typed).text)
    assert list(kept) == ["step_up_kept"]
    other = new_client()
    sign_in(other, later, later.code_at(clock()))
    assert "Senha alterada" not in other.post("/security/password", data=kept).text
    rehearsal = client.post("/security/recovery-codes/rehearsal", data=kept | proof(later, clock.forward(minutes=1)))
    assert 'name="code"' in rehearsal.text  # the form, as without any code
    for broken in ("", "x", "é", kept["step_up_kept"][:-9]):
        assert "Senha alterada" not in client.post("/security/password", data={"step_up_kept": broken}).text


def test_proving_renews_the_cookie_and_lasts_for_this_session_only(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A22."""
    thief = new_client()
    plant(thief, cookie_of(client))
    door = "/security/recovery-codes/rehearsal"
    client.post(door, data=proof(later, clock()))
    assert thief.get("/security").status_code == 303
    assert client.post(door).status_code == 200
    other = new_client()
    sign_in(other, later, later.code_at(clock.forward(minutes=1)))
    clock.forward(minutes=5)
    client.post(door, data=proof(later, clock()))
    assert other.post(door).status_code == 403
    clock.forward(minutes=5)
    assert client.post(door).status_code == 403


def test_a_code_proves_one_action(later: Person, client: TestClient, clock: Clock) -> None:
    fields = proof(later, clock())
    assert client.post("/security/recovery-codes", data=fields).status_code == 200
    again = client.post("/security/totp/remove", data=fields)
    assert again.status_code == 422
    assert "Este código já foi usado" in again.text


def test_wrong_codes_count_in_the_same_limit_as_at_the_login(
    later: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    """A21."""
    fields = proof(later, clock()) | {"step_up_code": later.wrong_code_at(clock())}
    answers = [client.post("/security/totp/remove", data=fields).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    refused = client.post("/security/totp/remove", data=fields)
    assert "Foram muitos códigos errados" in refused.text
    assert refused.headers["retry-after"] == "60"
    assert rows("SELECT failures FROM attempts WHERE kind = 'totp'") == [(5,)]


def test_after_a_recent_step_up_a_person_is_told_how_far_off_the_phone_is(
    later: Person, client: TestClient, clock: Clock
) -> None:
    ahead = {"step_up_password": later.password, "step_up_code": later.code_at(clock() + timedelta(minutes=2))}
    refused = client.post("/security/totp/remove", data=ahead)
    assert "Código incorreto" in refused.text
    client.post("/security/recovery-codes", data=proof(later, clock()))
    refused = client.post("/security/totp/remove", data=ahead)
    assert refused.status_code == 422
    assert "O relógio do seu celular parece estar 2 min adiantado" in refused.text


def test_a_blank_in_the_field_of_the_recovery_code_is_no_recovery_code(
    later: Person, client: TestClient, clock: Clock
) -> None:
    fields = proof(later, clock()) | {"step_up_recovery": " \u00a0\u200b"}
    assert client.post("/security/recovery-codes", data=fields).status_code == 200


def test_only_after_a_recent_step_up_a_person_is_told_the_date_on_the_server(
    later: Person, client: TestClient, clock: Clock
) -> None:
    wrong = {"step_up_password": later.password, "step_up_code": later.code_at(clock() + timedelta(days=730))}
    assert "O servidor marca" not in client.post("/security/totp/remove", data=wrong).text
    client.post("/security/recovery-codes", data=proof(later, clock()))
    assert "O servidor marca <time" in client.post("/security/totp/remove", data=wrong).text
    client.post("/login", data={"name": later.name, "password": later.password})
    again = client.post("/login/code", data={"code": wrong["step_up_code"]})
    assert "O servidor marca <time" in again.text  # still signed in, in the same browser


def test_a_code_disclosed_as_hours_off_is_never_accepted(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes", data=proof(later, clock()))
    told = later.code_at(clock() + timedelta(hours=3, seconds=30))
    refused = client.post("/security/totp/remove", data={"step_up_password": later.password, "step_up_code": told})
    assert "parece estar 3 h adiantado" in refused.text
    clock.forward(hours=3, seconds=30)
    assert sign_in(new_client(), later, told).status_code == 422
    assert sign_in(new_client(), later, later.code_at(clock.forward(seconds=30))).status_code == 303


def test_a_code_that_disclosed_the_clock_is_never_accepted(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes", data=proof(later, clock()))
    told = later.code_at(clock() + timedelta(minutes=2))
    client.post("/security/totp/remove", data={"step_up_password": later.password, "step_up_code": told})
    clock.forward(minutes=2)
    assert sign_in(new_client(), later, told).status_code == 422
    assert sign_in(new_client(), later, later.code_at(clock.forward(seconds=30))).status_code == 303


def test_every_code_that_disclosed_the_clock_stays_refused_and_is_not_called_used(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes", data=proof(later, clock()))
    told = [later.code_at(clock() + timedelta(minutes=minutes)) for minutes in (2, 3)]
    for code in told:
        client.post("/security/totp/remove", data={"step_up_password": later.password, "step_up_code": code})
    for code in told:
        clock.forward(minutes=2 if code == told[0] else 1)
        refused = sign_in(new_client(), later, code)
        assert refused.status_code == 422
        assert "Com este código o relógio foi conferido" in refused.text
    assert "já usado foi digitado" not in client.get("/security").text


def test_steps_disclosed_for_the_old_phone_are_accepted_from_the_new_one(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes/rehearsal", data=proof(later, clock()))
    ahead = later.code_at(clock() + timedelta(minutes=2))
    client.post("/security/totp/remove", data={"step_up_password": later.password, "step_up_code": ahead})
    later.key = begin_enrolment(client, **lost(later, 0))
    client.post("/security/totp/confirm", data={"code": later.code_at(clock())})
    clock.forward(minutes=2)
    assert sign_in(new_client(), later, later.code_at(clock())).status_code == 303


def test_somebody_elses_session_tells_nobody_how_far_off_a_phone_is(
    later: Person, new_client: NewClient, invite: Callable[[str], Person], clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, invite("bruno"))
    refused = sign_in(browser, later, later.code_at(clock() + timedelta(minutes=2)))
    assert "Código incorreto" in refused.text


def test_at_the_login_nobody_is_told_how_far_off_a_phone_is(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/security/recovery-codes", data=proof(later, clock()))
    refused = sign_in(new_client(), later, later.code_at(clock() + timedelta(minutes=2)))
    assert "Código incorreto" in refused.text
    assert "O relógio do seu celular" not in refused.text


def test_wrong_codes_are_not_blamed_on_the_password(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    for _ in range(6):
        refused = client.post("/security/totp/remove", data=proof(later, clock()) | {"step_up_code": "12"})
        assert "O código tem seis números" in refused.text
    assert give_password(new_client(), later).headers["location"] == "/login/code"


def test_wrong_passwords_are_limited_too(later: Person, client: TestClient, clock: Clock) -> None:
    fields = proof(later, clock()) | {"step_up_password": "girafa verde"}
    answers = [client.post("/security/totp/remove", data=fields).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]


def test_a_recovery_code_stands_in_for_the_lost_phone(later: Person, client: TestClient, rows: Rows) -> None:
    fields = {"step_up_password": later.password, "step_up_code": "", "step_up_recovery": later.recovery_codes[0]}
    assert client.post("/security/totp/remove", data=fields).status_code == 200
    assert rows("SELECT count(*) FROM totp") == [(0,)]


def test_the_cookie_of_a_proof_arrives_even_when_the_action_is_refused(
    later: Person, client: TestClient, clock: Clock
) -> None:
    answer = client.post("/instances/NONE/token/show", data=proof(later, clock()))
    assert answer.status_code == 404
    assert client.get("/security").status_code == 200


def test_each_proof_leaves_its_activity(later: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    client.post("/security/totp/remove", data=proof(later, clock()) | {"step_up_password": "girafa verde"})
    client.post("/security/recovery-codes", data=proof(later, clock()))
    events = [event for (event,) in rows("SELECT event FROM activity WHERE event LIKE 'stepup%' ORDER BY id")]
    assert events == ["stepup.failed", "stepup.ok"]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_form_proves_something_only_in_a_post(
    method: str, alice: Person, client: TestClient, clock: Clock, rows: Callable[..., Any]
) -> None:
    """A64."""
    clock.forward(minutes=6)
    before = rows("SELECT digest, verified_at FROM sessions")
    body = urlencode({"step_up_password": alice.password}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.request(method, "/security/password", content=body, headers=kind)
    assert answer.status_code == 403
    assert rows("SELECT digest, verified_at FROM sessions") == before


@pytest.mark.parametrize(("wait", "left"), [({"minutes": 4}, 0), ({"minutes": 6}, 1)])
def test_sair_with_the_cookie_from_before_a_renewal_ends_the_session(
    wait: dict[str, float], left: int, alice: Person, client: TestClient, clock: Clock, rows: Callable[..., Any]
) -> None:
    """A64: another tab had just proved who it is."""
    former = cookie_of(client)
    clock.forward(minutes=6)
    assert (
        client.post("/security/recovery-codes/rehearsal", data={"step_up_password": alice.password}).status_code < 403
    )
    assert cookie_of(client) != former
    clock.forward(**wait)
    client.post("/logout", headers={"Cookie": former})
    assert rows("SELECT count(*) FROM sessions") == [(left,)]


def test_the_cookie_from_before_a_renewal_opens_nothing(alice: Person, client: TestClient, clock: Clock) -> None:
    former = cookie_of(client)
    clock.forward(minutes=6)
    client.post("/security/recovery-codes/rehearsal", data={"step_up_password": alice.password})
    assert client.get("/instances", headers={"Cookie": former}).status_code == 303
    assert client.get("/instances").status_code == 200


@pytest.mark.parametrize("prefix", ["step_up", "proof"])
def test_no_answer_repeats_what_was_typed_for_the_step_up(
    prefix: str, alice: Person, client: TestClient, clock: Clock
) -> None:
    """`proof` is what these fields were called before: a page may have been left open across an upgrade."""
    secrets = {f"{prefix}_{name}": f"typed {name}" for name in ("password", "code", "recovery", "kept")}
    typed = {"name": "Loja"} | secrets
    assert "typed" not in client.post("/security/totp", data=typed).text
    clock.forward(days=2)
    over = client.post("/instances", data=typed)
    remembered = urlsafe_b64decode(cookie_of(over, "typed").partition("=")[2].strip('"'))
    assert b"Loja" in remembered
    assert b"typed" not in remembered


def asking(page: str) -> list[tuple[str, str]]:
    """The forms of a page that may be interrupted by a step-up: where each posts to, and what its answer replaces."""
    tags = (tag for tag in re.findall(r"<form [^>]*>", page) if "hx-target" in tag)
    forms = [(re.findall(r' action="([^"]+)"', tag)[0], re.findall(r'hx-target="([^"]+)"', tag)[0]) for tag in tags]
    return [(path, target) for path, target in forms if purpose_of(path)]


def purpose_of(path: str) -> str:
    scope = {"type": "http", "method": "POST", "path": path}
    demands = (demand_of(route) for route in ROUTES if route.matches(scope)[0] is Match.FULL)
    return next(demand.purpose for demand in demands if demand)


def test_what_asks_for_a_proof_stays_on_the_screen_beside_it(
    later: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/instances", data={"name": "Loja"})
    client.get("/instances")
    sign_in(new_client(), later, later.code_at(clock()))
    asked: dict[str, str] = {}
    for path in ("sessions", "bad-day", "drill", "recovery-codes/rehearsal", ""):
        asked |= {path: client.get(f"/security/{path}".rstrip("/")).text}
    asked |= {"policy": client.get("/policy").text, "instances": client.get("/instances").text}
    client.post("/security/bad-day/lock", data=proof(later, clock.forward(seconds=30)))
    for step in ("password", "device", "codes"):
        asked |= {"way back": client.post("/security/bad-day/skip", data={"step": step}).text}
    asked |= {"paused": client.get("/instances/paused/change").text}
    for name, page in asked.items():
        forms = asking(page)
        assert forms, name
        for path, target in forms:
            assert re.fullmatch(r"#ask-[\w-]+", target), (name, path)
            assert f'<div id="{target[1:]}"></div>' in page, (name, path)


def test_a_refused_proof_stays_in_its_place_and_a_good_one_leads_on(
    later: Person, client: TestClient, clock: Clock
) -> None:
    there = FRAGMENT | {"HX-Target": "div#ask-app"}
    asked = client.post("/security/totp", headers=there)
    assert '<section class="drawer step-up" id="ask-app"' in asked.text
    assert "hx-retarget" not in asked.headers
    there = FRAGMENT | {"HX-Target": "section#ask-app"}
    wrong = client.post("/security/totp", data={"step_up_password": "x", "step_up_code": ""}, headers=there)
    assert wrong.status_code == 422
    assert '<section class="drawer step-up" id="ask-app"' in wrong.text
    for path, words in (
        ("/security/totp", "Chave de configuração"),
        ("/security/recovery-codes/rehearsal", "Pegue a sua folha de códigos"),
        ("/security/recovery-codes", "Guarde seus códigos"),
        ("/security/totp/remove", "desativada"),
    ):
        answer = client.post(path, data=proof(later, clock.forward(seconds=30)), headers=there)
        assert words in answer.text
        assert answer.headers["hx-retarget"] == "#two-factor", path
