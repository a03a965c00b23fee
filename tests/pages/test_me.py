"""Minha conta: who somebody is, the zone of their dates, and the file of all that the panel knows about them."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from db.database import Transaction
from tests.conftest import Operate
from tests.support.clock import Clock
from tests.support.markup import check
from tests.support.people import ORIGIN, Person, cookie_of, give_password, proof, protect, sign_in
from tests.support.services import administer, id_of
from web.auth import delayed_acts
from web.limits import EXPORT_STEP, EXPORTS
from web.visit.visit import SignedIn
from web.words.zones import CITIES, NOT_OFFERED, zones

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def bruno(alice: Person, invite: Callable[[str], Person]) -> Person:
    return invite("bruno")


@pytest.fixture
def brunos(bruno: Person, new_client: NewClient) -> TestClient:
    """Bruno's browser, signed in."""
    browser = new_client()
    sign_in(browser, bruno)
    return browser


def choose(browser: TestClient, zone: str) -> Any:
    return browser.post("/me/zone", data={"zone": zone})


def downloaded(browser: TestClient, **proved: str) -> dict[str, Any]:
    answer = browser.post("/me/download", data=proved)
    assert answer.headers["content-disposition"] == 'attachment; filename="minha-conta.json"'
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = json.loads(answer.content)
    assert isinstance(told, dict)
    return told


def test_the_page_tells_name_role_and_since_when(alice: Person, client: TestClient, brunos: TestClient) -> None:
    for browser, name, role in ((client, "alice", "Administra o painel"), (brunos, "bruno", "Membro")):
        page = browser.get("/me").text
        assert f'<strong translate="no">{name}</strong>' in page
        assert f"<dt>Papel</dt><dd>{role}</dd>" in page
        assert re.search(r"<dt>Conta criada em</dt><dd><time [^>]*>24 de novembro de 2026</time>", page)


def test_every_page_leads_there_by_the_name(alice: Person, client: TestClient) -> None:
    link = r'<a class="self" href="/me">\s*<span class="initials" aria-hidden="true">AL</span>\s*<span class="who">'
    assert re.search(link, client.get("/instances").text)
    assert '<a class="self" href="/me" aria-current="page">' in client.get("/me").text


def test_who_may_only_enrol_has_no_link_that_leads_nowhere(
    protected: Person, client: TestClient, brunos: TestClient
) -> None:
    client.post("/policy/require", data={"days": "0"})
    page = brunos.get("/security").text
    assert "bruno</strong>" in page
    assert 'href="/me"' not in page


def test_the_theme_can_be_chosen_there_too(alice: Person, client: TestClient) -> None:
    client.post("/theme", data={"theme": "dark"}, headers={"Referer": f"{ORIGIN}/me"})
    assert re.search(r'value="dark" aria-current="true">[^\n]* Escuro</button>', client.get("/me").text)


def test_every_moment_is_told_in_the_chosen_zone(protected: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(hours=6)
    sign_in(client, protected, protected.code_at(clock()))
    answer = choose(client, "Asia/Tokyo")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    page = client.get("/me").text
    assert '<option value="Asia/Tokyo" selected>Tóquio (UTC+9)</option>' in page
    assert re.search("Agora: <time [^>]*>25 de novembro de 2026 às 03:00, horário de Asia/Tokyo</time>", page)
    assert (
        'title="24 de novembro de 2026 às 21:00, horário de Asia/Tokyo">24 de novembro' in client.get("/security").text
    )
    assert "25 de novembro de 2026 às 03:00, horário de Asia/Tokyo" in client.get("/security/sessions").text
    sheet = {"codes": " ".join(protected.recovery_codes), "fuso": ""}
    assert client.post("/security/recovery-codes/file", data=sheet).text.splitlines()[1].startswith("25 de novembro")


def test_the_days_of_the_activity_are_those_of_the_chosen_zone(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(hours=5)  # two in the afternoon in São Paulo, two at night in Tokyo
    sign_in(client, alice)
    choose(client, "Asia/Tokyo")
    page = client.get("/activity").text
    days = re.findall(r'<li class="day"><h2><strong>(\w+)</strong> <small>(.*?)</small></h2>', page)
    assert days == [("Hoje", "quarta, 25 de novembro"), ("Ontem", "terça, 24 de novembro")]
    assert 'no fuso <span data-zone="Asia/Tokyo">Tóquio (UTC+9)</span>' in page
    head, *lines = client.post("/activity/export", data={"de": "2026-11-25"}).text.splitlines()
    assert "quando (Asia/Tokyo)" in head
    assert {line[:10] for line in lines} == {"25/11/2026"}
    told = client.post("/activity/export", data={"fuso": "UTC"}).text
    assert "quando (UTC)" in told  # dates that were typed in another zone stay what they were


def test_the_script_leaves_moments_alone_where_a_zone_was_chosen(alice: Person, client: TestClient) -> None:
    assert " data-own-zone>" not in client.get("/activity").text
    choose(client, "Asia/Tokyo")
    assert '<html lang="pt-BR" data-own-zone>' in client.get("/activity").text
    choose(client, "")
    assert " data-own-zone>" not in client.get("/activity").text
    assert (
        'no fuso <span data-zone="America/Sao_Paulo">Brasília, São Paulo (UTC−3)</span>' in client.get("/activity").text
    )


def test_a_zone_is_that_of_one_person_in_all_their_browsers(
    bruno: Person, brunos: TestClient, client: TestClient, new_client: NewClient
) -> None:
    choose(brunos, "Asia/Tokyo")
    other = new_client()
    sign_in(other, bruno)
    assert "Tóquio (UTC+9)</span>" in other.get("/activity").text
    assert "São Paulo (UTC−3)</span>" in client.get("/activity").text
    assert "Fuso das datas alterado</strong> · Asia/Tokyo" not in client.get("/activity").text
    assert "Fuso das datas alterado" in other.get("/activity").text


@pytest.mark.parametrize("zone", ["Brasil", "../etc/passwd", "Asia/Tokyo ", "posix/Asia/Tokyo", "Asia", "x" * 300])
def test_only_a_zone_of_the_list_is_taken(zone: str, alice: Person, client: TestClient, rows: Rows) -> None:
    assert choose(client, zone).status_code == 422
    assert rows("SELECT zone FROM accounts") == [("",)]


def test_a_zone_that_is_known_no_longer_is_the_panels(alice: Person, client: TestClient, rows: Rows) -> None:
    rows("UPDATE accounts SET zone = 'America/Atlantida'")
    page = client.get("/activity").text
    assert 'no fuso <span data-zone="America/Sao_Paulo">Brasília, São Paulo (UTC−3)</span>' in page
    assert " data-own-zone>" not in page


def test_every_zone_of_the_list_can_be_read_and_stands_there_once() -> None:
    every = [name for names in zones().values() for name in names]
    assert all(ZoneInfo(name) for name in every)
    assert len(every) == len(set(every)) > 330
    assert list(zones()) == ["Brasil", "Outros lugares"]


def test_zones_are_told_by_their_cities(alice: Person, client: TestClient) -> None:
    page = client.get("/me").text
    for name, cities in (("Sao_Paulo", "Brasília, São Paulo (UTC−3)"), ("Manaus", "Manaus (UTC−4)")):
        assert f'<option value="America/{name}">{cities}</option>' in page
    told = re.findall("<option value=[^>]+>([^<]+)</option>", page.partition("Outros lugares")[2])
    assert all(re.search(r" \(UTC[+−]?[0-9:]*\)$", city) for city in told[:-1])
    assert told[-1] == "UTC"
    known = [
        "Açores (UTC−1)",
        "Argel (UTC+1)",
        "Katmandu (UTC+5:45)",
        "Lisboa (UTC)",
        "Londres (UTC)",
        "Zurique (UTC+1)",
    ]
    assert [city for city in told if city in known] == known
    assert len(told) == len(set(told))
    assert "Calcutta" not in page  # another name of a zone


def test_the_hour_of_a_zone_is_that_of_the_season(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(days=180)
    sign_in(client, alice)
    assert ">Lisboa (UTC+1)</option>" in client.get("/me").text


def test_every_zone_is_named_in_portuguese_or_not_offered(alice: Person, client: TestClient) -> None:
    cities = {name.rpartition("/")[2] for name in zones()["Outros lugares"]}
    assert set(CITIES) <= cities  # no name of what there is not
    assert not NOT_OFFERED & cities
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    assert {line.split("\t")[2].rpartition("/")[2] for line in table.splitlines() if line[0] != "#"} >= NOT_OFFERED
    told = "".join(re.findall("<option[^>]*(>[^<]+)", client.get("/me").text))
    for english in (" Isle of", "South ", "Christmas (", "Center", "Kathmandu", "Reunion", "Faroe", ">St ", "Noumea"):
        assert english not in told.replace(">Ilha Christmas (", ""), english


def test_a_zone_that_is_no_longer_offered_stays_chosen(alice: Person, client: TestClient, rows: Rows) -> None:
    assert choose(client, "America/North_Dakota/Center").status_code == 422
    rows("UPDATE accounts SET zone = 'America/North_Dakota/Center'")
    sign_in(client, alice)
    page = client.get("/me")
    check(page)
    assert page.text.count(" selected>") == 1
    assert '<option value="America/North_Dakota/Center" selected>America/North_Dakota/Center</option>' in page.text
    assert choose(client, "America/North_Dakota/Center").status_code == 303
    assert rows("SELECT zone FROM accounts") == [("America/North_Dakota/Center",)]


def test_the_page_stays_small(alice: Person, client: TestClient) -> None:
    """7 KiB, as a proxy compresses it, with the head of its answer."""
    assert len(gzip.compress(client.get("/me").content)) < 7 * 1024 - 400


@pytest.fixture
def busy_alice(protected: Person, client: TestClient, new_client: NewClient, clock: Clock) -> Person:
    """Who has an instance, a spent code, another browser, and somebody who knows her password."""
    client.post("/instances", data={"name": "Loja"})
    other = new_client()
    give_password(other, protected)
    other.post("/login/recovery", data={"code": protected.recovery_codes[0]})
    give_password(new_client(), protected)
    clock.forward(minutes=10)
    sign_in(client, protected, protected.code_at(clock()))
    give_password(new_client(), protected)
    return protected


def test_the_file_tells_what_the_panel_knows(busy_alice: Person, client: TestClient, rows: Rows) -> None:
    choose(client, "Asia/Tokyo")
    told = downloaded(client)
    assert told["painel"] == "Painel Z-API"
    assert (told["baixado_em"], told["fuso_das_datas"]) == ("2026-11-24T21:10:35+09:00", "Asia/Tokyo")
    assert told["conta"] == {
        "usuario": "alice",
        "papel": "administra o painel",
        "criada_em": "2026-11-24T21:00:05+09:00",
        "tem_senha": True,
        "fuso_escolhido": "Asia/Tokyo",
        "ultima_entrada_em": "2026-11-24T21:10:35+09:00",
        "dois_fatores_exigidos_desde": None,
        "link_de_senha_em": None,
        "dois_fatores_zerados_em": None,
        "codigo_de_ativacao_ate": None,
    }
    assert told["dois_fatores"]["aplicativo_desde"] == "2026-11-24T21:00:05+09:00"
    codes = told["codigos_de_recuperacao"]
    assert (codes["restantes"], [code["em"] for code in codes["usados"]]) == (9, ["2026-11-24T21:00:35+09:00"])
    assert [(one["entrada_por"], one["e_esta"]) for one in told["sessoes"]] == [("totp", True), ("recovery", False)]
    assert [one["codigos_errados"] for one in told["entradas_sem_segundo_fator"]] == [0]
    assert len(told["dispositivos_confiaveis"]) == 2
    [(instance,)] = rows("SELECT id FROM instances")
    assert [(one["id"], one["nome"], one["pausada_em"]) for one in told["instancias"]] == [(instance, "Loja", None)]
    assert {"password_known", "recovery_used"} <= {one["tipo"] for one in told["avisos"]}
    assert [one["evento"] for one in told["atividade"][:2]] == ["account.downloaded", "account.zone_changed"]
    assert told["atividade"][-1]["o_que_aconteceu"] == "Conta criada"


def test_why_sessions_ended_is_told_while_it_is_kept(busy_alice: Person, client: TestClient) -> None:
    client.post("/security/sessions/end-others")
    assert [one["motivo"] for one in downloaded(client)["sessoes_encerradas"]] == ["elsewhere"]


def test_what_an_administrator_began_is_told_with_the_reason(
    protected: Person, bruno: Person, brunos: TestClient, client: TestClient, clock: Clock, operate: Operate
) -> None:
    protect(brunos, bruno, clock())

    async def reset(tx: Transaction, visit: SignedIn) -> None:
        owner, day = await id_of(tx, "bruno"), timedelta(days=1)
        await delayed_acts.reset_two_factor(tx, visit, owner, "perdeu o celular na praia", delay=day)

    administer(operate, client, reset)
    told = downloaded(brunos)
    assert told["atos_com_prazo"] == [
        {
            "ato": "factor_reset",
            "motivo": "perdeu o celular na praia",
            "por": "alice",
            "comecado_em": "2026-11-24T09:00:35-03:00",
            "previsto_para": "2026-11-25T09:00:35-03:00",
        }
    ]
    assert told["conta"]["dois_fatores_zerados_em"] == "2026-11-24T09:00:35-03:00"
    assert [one["detalhe"] for one in told["avisos"] if "praia" in one["detalhe"]]


# Tables with rows of an account whose rows the file tells, and those that hold nothing to tell.
IN_THE_FILE = {
    "accounts",
    "activations",
    "activity",
    "delayed_acts",
    "endings",
    "instances",
    "notices",
    "passkeys",
    "pending_logins",
    "recovery_codes",
    "recovery_sets",
    "removed_passkeys",
    "sessions",
    "totp",
    "totp_enrolments",
    "totp_replaced",
    "trusted_devices",
}
NOTHING_TO_TELL = {
    "name_parts",  # the name, for the search
    "totp_told",  # numbers of half minutes whose codes the panel gave away, so that they are refused
}


def test_no_table_that_knows_somebody_is_forgotten(alice: Person, rows: Rows) -> None:
    """A new one has to be told, or to be named here."""
    sql = """
        SELECT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.name = 'account_id'
    """
    assert {name for (name,) in rows(sql)} | {"accounts"} == IN_THE_FILE | NOTHING_TO_TELL


def spellings(secret: bytes) -> set[str]:
    """As it might stand in a text."""
    coded = [base64.b64encode(secret), base64.urlsafe_b64encode(secret), base64.b32encode(secret)]
    return {secret.hex(), repr(secret)[2:-1], *(code.decode().rstrip("=") for code in coded)}


def test_no_secret_and_no_digest_is_in_the_file(
    busy_alice: Person, client: TestClient, rows: Rows, clock: Clock
) -> None:
    """What is random is the canary: every value of the database that is no text, every cookie, and what she knows."""
    client.post("/security/totp", data=proof(busy_alice, clock.forward(seconds=30)))  # a key that waits
    file = client.post("/me/download").text
    columns = """
        SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.type = 'BLOB'
    """
    hidden = [
        value
        for table, column in rows(columns)
        for (value,) in rows(f"SELECT {column} FROM {table} WHERE length({column}) >= 8")  # noqa: S608, the schema's
    ]
    assert len(hidden) > 30
    assert not [text for value in hidden for text in spellings(value) if text in file]
    cookies = [value for _, value in client.cookies.items()]
    known = [*cookies, busy_alice.password, busy_alice.key, *busy_alice.recovery_codes]
    [(instance,)] = rows("SELECT id FROM instances")
    shown = client.post(f"/instances/{instance}/token/show").text
    tokens = re.findall(r"[A-Za-z0-9_-]{43}", shown)
    assert tokens
    assert not [secret for secret in [*known, *tokens] if secret in file]


def test_everybody_gets_their_own_alone(
    busy_alice: Person, client: TestClient, brunos: TestClient, new_client: NewClient
) -> None:
    brunos.post("/instances", data={"name": "Loja do Bruno"})
    assert "bruno" not in json.dumps(downloaded(client), ensure_ascii=False).lower()
    told = downloaded(brunos)
    assert [one["nome"] for one in told["instancias"]] == ["Loja do Bruno"]
    assert (told["conta"]["papel"], told["codigos_de_recuperacao"]["restantes"]) == ("membro", 0)
    assert "alice" not in json.dumps(told, ensure_ascii=False).lower()


def test_the_file_asks_for_a_step_up_and_says_what_for(
    protected: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    clock.forward(minutes=6)
    asked = client.post("/me/download")
    assert asked.status_code == 403
    assert "Para <strong>baixar o que o painel sabe de você</strong>" in asked.text
    wrong = client.post("/me/download", data=proof(protected, clock()) | {"step_up_password": "x"})
    assert wrong.status_code in (403, 422)
    assert rows("SELECT 1 FROM activity WHERE event = 'account.downloaded'") == []
    assert downloaded(client, **proof(protected, clock.forward(seconds=30)))["conta"]["usuario"] == "alice"
    assert rows("SELECT detail FROM activity WHERE event = 'account.downloaded'") == [("",)]


def test_downloads_and_exports_wait_for_the_same_limit(alice: Person, client: TestClient) -> None:
    for _ in range(EXPORTS.limit - 1):
        assert client.post("/me/download").status_code == 200
    assert client.post("/activity/export").status_code == 200
    assert client.post("/me/download").status_code == 429


FILL_ACTIVITY = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6050)
    INSERT INTO activity (account_id, event, at, network, user_agent, detail)
    SELECT 1, 'instance.created', i, '', '', i FROM n
"""
FILL_NOTICES = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1250)
    INSERT INTO notices (account_id, kind, at, shows_at, network, user_agent, acknowledged_at)
    SELECT 1, 'restored', i / 3, i / 3, i, '', CASE WHEN i % 2 THEN i END FROM n
"""


def test_the_file_is_read_and_sent_step_by_step(alice: Person, client: TestClient, rows: Rows) -> None:
    """However much there is, no more than a step of it is in memory, and nothing is missing or told twice."""
    for number in range(55):
        client.post("/instances", data={"name": f"Loja {number}"})
    rows(FILL_ACTIVITY)
    rows(FILL_NOTICES)
    pieces: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            pieces.append(len(message.get("body", b"")))
            await send(message)

        await client.app(scope, receive, watch)

    browser = TestClient(watched, base_url=ORIGIN, headers={"Origin": ORIGIN}, cookies=client.cookies)
    browser.portal = client.portal
    browser.app_state |= client.app_state
    told = json.loads(browser.post("/me/download").content)
    assert [one["detalhe"] for one in told["atividade"]][1:6051] == [str(number) for number in range(6050, 0, -1)]
    assert [one["rede"] for one in told["avisos"]] == [str(number) for number in range(1, 1251)]
    assert [one["nome"] for one in told["instancias"]] == [f"Loja {number}" for number in range(55)]
    assert len([piece for piece in pieces if piece]) > (6050 + 1250) // EXPORT_STEP
    assert max(pieces) < 300 * EXPORT_STEP


def test_a_session_that_was_ended_elsewhere_gets_no_file(
    alice: Person, client: TestClient, new_client: NewClient
) -> None:
    other = new_client()
    sign_in(other, alice)
    cookie = cookie_of(client)
    other.post("/security/sessions/end-others")
    assert cookie == cookie_of(client)
    assert client.post("/me/download").headers["location"].startswith("/login")


def test_a_notice_that_is_not_due_yet_is_not_told(
    protected: Person, client: TestClient, new_client: NewClient, clock: Clock
) -> None:
    """A right password becomes a notice once its time for the code is over; until then it may be the owner's own."""
    give_password(new_client(), protected)
    assert "password_known" not in {one["tipo"] for one in downloaded(client)["avisos"]}
    clock.forward(minutes=5)
    told = downloaded(client, **proof(protected, clock()))["avisos"]
    [known] = [one for one in told if one["tipo"] == "password_known"]
    assert datetime.fromisoformat(known["em"]) < clock()


def test_enrolment_under_way_is_told(alice: Person, client: TestClient, clock: Clock) -> None:
    client.post("/security/totp")
    assert downloaded(client)["dois_fatores"]["configurando_agora"] is True
    client.post("/security/totp/cancel")
    protect(client, alice, clock())
    assert downloaded(client)["dois_fatores"]["configurando_agora"] is False
