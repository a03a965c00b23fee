"""Every route of the route table, as a stranger, with a pending login, and signed in."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.forms import FORMS, STEP_UP
from tests.support.people import FRAGMENT, ORIGIN, Person, cookie_of, give_password, protect, sign_in
from web.app import create_app
from web.guards.guard import Demand, Door, State, demand_of
from web.routes import ROUTES
from web.settings import Settings
from web.visit.visit import Visit

NewClient = Callable[[], TestClient]
SENSITIVE = {State.RECENTLY_VERIFIED, State.VERIFY_NOW, State.BINDING}
SIGNED_IN = {State.SIGNED_IN, *SENSITIVE}


def doors(*states: Door[Visit], suits: Callable[[Demand], bool] = lambda _: True) -> list[tuple[str, str]]:
    """Method and path of each route that demands one of these states and meets the other conditions."""
    return [
        (method, route.path.replace("{id}", "0" * 32).replace("{id:int}", "0"))
        for route in ROUTES
        if isinstance(route, Route) and (demand := demand_of(route)) and demand.door in states and suits(demand)
        for method in sorted(route.methods or ())
    ]


EVERY_DOOR = doors(*(demand.door for route in ROUTES if (demand := demand_of(route))))


def test_a_route_that_names_no_state_does_not_start(settings: Settings) -> None:
    async def open_to_all(_: Any) -> Response:
        return Response("secret")

    undeclared: list[BaseRoute] = [Route("/forgotten", open_to_all)]
    with pytest.raises(TypeError, match="forgotten"):
        create_app(settings, routes=undeclared)


def test_a_stranger_is_sent_to_the_login(new_client: NewClient) -> None:
    for method, path in doors(*SIGNED_IN, State.PENDING_LOGIN):
        answer = new_client().request(method, path)
        assert (answer.status_code, answer.text) == (303, ""), (method, path)
        assert answer.headers["location"].startswith("/login"), (method, path)


def test_a_strangers_fragment_request_gets_no_fragment(new_client: NewClient) -> None:
    """A4."""
    for method, path in doors(*SIGNED_IN, State.PENDING_LOGIN):
        answer = new_client().request(method, path, headers=FRAGMENT)
        assert (answer.status_code, answer.text) == (401, ""), (method, path)
        assert answer.headers["hx-redirect"].startswith("/login"), (method, path)


def test_a_right_password_alone_opens_nothing_but_the_challenge(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A2."""
    protect(client, alice, clock())
    browser = new_client()
    give_password(browser, alice)
    half = cookie_of(browser, "pre")
    as_session = half.replace("-pre-", "-sid-")
    for cookie in (half, as_session, f"{half}; {as_session}"):
        for method, path in doors(*SIGNED_IN):
            answer = new_client().request(method, path, headers={"Cookie": cookie})
            assert (answer.status_code, answer.text) == (303, ""), (method, path)


def test_a_signed_in_person_can_open_the_pages(alice: Person, client: TestClient, rows: Callable[..., Any]) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance_id,)] = rows("SELECT id FROM instances")
    for path in (path for method, path in doors(*SIGNED_IN) if method == "GET"):
        answer = client.get(path.replace("0" * 32, instance_id))
        leads_on = path in ("/", "/security/recovery-codes/rehearsal")  # there are no codes yet
        assert answer.status_code == (303 if leads_on else 200), path
        assert "/login" not in answer.headers.get("location", ""), path


def test_sensitive_doors_ask_for_a_step_up_first_and_say_what_for(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=6)
    purposes = {demand.purpose for route in ROUTES if (demand := demand_of(route)) and demand.door in SENSITIVE}
    assert "" not in purposes
    purposes |= {"trocar de aparelho"}  # of the same door, in an account with an app
    for _, path in doors(*SENSITIVE):
        answer = client.post(path)
        assert answer.status_code == 403, path
        told = re.search("Confirme que é você.*?<p>Para <strong>(.+?)</strong>", answer.text, re.DOTALL)
        assert told, path
        assert told[1] in purposes, path


def test_the_step_up_names_the_instance_that_it_is_asked_for(
    alice: Person, client: TestClient, clock: Clock, rows: Callable[..., Any]
) -> None:
    client.post("/instances", data={"name": "Loja <b>"})
    [(instance,)] = rows("SELECT id FROM instances")
    clock.forward(minutes=6)
    asked = client.post(f"/instances/{instance}/token/show", headers=FRAGMENT).text
    assert "Para <strong>mostrar o token</strong> da instância <strong>Loja &lt;b&gt;</strong>." in asked
    assert "instância" not in client.post("/instances/other/token/show").text.partition("Para <strong>")[2]


def test_enrolment_has_few_doors_and_the_choice_of_a_theme() -> None:
    enrolling = doors(*SIGNED_IN, suits=lambda demand: demand.allows_enrolment)
    assert sorted({path for _, path in enrolling}) == [
        "/security",
        "/security/passkeys",
        "/security/passkeys/confirm",
        "/security/totp",
        "/security/totp/cancel",
        "/security/totp/confirm",
        "/theme",
    ]


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
def test_where_a_second_factor_is_required_a_password_opens_only_enrolment(
    headers: dict[str, str],
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
) -> None:
    """A4."""
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    client.post("/policy/require", data={"days": "0"})
    for method, path in doors(*SIGNED_IN, suits=lambda demand: not demand.allows_enrolment):
        answer = browser.request(method, path, headers=headers)
        assert (answer.status_code, answer.text) == (403 if headers else 303, ""), (method, path)
        assert answer.headers["hx-redirect" if headers else "location"] == "/security"


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
def test_doors_of_administrators_are_closed_to_members(
    headers: dict[str, str], alice: Person, new_client: NewClient, invite: Callable[[str], Person]
) -> None:
    """A4."""
    browser = new_client()
    sign_in(browser, invite("bruno"))
    for method, path in doors(*SIGNED_IN, suits=lambda demand: demand.admin_only):
        answer = browser.request(method, path, headers=headers)
        assert answer.status_code == 403
        assert ("Só quem administra" in answer.text) == (method != "HEAD")


def test_a_disabled_persons_live_cookie_opens_no_door(
    protected: Person, new_client: NewClient, invite: Callable[[str], Person], rows: Callable[..., Any]
) -> None:
    """A23."""
    browser = new_client()
    sign_in(browser, invite("bruno"))
    rows("UPDATE accounts SET disabled_at = 1, role = 'admin' WHERE name = 'bruno'")
    for method, path in doors(*SIGNED_IN):
        answer = browser.request(method, path)
        assert (answer.status_code, answer.text) == (303, ""), (method, path)
        assert answer.headers["location"].startswith("/login"), (method, path)
    assert rows("SELECT count(*) FROM sessions JOIN accounts ON accounts.id = account_id WHERE name = 'bruno'") == [
        (2,)  # with the one that the activation began
    ]


def test_without_a_second_factor_of_their_own_nobody_looks_after_others(
    alice: Person, client: TestClient, invite: Callable[[str], Person], clock: Clock, rows: Callable[..., Any]
) -> None:
    """P11, A51."""
    invite("bruno")
    filled = {"name": "carla", "role": "member", "reason": "Perdeu o celular", "hours": "0", "kind": "factor_reset"}
    filled |= {"people": "2", "act": "end", "days": "0"}
    before = rows("SELECT * FROM accounts")
    for method, path in doors(*SIGNED_IN, suits=lambda demand: demand.admin_only and demand.section == "/people"):
        form, clock.at = path.replace("/0", "/{id:int}"), clock.forward(seconds=10)
        fields = {name: filled.get(name, "") for name in FORMS.get(form, ()) if name not in STEP_UP}
        for proof in ({"step_up_password": alice.password}, {"step_up_password": "x"}, {}):
            answer = client.request(method, path.replace("/0", "/2"), data=fields | proof)
            assert answer.status_code == (403 if method == "POST" else 200), (method, path)
            assert "bruno" not in answer.text
    assert rows("SELECT * FROM accounts") == before


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
def test_no_answer_may_be_stored_and_each_names_its_charset(
    headers: dict[str, str], alice: Person, client: TestClient, new_client: NewClient
) -> None:
    for browser in (new_client(), client):
        for method, path in EVERY_DOOR:
            if (path, browser) != ("/logout", client):
                answer = browser.request(method, path, headers=headers)
                assert answer.headers["cache-control"] == "no-store", path
                if answer.text:
                    assert answer.headers["content-type"].endswith("; charset=utf-8"), path


@pytest.mark.parametrize(
    ("kind", "status"), [("application/x-www-form-urlencoded", 422), ("multipart/form-data; boundary=x", 415)]
)
def test_no_door_accepts_an_unknown_field_or_another_type_of_form(
    kind: str, status: int, alice: Person, client: TestClient
) -> None:
    asked = (State.SIGNED_IN, State.RECENTLY_VERIFIED, State.BINDING)  # others ask first who it is
    for method, path in doors(*asked, suits=lambda demand: not demand.is_about_others):
        if method == "POST":
            answer = client.post(path, content=b"role=admin", headers={"Content-Type": kind})
            assert answer.status_code in (status, 404), path


def database_rows(rows: Callable[..., Any]) -> list[Any]:
    tables = [name for (name,) in rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [rows(f"SELECT * FROM {name}") for name in tables]  # noqa: S608


def test_no_get_changes_anything(alice: Person, client: TestClient, rows: Callable[..., Any]) -> None:
    """A35."""
    client.post("/instances", data={"name": "Loja"})
    [(instance,)] = rows("SELECT id FROM instances")
    before = database_rows(rows)
    for method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        for _, path in EVERY_DOOR:
            client.request(method, path.replace("0" * 32, instance))
    assert database_rows(rows) == before


FOREIGN: list[dict[str, str]] = [
    {},
    {"Origin": "null"},
    {"Origin": "https://e.com"},
    {"Origin": "https://painel.test.e.com"},
    {"Origin": "https://painel.test:8443"},
    {"Origin": "https://painel.test/x"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://e.com"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_post_from_elsewhere_is_refused_at_every_door(
    headers: dict[str, str], alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    """A8."""
    before, session = database_rows(rows), cookie_of(client)
    del client.headers["Origin"]
    for method, path in EVERY_DOOR:
        if method == "POST":
            answer = client.post(path, headers=headers | {"Cookie": session})
            assert answer.status_code == 403, path
    assert database_rows(rows) == before


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
def test_a_doubled_origin_is_refused(name: str, client: TestClient) -> None:
    """A8."""
    good = ORIGIN if name == "Origin" else "same-origin"
    answer = client.post("/login", headers=[(name, good), (name, "https://e.com")], data={"name": "a", "password": "b"})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["e.com", "painel.test@e.com", "painel.test/x", "painel.test?x", "", "painel.test:x"])
def test_an_unknown_host_is_refused(host: str, client: TestClient) -> None:
    """A27."""
    answer = client.get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "e.com" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "_X"])
def test_other_methods_are_refused(method: str, alice: Person, client: TestClient) -> None:
    assert {client.request(method, path).status_code for _, path in EVERY_DOOR} == {405}


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x"])
def test_only_forms_are_read(kind: str, client: TestClient) -> None:
    answer = client.post("/login", content=b"name=a&password=b", headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "content",
    [
        b"name=alice",
        b"name=alice&password=x&role=admin",
        b"name=alice&name=bruno&password=x",
        b"&".join(b"f%d=x" % number for number in range(60)),
        b"name=alice&password=" + b"x" * 5000,
    ],
)
def test_any_other_set_of_fields_is_refused(content: bytes, client: TestClient) -> None:
    """A40."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/login", content=content, headers=headers)
    assert answer.status_code == 422
    assert "Formulário incompleto" in answer.text  # not merely a wrong password


def test_a_large_body_is_refused(client: TestClient) -> None:
    """A40."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/login", content=b"name=" + b"x" * 20_000, headers=headers).status_code == 413


@pytest.mark.parametrize("path", ["/security/x.css", "/.git/HEAD", "/static/../data/panel.db", "/static/x", "/nope"])
def test_unknown_paths_are_not_found(path: str, alice: Person, client: TestClient) -> None:
    """A54."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Não encontrado" in answer.text


def test_an_error_in_place_reads_as_sentences(alice: Person, client: TestClient) -> None:
    answer = client.get("/instances/0", headers=FRAGMENT)
    assert re.search(r"<strong>Não encontrado\.</strong> \w", answer.text)


@pytest.mark.parametrize(
    ("path", "page"), [("/security/totp", "/security"), (f"/instances/{'0' * 32}/token/show", "/instances")]
)
def test_the_address_of_a_post_opened_as_a_page_leads_to_its_section(path: str, page: str, client: TestClient) -> None:
    assert client.get(path).headers["location"] == page


def test_a_page_that_does_not_exist_still_offers_the_way_out(alice: Person, client: TestClient) -> None:
    assert 'id="sign-out"' in client.get("/nope").text


def test_a_trailing_slash_is_another_path_and_no_redirect(alice: Person, client: TestClient) -> None:
    assert client.get("/security/").status_code == 404


def test_long_addresses_and_headers_are_refused(client: TestClient) -> None:
    assert client.get("/login?" + "x" * 4100).status_code == 414
    assert client.get("/login", headers={"X-Long": "x" * 16_500}).status_code == 431
