"""How often one network, browser or account may send requests, right or wrong."""

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import FRAGMENT, ORIGIN, Person, give_password, sign_in
from web.app import create_app
from web.guards.guard import State, demand_of, post
from web.guards.throttle import AUTH
from web.limits import STRANGERS_COUNTED
from web.pages.entry import login
from web.routes import ROUTES
from web.settings import Settings
from web.visit.visit import Entry

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


def guess(browser: TestClient, number: int) -> Any:
    """Another name each time, so that no name has to wait."""
    return give_password(browser, Person(f"nobody{number}", "girafa verde dança no chão"))


def test_a_network_may_post_twenty_times_a_minute(alice: Person, new_client: NewClient, clock: Clock) -> None:
    clock.forward(minutes=1)
    assert [guess(new_client(), number).status_code for number in range(21)] == [422] * 20 + [429]
    refused = sign_in(new_client(), alice)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert "Foram pedidos demais em pouco tempo. Tente de novo em 60 s." in refused.text
    assert 'data-wait="60"' in refused.text
    clock.forward(seconds=30)
    assert sign_in(new_client(), alice).headers["retry-after"] == "30"  # knocking meanwhile makes it no longer
    clock.forward(seconds=30)
    assert sign_in(new_client(), alice).status_code == 303


def test_thirty_failures_close_the_way_for_a_quarter_of_an_hour(
    alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A14: one password tried on many names."""
    answers = []
    for number in range(40):
        answers.append(guess(new_client(), number).status_code)
        clock.forward(seconds=5)
    assert answers == [422] * 30 + [429] * 10
    clock.forward(minutes=14)
    assert sign_in(new_client(), alice).status_code == 429
    clock.forward(minutes=1)
    assert sign_in(new_client(), alice).status_code == 303


@pytest.mark.parametrize(("bits", "times"), [(64, 1), (56, 4), (48, 16)])
def test_a_household_is_counted_however_large_its_network_is(
    bits: int, times: int, alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A14, A56: another address each time, from a /64, from the /64s of a /56, from the /56s of a /48."""
    clock.forward(minutes=1)
    step = 1 << (128 - bits - 8)
    addresses = [str(IPv6Address("2001:db8:7::") + number * step) for number in range(256)]
    browsers = [new_client(client=(address, 1)) for address in addresses]
    knocks = [browsers[number % 256].post("/login", data={"name": "alice"}) for number in range(20 * times + 1)]
    assert [answer.status_code for answer in knocks] == [422] * 20 * times + [429]
    beside = IPv6Address("2001:db8:7::") + (1 << (128 - bits))
    assert sign_in(new_client(client=(str(beside), 1)), alice).status_code == 303


def test_failures_of_a_wider_network_close_it_for_a_quarter_of_an_hour(
    alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A14: each /64 of the /56 fails too seldom to be closed by itself."""
    answers = []
    for number in range(121):
        answers.append(guess(new_client(client=(f"2001:db8:7:{number % 12:x}::1", 1)), number).status_code)
        clock.forward(seconds=5)
    assert answers == [422] * 120 + [429]
    assert sign_in(new_client(client=("2001:db8:7:ff::1", 1)), alice).status_code == 429
    clock.forward(minutes=15)
    assert sign_in(new_client(client=("2001:db8:7:ff::1", 1)), alice).status_code == 303


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/activate", {"activation_code": "0" * 24, "password": "x", "repeated": "x"}),
        ("/login/code", {"code": "12"}),
        ("/login/recovery", {"code": "12"}),
    ],
)
def test_every_way_in_counts(
    path: str, fields: dict[str, str], protected: Person, new_client: NewClient, clock: Clock
) -> None:
    """Malformed codes too, which cost no try of the account (A46)."""
    clock.forward(minutes=1)
    browser = new_client()
    give_password(browser, protected)
    answers = [browser.post(path, data=fields).status_code for _ in range(20)]
    assert answers == [422] * 19 + [429]


def test_a_password_too_long_to_be_hashed_counts_like_any_other(
    alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A40: for the name, and for the network."""
    clock.forward(minutes=1)
    of_alice = [give_password(new_client(), alice, password="x" * 300).status_code for _ in range(6)]
    assert of_alice == [422] * 5 + [429]
    nobodies = [give_password(new_client(), Person(f"nobody{n}", "x" * 300)).status_code for n in range(15)]
    assert nobodies == [422] * 14 + [429]


def test_a_trusted_device_in_the_same_network_is_not_kept_out(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    """A20."""
    client.post("/logout")
    for number in range(30):
        guess(new_client(), number)
    assert sign_in(client, alice).status_code == 303


def test_a_trusted_device_has_a_limit_of_its_own_and_counts_for_its_network_too(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A14: tries on the device count for the network too, so that they do not come on top of its number."""
    other = new_client()
    sign_in(other, alice)
    clock.forward(minutes=1)
    for browser in (client, other):
        browser.post("/logout")
    knocks = [client.post("/login", data={"name": "alice"}).status_code for _ in range(21)]
    assert knocks == [422] * 20 + [429]
    assert sign_in(other, alice).status_code == 303
    assert sign_in(new_client(), alice).status_code == 429


def test_failures_on_a_trusted_device_do_not_keep_its_network_closed(
    alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    client.post("/logout")
    for number in range(30):
        guess(new_client(), number)
        clock.forward(seconds=4)
    for _ in range(3):  # the owner mistypes now and then, on a browser of her own
        clock.forward(minutes=4)
        assert give_password(client, alice, password="girafa").status_code == 422
    clock.forward(minutes=3)
    assert sign_in(new_client(), alice).status_code == 303


def test_a_session_of_one_account_gives_no_advantage_at_the_challenge_of_another(
    protected: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock
) -> None:
    """A14: codes are tried at the pending login of one account, in a session of another."""
    bruno, browser = invite("bruno"), new_client()
    clock.forward(minutes=1)
    sign_in(browser, bruno)
    give_password(browser, protected)
    answers = [browser.post("/login/code", data={"code": "12"}).status_code for _ in range(19)]
    assert answers == [422] * 18 + [429]


@pytest.mark.parametrize("path", ["/security/password", "/security/totp"])
def test_passwords_tried_in_a_session_count_for_the_network(
    path: str, alice: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A21: in place of the current password, and in Confirme que é você."""
    browsers = [new_client() for _ in range(6)]
    for browser in browsers:
        sign_in(browser, alice)
        clock.forward(seconds=10)
    wrong = (
        {"current": "x", "password": "x", "repeated": "x"} if path.endswith("password") else {"step_up_password": "x"}
    )
    for browser in browsers:
        assert [browser.post(path, data=wrong).status_code for _ in range(5)] == [422] * 5
        clock.forward(seconds=20)
    assert sign_in(new_client(), alice).status_code == 429
    clock.forward(seconds=30)
    assert client.get("/security").status_code == 200


def test_trust_of_one_account_gives_no_advantage_at_the_login_of_another(
    alice: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock
) -> None:
    """A14: a person of the panel signs in between the guesses, each time from another trusted device."""
    bruno, answers = invite("bruno"), []
    for number in range(40):
        browser = new_client()
        sign_in(browser, bruno)
        if number % 2:
            browser.post("/logout")
        answers.append(guess(browser, number).status_code)
        clock.forward(seconds=10)
    assert answers == [422] * 30 + [429] * 10


def test_a_refusal_leads_back_to_the_page_that_was_left(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    browser, login = new_client(), "/login?next=/activity"
    for number in range(20):
        guess(browser, number)
    fields = {"name": "alice", "password": alice.password, "next": "/activity"}
    refused = browser.post("/login", data=fields, headers={"Referer": f"{ORIGIN}{login}"})
    assert (refused.status_code, f'<a class="button" href="{login}">Voltar</a>' in refused.text) == (429, True)
    proof = {"step_up_password": "x", "code": "x"}
    rehearsal = {"Referer": f"{ORIGIN}/security/drill"}
    for _ in range(20):
        client.post("/security/drill", data=proof, headers=rehearsal)
    refused = client.post("/security/drill", data=proof, headers=rehearsal)
    assert (refused.status_code, '<a class="button" href="/security/drill">Voltar</a>' in refused.text) == (429, True)
    for strange in ("https://evil.example/nowhere", "javascript:alert(1)", ""):
        refused = client.post("/security/drill", data=proof, headers={"Referer": strange})
        assert 'href="/instances">Voltar</a>' in refused.text


def test_in_place_the_refusal_is_shown_beside_the_form(alice: Person, new_client: NewClient) -> None:
    browser = new_client()
    for number in range(20):
        guess(browser, number)
    refused = browser.post("/login", data={"name": "alice", "password": "x"}, headers=FRAGMENT)
    assert refused.status_code == 429
    assert refused.headers["hx-retarget"] == "#notices"


def test_many_failures_in_the_whole_panel_are_told_to_administrators_once(
    alice: Person,
    client: TestClient,
    new_client: NewClient,
    invite: Callable[[str], Person],
    clock: Clock,
    rows: Rows,
) -> None:
    """A18: codes tried on many accounts whose passwords are known, as far as one network lets them."""
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    rows("INSERT INTO rates VALUES ('panel failure', x'', 198, ?)", int(clock().timestamp()))
    told = "Alguém está tentando adivinhar"
    give_password(new_client(), alice, password="girafa verde")
    assert told not in client.get("/instances").text
    for _ in range(3):
        give_password(new_client(), bruno, password="girafa verde")
    assert told in client.get("/instances").text
    assert told not in browser.get("/instances").text
    assert rows("SELECT count(*) FROM activity WHERE event = 'alert.brute_force'") == [(1,)]


def test_enrolment_begins_five_times_in_ten_minutes(alice: Person, client: TestClient, clock: Clock) -> None:
    assert [client.post("/security/totp").status_code for _ in range(6)] == [200] * 5 + [429]
    clock.forward(minutes=10)
    sign_in(client, alice)
    assert client.post("/security/totp").status_code == 200


def test_activity_is_exported_five_times_an_hour(alice: Person, client: TestClient) -> None:
    export = {"tipo": "", "periodo": ""}
    assert [client.post("/activity/export", data=export).status_code for _ in range(6)] == [200] * 5 + [429]


def test_every_costly_act_is_limited(alice: Person, client: TestClient) -> None:
    """ASVS V15.2.2."""
    assert [client.post("/activity/verify").status_code for _ in range(6)] == [200] * 5 + [429]
    typed = {"password": "pato"}
    answers = [client.post("/security/password/strength", data=typed).status_code for _ in range(121)]
    assert answers == [200] * 120 + [429]


def test_acts_that_leave_an_entry_of_activity_are_limited_to_sixty_a_minute(
    alice: Person,
    client: TestClient,
    invite: Callable[[str], Person],
    new_client: NewClient,
    clock: Clock,
    rows: Rows,
) -> None:
    """A56: somebody signed in renames one instance in a loop; each kind of act counts with the others."""
    client.post("/instances", data={"name": "Loja"})
    [(one,)] = rows("SELECT id FROM instances")
    names = [{"name": f"Loja {number}"} for number in range(59)]
    assert {client.post(f"/instances/{one}/rename", data=name).status_code for name in names} == {303}
    before = rows("SELECT count(*) FROM activity")
    for path, fields in (
        (f"/instances/{one}/rename", {"name": "Matriz"}),
        ("/instances", {"name": "Matriz"}),
        (f"/instances/{one}/token/change", {}),
        (f"/instances/{one}/delete", {}),
        ("/policy/require", {"days": "0"}),
    ):
        refused = client.post(path, data=fields, headers=FRAGMENT)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert refused.headers["hx-retarget"] == "#notices"  # what was typed stays where it is
    assert rows("SELECT count(*) FROM activity") == before
    for path in ("/security/sessions/end-others", "/security/bad-day/lock"):  # by the owner, against whoever did that
        assert client.post(path).status_code < 400
    browser = new_client()
    sign_in(browser, invite("bruno"))
    assert browser.post("/instances", data={"name": "Loja"}).status_code == 303
    clock.forward(minutes=1)
    assert client.post(f"/instances/{one}/rename", data={"name": "Matriz"}).status_code == 303


def test_a_clock_that_was_ahead_for_a_while_keeps_nobody_out(
    alice: Person, new_client: NewClient, clock: Clock
) -> None:
    """A48."""
    clock.forward(days=1)
    for number in range(20):
        guess(new_client(), number)
    clock.forward(days=-1)
    assert sign_in(new_client(), alice).status_code == 303


def test_many_networks_fill_no_more_than_ten_thousand_rows(alice: Person, new_client: NewClient, rows: Rows) -> None:
    """A56."""
    fill = """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO rates SELECT 'auth', randomblob(32), 1, 0 FROM n
    """
    rows(fill)
    rows("UPDATE rates SET begins_at = begins_at + 2000000000, count = 3")  # from a clock that was ahead, say
    rows("INSERT INTO rates VALUES ('panel failure', x'', 7, 1), ('export', randomblob(32), 7, 1)")
    answers = [guess(new_client(), number).status_code for number in range(21)]
    assert answers.count(429) > 0  # what is tried now is counted all the same
    assert rows("SELECT count(*) FROM rates")[0][0] <= STRANGERS_COUNTED
    others = rows("SELECT kind FROM rates WHERE kind NOT IN ('auth', 'auth failure', 'stranger') ORDER BY kind")
    assert others == [("export",), ("panel failure",), ("panel stranger",)]  # however old: nobody counts these away


def test_every_way_in_says_whose_account_is_tried_there(settings: Settings) -> None:
    """A session gives no advantage there: the request counts for the account that it tries."""
    aimed = {route.path: demand.entry for route in ROUTES if (demand := demand_of(route)) and demand.entry}  # type: ignore[attr-defined]
    assert aimed == {
        "/setup": Entry.CODE,
        "/activate": Entry.CODE,
        "/login": Entry.NAME,
        "/login/passkey": Entry.PASSKEY,
        "/login/code": Entry.PENDING_LOGIN,
        "/login/code/passkey": Entry.PENDING_LOGIN,
        "/login/recovery": Entry.PENDING_LOGIN,
    }
    with pytest.raises(TypeError, match="/forgotten"):
        create_app(settings, routes=[post("/forgotten", login.enter, State.ANYONE, throttle=AUTH)])
