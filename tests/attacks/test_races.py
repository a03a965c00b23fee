"""Parallel requests against the real server, over real sockets."""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from db import totp
from tests.conftest import Operate
from tests.support.at_once import post_at_once, sessions_begun
from tests.support.authenticator import Authenticator
from tests.support.ceremonies import asked, give_passkey
from tests.support.clock import Clock
from tests.support.people import (
    PASSWORD,
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    cookie_of,
    give_password,
    key_on,
    proof,
    protect,
    sign_in,
)
from web.cli import people
from web.cli.serve import new_setup_code
from web.limits import PENDING_LOGINS_LIVE
from web.panel import Panel

Rows = Callable[..., list[tuple[Any, ...]]]
Cookies = list[str]


@pytest.fixture
def pending_logins(protected: Person, new_client: Callable[[], TestClient]) -> Cookies:
    cookies = []
    for _ in range(PENDING_LOGINS_LIVE):
        browser = new_client()
        give_password(browser, protected)
        cookies.append(cookie_of(browser, "pre"))
    return cookies


def test_the_same_code_fifty_times_opens_one_session(
    protected: Person, pending_logins: Cookies, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A1."""
    before = rows("SELECT count(*) FROM sessions")[0][0]
    code = {"code": protected.code_at(clock())}
    answers = post_at_once(live_server, [("/login/code", code, pending_logins[n % 5]) for n in range(50)], networks=3)
    assert sessions_begun(answers) == 1
    assert {answer.status_code for answer in answers} <= {303, 422, 429}
    assert rows("SELECT count(*) FROM sessions") == [(before + 1,)]
    assert rows("SELECT count(*) FROM activity WHERE event = 'totp.ok'") == [(1,)]


def test_the_same_answer_of_a_passkey_fifty_times_opens_one_session(
    protected: Person, new_client: Callable[[], TestClient], operate: Operate, live_server: str, rows: Rows
) -> None:
    """A1, A70: of a passkey that does not count, which only the challenge makes good for once."""
    before, phone, browser = rows("SELECT count(*) FROM sessions")[0][0], Authenticator(), new_client()
    give_passkey(operate, protected, phone)
    answer = {"answer": phone.get(asked(browser.get("/login")))}
    answers = post_at_once(live_server, [("/login/passkey", answer, "")] * 50, networks=3)
    assert sessions_begun(answers) == 1
    assert {answer.status_code for answer in answers} <= {303, 422, 429}
    assert rows("SELECT count(*) FROM sessions") == [(before + 1,)]
    assert rows("SELECT count(*) FROM activity WHERE event = 'passkey.ok'") == [(1,)]


def test_a_login_beside_the_removal_of_its_passkey_leaves_no_session_without_it(
    protected: Person, new_client: Callable[[], TestClient], operate: Operate, live_server: str, rows: Rows
) -> None:
    """A70: whoever is first, nobody is signed in by a passkey that is gone."""
    phone, browser = Authenticator(), new_client()
    give_passkey(operate, protected, phone)
    answers = [{"answer": phone.get(asked(browser.get("/login")))} for _ in range(8)]
    with ThreadPoolExecutor(1) as thread:
        logins = thread.submit(post_at_once, live_server, [("/login/passkey", one, "") for one in answers])
        operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name=protected.name)))
        begun = sessions_begun(logins.result())
    assert rows("SELECT count(*) FROM passkeys") == [(0,)]
    assert rows("SELECT count(*) FROM sessions") == [(0,)]
    assert rows("SELECT count(*) FROM activity WHERE event = 'passkey.ok'") == [(begun,)]


def test_the_same_recovery_code_twenty_times_opens_one_session(
    protected: Person, pending_logins: Cookies, live_server: str, rows: Rows
) -> None:
    """A24."""
    code = {"code": protected.recovery_codes[0]}
    answers = post_at_once(live_server, [("/login/recovery", code, pending_logins[n % 5]) for n in range(20)])
    assert sessions_begun(answers) == 1
    assert rows("SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL") == [(1,)]


def test_twenty_requests_at_once_replace_one_used_code_once(
    protected: Person, new_client: Callable[[], TestClient], live_server: str, clock: Clock, rows: Rows
) -> None:
    """A24."""
    browser = new_client()
    give_password(browser, protected)
    browser.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    fields, cookie = proof(protected, clock()), cookie_of(browser)
    answers = post_at_once(live_server, [("/security/recovery-codes/replacement", fields, cookie)] * 20)
    assert sum("Anote este código" in answer.text for answer in answers) == 1
    assert rows("SELECT count(*), count(used_at) FROM recovery_codes") == [(10, 0)]


def test_of_many_renewals_at_once_only_the_codes_of_one_are_shown(
    protected: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    fields, cookie = proof(protected, clock()), cookie_of(client)
    answers = post_at_once(live_server, [("/security/recovery-codes", fields, cookie)] * 8)
    shown = [answer for answer in answers if codes_on(answer.text)]
    assert len(shown) == 1
    assert rows("SELECT count(*) FROM activity WHERE event = 'recovery.renewed'") == [(1,)]


def test_two_recovery_codes_on_one_pending_login_open_one_session_and_spend_one_code(
    protected: Person, pending_logins: Cookies, live_server: str, rows: Rows
) -> None:
    """A24."""
    posts = [("/login/recovery", {"code": code}, pending_logins[0]) for code in protected.recovery_codes[:2]]
    assert sessions_begun(post_at_once(live_server, posts)) == 1
    assert rows("SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL") == [(1,)]


def test_of_many_wrong_codes_at_once_only_five_are_judged(
    protected: Person, pending_logins: Cookies, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A16."""
    wrong = {"code": protected.wrong_code_at(clock())}
    answers = post_at_once(live_server, [("/login/code", wrong, pending_logins[n % 5]) for n in range(100)], networks=7)
    assert rows("SELECT failures FROM attempts WHERE kind = 'totp'") == [(5,)]
    assert sum(answer.status_code == 422 for answer in answers) == 5
    assert {answer.status_code for answer in answers} <= {303, 422, 429}


def test_confirming_an_enrolment_that_is_gone_changes_nothing(
    protected: Person, operate: Operate, clock: Clock
) -> None:
    async def confirm(panel: Panel) -> bool:
        async with panel.db.transaction() as tx:
            ends_at = clock.forward(minutes=10)
            return await totp.confirm(tx, 1, b"gone", step=1, at=clock(), session_id="x", undo_ends_at=ends_at)

    assert not operate(confirm)
    assert operate(lambda panel: panel.db.one(int, "SELECT count(*) FROM totp_replaced")) == 0


def test_a_second_confirmation_keeps_the_way_back_to_the_old_app(
    protected: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    old, new = protected.key, begin_enrolment(client, **proof(protected, clock()))
    cookie, code = cookie_of(client), {"code": code_for(new, clock())}
    before = rows("SELECT sealed_key FROM totp")
    answers = post_at_once(live_server, [("/security/totp/confirm", code, cookie)] * 4)
    assert sum("Aparelho trocado" in answer.text for answer in answers) == 1
    assert rows("SELECT sealed_key FROM totp_replaced") == before
    [renewed] = [cookie_of(answer) for answer in answers if "Aparelho trocado" in answer.text]
    undone = post_at_once(
        live_server,
        [("/security/totp/undo", {"code": code_for(old, clock.forward(seconds=30))}, renewed)],
    )
    assert "Troca desfeita" in undone[0].text
    assert rows("SELECT sealed_key FROM totp") == before


def test_of_many_wrong_confirmations_at_once_only_five_are_judged(
    alice: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    alice.key, cookie = begin_enrolment(client), cookie_of(client)
    wrong = {"code": alice.wrong_code_at(clock())}
    post_at_once(live_server, [("/security/totp/confirm", wrong, cookie)] * 30)
    assert rows("SELECT count(*) FROM activity WHERE event = 'totp.failed'") == [(5,)]
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]


def test_two_setups_at_once_make_one_account(operate: Operate, live_server: str, rows: Rows) -> None:
    """A38."""
    code, password = operate(new_setup_code), PASSWORD
    fields = {"setup_code": code, "password": password, "repeated": password}
    answers = post_at_once(live_server, [("/setup", fields | {"name": name}, "") for name in ("ana", "bea")])
    assert sorted(answer.status_code for answer in answers) in ([303, 403], [303, 404])
    assert rows("SELECT count(*) FROM accounts") == [(1,)]


def test_two_confirmations_at_once_switch_on_once(
    alice: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A50."""
    key, cookie = begin_enrolment(client), cookie_of(client)
    fields = {"code": code_for(key, clock())}
    answers = post_at_once(live_server, [("/security/totp/confirm", fields, cookie)] * 2)
    assert sum("Guarde seus códigos" in answer.text for answer in answers) == 1
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)") == [(1, 10)]


def test_of_two_enrolments_at_once_one_counts(
    alice: Person, client: TestClient, new_client: Callable[[], TestClient], live_server: str, clock: Clock, rows: Rows
) -> None:
    """A50."""
    cookie = cookie_of(client)
    keys = [key_on(answer.text) for answer in post_at_once(live_server, [("/security/totp", {}, cookie)] * 2)]
    posts = [("/security/totp/confirm", {"code": code_for(key, clock())}, cookie) for key in keys]
    answers = post_at_once(live_server, posts)
    [key] = [key for key, answer in zip(keys, answers, strict=True) if "Guarde seus códigos" in answer.text]
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)") == [(1, 10)]
    code = code_for(key, clock.forward(seconds=30))
    assert sign_in(new_client(), alice, code).headers["location"] == "/instances"


def test_a_confirmation_racing_a_cancel_leaves_all_or_nothing(
    alice: Person, client: TestClient, live_server: str, clock: Clock, rows: Rows
) -> None:
    """A50."""
    key, cookie = begin_enrolment(client), cookie_of(client)
    posts = [
        ("/security/totp/confirm", {"code": code_for(key, clock())}, cookie),
        ("/security/totp/cancel", {}, cookie),
    ]
    post_at_once(live_server, posts)
    assert rows("SELECT (SELECT count(*) FROM totp), (SELECT count(*) FROM recovery_codes)")[0] in ((1, 10), (0, 0))
    assert rows("SELECT count(*) FROM totp_enrolments") == [(0,)]


@pytest.mark.parametrize("first", ["policy", "removal"])
def test_a_policy_racing_a_removal_leaves_nobody_inside_without_a_factor(
    first: str,
    protected: Person,
    client: TestClient,
    new_client: Callable[[], TestClient],
    invite: Callable[[str], Person],
    live_server: str,
    clock: Clock,
    rows: Rows,
) -> None:
    """A49."""
    bruno, browser = invite("bruno"), new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    cookie = cookie_of(browser)
    admin = cookie_of(client)
    removal = ("/security/totp/remove", proof(bruno, clock.forward(seconds=30)), cookie)
    posts = [("/policy/require", {"days": "0"}, admin), removal]
    post_at_once(live_server, posts if first == "policy" else posts[::-1])
    assert rows("SELECT two_factor_required_at IS NOT NULL FROM policy") == [(1,)]
    events = [event for (event,) in rows("SELECT event FROM activity ORDER BY id")]
    if "totp.removed" in events:
        assert events.index("totp.removed") < events.index("policy.required")
    assert ("totp.removed" in events) == (rows("SELECT count(*) FROM totp") == [(1,)])
    other = new_client()
    give_password(other, bruno)
    assert other.get("/instances").status_code == 303
