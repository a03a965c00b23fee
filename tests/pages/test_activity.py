import csv
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from tests.support.clock import Clock
from tests.support.markup import check
from tests.support.people import ORIGIN, Person, give_password, proof, set_up, sign_in
from web import hosts
from web.audit.events import Section
from web.limits import ACTIVITY_PAGE, EXPORT_STEP
from web.pages.activity import IN_SIGHT, harmless

Rows = Callable[..., Any]


def test_the_page_tells_what_happened_in_words(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=5)
    page = client.get("/activity").text
    assert "Conta criada" in page
    assert re.search(r'data-as="hour" title="24 de novembro de 2026 às 09:00, [^"]*">9h00</time>', page)


def test_long_histories_come_in_pages(alice: Person, client: TestClient) -> None:
    for number in range(ACTIVITY_PAGE):
        client.post("/instances", data={"name": f"Loja {number}"})
    first = client.get("/activity").text
    older = re.search(r'href="(/activity\?[^"]*antes=\d+)"', first)
    assert older
    assert f"{ACTIVITY_PAGE} instâncias criadas" in first
    assert re.findall(r"Loja \d+", first) == [f"Loja {number}" for number in range(ACTIVITY_PAGE - 1, -1, -1)]
    assert "Conta criada" in client.get(unescape(older[1])).text


def test_kind_and_period_filter_the_entries(alice: Person, client: TestClient, clock: Clock) -> None:
    client.post("/instances", data={"name": "Loja"})
    page = client.get("/activity", params={"tipo": "instancias"}).text
    assert "Instância criada" in page
    assert "Conta criada" not in page
    sign_in(client, alice)
    clock.forward(days=8)
    sign_in(client, alice)
    page = client.get("/activity", params={"periodo": "7"}).text
    assert "Entrada no painel" in page
    assert "Instância criada" not in page


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"tipo": "falhas"}, "Nada falhou. Bom sinal."),
        ({"tipo": "falhas", "periodo": "7"}, "Nada falhou neste período. Bom sinal."),
        ({"tipo": "fatores"}, "Nada em “Senha e dois fatores”."),
        ({"tipo": "instancias", "ate": "2020-01-01"}, "Nada em “Instâncias” neste período."),
        ({"ate": "2020-01-01"}, "Nada aconteceu neste período."),
        ({"tipo": "falhas", "antes": "1"}, "Não há nada mais antigo."),
    ],
)
def test_where_a_choice_has_nothing_the_page_says_so_and_leads_back_to_everything(
    chosen: dict[str, str], said: str, alice: Person, client: TestClient
) -> None:
    page = client.get("/activity", params=chosen).text
    assert f'<p class="empty">{said} <a href="/activity">Ver tudo</a></p>' in page


def test_an_unknown_kind_shows_all_entries(alice: Person, client: TestClient) -> None:
    assert "Conta criada" in client.get("/activity", params={"tipo": "' OR 1=1 --", "periodo": "x"}).text


def exported(client: TestClient, **chosen: str) -> list[list[str]]:
    """The lines as a spreadsheet in Brazil reads them, the head first."""
    answer = client.post("/activity/export", data=chosen)
    assert answer.text[0] == "\ufeff"
    return list(csv.reader(answer.text[1:].splitlines(), delimiter=";"))


def test_the_export_opens_in_brazilian_excel_and_holds_no_formula(alice: Person, client: TestClient) -> None:
    for name in ("=cmd|' /C calc'!A0", "Loja; matriz", "a;=1+1", "a, @SUM(1)"):
        client.post("/instances", data={"name": name})
    answer = client.post("/activity/export", data={"tipo": "instancias"})
    assert answer.headers["content-disposition"] == 'attachment; filename="atividade.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = exported(client, tipo="instancias")
    assert head == ["quando (America/Sao_Paulo)", "o que aconteceu", "detalhe", "rede", "dispositivo"]
    assert [line[0] for line in lines] == ["24/11/2026 09:00:05"] * 4
    assert [line[2] for line in lines] == ["a,' @SUM(1)", "a;'=1+1", "Loja; matriz", "'=cmd|' /C calc'!A0"]


def test_the_export_uses_the_time_zone_that_the_browser_sends(alice: Person, client: TestClient) -> None:
    head, line = exported(client, tipo="conta", fuso="Asia/Tokyo")
    assert (head[0], line[0]) == ("quando (Asia/Tokyo)", "24/11/2026 21:00:05")
    assert exported(client, fuso="Lua/Mar_da_Tranquilidade")[0][0] == "quando (America/Sao_Paulo)"


FILL = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12050)
    INSERT INTO activity (account_id, event, at, network, user_agent, detail)
    SELECT 1, 'instance.created', i * 100, '', '', i FROM n
"""


def test_every_entry_of_the_filter_is_exported_the_newest_first(
    alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    rows(FILL)
    _, *lines = exported(client, tipo="instancias")
    assert [line[2] for line in lines] == [str(number) for number in range(12_050, 0, -1)]
    _, *lines = exported(client, de="1970-01-02", ate="1970-01-13", fuso="UTC")
    assert [line[2] for line in lines] == [str(number) for number in range(11_231, 863, -1)]


def test_an_export_is_read_and_sent_step_by_step(alice: Person, client: TestClient, rows: Callable[..., Any]) -> None:
    """However much there is, no more than a step of it is in memory."""
    rows(FILL)
    pieces: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            pieces.append(len(message.get("body", b"")))
            await send(message)

        await client.app(scope, receive, watch)

    browser = TestClient(watched, base_url=ORIGIN, headers={"Origin": ORIGIN}, cookies=client.cookies)
    browser.portal = client.portal
    browser.app_state |= client.app_state
    assert len(browser.post("/activity/export").content) == sum(pieces)
    assert len([piece for piece in pieces if piece]) > 12_050 // EXPORT_STEP
    assert max(pieces) < 100 * EXPORT_STEP


@pytest.fixture
def nights(alice: Person, client: TestClient, clock: Clock) -> list[str]:
    """A shop made at nine in the evening of each of four days in São Paulo, when it is the next day elsewhere."""
    clock.forward(hours=12)
    for number in range(4):
        sign_in(client, alice)
        client.post("/instances", data={"name": f"Loja {number}"})
        clock.forward(days=1)
    sign_in(client, alice)
    return [f"Loja {number}" for number in range(4)]


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"de": "2026-11-25", "ate": "2026-11-26"}, [1, 2]),
        ({"de": "26/11/2026"}, [2, 3]),
        ({"ate": "2026-11-24"}, [0]),
        ({"de": "2026-11-25", "ate": "2026-11-26", "fuso": "UTC"}, [0, 1]),
        ({"de": "2026-11-25", "ate": "2026-11-25", "fuso": "Asia/Tokyo", "periodo": "7"}, [0]),
        ({"de": "2027-01-01"}, []),
        ({"periodo": "7", "fuso": "UTC"}, [0, 1, 2, 3]),
    ],
)
def test_days_are_filtered_whole_in_the_readers_time_zone(
    chosen: dict[str, str], wanted: list[int], nights: list[str], client: TestClient
) -> None:
    page = client.get("/activity", params=chosen | {"tipo": "instancias"}).text
    assert [name for name in nights if name in page] == [nights[number] for number in wanted]
    _, *lines = exported(client, **chosen, tipo="instancias")
    assert [line[2] for line in lines] == [nights[number] for number in reversed(wanted)]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"de": "31/02/2026"}, "“31/02/2026” não é uma data"),
        ({"ate": "ontem"}, "“ontem” não é uma data"),
        ({"ate": "9999-12-31"}, "“9999-12-31” não é uma data"),
        ({"de": "0001-01-01", "fuso": "Asia/Tokyo"}, "“0001-01-01” não é uma data"),
        ({"de": "2026-11-25", "ate": "2026-11-24"}, "Esta data vem antes da outra"),
    ],
)
def test_an_impossible_date_is_reported_beside_its_field_and_nothing_is_lost(
    chosen: dict[str, str], sentence: str, alice: Person, client: TestClient
) -> None:
    field = "ate" if "ate" in chosen else "de"
    for answer in (
        client.get("/activity", params=chosen | {"tipo": "conta"}),
        client.post("/activity/export", data=chosen | {"tipo": "conta"}),
    ):
        assert answer.status_code == 422
        assert re.search(
            f'<p class="error" id="{field}-error" role="alert"><i class="i-circle-x"></i>{sentence}', answer.text
        )
        assert re.search('<a [^>]*tipo=conta[^>]* aria-current="true">Conta e servidor</a>', answer.text)
        assert all(f'value="{value}"' in answer.text for value in chosen.values())


def test_links_and_export_keep_the_whole_filter(alice: Person, client: TestClient, rows: Callable[..., Any]) -> None:
    rows(FILL)
    chosen = {"tipo": "instancias", "de": "1970-01-02", "ate": "1970-01-13", "fuso": "Asia/Tokyo"}
    page = client.get("/activity", params=chosen).text
    [older] = re.findall(r'href="/activity\?([^"]*antes=\d+)"', page)
    assert dict(parse_qsl(unescape(older))) | {"antes": ""} == chosen | {"antes": ""}
    [form] = re.findall(r'action="/activity/export">(.*?)</form>', page, re.DOTALL)
    assert dict(re.findall(r'name="(\w+)" value="([^"]+)"', form)) == chosen
    assert "De e Até, no fuso Tóquio (UTC+9)" in page
    assert "<summary>Período: de um dia a outro</summary>" in page


def test_the_chosen_period_is_told_once(alice: Person, client: TestClient) -> None:
    page, week = client.get("/activity").text, client.get("/activity", params={"periodo": "7"}).text
    assert ("<summary>Período: desde sempre</summary>" in page, "Desde sempre" in page) == (True, False)
    assert ("<summary>Período: últimos 7 dias</summary>" in week, "Desde sempre</a>" in week) == (True, True)


def test_the_export_asks_for_a_step_up(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(minutes=6)
    asked = client.post("/activity/export", data={"tipo": "conta", "periodo": ""})
    assert asked.status_code == 403
    assert 'name="tipo" value="conta"' in asked.text
    proved = {"tipo": "conta", "periodo": "", "step_up_password": alice.password}
    assert "Conta criada" in client.post("/activity/export", data=proved).text


def test_everybody_sees_and_exports_their_own_activity_alone(
    alice: Person, client: TestClient, new_client: Callable[[], TestClient], invite: Callable[[str], Person]
) -> None:
    client.post("/instances", data={"name": "Loja da Alice"})
    browser = new_client()
    sign_in(browser, invite("bruno"))
    browser.post("/instances", data={"name": "Loja do Bruno"})
    export = {"tipo": "", "periodo": ""}
    for own, other, who in (("Alice", "Bruno", client), ("Bruno", "Alice", browser)):
        for text in (who.get("/activity").text, who.post("/activity/export", data=export).text):
            assert f"Loja d{'a' if own == 'Alice' else 'o'} {own}" in text
            assert f"{other}" not in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_no_cell_begins_like_a_formula(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"
    assert harmless("1+1") == "1+1"


def verified(client: TestClient) -> str:
    return client.post("/activity/verify").text


def test_an_unaltered_activity_is_confirmed(alice: Person, client: TestClient) -> None:
    client.post("/instances", data={"name": "Loja"})
    assert "Nenhuma linha do registro foi alterada" in verified(client)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE activity SET detail = 'Padaria' WHERE id = ?",
        "UPDATE activity SET at = at + 1 WHERE id = ?",
        "DELETE FROM activity WHERE id = ?",
        "UPDATE activity SET link = zeroblob(32) WHERE id = ?",
        "UPDATE activity SET link = NULL WHERE id = ?",
    ],
)
def test_a_line_that_was_tampered_with_is_named(
    tampering: str, alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    for name in ("Loja", "Matriz"):
        client.post("/instances", data={"name": name})
    for trigger in ("activity_is_never_changed", "activity_is_removed_from_the_oldest_on"):
        rows(f"DROP TRIGGER {trigger}")
    [(number,)] = rows("SELECT min(id) FROM activity WHERE event = 'instance.created'")
    rows(tampering, number)
    named = number + 1 if tampering.startswith("DELETE") else number
    assert f"a linha {named} não combina" in verified(client)


def test_addresses_of_one_household_are_shown_as_one_network() -> None:
    def from_address(host: str) -> str:
        return next(iter(hosts.networks(host)))

    assert from_address("203.0.113.7") == from_address("::ffff:203.0.113.7") == "203.0.113.7"
    assert from_address("2001:db8:1:2:3::4") == from_address("2001:db8:1:2::9") == "2001:db8:1:2::/64"


def test_a_strange_page_number_is_the_first_page(alice: Person, client: TestClient) -> None:
    for before in ("x", "-1", "9" * 40, "١"):
        assert "Conta criada" in client.get("/activity", params={"antes": before}).text


def test_a_user_agent_stays_text_and_short(
    alice: Person, client: TestClient, new_client: Callable[[], TestClient], rows: Callable[..., Any]
) -> None:
    """A53."""
    browser = new_client()
    browser.headers["User-Agent"] = '<script>alert(1)</script>\t{"event":"x"}' + "x" * 400
    give_password(browser, alice)
    assert "<script>alert" not in client.get("/activity").text
    assert rows("SELECT max(length(user_agent)) FROM activity") == [(256,)]


TOO_LONG = "x" * 300
ANONYMOUS = "SELECT detail, count(*) FROM activity WHERE account_id IS NULL GROUP BY detail ORDER BY min(id)"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/login", {"name": "nobody{}", "password": TOO_LONG}),
        ("/login", {"name": "nobody{}", "password": "girafa verde"}),
        ("/activate", {"activation_code": "0" * 24, "password": TOO_LONG, "repeated": TOO_LONG}),
    ],
)
def test_failures_of_strangers_become_few_entries_with_numbers(
    path: str,
    fields: dict[str, str],
    alice: Person,
    new_client: Callable[[], TestClient],
    clock: Clock,
    rows: Callable[..., Any],
) -> None:
    """A56: without a hash too. In the next hour lines are written again."""
    browser = new_client()
    for number in range(30):
        clock.forward(seconds=20)
        tried = browser.post(path, data={name: text.format(number) for name, text in fields.items()})
        assert tried.status_code == 422
    assert rows(ANONYMOUS) == [("", 10), ("20 vezes em menos de uma hora", 1)]
    clock.forward(hours=1)
    browser.post(path, data={name: text.format(0) for name, text in fields.items()})
    assert rows(ANONYMOUS)[0] == ("", 11)


def test_wrong_set_up_codes_become_few_entries_too(
    setup_code: str, client: TestClient, clock: Clock, rows: Callable[..., Any]
) -> None:
    for _ in range(30):
        clock.forward(seconds=20)
        set_up(client, Person("alice", TOO_LONG), "0" * 24)
    assert rows(ANONYMOUS) == [("", 10), ("20 vezes em menos de uma hora", 1)]


def test_strangers_in_many_networks_write_no_more_entries_than_the_panel_allows(
    alice: Person, elsewhere: Callable[[], TestClient], clock: Clock, rows: Callable[..., Any]
) -> None:
    """A56: the owner's own lines stay, each."""
    rows("INSERT INTO rates VALUES ('panel stranger', x'', 995, ?)", int(clock().timestamp()))
    for number in range(9):
        give_password(elsewhere(), Person(f"nobody{number}", TOO_LONG))
    assert rows(ANONYMOUS) == [("", 5)]
    give_password(elsewhere(), alice, password=TOO_LONG)
    assert rows("SELECT count(*) FROM activity WHERE account_id = 1 AND event = 'login.password_failed'") == [(1,)]
    rows("UPDATE rates SET count = 1999 WHERE kind = 'panel stranger'")
    give_password(elsewhere(), Person("nobody", TOO_LONG))
    assert rows(ANONYMOUS) == [("", 5), ("2000 vezes em menos de uma hora", 1)]


def test_an_event_of_another_version_is_shown_by_its_name(
    alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    rows("INSERT INTO activity VALUES (99, 0, 1, NULL, 'mail.sent', '::', '', '', NULL)")
    assert "<strong>mail.sent</strong>" in client.get("/activity").text
    assert exported(client)[1][1:4] == ["mail.sent", "", "::"]


def days(client: TestClient) -> list[tuple[str, str]]:
    head = r'<li class="day"><h2><strong>([^<]*)</strong> <small>([^<]*)</small>'
    return re.findall(head, client.get("/activity").text)


def test_the_time_line_has_a_heading_for_each_day(alice: Person, client: TestClient, clock: Clock) -> None:
    for span in (1, 3, 4, 3):
        clock.forward(days=span)
        sign_in(client, alice)
    assert days(client) == [
        ("Hoje", "sábado, 5 de dezembro"),
        ("Quarta", "2 de dezembro"),
        ("28 de novembro", "sábado"),
        ("25 de novembro", "quarta"),
        ("24 de novembro", "terça"),
    ]
    clock.forward(days=1)
    sign_in(client, alice)
    assert days(client)[:2] == [("Hoje", "domingo, 6 de dezembro"), ("Ontem", "sábado, 5 de dezembro")]
    clock.forward(days=1)
    sign_in(client, alice)
    assert days(client)[:3] == [
        ("Hoje", "segunda, 7 de dezembro"),
        ("Ontem", "domingo, 6 de dezembro"),
        ("Sábado", "5 de dezembro"),
    ]
    clock.forward(days=30)
    sign_in(client, alice)
    assert days(client)[:2] == [("Hoje", "quarta, 6 de janeiro"), ("7 de dezembro de 2026", "segunda")]


def lines(client: TestClient, **chosen: str) -> list[tuple[str, str]]:
    """What each line says, and its tone."""
    page = client.get("/activity", params=chosen).text
    found = re.findall(r'<li(?: class="(\w+)")?>\s+<time.*?<strong>([^<]*)</strong>', page, re.DOTALL)
    return [(words, tone) for tone, words in found]


def test_failures_are_told_from_successes_by_icon_and_word(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    browser.post("/login/code", data={"code": protected.wrong_code_at(clock())})
    browser.post("/login/code", data={"code": protected.code_at(clock())})
    assert lines(client)[:2] == [("Entrada no painel", "good"), ("Código de verificação incorreto", "bad")]
    page = client.get("/activity").text
    assert page.count("<b>Falhou</b>") == page.count("i-circle-x") == 1


def test_what_failed_is_a_choice_of_its_own(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    sign_in(new_client(), protected, protected.wrong_code_at(clock()))
    assert lines(client, tipo="falhas") == [("Código de verificação incorreto", "bad")]
    assert [line[1] for line in exported(client, tipo="falhas")[1:]] == ["Código de verificação incorreto"]


def test_alike_lines_in_a_row_fold_and_open_with_their_hours(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    for _ in range(4):
        browser.post("/login/code", data={"code": protected.wrong_code_at(clock.forward(minutes=1))})
    assert lines(client)[:2] == [("4 códigos incorretos", "bad"), ("Senha correta", "")]
    page = client.get("/activity").text
    [inside] = re.findall(r"<summary>Ver as 4 tentativas</summary>(.*?)</details>", page, re.DOTALL)
    assert re.findall(r">(\w+)</time>", inside) == ["9h04", "9h03", "9h02", "9h01"]


def test_failures_fold_from_two_on(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    browser = new_client()
    give_password(browser, protected)
    for _ in range(2):
        browser.post("/login/code", data={"code": protected.wrong_code_at(clock.forward(minutes=1))})
    assert lines(client)[:2] == [("2 códigos incorretos", "bad"), ("Senha correta", "")]
    assert "<summary>Ver as 2 tentativas</summary>" in client.get("/activity").text
    assert [line[1] for line in exported(client, tipo="falhas")[1:]] == ["Código de verificação incorreto"] * 2


LOGIN = ["Entrada no painel", "Código de verificação aceito", "Senha correta"]


def steps_on(page: str) -> list[list[tuple[str, str]]]:
    """Of each login that opens: hour and words of what led to it."""
    opened = re.findall(r"<summary>Ver os passos</summary>(.*?)</details>", page, re.DOTALL)
    return [re.findall(r">(\w+)</time> · ([^<]*)</li>", one) for one in opened]


def test_the_password_and_the_code_stand_inside_the_login_that_they_led_to(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    """Every one of them is a line of the export."""
    browser = new_client()
    give_password(browser, protected)
    browser.post("/login/code", data={"code": protected.code_at(clock.forward(minutes=2))})
    page = client.get("/activity")
    check(page)
    assert lines(client)[:2] == [("Entrada no painel", "good"), ("Autenticação de dois fatores ativada", "good")]
    assert steps_on(page.text) == [[("9h02", "Código de verificação aceito"), ("9h00", "Senha correta")]]
    assert [line[1] for line in exported(client)[1:4]] == LOGIN
    assert lines(client, tipo="entradas") == [("Entrada no painel", "good")] * 2  # the other is that of the set-up
    assert steps_on(client.get("/activity?tipo=entradas").text) == [[("9h00", "Senha correta")]]
    assert lines(client, tipo="fatores")[0] == ("Código de verificação aceito", "")


def test_a_step_up_is_one_line_with_its_code_or_with_what_was_wrong(
    protected: Person, client: TestClient, clock: Clock
) -> None:
    """Every one of them is a line of the export, and a used recovery code one of the page too."""

    def prove(**wrong: str) -> None:
        client.post("/security/recovery-codes/replacement", data=proof(protected, clock.forward(minutes=1)) | wrong)

    prove()
    assert lines(client)[:2] == [("Identidade confirmada", ""), ("Autenticação de dois fatores ativada", "good")]
    prove(step_up_password="girafa verde")
    assert lines(client)[:2] == [("Confirmação de identidade recusada", "bad"), ("Identidade confirmada", "")]
    inside = [[("9h02", "Senha incorreta")], [("9h01", "Código de verificação aceito")]]
    assert steps_on(client.get("/activity").text)[:2] == inside
    assert lines(client, tipo="falhas") == [("Confirmação de identidade recusada", "bad")]
    prove(step_up_code=protected.wrong_code_at(clock()))
    assert lines(client)[:2] == [("2 confirmações de identidade recusadas", "bad"), ("Identidade confirmada", "")]
    page = client.get("/activity")
    check(page)
    [inside_of_two] = re.findall(r"<summary>Ver as 2 tentativas</summary>(.*?)</details>", page.text, re.DOTALL)
    assert re.findall(r"</time> · ([^<]*)</li>", inside_of_two) == [
        "Código de verificação incorreto",
        "Senha incorreta",
    ]
    prove(step_up_code="", step_up_recovery=protected.recovery_codes[0])
    told = ["Um código de recuperação no lugar do usado", "Identidade confirmada", "Código de recuperação usado"]
    assert [words for words, _ in lines(client)][:3] == told
    assert [line[1] for line in exported(client)[4:8]] == [
        "Confirmação de identidade recusada",
        "Código de verificação incorreto",
        "Confirmação de identidade recusada",
        "Senha incorreta",
    ]


@pytest.mark.parametrize("section", Section)
def test_no_event_has_the_drawing_of_what_is_off(
    section: Section, alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    for number, event in enumerate(section.events):
        rows("INSERT INTO activity VALUES (?, 0, 1, NULL, ?, '::', '', '', NULL)", 100 + number, event)
    page = client.get("/activity", params={"tipo": section}).text
    assert page.count(' data-as="hour"') >= min(len(section.events), ACTIVITY_PAGE)
    assert not re.search(r"i-circle(?![\w-])", page)


WINDOWS = "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0"


def test_a_right_password_that_led_to_no_login_stays_a_line(
    protected: Person, client: TestClient, new_client: Callable[..., TestClient], clock: Clock
) -> None:
    """Not even beside a login of another attempt, network or browser."""
    browser, elsewhere, other = new_client(), new_client(client=("10.1.0.1", 1)), new_client()
    other.headers["User-Agent"] = WINDOWS
    for one in (browser, browser, elsewhere, other):
        give_password(one, protected)
    browser.post("/login/code", data={"code": protected.code_at(clock.forward(seconds=30))})
    page = client.get("/activity").text
    assert [words for words, _ in lines(client)][:4] == ["Entrada no painel", *["Senha correta"] * 3]
    assert page.split("Senha correta")[2].count("Firefox no Windows") == 1  # the first is inside
    assert page.count("da rede local (10.1.0.1)") == 1
    assert len(steps_on(page)) == 1


def test_a_password_of_long_before_led_to_no_login(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock, rows: Rows
) -> None:
    """The login began without one, as with a link."""
    give_password(new_client(), protected)
    begun = "SELECT 9, :at, 1, NULL, 'session.started', network, user_agent, 'link', NULL FROM activity WHERE id = 1"
    rows(f"INSERT INTO activity {begun}".replace(":at", str(int(clock.forward(minutes=6).timestamp()))))
    rows("UPDATE notices SET acknowledged_at = at")
    assert [words for words, _ in lines(client)][:2] == ["Entrada no painel", "Senha correta"]


def test_a_password_that_asks_for_an_answer_is_no_step_of_a_login(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock, rows: Rows
) -> None:
    browser = new_client()
    give_password(browser, protected)
    raised = "SELECT 1, 'password_known', network, user_agent, at, at FROM activity ORDER BY id DESC LIMIT 1"
    rows(f"INSERT INTO notices (account_id, kind, network, user_agent, at, shows_at) {raised}")
    browser.post("/login/code", data={"code": protected.code_at(clock.forward(seconds=30))})
    assert [words for words, _ in lines(client)][:2] == ["Entrada no painel", KNOWN]


@pytest.mark.parametrize("before", range(-6, 1))
def test_a_login_and_its_password_stand_on_the_same_page(
    before: int, protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock, rows: Rows
) -> None:
    """Wherever the page ends among the six lines of two logins, of which one is around the other."""
    inner, outer = new_client(), new_client()
    outer.headers["User-Agent"] = WINDOWS
    for browser in (inner, outer):
        give_password(browser, protected)
    inner.post("/login/code", data={"code": protected.code_at(clock.forward(minutes=1))})
    outer.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    [(last,)] = rows("SELECT max(id) FROM activity")
    for number in range(ACTIVITY_PAGE + before):
        rows("INSERT INTO activity VALUES (?, 0, 1, NULL, 'mail.sent', '::', '', '', NULL)", last + 1 + number)
    first = client.get("/activity").text
    [older] = re.findall(r"antes=(\d+)", first)
    pages = [first, client.get("/activity", params={"antes": older}).text]
    assert sum(len(steps_on(page)) for page in pages) == 2
    assert sum(page.count("Senha correta") for page in pages) == 2  # both inside
    assert sum(page.count("Código de recuperação usado") for page in pages) == 1
    assert sum(page.count("mail.sent") for page in pages) == 1
    assert "Conta criada" in pages[1]


def test_what_comes_from_another_place_or_day_or_but_twice_stands_alone(
    alice: Person, client: TestClient, new_client: Callable[..., TestClient], clock: Clock
) -> None:
    """Between them São Paulo's day ends."""
    clock.forward(hours=14, minutes=59, seconds=50)
    sign_in(client, alice)
    for name in ("1", "2", "3", "4", "5"):
        client.post("/instances", data={"name": name})
        clock.forward(seconds=4)
    assert lines(client, tipo="instancias") == [("3 instâncias criadas", ""), *[("Instância criada", "")] * 2]
    assert "· 2</p>" in client.get("/activity").text
    elsewhere = new_client(client=("10.1.0.1", 1))
    sign_in(elsewhere, alice)
    elsewhere.post("/instances", data={"name": "6"})
    assert sum(words == "Instância criada" for words, _ in lines(elsewhere, tipo="instancias")) == 3


KNOWN = "Alguém acertou sua senha e não passou da verificação em duas etapas"
RAISED = r'<li class="look">\s+<time[^>]*data-as="hour".*?<div class="next"><p id="notice-\d+"><strong>([^<]*)</strong>'


def test_the_line_that_asks_for_an_answer_is_raised_where_it_stands(
    protected: Person, client: TestClient, new_client: Callable[[], TestClient], clock: Clock
) -> None:
    sign_in(client, protected, protected.code_at(clock()))
    stranger = new_client()
    stranger.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0"
    give_password(stranger, protected)
    clock.forward(minutes=5)
    assert lines(client)[0] == (KNOWN, "look")
    page = client.get("/activity")
    check(page)
    assert re.findall(RAISED, page.text, re.DOTALL) == [KNOWN]
    assert page.text.count(KNOWN) == 1
    mine = re.findall(r'action="(/security/notices/\d+/mine)"', page.text)[-1]
    assert mine in client.get("/instances").text
    assert client.post(mine, data={"back": "/activity"}).headers["location"] == "/activity#notices-open"
    assert KNOWN not in client.get("/activity").text
    assert lines(client)[1] == ("Senha correta", "")


def test_what_asks_stays_above_the_page_when_its_line_is_out_of_sight_or_not_the_newest(
    protected: Person, client: TestClient, new_client: Callable[..., TestClient], clock: Clock
) -> None:
    for address in ("10.1.0.1", "10.2.0.1"):
        give_password(new_client(client=(address, 1)), protected)
        clock.forward(seconds=1)
    sign_in(new_client(client=("10.3.0.1", 1)), protected, protected.code_at(clock.forward(minutes=5)))
    page = client.get("/activity").text
    assert re.findall(RAISED, page, re.DOTALL) == ["A conta foi aberta em um dispositivo novo"]
    assert page.index(KNOWN) < page.index('class="timeline')
    for number in range(IN_SIGHT):
        client.post("/instances", data={"name": f"Loja {number}"})
    page = client.get("/activity").text
    assert re.findall(RAISED, page, re.DOTALL) == []
    assert page.index("dispositivo novo") < page.index('class="timeline')


@pytest.mark.parametrize("beyond", [1, 2, 3])
def test_alike_lines_on_both_sides_of_a_page_are_each_counted_once(
    beyond: int, alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    """A fold ends with its page: what is beyond stands on the next one, folded there if it is worth it."""
    for number in range(ACTIVITY_PAGE + beyond):
        rows("INSERT INTO activity VALUES (?, 0, 1, NULL, 'mail.sent', '::', '', '', NULL)", 100 + number)
    assert lines(client) == [(f"mail.sent ({ACTIVITY_PAGE} vezes)", "")]
    older = lines(client, antes=str(100 + beyond))
    assert older[:-2] == ([("mail.sent (3 vezes)", "")] if beyond == 3 else [("mail.sent", "")] * beyond)


@pytest.mark.parametrize(
    ("event", "told", "opens"),
    [
        ("people.invited", "3 convites feitos", "Ver os 3"),
        ("instance.token_shown", "3 tokens mostrados ou copiados", "Ver os 3"),
        ("session.started", "3 entradas no painel", "Ver as 3"),
        ("stepup.ok", "3 confirmações de identidade", "Ver as 3"),
        ("mail.sent", "mail.sent (3 vezes)", "Ver as 3"),  # of another version, without a plural
    ],
)
def test_what_folds_is_counted_in_words(
    event: str, told: str, opens: str, alice: Person, client: TestClient, rows: Callable[..., Any]
) -> None:
    for number in range(3):
        insert = "INSERT INTO activity VALUES (?, 0, 1, NULL, ?, '::', '', '', NULL)"
        rows(insert, 100 + number, event)
    assert lines(client)[0][0] == told
    assert f"<summary>{opens}</summary>" in client.get("/activity").text
