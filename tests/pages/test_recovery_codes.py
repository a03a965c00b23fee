import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Busy, Operate
from tests.support.clock import Clock
from tests.support.older import (
    EARLY_CODES_OF_BEFORE,
    FACTORS_OF_BEFORE,
    INSTANCES_OF_BEFORE,
    PANEL_OF_BEFORE,
    PASSKEYS_OF_BEFORE,
    PENDING_LOGINS_OF_BEFORE,
    PEOPLE_OF_BEFORE,
    ZONES_OF_BEFORE,
)
from tests.support.people import (
    FRAGMENT,
    ORIGIN,
    Person,
    begin_enrolment,
    code_for,
    codes_on,
    give_password,
    lost,
    proof,
    protect,
    sign_in,
)
from web.app import create_app
from web.crypto.argon2id import Argon2id
from web.factors.totp import qr_code
from web.limits import Cost
from web.settings import Settings

NewClient = Callable[..., TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


USED = "Um código de recuperação foi usado</strong> e não vale mais"


def recover(browser: TestClient, person: Person, code: str) -> Any:
    give_password(browser, person)
    return browser.post("/login/recovery", data={"code": code})


def replaced(browser: TestClient, person: Person, clock: Clock) -> Any:
    """Gerar outro código, proved with the next code of the app."""
    return browser.post("/security/recovery-codes/replacement", data=proof(person, clock.forward(seconds=30)))


def test_ten_codes_are_shown_once(protected: Person, client: TestClient) -> None:
    assert len(set(protected.recovery_codes)) == 10
    assert protected.recovery_codes[0] not in client.get("/security").text


def test_codes_stay_valid_when_the_hash_cost_rises(protected: Person, settings: Settings, clock: Clock) -> None:
    app = create_app(replace(settings, hash_cost=Cost(memory_kib=16, passes=2, lanes=1)), now=clock)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as browser:
        assert recover(browser, protected, protected.recovery_codes[0]).status_code == 303
        [code] = codes_on(replaced(browser, protected, clock).text) or [""]
        assert recover(browser, protected, code or protected.recovery_codes[1]).status_code == 303


def test_a_code_that_finds_no_place_in_the_queue_is_not_even_counted(
    protected: Person, new_client: NewClient, rows: Rows, everybody_hashes: Busy
) -> None:
    browser = new_client()
    give_password(browser, protected)
    with everybody_hashes():
        refused = browser.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert rows("SELECT * FROM attempts WHERE kind = 'recovery'") == []
    assert browser.post("/login/recovery", data={"code": protected.recovery_codes[0]}).status_code == 303


def fingerprint(page: str) -> str:
    found = re.search(r"[Cc]onjunto\s+(nº \d{4})\b", re.sub("<[^>]*>", "", page))
    assert found
    return found[1]


def test_the_codes_come_as_a_file_and_are_in_no_address(protected: Person, client: TestClient) -> None:
    answer = client.post("/security/recovery-codes/file", data={"codes": " ".join(protected.recovery_codes)})
    assert answer.headers["content-disposition"] == 'attachment; filename="codigos-de-recuperacao.txt"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    head, day, _, *how = answer.text.splitlines()[:6]
    assert head == "Painel Z-API · conta alice"
    number = fingerprint(client.get("/security").text)
    assert day == f"24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo · conjunto {number}"
    assert how == [
        "1. Abra https://painel.test e digite usuário e senha.",
        "2. Escolha “Usar um código de recuperação”.",
        "3. Digite um código e risque o quadrado dele: cada um vale uma vez.",
    ]
    assert answer.text.splitlines()[7:] == [f"[ ] {code}" for code in protected.recovery_codes]


def test_the_paper_says_where_and_how_and_its_qr_code_leads_to_the_recovery_page(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    page = client.post("/security/recovery-codes", data=proof(protected, clock())).text
    assert "Painel Z-API, conta alice" in page
    assert "Abra https://painel.test e digite usuário e senha." in page
    assert "risque o quadrado dele" in page
    drawn = qr_code("https://painel.test/login/recovery").path
    assert 'aria-label="Página de recuperação em QR code"' in page
    assert drawn in page


@pytest.mark.parametrize("codes", ["", "<script>", "0000-0000-0000-0000", "<b> " * 10])
def test_only_codes_come_back_as_that_file(codes: str, protected: Person, client: TestClient) -> None:
    assert client.post("/security/recovery-codes/file", data={"codes": codes}).status_code == 422


def test_after_a_recovery_code_every_page_offers_a_new_phone_until_there_is_one(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    assert USED in browser.get("/instances").text
    key = begin_enrolment(browser)
    browser.post("/security/totp/confirm", data={"code": code_for(key, clock.forward(seconds=1))})
    assert USED not in browser.get("/instances").text


def test_the_last_code_is_enough_for_a_new_phone_within_five_minutes(
    protected: Person, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    rows("UPDATE recovery_codes SET used_at = 1")
    clock.forward(minutes=4)
    protected.key = begin_enrolment(browser)
    browser.post("/security/totp/confirm", data={"code": protected.code_at(clock())})
    assert browser.post("/security/totp").status_code == 403  # there is a phone again
    assert sign_in(new_client(), protected, protected.code_at(clock.forward(seconds=30))).status_code == 303


def test_later_or_after_another_proof_a_session_of_a_recovery_code_is_like_any_other(
    protected: Person, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    clock.forward(minutes=6)
    assert browser.post("/security/totp").status_code == 403
    browser.post("/security/sessions/end-others", data=lost(protected, 1))
    assert browser.post("/security/totp").status_code == 403


def test_after_a_recovery_code_the_reminder_stays_until_it_is_acknowledged(
    protected: Person, client: TestClient, new_client: NewClient
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    page = browser.get("/activity").text
    assert f"{USED}. Restam 9 códigos. Perdeu o celular?" in page
    assert re.search(r'class="primary" id="used-new-phone"', page)
    answer = browser.post("/security/recovery-codes/acknowledge", data={"back": "/activity"})
    assert answer.headers["location"] == "/activity"
    assert USED not in browser.get("/activity").text
    assert "Ciente do código de recuperação usado" in browser.get("/activity").text


def test_elsewhere_a_used_code_is_one_entry_the_question_first_and_then_the_help(
    protected: Person, client: TestClient, new_client: NewClient
) -> None:
    recover(new_client(), protected, protected.recovery_codes[0])
    page = client.get("/activity").text
    assert page.count("Um código de recuperação foi usado</strong>") == 1
    assert USED not in page
    [mine] = re.findall(r'action="(/security/notices/\d+/mine)"', page)
    client.post(mine)
    assert USED in client.get("/activity").text


def test_one_code_takes_the_place_of_the_used_one_and_the_others_stay(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    page = replaced(browser, protected, clock).text
    [fresh] = re.findall(r'<code id="replacement">([0-9A-Z-]{19})</code>', page)
    assert USED not in page
    assert "Restam 10 de 10" in browser.get("/security").text
    assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == 422
    assert recover(new_client(), protected, protected.recovery_codes[1]).status_code == 303
    assert recover(new_client(), protected, fresh).status_code == 303


def test_each_use_has_one_replacement(
    protected: Person, client: TestClient, new_client: NewClient, rows: Rows, clock: Clock
) -> None:
    assert replaced(client, protected, clock).headers["location"] == "/security"
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    assert "Anote este código" in replaced(browser, protected, clock).text
    assert replaced(browser, protected, clock).headers["location"] == "/security"
    assert rows("SELECT count(*), count(used_at) FROM recovery_codes") == [(10, 0)]


def test_an_acknowledged_use_can_no_longer_be_replaced(
    protected: Person, new_client: NewClient, rows: Rows, clock: Clock
) -> None:
    browser = new_client()
    recover(browser, protected, protected.recovery_codes[0])
    browser.post("/security/recovery-codes/acknowledge")
    assert replaced(browser, protected, clock).headers["location"] == "/security"
    assert rows("SELECT count(used_at) FROM recovery_codes") == [(1,)]


def test_each_code_opens_one_login(protected: Person, new_client: NewClient) -> None:
    first = protected.recovery_codes[0]
    assert recover(new_client(), protected, first).headers["location"] == "/instances"
    again = recover(new_client(), protected, first)
    assert again.status_code == 422
    assert "já foi usado" in again.text
    assert recover(new_client(), protected, protected.recovery_codes[1]).status_code == 303


def test_a_code_alone_is_never_enough(protected: Person, new_client: NewClient) -> None:
    answer = new_client().post("/login/recovery", data={"code": protected.recovery_codes[0]})
    assert answer.headers["location"] == "/login"


def test_spelling_does_not_matter(protected: Person, new_client: NewClient) -> None:
    """A25."""
    code = next(code for code in protected.recovery_codes if "0" in code or "1" in code)
    sloppy = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert recover(new_client(), protected, sloppy).status_code == 303
    assert recover(new_client(), protected, code).status_code == 422


def test_a_malformed_code_costs_no_hash_and_no_try(protected: Person, new_client: NewClient, rows: Rows) -> None:
    answer = recover(new_client(), protected, "1234")
    assert "16 letras e números" in answer.text
    assert rows("SELECT count(*) FROM attempts WHERE kind = 'recovery'") == [(0,)]


def test_wrong_codes_are_limited_like_any_other(protected: Person, new_client: NewClient, clock: Clock) -> None:
    for _ in range(5):
        assert recover(new_client(), protected, "0000-0000-0000-0000").status_code == 422
    waiting = recover(new_client(), protected, protected.recovery_codes[0])
    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "60")
    clock.forward(seconds=61)
    assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == 303


def test_new_codes_kill_the_old_ones(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    fresh = codes_on(client.post("/security/recovery-codes", data=proof(protected, clock())).text)
    assert len(fresh) == 10
    assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == 422
    assert recover(new_client(), protected, fresh[0]).status_code == 303


def test_the_hub_counts_what_is_left_and_warns_at_three(
    protected: Person, client: TestClient, new_client: NewClient
) -> None:
    assert "Restam 10 de 10" in client.get("/security").text
    for code in protected.recovery_codes[:7]:
        recover(new_client(), protected, code)
    assert "Restam só 3" in client.get("/security").text


def rehearse(client: TestClient, code: str = "") -> Any:
    return client.post("/security/recovery-codes/rehearsal", data={"code": code} if code else {})


def test_a_rehearsal_checks_a_code_and_does_not_spend_it(
    protected: Person, client: TestClient, new_client: NewClient
) -> None:
    assert "digite um deles" in rehearse(client).text
    assert "ele não foi gasto" in rehearse(client, protected.recovery_codes[0].lower()).text
    assert "Restam 10 de 10" in client.get("/security").text
    assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == 303


def test_a_rehearsal_opens_beside_the_lock_and_fills_its_third_bar(
    protected: Person, client: TestClient, new_client: NewClient
) -> None:
    for code in ("", "0000-0000-0000-0000"):
        page = rehearse(client, code).text
        assert '<svg class="lock" data-level="2"' in page
        assert '<span class="state"><i class="i-circle"></i>Recuperação ensaiada' in page
        assert "Entrada na conta" in page
    page = rehearse(client, protected.recovery_codes[0]).text
    assert '<svg class="lock" data-level="3"' in page
    assert '<span class="state good"><i class="i-circle-check"></i>Recuperação ensaiada' in page
    assert "<strong>3 de 3 proteções ligadas.</strong>" in page


def test_ja_guardei_asks_for_one_code_back_and_then_says_what_happens_at_the_next_login(
    alice: Person, client: TestClient, clock: Clock
) -> None:
    codes = protect(client, alice, clock()).text
    [href] = re.findall('id="saved" href="([^"]*)"', codes)
    page = client.get(href).text
    said = page.partition("<main")[2]
    assert "Confira a folha</h2>" in said
    assert [said.lower().count(words) for words in ("digite", "gast", "guardou")] == [1, 1, 1]  # each but once
    assert '<a class="button quiet" id="later" href="/welcome">Depois</a>' in page
    wrong = client.post("/security/recovery-codes/rehearsal", data={"code": "0000-0000-0000-0000", "back": "/welcome"})
    assert wrong.status_code == 422
    assert "Este código não está na folha. Veja letra por letra." in wrong.text
    assert "0000-0000-0000-0000" not in wrong.text
    assert "Depois" in wrong.text
    right = {"code": alice.recovery_codes[4], "back": "/welcome"}
    done = client.post("/security/recovery-codes/rehearsal", data=right)
    assert done.headers["location"] == "/welcome"
    page = client.get("/welcome").text
    assert "Na próxima entrada, depois da senha, o painel pede o código" in page
    assert "os códigos de recuperação estão à mão" in page
    assert "Restam 10 de 10" in client.get("/security").text


def test_of_new_codes_too_one_is_typed_back_where_they_stand(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    fresh = codes_on(page := client.post("/security/recovery-codes", data=proof(protected, clock())).text)
    [href] = re.findall('id="saved" href="([^"]*)"', page)
    form = client.get(href, headers=FRAGMENT).text
    assert form.startswith('<section class="stack keep" id="keep"')
    assert 'href="/security">Depois</a>' in form
    done = client.post("/security/recovery-codes/rehearsal", data={"code": fresh[1], "back": "/security"}).text
    assert "ele não foi gasto" in done
    assert '<svg class="lock" data-level="3"' in done


@pytest.mark.parametrize("back", ["https://elsewhere.test", "/instances", "//elsewhere.test"])
def test_typing_back_leads_nowhere_else(back: str, protected: Person, client: TestClient) -> None:
    page = client.get("/security/recovery-codes/rehearsal", params={"back": back}).text
    assert '<a class="button quiet" id="later" href="/security">Depois</a>' in page


def test_depois_stays_as_a_reminder(protected: Person, client: TestClient) -> None:
    assert "Falta digitar um dos códigos de recuperação de volta" in client.get("/welcome").text
    assert "ainda não ensaiado" in client.get("/security").text


def test_without_codes_there_is_none_to_be_typed_back(alice: Person, client: TestClient) -> None:
    assert client.get("/security/recovery-codes/rehearsal").headers["location"] == "/security"


def test_what_new_codes_end_is_said_right_above_their_button(protected: Person, client: TestClient) -> None:
    rehearse(client, protected.recovery_codes[0])
    page = client.get("/security").text
    told, new = page.index('id="renewal"'), page.index('id="renew-codes"')
    assert page.index('id="rehearse"') < told < new
    assert re.search(r'id="rehearse">[^<]*</button></form>\s*<p class="hint" id="renewal">', page)
    assert page[told:new].count("<form") == 1


def test_a_spent_code_does_not_pass_the_rehearsal(protected: Person, client: TestClient, new_client: NewClient) -> None:
    recover(new_client(), protected, protected.recovery_codes[0])
    refused = rehearse(client, protected.recovery_codes[0])
    assert refused.status_code == 422
    assert "não vale: foi digitado errado ou já foi usado" in refused.text
    assert "ele não foi gasto" not in refused.text
    assert "ainda não ensaiado" in client.get("/security").text


def test_a_rehearsal_has_its_own_budget(protected: Person, client: TestClient, new_client: NewClient) -> None:
    answers = [rehearse(client, "0000-0000-0000-0000").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == 303


def test_a_rehearsal_asks_for_a_step_up_and_the_code_is_not_sent_back(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    clock.forward(minutes=6)
    asked = rehearse(client, protected.recovery_codes[0])
    assert asked.status_code == 403
    assert protected.recovery_codes[0] not in asked.text


def test_a_rehearsed_recovery_is_the_third_protection_for_half_a_year(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    def protections(**later: float) -> str:
        clock.forward(**later)
        browser = new_client()
        sign_in(browser, protected, protected.code_at(clock()))
        return counted(browser)

    assert counted(client) == "2"
    assert "Ensaie a recuperação" in client.get("/security").text
    rehearse(client, protected.recovery_codes[0])
    assert counted(client) == "3"
    assert "Ensaie a recuperação" not in client.get("/security").text
    assert [protections(days=179, hours=23), protections(hours=1)] == ["3", "2"]


def test_with_fewer_than_three_codes_left_new_ones_are_what_is_next(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    rehearse(client, protected.recovery_codes[9])
    for code in protected.recovery_codes[:7]:
        use(new_client(), protected, code, clock)
    assert counted(client) == "3"
    assert "Restam só 3" in client.get("/security").text
    use(new_client(), protected, protected.recovery_codes[7], clock)
    assert counted(client) == "2"
    assert "Falta uma proteção." in client.get("/security").text
    assert "Gere novos códigos de recuperação" in client.get("/security").text


def counted(browser: TestClient) -> str:
    found = re.search("([123]) de 3 proteções ligadas", browser.get("/security").text)
    assert found
    return found[1]


def use(browser: TestClient, person: Person, code: str, clock: Clock) -> None:
    clock.forward(seconds=10)
    give_password(browser, person)
    assert browser.post("/login/recovery", data={"code": code}).status_code == 303


def test_sheet_and_hub_bear_the_same_fingerprint_until_the_set_changes(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    first = fingerprint(client.get("/security").text)
    sheet = client.post("/security/recovery-codes", data=proof(protected, clock())).text
    assert fingerprint(sheet) == fingerprint(client.get("/security").text) != first


def test_only_hashes_are_stored(protected: Person, rows: Rows, settings: Any) -> None:
    files = b"".join(file.read_bytes() for file in settings.data.glob("panel.db*"))
    assert not any(
        code.encode() in files or code.replace("-", "").encode() in files for code in protected.recovery_codes
    )
    assert rows("SELECT count(DISTINCT digest), min(length(digest)) FROM recovery_codes") == [(10, 32)]


def test_a_set_that_was_moved_to_another_account_opens_nothing_there(
    protected: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A61: by an attacker who can write to the database and has codes of an account of their own."""
    mallory, theirs = invite("mallory"), new_client()
    sign_in(theirs, mallory)
    protect(theirs, mallory, clock())
    rows("DELETE FROM recovery_codes WHERE account_id = 1")
    rows("UPDATE recovery_codes SET account_id = 1")
    rows("UPDATE recovery_sets SET (salt, cost) = (SELECT salt, cost FROM recovery_sets WHERE account_id = 2)")
    assert recover(new_client(), protected, mallory.recovery_codes[0]).status_code == 422
    rows("UPDATE recovery_sets SET sealed_key = (SELECT sealed_key FROM recovery_sets WHERE account_id = 2)")
    stranger = new_client(raise_server_exceptions=False)
    assert recover(stranger, protected, mallory.recovery_codes[0]).status_code == 500
    assert stranger.get("/instances").headers["location"] == "/login"
    assert rows("SELECT failures FROM attempts WHERE kind = 'recovery'") == [(1,)]  # of the first
    assert rows("SELECT count(used_at) FROM recovery_codes") == [(0,)]


def test_codes_from_before_sets_had_keys_stay_valid(
    protected: Person,
    client: TestClient,
    new_client: NewClient,
    operate: Operate,
    rows: Rows,
) -> None:
    [(salt, cost)] = rows("SELECT salt, cost FROM recovery_sets")
    rows("DELETE FROM recovery_codes")
    for code in protected.recovery_codes:
        digest = Argon2id().digest(code.replace("-", "").encode(), salt, Cost.read(cost))
        rows("INSERT INTO recovery_codes (account_id, digest) VALUES (1, ?)", digest)
    for change in (
        *PASSKEYS_OF_BEFORE,
        *ZONES_OF_BEFORE,
        *PEOPLE_OF_BEFORE,
        "DROP TABLE endings",
        *EARLY_CODES_OF_BEFORE,
        *INSTANCES_OF_BEFORE,
        *PENDING_LOGINS_OF_BEFORE,
        *FACTORS_OF_BEFORE,
        *PANEL_OF_BEFORE,
        "ALTER TABLE recovery_sets DROP COLUMN sealed_key",
        "PRAGMA user_version = 21",
    ):
        rows(change)
    operate(lambda panel: panel.db.one(int, "SELECT 1"))
    assert "ele não foi gasto" in rehearse(client, protected.recovery_codes[0]).text
    for expected in (303, 422):
        assert recover(new_client(), protected, protected.recovery_codes[0]).status_code == expected
    assert recover(new_client(), protected, protected.recovery_codes[1]).status_code == 303


def test_spending_a_code_leaves_its_activity(protected: Person, new_client: NewClient, rows: Rows) -> None:
    recover(new_client(), protected, "0000-0000-0000-0000")
    recover(new_client(), protected, protected.recovery_codes[0])
    events = [event for (event,) in rows("SELECT event FROM activity WHERE event LIKE 'recovery%' ORDER BY id")]
    assert events == ["recovery.failed", "recovery.ok"]


def test_it_says_first_how_many_codes_new_ones_end(protected: Person, client: TestClient) -> None:
    hub = client.get("/security").text
    assert "Ao gerar novos, os 10 de agora deixam de valer" in hub
    client.post("/security/sessions/end-others", data=lost(protected, 0))
    assert "Ao gerar novos, os 9 de agora deixam de valer" in client.get("/security").text
    asked = client.post("/security/recovery-codes").text
    assert "gerar códigos de recuperação novos; os de agora deixam de valer" in asked
