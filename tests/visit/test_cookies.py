"""The names of the cookies, on this machine itself and beyond, and what is said when one does not come back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.conftest import Operate, beside
from tests.support.clock import Clock
from tests.support.people import ORIGIN, PASSWORD, Person, cookie_of, give_password, plant, protect, set_up, sign_in
from web.app import create_app
from web.cli.serve import new_setup_code
from web.settings import Settings

NewClient = Callable[..., TestClient]
LOCAL = "http://localhost:8000"
NOT_RETURNED = "o navegador não devolveu o cookie"
DOUBLED = "gravou um cookie com o nome do cookie do painel"


def given(answer: Response) -> dict[str, str]:
    """The cookies that an answer sets, each with its attributes; those that it deletes are left out."""
    lines = [line for line in answer.headers.get_list("set-cookie") if '=""' not in line]
    return {line.partition("=")[0]: line.partition(";")[2] for line in lines}


def taken(answer: Response) -> list[str]:
    return [line for line in answer.headers.get_list("set-cookie") if '=""' in line]


@pytest.fixture(params=["", LOCAL], ids=["without an address", "with that of this machine"])
def here(
    request: pytest.FixtureRequest, settings: Settings, clock: Clock, operate: Operate
) -> Iterator[tuple[TestClient, str]]:
    """A browser on the panel's own machine, as after the default start, and the set-up code."""
    code = operate(new_setup_code)
    app = create_app(replace(settings, public_url=request.param), now=clock)
    origin = {"Origin": LOCAL}
    with TestClient(
        app, base_url=LOCAL, headers=origin, client=("127.0.0.1", 50000), follow_redirects=False
    ) as browser:
        yield browser, code


def alice_at(browser: TestClient, code: str) -> Person:
    person = Person("alice", PASSWORD)
    assert set_up(browser, person, code).status_code == 303
    return person


def test_on_this_machine_cookies_go_without_secure_and_come_back(here: tuple[TestClient, str]) -> None:
    browser, code = here
    alice = alice_at(browser, code)
    assert browser.get("/security").status_code == 200
    browser.cookies.clear()
    answer = give_password(browser, alice)
    assert {name.partition("-")[0] for name in given(answer)} == {"sid", "disp"}
    assert not any("Secure" in attributes or "HttpOnly" not in attributes for attributes in given(answer).values())
    assert "Este painel está sem HTTPS" not in browser.get("/instances").text


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("http://localhost:8000", "127.0.0.1"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8000", "::1"),
        ("http://localhost:8000", "::ffff:127.0.0.1"),
    ],
)
def test_cookies_work_under_every_name_of_this_machine(address: str, peer: str, here: tuple[TestClient, str]) -> None:
    browser, code = here
    alice = alice_at(browser, code)
    other = beside(browser, base_url=address, headers={"Origin": address}, client=(peer, 1))
    assert not any("Secure" in attributes for attributes in given(give_password(other, alice)).values())
    assert other.get("/instances").status_code == 200


BETWEEN: list[tuple[str, dict[str, str]]] = [
    ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}),
    ("127.0.0.1", {"X-Forwarded-Proto": "http"}),
    ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}),
    ("127.0.0.1", {"X-Real-IP": "203.0.113.9"}),
    ("127.0.0.1", {"Via": "1.1 proxy"}),
    ("127.0.0.1", {"Origin": "https://painel.test", "Sec-Fetch-Site": "same-origin"}),  # nginx as it comes
    ("127.0.0.1", {"Origin": "http://localhost:9000", "Sec-Fetch-Site": "same-origin"}),
    ("203.0.113.9", {}),
]


@pytest.mark.parametrize(("peer", "headers"), BETWEEN, ids=str)
def test_with_anything_between_browser_and_panel_cookies_stay_secure(
    peer: str, headers: dict[str, str], here: tuple[TestClient, str]
) -> None:
    browser, code = here
    alice = alice_at(browser, code)
    answer = give_password(
        beside(browser, base_url=LOCAL, headers={"Origin": LOCAL} | headers, client=(peer, 1)), alice
    )
    assert answer.status_code == 303
    assert all("Secure" in attributes for attributes in given(answer).values())
    page = beside(browser, base_url=LOCAL, headers={"Cookie": cookie_of(answer)}, client=(peer, 1))
    assert page.get("/instances").status_code == 200  # a page tells less of what is between than a post


def test_with_a_public_address_a_cookie_without_prefix_is_neither_set_nor_read(
    alice: Person, client: TestClient
) -> None:
    """A request from nginx, when its configuration sets no Host, looks like one from this machine."""
    address = "http://127.0.0.1:8000"
    browser = beside(client, base_url=address, headers={"Origin": address}, client=("127.0.0.1", 1))
    answer = give_password(browser, alice)
    assert all(name.startswith("__Host-") for name in given(answer))
    assert browser.get("/instances", headers={"Cookie": cookie_of(answer)}).status_code == 200
    for pair in (cookie_of(answer).removeprefix("__Host-"), f"sid={cookie_of(answer).partition('=')[2]}"):
        other = beside(client, base_url=address, client=("127.0.0.1", 1))
        assert other.get("/instances", headers={"Cookie": pair}).status_code == 303


def test_two_panels_on_one_host_leave_each_other_alone(
    alice: Person, client: TestClient, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    with TestClient(
        create_app(replace(settings, data=tmp_path / "other"), now=clock), base_url=ORIGIN, headers={"Origin": ORIGIN}
    ) as other:
        mine, theirs = client.app_state["panel"], other.app_state["panel"]
        assert mine.short_id != theirs.short_id
        for name, value in client.cookies.items():
            plant(other, f"{name}={value}")
        answer = other.post("/logout", follow_redirects=False)
        assert not any(mine.short_id in line for line in answer.headers.get_list("set-cookie"))
    assert client.get("/instances").status_code == 200


def test_the_short_id_survives_a_restart_and_differs_between_panels(operate: Operate, settings: Settings) -> None:
    async def short_id(panel: Any) -> str:
        return str(panel.short_id)

    assert operate(short_id) == operate(short_id)


def under_old_name(pair: str) -> str:
    """As it was called before panels had ids."""
    name, _, token = pair.partition("=")
    return f"{name.rpartition('-')[0]}={token}"


def test_a_session_under_the_old_name_is_honoured_and_moves(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    browser, old = new_client(), under_old_name(cookie_of(client))
    plant(browser, old)
    answer = browser.get("/instances")
    assert answer.status_code == 200
    assert cookie_of(answer) == cookie_of(client)
    assert [line for line in taken(answer) if line.startswith('__Host-sid=""')]
    assert browser.get("/instances").status_code == 200
    assert "__Host-sid" not in browser.cookies
    late = new_client()  # a request that was under way meanwhile
    plant(late, old)
    assert late.get("/instances").status_code == 200


def test_a_login_in_a_browser_with_the_old_name_begins_its_own_session(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    browser = new_client()
    plant(browser, under_old_name(cookie_of(client)))
    assert give_password(browser, alice).status_code == 303
    assert browser.get("/instances").status_code == 200


def test_signing_out_under_the_old_name_sets_no_new_cookie(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    browser = new_client()
    plant(browser, under_old_name(cookie_of(client)))
    answer = browser.post("/logout")
    assert given(answer) == {}
    assert not browser.cookies


def test_an_unknown_cookie_under_the_old_name_is_left_alone(client: TestClient) -> None:
    plant(client, f"__Host-sid={'A' * 43}")
    assert "set-cookie" not in client.get("/login").headers


def test_trust_and_a_pending_login_move_to_the_new_name_too(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    browser = beside(client, headers={"Origin": ORIGIN})
    plant(browser, under_old_name(cookie_of(client, "disp")))
    half = give_password(browser, protected)
    browser.cookies.delete(cookie_of(half, "pre").partition("=")[0])
    plant(browser, under_old_name(cookie_of(half, "pre")))
    shown = browser.get("/login/code")
    assert cookie_of(shown, "pre") == cookie_of(half, "pre")
    answer = browser.post("/login/code", data={"code": protected.code_at(clock())})
    assert answer.status_code == 303
    gone = {line.partition("=")[0] for line in (*taken(shown), *taken(answer))}
    assert {"__Host-pre", "__Host-disp"} <= gone
    assert cookie_of(answer, "disp")
    assert client.get("/security/sessions").text.count("este navegador") <= 1


@pytest.mark.parametrize("target", ["/instances", "/security"])
def test_a_browser_that_does_not_return_the_cookie_is_told_so(
    target: str, alice: Person, new_client: NewClient
) -> None:
    browser = new_client()
    assert give_password(browser, alice, next=target).headers["location"] == target
    browser.cookies.clear()
    answer = browser.get(target, headers={"Referer": f"{ORIGIN}/login"})
    assert answer.headers["location"].endswith("motivo=cookie")
    assert NOT_RETURNED in browser.get(answer.headers["location"]).text


def test_a_browser_that_does_not_return_the_cookie_of_a_pending_login_is_told_so(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    browser.cookies.clear()
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "Referer": f"{ORIGIN}/login"}
    answer = browser.post("/login/code", data={"code": protected.code_at(clock())}, headers=headers)
    assert answer.headers["hx-redirect"].endswith("motivo=cookie")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Referer": f"{ORIGIN}/login"}),  # the name of the panel leads there
        ("/instances", {}),
        ("/instances", {"Referer": f"{ORIGIN}/instances"}),
        ("/instances", {"Referer": "https://e.com/login", "Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_a_browser_that_was_sent_no_cookie_is_not_told_so(
    path: str, headers: dict[str, str], client: TestClient
) -> None:
    assert "motivo" not in client.get(path, headers=headers).headers["location"]


@pytest.fixture
def plain(settings: Settings, clock: Clock, operate: Operate) -> Iterator[tuple[TestClient, Person]]:
    """Alice, with a second factor, at a panel without HTTPS: there a neighbour can plant cookies."""
    code, origin = operate(new_setup_code), "http://painel.vizinhos.test"
    app = create_app(replace(settings, public_url=origin, allow_http=True), now=clock)
    with TestClient(app, base_url=origin, headers={"Origin": origin}, follow_redirects=False) as browser:
        person = alice_at(browser, code)
        protect(browser, person, clock())
        clock.forward(seconds=30)
        yield browser, person


def planted(browser: TestClient, kind: str) -> dict[str, str]:
    """A header with the browser's own cookies and, before them, one of the same name from a neighbour."""
    own = [f"{name}={value}" for name, value in browser.cookies.items()]
    name = next(pair.partition("=")[0] for pair in own if pair.startswith(f"{kind}-"))
    return {"Cookie": "; ".join([f"{name}=planted", *own])}


def test_a_planted_session_cookie_is_reported_and_removed_where_it_can_be(plain: tuple[TestClient, Person]) -> None:
    browser, _ = plain
    answer = browser.get("/security/sessions", headers=planted(browser, "sid"))
    assert answer.headers["location"].endswith("motivo=duplicado")
    removed = [line.partition(";")[2].lower() for line in taken(answer)]
    for domain, path in (("vizinhos.test", "/"), ("painel.vizinhos.test", "/"), ("", "/security"), ("", "/security/")):
        assert any(f"path={path};" in f"{line};" and (f"domain={domain};" in line) == bool(domain) for line in removed)
    own = [line for line in removed if "path=/;" in f"{line};" and "domain" not in line]
    assert own == []  # the panel's own cookie stays
    assert DOUBLED in browser.get(answer.headers["location"], headers=planted(browser, "sid")).text
    said = browser.get(answer.headers["location"]).text
    assert DOUBLED in said
    assert "Continuar como alice" in said
    assert browser.get("/security/sessions").status_code == 200


@pytest.mark.parametrize("kind", ["sid", "pre"])
def test_a_planted_cookie_never_causes_a_redirect_loop(
    kind: str, plain: tuple[TestClient, Person], clock: Clock
) -> None:
    """Planted for one path alone, where it cannot be removed: every chain of redirects ends on a page that says so."""
    browser, alice = plain
    if kind == "pre":
        browser.post("/logout")
        give_password(browser, alice)
    where = "/instances" if kind == "sid" else "/login/code"
    path = where
    for _ in range(5):
        answer = browser.get(path, headers=planted(browser, kind) if path == where else {})
        if answer.status_code == 200:
            break
        path = answer.headers["location"]
    assert answer.status_code == 200
    assert DOUBLED in answer.text


def test_the_login_page_reports_a_planted_cookie(plain: tuple[TestClient, Person]) -> None:
    browser, alice = plain
    answer = browser.get("/login", headers=planted(browser, "sid"))
    assert DOUBLED in answer.text
    assert sign_in(browser, alice).status_code in (303, 422)


def test_cookies_of_neighbours_that_fill_the_request_are_named_as_the_cause(client: TestClient) -> None:
    answer = client.get("/login", headers={"Cookie": "; ".join(f"neighbour{n}={'x' * 1000}" for n in range(18))})
    assert answer.status_code == 431
    assert "Apague-os" in answer.text
