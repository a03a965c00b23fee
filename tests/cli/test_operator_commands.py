"""What the terminal may do while people are signed in, and the codes it hands out."""

import argparse
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.people import Person, give_password, protect, sign_in
from web.cli import people
from web.cli.terminal import Command, CommandRefused
from web.limits import TOTP_STEP

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
COUNTED = "SELECT count(*) FROM attempts WHERE kind LIKE 'totp%'"
FRESH = "pato verde corre na praia"


@pytest.fixture
def reset_password(operate: Operate, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Reset somebody's password and return the activation code that was printed."""

    def reset(name: str) -> str:
        operate(lambda panel: people.reset_password(panel, argparse.Namespace(name=name)))
        code = re.search(r"ativação: (\S+)", capsys.readouterr().out)
        assert code
        return code[1]

    return reset


def activate(browser: TestClient, code: str, password: str = FRESH) -> Any:
    fields = {"activation_code": code, "password": password, "repeated": password}
    return browser.post("/activate", data=fields)


def test_a_reset_ends_the_password_and_the_sessions_at_once(
    alice: Person, client: TestClient, new_client: NewClient, reset_password: Callable[[str], str]
) -> None:
    reset_password("alice")
    assert give_password(new_client(), alice).status_code == 422
    assert client.get("/security").status_code == 303


def test_the_code_chooses_a_new_password_once(
    alice: Person, new_client: NewClient, reset_password: Callable[[str], str]
) -> None:
    code = reset_password("alice")
    browser = new_client()
    assert activate(browser, code.lower()).headers["location"] == "/instances"
    assert browser.get("/instances").status_code == 200
    alice.password = FRESH
    assert sign_in(new_client(), alice).headers["location"] == "/instances"
    assert activate(new_client(), code, "outro pato verde corre").status_code == 422


def test_a_new_account_is_signed_in_and_welcomed(
    alice: Person, client: TestClient, create_account: Callable[[str], str], rows: Rows
) -> None:
    """In a browser where somebody was signed in, as after a login: that session ends."""
    assert activate(client, create_account("bruno")).headers["location"] == "/welcome"
    assert 'Boas-vindas, <span translate="no">bruno</span>.' in client.get("/welcome").text
    told = "SELECT event, detail FROM activity ORDER BY id DESC LIMIT 3"
    assert rows(told) == [("session.started", "password"), ("session.ended", "login"), ("account.activated", "")]
    assert rows("SELECT count(*) FROM sessions") == [(1,)]


def test_where_two_factors_are_required_it_may_only_switch_them_on(
    protected: Person, client: TestClient, new_client: NewClient, create_account: Callable[[str], str]
) -> None:
    client.post("/policy/require", data={"days": "0"})
    browser = new_client()
    activate(browser, create_account("bruno"))
    assert browser.get("/instances").headers["location"] == "/security"
    assert browser.post("/instances", data={"name": "Loja"}).headers["location"] == "/security"


@pytest.mark.parametrize("name", ["Alice ", "\u00a0alice", "alice\u200b"])
def test_the_terminal_knows_a_name_with_blanks_around_it(
    name: str, alice: Person, new_client: NewClient, reset_password: Callable[[str], str], operate: Operate
) -> None:
    """A45: the same account, and no second one."""
    with pytest.raises(CommandRefused, match="alice"):
        operate(lambda panel: people.create_account(panel, argparse.Namespace(name=name, admin=False)))
    reset_password(name)
    assert give_password(new_client(), alice).status_code == 422


def test_a_clock_that_was_ahead_locks_nobody_out_for_good(
    protected: Person, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    """A48."""
    clock.forward(days=1)
    sign_in(new_client(), protected, protected.code_at(clock()))
    clock.forward(days=-1)
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 422
    options = argparse.Namespace(name="alice")
    operate(lambda panel: people.resync_totp(panel, options))
    for step in (0, 1):  # a phone may be a step ahead
        code = protected.code_at(clock() + step * TOTP_STEP)
        assert sign_in(new_client(), protected, code).status_code == 422
    clock.forward(seconds=60)
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 303
    with pytest.raises(CommandRefused, match="Nada mudou"):
        operate(lambda panel: people.resync_totp(panel, options))


def test_a_reset_password_does_not_get_round_the_second_factor(
    protected: Person, new_client: NewClient, clock: Clock, reset_password: Callable[[str], str]
) -> None:
    browser = new_client()
    assert activate(browser, reset_password("alice")).headers["location"] == "/login/code"
    assert browser.get("/instances").headers["location"].startswith("/login")
    clock.forward(seconds=30)
    assert browser.post("/login/code", data={"code": "000000"}).status_code == 422
    answer = browser.post("/login/code", data={"code": protected.code_at(clock())})
    assert answer.headers["location"] == "/instances"
    protected.password = FRESH
    assert give_password(new_client(), protected).headers["location"] == "/login/code"
    assert sign_in(new_client(), protected, protected.code_at(clock.forward(seconds=30))).status_code == 303


@pytest.mark.parametrize(("minutes", "status"), [(59, 303), (61, 422)])
def test_the_code_of_a_reset_lasts_an_hour(
    minutes: int, status: int, alice: Person, new_client: NewClient, clock: Clock, reset_password: Callable[[str], str]
) -> None:
    code = reset_password("alice")
    clock.forward(minutes=minutes)
    assert activate(new_client(), code).status_code == status


@pytest.mark.parametrize(("hours", "status"), [(23, 303), (25, 422)])
def test_an_invitation_lasts_a_day(
    hours: int,
    status: int,
    alice: Person,
    new_client: NewClient,
    clock: Clock,
    create_account: Callable[[str], str],
) -> None:
    code = create_account("bruno")
    clock.forward(hours=hours)
    assert activate(new_client(), code).status_code == status


def test_a_refused_password_is_explained_and_the_code_stays_valid(
    alice: Person, new_client: NewClient, reset_password: Callable[[str], str]
) -> None:
    code = reset_password("alice")
    refused = activate(new_client(), code, "curta")
    assert refused.status_code == 422
    assert "pelo menos 12 caracteres" in refused.text
    assert activate(new_client(), code).status_code == 303


def test_the_code_alone_tells_the_name_and_stays_good(
    alice: Person, new_client: NewClient, reset_password: Callable[[str], str], rows: Rows
) -> None:
    code = reset_password("alice")
    asked = new_client().post("/activate", data={"activation_code": code.lower()}).text
    assert 'Sua conta neste painel se chama <strong translate="no">alice</strong>' in asked
    assert '<input type="text" name="" value="alice" autocomplete="username" hidden>' in asked
    assert rows("SELECT count(*) FROM activations") == [(1,)]
    assert "alice" in activate(new_client(), code, "curta").text
    assert "alice" not in new_client().get("/activate").text
    assert 'name="password"' not in new_client().get("/activate").text


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("senhasenhasenha", "palavras que todos tentam primeiro, como senha ou painel"),
        ("alice2026alice", "se apoia no nome da conta"),
        ("qwerqwerqwer1", "fácil de adivinhar"),
        ("curta", "pelo menos 12 caracteres"),
    ],
)
def test_a_weak_password_is_refused_for_what_is_weak_about_it(
    password: str, reason: str, alice: Person, new_client: NewClient, reset_password: Callable[[str], str]
) -> None:
    assert reason in activate(new_client(), reset_password("alice"), password).text


def test_a_wrong_code_tells_nothing_about_accounts(alice: Person, new_client: NewClient) -> None:
    """A12."""
    refused = activate(new_client(), "0000-0000-0000-0000-0000-0000")
    assert refused.status_code == 422
    assert "Este código não vale" in refused.text
    assert "alice" not in refused.text


def test_reset_two_factor_leaves_the_password_and_ends_the_sessions(
    protected: Person, client: TestClient, new_client: NewClient, operate: Operate, rows: Rows
) -> None:
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="ALICE")))
    assert client.get("/security").status_code == 303
    browser = new_client()
    assert sign_in(browser, protected).headers["location"] == "/instances"
    page = browser.get("/instances").text
    assert "A autenticação de dois fatores foi desativada" in page
    assert ", do terminal do servidor." in page  # and not only when it was switched on
    assert rows("SELECT count(*) FROM recovery_codes") == [(0,)]


def test_unlock_ends_every_wait_of_one_account(
    protected: Person, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    for _ in range(5):
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    for _ in range(5):
        give_password(new_client(), protected, password="girafa verde dança")
    clock.forward(seconds=29)
    assert give_password(new_client(), protected).status_code == 429
    operate(lambda panel: people.unlock(panel, argparse.Namespace(name="alice")))
    assert sign_in(new_client(), protected, protected.code_at(clock())).status_code == 303


def test_unlock_resets_no_counter_of_anybody_else(alice: Person, new_client: NewClient, operate: Operate) -> None:
    for _ in range(5):
        give_password(new_client(), Person("carla", "girafa verde dança"))
    operate(lambda panel: people.unlock(panel, argparse.Namespace(name="alice")))
    assert give_password(new_client(), Person("carla", "girafa verde dança")).status_code == 429


@pytest.mark.parametrize("name", ["alice", None])
def test_end_sessions_signs_everybody_out(
    name: str | None, alice: Person, client: TestClient, operate: Operate, rows: Rows
) -> None:
    operate(lambda panel: people.end_sessions(panel, argparse.Namespace(name=name)))
    assert client.get("/security").status_code == 303
    assert rows("SELECT event, detail FROM activity ORDER BY id DESC LIMIT 1") == [("cli.end_sessions", "1")]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (people.reset_password, "alice"),
        (people.reset_two_factor, "alice"),
        (people.end_sessions, "alice"),
        (people.end_sessions, None),
    ],
)
def test_what_ends_sessions_ends_pending_logins_too(
    command: Command, name: str | None, protected: Person, new_client: NewClient, clock: Clock, operate: Operate
) -> None:
    browser = new_client()
    assert give_password(browser, protected).headers["location"] == "/login/code"
    operate(lambda panel: command(panel, argparse.Namespace(name=name)))
    late = browser.post("/login/code", data={"code": protected.code_at(clock.forward(seconds=30))})
    assert late.headers["location"] == "/login"
    assert browser.get("/security").headers["location"].startswith("/login")


def test_after_a_reset_the_waits_of_the_old_app_are_forgotten(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    for _ in range(5):
        sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    assert rows(COUNTED) == [(1,)]
    operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="alice")))
    assert rows(COUNTED) == [(0,)]
    browser = new_client()
    sign_in(browser, protected)
    protect(browser, protected, clock())
    assert sign_in(new_client(), protected, protected.code_at(clock.forward(seconds=30))).status_code == 303


def test_a_refused_command_changes_nothing(alice: Person, client: TestClient, operate: Operate) -> None:
    with pytest.raises(CommandRefused):
        operate(lambda panel: people.reset_two_factor(panel, argparse.Namespace(name="alice")))
    assert client.get("/security").status_code == 200


def test_what_the_terminal_did_is_in_the_activity(
    alice: Person, new_client: NewClient, reset_password: Callable[[str], str], rows: Rows
) -> None:
    activate(new_client(), reset_password("alice"))
    found = rows(
        "SELECT event, network FROM activity WHERE event IN ('cli.reset_password', 'account.activated') ORDER BY id"
    )
    assert [event for event, _ in found] == ["cli.reset_password", "account.activated"]
    assert found[0][1] == "terminal"


@pytest.mark.parametrize("is_admin", [False, True])
def test_only_an_account_that_is_made_so_administers_the_panel(
    is_admin: bool, alice: Person, operate: Operate, rows: Rows
) -> None:
    operate(lambda panel: people.create_account(panel, argparse.Namespace(name="bruno", admin=is_admin)))
    assert rows("SELECT role FROM accounts WHERE name = 'bruno'") == [("admin" if is_admin else "member",)]
    assert rows("SELECT event FROM activity ORDER BY id DESC LIMIT 1") == [("cli.create_account",)]


def test_unlocking_and_resyncing_leave_their_lines(
    protected: Person, new_client: NewClient, clock: Clock, operate: Operate, rows: Rows
) -> None:
    clock.forward(days=1)
    sign_in(new_client(), protected, protected.code_at(clock()))
    clock.forward(days=-1)
    operate(lambda panel: people.unlock(panel, argparse.Namespace(name="alice")))
    operate(lambda panel: people.resync_totp(panel, argparse.Namespace(name="alice")))
    found = rows("SELECT event FROM activity ORDER BY id DESC LIMIT 2")
    assert found == [("cli.resync_totp",), ("cli.unlock",)]
