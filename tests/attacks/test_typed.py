"""What people with bad intentions type: SQL, markup, other people's names."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.forms import FORMS
from tests.support.people import ORIGIN, PASSWORD, Person, cookie_of, give_password
from web.auth import people
from web.factors import human_code, totp
from web.http.redirects import HOME, safe_path
from web.pages.activity import harmless
from web.routes import ROUTES
from web.words import characters
from web.words.devices import device

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
SQL = ["' OR '1'='1", "'; DROP TABLE accounts; --", '" OR ""="', "1) OR 1=1; --"]
MARKUP = [
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}${7*7}",
    '<div hx-get="/logout" hx-trigger="load">',
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
]
# Other values have no sentence of their own.
FILLED_IN_BY_PAGES = {"/security/recovery-codes/file", "/security/bad-day/skip", "/policy/require"}
FILLED_IN_BY_PAGES |= {"/people/invite", "/people/chosen", "/people/{id:int}/keep-factor", "/me/zone"}
NOT_THAT_FORM = "Formulário incompleto"


def test_every_form_is_in_the_table() -> None:
    assert set(FORMS) == {
        route.path for route in ROUTES if isinstance(route, Route) and "POST" in (route.methods or ())
    }


@pytest.fixture
def tables(rows: Rows) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        kept = ("accounts", "recovery_codes", "totp", "policy", "panel")
        return [rows(f"SELECT * FROM {table}") for table in kept]  # noqa: S608

    return read


@pytest.mark.parametrize("typed", SQL)
def test_sql_in_every_field_cookie_header_and_address_is_mere_text(
    typed: str, protected: Person, client: TestClient, elsewhere: NewClient, tables: Callable[[], list[Any]], rows: Rows
) -> None:
    """A30: each form is filled in, by a person who may send it, and judged."""
    client.post("/instances", data={"name": "Loja"})
    signed_in = {"Cookie": cookie_of(client)}
    half_way = elsewhere()
    give_password(half_way, protected)
    before = tables()
    for path, fields in FORMS.items():
        if fields or "{id}" in path:
            browser = half_way if path.startswith("/login/") else elsewhere()
            address = path.replace("{id}", quote(typed, safe="")).replace("{id:int}", "0")
            headers = {} if path in ("/setup", "/activate") or path.startswith("/login") else signed_in
            answer = browser.post(address, data=dict.fromkeys(fields, typed), headers=headers)
            rows("DELETE FROM attempts")  # so that no form waits for the wrong password of another
            assert answer.status_code in (200, 303, 403, 404, 422), path
            assert (NOT_THAT_FORM in answer.text) == (path in FILLED_IN_BY_PAGES), path
            assert not answer.headers.get("location", "").startswith("/login"), path
    for path in ("", "/rename", "/delete"):
        assert client.get(f"/instances/{quote(typed, safe='')}{path}").status_code == 404
    for path in ("/activity", "/login", "/instances", "/security"):
        short_id = client.app_state["panel"].short_id
        cookie = "; ".join(f"__Host-{kind}-{short_id}={quote(typed)}" for kind in ("sid", "pre", "disp"))
        query = {"antes": typed, "tipo": typed, "periodo": typed, "fuso": typed, "next": typed, "busca": typed}
        assert client.get(path, params=query).status_code == (303 if path == "/login" else 200)
        answer = elsewhere().get(path, headers={"Cookie": cookie, "User-Agent": typed, "Referer": typed})
        assert answer.status_code == (200 if path == "/login" else 303)
    assert tables() == before
    assert {("Loja",), (typed,)} == set(rows("SELECT name FROM instances"))


def test_what_is_typed_is_decoded_once(alice: Person, client: TestClient, rows: Rows) -> None:
    """ASVS V1.1.1: %2561 is %61, and stays it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    client.post("/instances", content="name=%2561+%26lt%3B", headers=headers)
    assert rows("SELECT name FROM instances") == [("%61 &lt;",)]
    assert "%61 &amp;lt;" in client.get("/instances").text


@pytest.mark.parametrize(
    "text", ["a" * 65_536, "0 -" * 21_845, "/%2e" * 16_384, "ç\u200b" * 32_768, f"a{' ' * 65_534}a"]
)
def test_long_input_meets_no_pattern_that_backtracks(text: str) -> None:
    """ASVS V1.3.12: such a one would never end. How long they take is measured by `python3 run.py bench timing`."""
    answers = [
        safe_path(text),
        safe_path(f"/{text}"),
        characters.name_refusal(text, longest=40),
        people.name_refusal(people.read_name(text)),
        totp.read_code(text),
        human_code.read(text),
        device(text),
        harmless(text),
    ]
    assert answers[:2] == [HOME, HOME]
    assert "cabem 40" in str(answers[2])


def test_values_are_bound_and_never_part_of_a_statement(alice: Person, client: TestClient, rows: Rows) -> None:
    """A30: what is stored comes back letter by letter."""
    name = "Loja'); DELETE FROM instances; --"
    assert client.post("/instances", data={"name": name}).status_code == 303
    assert rows("SELECT name FROM instances") == [(name,)]


@pytest.mark.parametrize("typed", MARKUP)
def test_markup_is_text_wherever_it_comes_back(
    typed: str, alice: Person, client: TestClient, new_client: NewClient
) -> None:
    """A31: names, what a browser calls itself, and what a form sends back."""
    plain = typed.replace(":", "")  # no name holds a colon
    client.post("/instances", data={"name": plain[:40]})
    browser = new_client()
    browser.headers["User-Agent"] = f"Firefox/1 {typed}"
    give_password(browser, alice)
    pages = [client.get(path).text for path in ("/instances", "/activity", "/security/sessions", "/security")]
    pages.append(new_client().post("/login", data={"name": typed, "password": "x", "next": typed}).text)
    pages.append(new_client().get("/login", params={"next": typed}).text)
    pages.append(new_client().post("/activate", data={"activation_code": typed, "password": "x", "repeated": ""}).text)
    pages.append(client.post("/instances", data={"name": f"{typed}:"}).text)
    for page in pages:
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert '<div hx-get="/logout"' not in page
        assert 'href="javascript:' not in page
    assert ("{{7*7}}" in pages[0]) == ("{{7*7}}" in typed)  # not worked out by anybody


@pytest.mark.parametrize(
    "name",
    [
        "ali\x00ce",
        "ali\r\nce",
        "alice\u202e",
        "\u2067alice",
        "al\u200bice",
        "al\u00adice",
        "\u0430lice",
        "al ice",
        "al\u00a0ice",
        "ａlice",
        "a",
        "x" * 33,
    ],
)
def test_a_name_that_looks_like_another_cannot_be_taken(name: str, setup_code: str, client: TestClient) -> None:
    """A45: the last of the letters that look like ours is Cyrillic or full-width."""
    fields = {"setup_code": setup_code, "name": name, "password": PASSWORD, "repeated": PASSWORD}
    answer = client.post("/setup", data=fields)
    assert answer.status_code == 422
    assert ("precisa ter de 3 a 32" if len(name) in (1, 33) else "Sem espaço nem acento") in answer.text


AROUND = [" ", "\t", "\r\n", "\u00a0", "\u2009", "\u3000", "\u200b", "\u2060", "\ufeff", "\u00ad", " \u200b \u200d"]


@pytest.mark.parametrize("around", AROUND)
def test_blanks_around_a_name_make_no_other_account(
    around: str, setup_code: str, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    """A45: at the set-up and at the login."""
    fields = {"setup_code": setup_code, "name": f"{around}Alice", "password": PASSWORD, "repeated": PASSWORD}
    assert client.post("/setup", data=fields).status_code == 303
    assert rows("SELECT name FROM accounts") == [("alice",)]
    answer = new_client().post("/login", data={"name": f"alice{around}", "password": PASSWORD})
    assert answer.headers["location"] == "/instances"


def test_capital_letters_are_the_same_name(alice: Person, new_client: NewClient) -> None:
    """A45."""
    browser = new_client()
    answer = browser.post("/login", data={"name": "ALICE", "password": alice.password}, headers={"Origin": ORIGIN})
    assert answer.headers["location"] == "/instances"
