import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import accounts
from tests.conftest import Operate
from tests.support.ceremonies import unasked
from tests.support.clock import Clock
from tests.support.people import FRAGMENT, ORIGIN, Person, cookie_of, give_password, plant, protect, sign_in
from web.app import create_app
from web.auth.passwords import stored_phc
from web.cli import people
from web.http.page import ROOT
from web.limits import SESSIONS_LIVE, Cost
from web.panel import Panel
from web.settings import Settings
from web.visit.cookies import new_token

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def test_name_and_password_open_the_panel(alice: Person, new_client: NewClient) -> None:
    browser = new_client()
    answer = give_password(browser, alice, name="ALICE")
    assert (answer.status_code, answer.headers["location"]) == (303, "/instances")
    assert browser.get("/instances").status_code == 200


def test_unknown_names_and_wrong_passwords_get_one_answer(alice: Person, new_client: NewClient) -> None:
    """A10."""
    wrong = give_password(new_client(), alice, password="girafa verde dança no chão")
    unknown = give_password(new_client(), Person("alyce", "girafa verde dança no chão"))
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert unasked(wrong.text).replace("alice", "alyce") == unasked(unknown.text)
    assert dict(wrong.headers) == dict(unknown.headers)
    assert not wrong.cookies


def test_a_person_who_was_invited_and_has_no_password_gets_that_answer_too(
    alice: Person, new_client: NewClient, operate: Operate
) -> None:
    import argparse

    operate(lambda panel: people.create_account(panel, argparse.Namespace(name="bruno", admin=False)))
    wrong = give_password(new_client(), alice, password="girafa verde dança no chão")
    invited = give_password(new_client(), Person("bruno", "girafa verde dança no chão"))
    assert unasked(invited.text) == unasked(wrong.text).replace("alice", "bruno")


def test_a_password_that_is_too_long_is_not_hashed_and_gets_that_answer_too(
    alice: Person, new_client: NewClient
) -> None:
    assert give_password(new_client(), alice, password="x" * 300).status_code == 422


def test_the_cookie_is_opaque_and_the_database_knows_only_its_hash(
    alice: Person, client: TestClient, rows: Rows
) -> None:
    token = cookie_of(client).partition("=")[2]
    assert len(token) == 43
    assert rows("SELECT digest FROM sessions") == [(hashlib.sha256(token.encode()).digest(),)]


def test_cookies_cannot_be_read_by_scripts_or_sent_from_elsewhere(alice: Person, new_client: NewClient) -> None:
    cookie = give_password(new_client(), alice).headers["set-cookie"]
    assert re.match(r"__Host-sid-[0-9a-f]{8}=", cookie)
    for part in ("HttpOnly", "Path=/", "SameSite=lax", "Secure"):
        assert part in cookie
    assert "Domain" not in cookie.split("__Host-pre")[0]
    assert "Max-Age" not in cookie.split("__Host-pre")[0]


def test_ten_thousand_tokens_are_all_different(operate: Operate) -> None:
    """ASVS V7.2.3; and no cookie comes near what browsers keep (V3.3.5)."""

    async def draw(panel: Panel) -> set[str]:
        return {new_token(panel) for _ in range(10_000)}

    tokens = operate(draw)
    assert len(tokens) == 10_000
    assert {len(token) for token in tokens} == {43}


def test_a_hash_of_other_parameters_is_made_anew_at_the_login(
    alice: Person, settings: Settings, clock: Clock, operate: Operate
) -> None:
    """NIST SP 800-63B-4 §3.1.1.2."""

    async def parameters(panel: Panel) -> str:
        account = await accounts.find(panel.db, "alice")
        assert account
        return stored_phc(panel, account).split("$")[3]

    assert operate(parameters) == "m=8,t=1,p=1"
    app = create_app(replace(settings, hash_cost=Cost(memory_kib=16, passes=2, lanes=1)), now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as client:
        assert give_password(client, alice, password="girafa verde").status_code == 422
        assert operate(parameters) == "m=8,t=1,p=1"
        assert give_password(client, alice).status_code == 303
    assert operate(parameters) == "m=16,t=2,p=1"


def test_signing_out_kills_the_session_on_the_server(alice: Person, client: TestClient, new_client: NewClient) -> None:
    """A23."""
    thief = new_client()
    plant(thief, cookie_of(client))
    answer = client.post("/logout")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert thief.get("/instances").headers["location"] == "/login"


def test_a_session_ends_when_left_alone_for_an_hour(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=59)
    assert client.get("/instances").status_code == 200
    clock.forward(minutes=59)
    assert client.get("/instances").status_code == 200
    clock.forward(minutes=61)
    assert client.get("/instances").status_code == 303


def test_a_session_ends_after_twelve_hours_however_busy(alice: Person, client: TestClient, clock: Clock) -> None:
    for _ in range(23):
        clock.forward(minutes=30)
        assert client.get("/instances").status_code == 200
    clock.forward(minutes=31)
    assert client.get("/instances").status_code == 303


def test_a_new_login_in_the_same_browser_ends_the_old_session(alice: Person, client: TestClient, rows: Rows) -> None:
    before = cookie_of(client)
    sign_in(client, alice)
    assert cookie_of(client) != before
    assert rows("SELECT count(*) FROM sessions") == [(1,)]


def test_a_planted_cookie_is_not_adopted(alice: Person, client: TestClient, new_client: NewClient) -> None:
    """A3."""
    browser = new_client()
    plant(browser, cookie_of(client).partition("=")[0] + "=" + "A" * 43)
    token = give_password(browser, alice).headers["set-cookie"].split(";")[0]
    assert "A" * 43 not in token


def test_the_eleventh_session_ends_the_least_recently_used(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    for _ in range(SESSIONS_LIVE):
        clock.forward(seconds=1)
        sign_in(new_client(), alice)
    assert rows("SELECT count(*) FROM sessions") == [(SESSIONS_LIVE,)]
    assert client.get("/instances").status_code == 303


def test_after_five_wrong_passwords_even_the_right_one_waits(
    alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A13."""
    browser = new_client()
    for _ in range(5):
        assert give_password(browser, alice, password="girafa verde dança no chão").status_code == 422
    answer = give_password(browser, alice)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "Tente de novo em 30 s" in answer.text
    assert 'data-wait="30"' in answer.text
    clock.forward(seconds=31)
    assert give_password(browser, alice).status_code == 303


def test_an_unknown_name_waits_just_the_same(alice: Person, new_client: NewClient) -> None:
    """A11."""
    answers = [give_password(new_client(), Person("nobody", "girafa verde")).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]


def test_the_page_wanted_before_the_login_comes_after_it(alice: Person, new_client: NewClient) -> None:
    browser = new_client()
    login = browser.get("/activity?antes=9").headers["location"]
    assert 'name="next" value="/activity?antes=9"' in browser.get(login).text
    assert give_password(browser, alice, next="/activity?antes=9").headers["location"] == "/activity?antes=9"


@pytest.mark.parametrize("next", (ROOT / "tests/data/open_redirects.txt").read_text().splitlines())
def test_no_next_leads_away_from_the_panel(next: str, alice: Person, new_client: NewClient) -> None:
    """A9."""
    wanted = next.encode().decode("unicode_escape")
    assert give_password(new_client(), alice, next=wanted).headers["location"] == "/instances"


def test_whoever_is_signed_in_already_goes_on_to_the_page_wanted(alice: Person, client: TestClient) -> None:
    """A9."""
    assert client.get("/login?next=/activity%3Fantes%3D9").headers["location"] == "/activity?antes=9"
    for elsewhere in ("https://evil.example/", "//evil.example", "/%5Cevil.example", "/login"):
        assert client.get("/login", params={"next": elsewhere}).headers["location"] == "/instances"


def test_the_second_factor_keeps_the_page_wanted(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    protect(client, alice, clock())
    browser = new_client()
    give_password(browser, alice, next="/activity")
    answer = browser.post("/login/code", data={"code": alice.code_at(clock.forward(seconds=30))})
    assert answer.headers["location"] == "/activity"


def test_in_place_a_login_is_a_full_navigation(alice: Person, new_client: NewClient) -> None:
    browser = new_client()
    answer = browser.post("/login", data={"name": "alice", "password": alice.password}, headers=FRAGMENT)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/instances")


def test_a_fragment_whose_session_ended_takes_the_whole_page_to_the_login(alice: Person, new_client: NewClient) -> None:
    headers = FRAGMENT | {"Referer": f"{ORIGIN}/security"}
    answer = new_client().post("/security/totp", headers=headers)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login?next=/security")
    assert answer.text == ""


@pytest.mark.parametrize("headers", [{}, FRAGMENT | {"Referer": f"{ORIGIN}/instances"}], ids=["page", "fragment"])
def test_what_was_typed_is_there_again_after_the_login(
    headers: dict[str, str], alice: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=61)
    sent = client.post("/instances", data={"name": 'Loja "Centro" & Cia; ção'}, headers=headers)
    login = sent.headers.get("location") or sent.headers["hx-redirect"]
    assert login == "/login"
    assert give_password(client, alice, next="/instances").headers["location"] == "/instances"
    typed = 'value="Loja &#34;Centro&#34; &amp; Cia; ção"'
    assert typed in client.get("/instances").text
    assert typed not in client.get("/instances").text


def test_a_name_being_changed_is_there_again_too(alice: Person, client: TestClient, clock: Clock, rows: Rows) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance,)] = rows("SELECT id FROM instances")
    clock.forward(minutes=61)
    path = f"/instances/{instance}/rename"
    assert client.post(path, data={"name": "Matriz"}).headers["location"] == f"/login?next={path}"
    sign_in(client, alice)
    assert 'value="Matriz"' not in client.get("/instances").text
    assert 'value="Matriz"' in client.get(path).text


def test_what_somebody_typed_is_not_shown_to_the_next_one(
    alice: Person, client: TestClient, invite: Callable[[str], Person], clock: Clock, rows: Rows
) -> None:
    bruno = invite("bruno")
    clock.forward(minutes=61)
    client.post("/instances", data={"name": "Segredo da Alice"})
    sign_in(client, bruno)
    assert "Segredo" not in client.get("/instances").text


def test_typed_text_is_kept_even_when_the_session_row_is_deleted(alice: Person, client: TestClient, rows: Rows) -> None:
    rows("DELETE FROM sessions")
    client.post("/instances", data={"name": "Loja"})
    sign_in(client, alice)
    assert 'value="Loja"' in client.get("/instances").text


def test_signing_out_deletes_what_was_typed(alice: Person, client: TestClient, rows: Rows) -> None:
    rows("DELETE FROM sessions")
    client.post("/instances", data={"name": "Loja"})
    assert cookie_of(client, "typed")
    client.post("/logout")
    assert not cookie_of(client, "typed")


@pytest.mark.parametrize("referer", ["https://[", "", "x", "https://e.com", "https://painel.test/nope/x"])
def test_a_strange_referer_leads_home(referer: str, new_client: NewClient) -> None:
    answer = new_client().post("/security/totp", headers={"Referer": referer})
    assert answer.headers["location"] == "/login"


def test_typed_secrets_are_not_kept_and_nothing_for_strangers(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    clock.forward(minutes=61)
    fields = {"current": "x", "password": "y", "repeated": "z", "step_up_password": "w"}
    assert "set-cookie" not in client.post("/security/password", data=fields).headers
    assert "set-cookie" not in new_client().post("/instances", data={"name": "Loja"}).headers
    assert "set-cookie" not in client.post("/instances", data={"name": "x" * 3000}).headers
    assert client.post("/instances", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 303


@pytest.mark.parametrize("text", ["", "x", "%%%", "L2luc3RhbmNlcz9uYW1lPf8=", "A" * 3000])
def test_a_malformed_cookie_of_typed_text_is_ignored(text: str, alice: Person, client: TestClient) -> None:
    typed = cookie_of(client).replace("-sid-", "-typed-").partition("=")[0]
    answer = client.get("/instances", headers={"Cookie": f"{cookie_of(client)}; {typed}={text}"})
    assert answer.status_code == 200
    assert 'id="new-name" name="name" type="text" value=""' in answer.text


def test_two_session_cookies_count_as_none(alice: Person, client: TestClient, new_client: NewClient) -> None:
    """A29."""
    session = cookie_of(client)
    answer = new_client().get("/instances", headers={"Cookie": f"{session}; {session.partition('=')[0]}=x"})
    assert answer.status_code == 303


@pytest.mark.parametrize("token", ["", "x", "A" * 4096, "é", "A" * 42 + "\x7f"])
def test_a_tampered_cookie_signs_nobody_in(
    token: str, alice: Person, client: TestClient, new_client: NewClient
) -> None:
    """A29."""
    name = cookie_of(client).partition("=")[0]
    answer = new_client().get("/instances", headers=[(b"Cookie", f"{name}={token}".encode("latin-1"))])
    assert answer.status_code == 303


def test_a_password_never_expires(alice: Person, new_client: NewClient, clock: Clock) -> None:
    clock.forward(days=5 * 365)
    assert give_password(new_client(), alice).status_code == 303


def test_every_step_is_in_the_activity(alice: Person, new_client: NewClient, rows: Rows) -> None:
    give_password(new_client(), alice, password="girafa verde dança no chão")
    browser = new_client()
    sign_in(browser, alice)
    browser.post("/logout")
    events = [event for (event,) in rows("SELECT event FROM activity ORDER BY id")]
    assert events[-4:] == ["login.password_failed", "login.password_ok", "session.started", "session.ended"]


def test_names_of_strangers_are_not_kept(alice: Person, new_client: NewClient, rows: Rows) -> None:
    give_password(new_client(), Person("my-secret-typed-into-the-name", "x"))
    dump = repr([rows(f"SELECT * FROM {table}") for table in ("activity", "attempts")])  # noqa: S608
    assert "my-secret" not in dump
