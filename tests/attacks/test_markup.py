"""Every page and every fragment by the rules of the HTML standard: nothing that a browser has to mend, no id twice, and
no reference to what is not there."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.markup import check
from tests.support.people import FRAGMENT, Person, begin_enrolment, give_password, proof, protect, sign_in

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(params=[{}, FRAGMENT], ids=["page", "fragment"])
def headers(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.param
    return found


def test_before_the_login(headers: dict[str, str], alice: Person, client: TestClient, new_client: NewClient) -> None:
    browser = new_client()
    browser.headers.update(headers)
    check(browser.get("/login?next=/activity"))
    check(give_password(browser, alice, password="x"))
    check(browser.get("/activate"))
    check(browser.post("/activate", data={"activation_code": '"<', "password": "x", "repeated": "y"}))
    check(browser.get("/nope"))
    check(browser.post("/login", data={"x": "y"}))


def test_the_first_run(headers: dict[str, str], setup_code: str, client: TestClient) -> None:
    client.headers.update(headers)
    check(client.get("/setup"))
    fields = {"setup_code": setup_code, "name": "A <b>", "password": "x", "repeated": "y"}
    check(client.post("/setup", data=fields))


def test_the_challenge(
    headers: dict[str, str], protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    browser.headers.update(headers)
    check(browser.get("/login/code"))
    check(browser.get("/login/recovery"))
    check(browser.post("/login/recovery", data={"code": "x"}))
    for _ in range(6):
        answer = browser.post("/login/code", data={"code": protected.wrong_code_at(clock())})
        if answer.text:
            check(answer)


def test_inside_without_a_second_factor(
    headers: dict[str, str], alice: Person, client: TestClient, rows: Rows, clock: Clock
) -> None:
    client.headers.update(headers)
    for name in ("Loja", 'A "<i>" & b'):
        client.post("/instances", data={"name": name})
    [(one,), _] = rows("SELECT id FROM instances")
    for path in ("/instances", f"/instances/{one}", f"/instances/{one}/rename", f"/instances/{one}/delete"):
        check(client.get(path))
    check(client.post("/instances", data={"name": ":"}))
    check(client.post(f"/instances/{one}/rename", data={"name": ":"}))
    check(client.post(f"/instances/{one}/token/show"))
    check(client.post(f"/instances/{one}/token/change"))
    for path in ("/security", "/security/password", "/security/sessions", "/security/bad-day", "/policy", "/activity"):
        check(client.get(path))
    check(client.post("/security/totp"))
    check(client.get("/security"))
    check(client.post("/security/totp/confirm", data={"code": "12"}))
    check(client.post("/security/totp/cancel"))
    check(client.post("/security/password/strength", data={"password": "pato verde"}))
    check(client.post("/security/password", data={"current": "x", "password": "y", "repeated": "z"}))
    check(client.post("/security/bad-day/lock"))
    check(client.post("/activity/verify"))
    clock.forward(minutes=6)
    for path in ("/security/totp", "/security/password", f"/instances/{one}/token/show", "/security/bad-day/reopen"):
        check(client.post(path))


def test_inside_with_a_second_factor(
    headers: dict[str, str], alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.headers.update(headers)
    alice.key = re.sub(" ", "", re.findall(r'<code id="key">([^<]*)<', client.post("/security/totp").text)[0])
    answer = client.post("/security/totp/confirm", data={"code": alice.code_at(clock())})
    check(answer)
    alice.recovery_codes = re.findall(r"<li><code>([0-9A-Z-]{19})</code></li>", answer.text)
    check(client.get("/security"))
    check(client.post("/security/recovery-codes/rehearsal"))
    check(client.post("/security/recovery-codes/rehearsal", data={"code": "x"}))
    check(client.post("/security/recovery-codes/rehearsal", data={"code": alice.recovery_codes[1]}))
    check(client.post("/security/totp/remove"))
    check(client.post("/security/totp/remove", data={"step_up_password": "x"}))
    clock.forward(seconds=30)
    check(client.post("/security/totp/remove", data=proof(alice, clock()) | {"step_up_code": "x"}))
    browser = new_client()
    give_password(browser, alice)
    browser.post("/login/recovery", data={"code": alice.recovery_codes[0]})
    browser.headers.update(headers)
    check(browser.get("/instances"))
    check(browser.post("/security/recovery-codes/replacement", data=proof(alice, clock.forward(seconds=30))))
    check(browser.post("/security/recovery-codes", data=proof(alice, clock.forward(seconds=30))))
    sign_in(new_client(), alice, alice.wrong_code_at(clock()))
    alice.key = begin_enrolment(browser, **proof(alice, clock.forward(seconds=30)))
    check(browser.post("/security/totp/confirm", data={"code": alice.code_at(clock())}))
    check(browser.get("/security"))
    clock.forward(minutes=6)
    for path in ("/security", "/security/sessions", "/activity", "/security/bad-day"):
        check(browser.get(path))


def test_where_a_second_factor_is_required(
    headers: dict[str, str],
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
    clock: Clock,
) -> None:
    client.headers.update(headers)
    check(client.get("/policy"))
    browser = new_client()
    sign_in(browser, invite("bruno"))
    for days in ("7", "0"):
        check(client.get("/policy"))
        client.post("/policy/require", data={"days": days})
        client.headers.update(headers)
        check(browser.get("/security"))
        check(client.get("/security"))
        if days == "7":
            client.post("/policy/release", data=proof(protected, clock()))
    check(client.get("/policy"))
    browser.headers.update(headers)
    check(browser.get("/security"))


def test_people(
    headers: dict[str, str],
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
    clock: Clock,
) -> None:
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    client.headers.update(headers)
    browser.headers.update(headers)
    for path in ("/people", "/people?busca=x&filtro=sem-fator", "/people/1", "/people/2", "/people/invite"):
        check(client.get(path))
    for act in ("end", "require", "remind"):
        check(client.get(f"/people/chosen?p=1&p=2&ato={act}"))
    check(client.post("/people/invite", data={"name": "x", "role": "member"}))
    check(client.post("/people/invite", data={"name": "carla", "role": "member"}))
    for path in ("/people/3", "/people/chosen"):
        check(client.get(path))
    for reason in ("curto", "Perdeu o celular no ônibus"):
        fields = {"reason": reason, "hours": "1"} | proof(protected, clock.forward(seconds=30))
        client.post("/people/2/reset-factor", data=fields)
        check(client.get("/people/2"))
    check(browser.get("/instances"))
    check(browser.post("/security/delayed-acts/stop", data={"code": "12"}))
    check(browser.post("/security/delayed-acts/stop", data={"code": bruno.code_at(clock())}))
    for act in ("disable", "enable", "promote", "link"):
        client.post(f"/people/2/{act}", data=proof(protected, clock.forward(seconds=30)))
        check(client.get("/people/2"))
