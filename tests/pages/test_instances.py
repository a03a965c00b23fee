import gzip
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from db.instances import Instance
from db.migrate import version
from tests.conftest import Operate
from tests.support.at_once import post_at_once
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.older import (
    EARLY_CODES_OF_BEFORE,
    INSTANCES_OF_BEFORE,
    PASSKEYS_OF_BEFORE,
    PEOPLE_OF_BEFORE,
    ZONES_OF_BEFORE,
)
from tests.support.people import FRAGMENT, Person, cookie_of, plant, sign_in
from web.app import create_app
from web.pages.instances.listing import alike
from web.panel import Panel
from web.settings import Settings

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]


async def version_of_panel(panel: Panel) -> int:
    return await version(panel.db)


def create(client: TestClient, name: str, rows: Rows) -> str:
    assert client.post("/instances", data={"name": name}).status_code == 303
    [(instance_id,)] = rows("SELECT id FROM instances WHERE name = ?", name)
    assert isinstance(instance_id, str)
    return instance_id


def token_on(page: str) -> str:
    found = re.search(r'<code id="token-[0-9A-F]+" translate="no">([\w-]{43})</code>', page)
    assert found, page
    return found[1]


@pytest.fixture
def bruno(alice: Person, new_client: NewClient, invite: Callable[[str], Person]) -> TestClient:
    """Another member, signed in."""
    browser = new_client()
    assert sign_in(browser, invite("bruno")).status_code == 303
    return browser


class Counted(str):
    """A text that counts how often it was normalised."""

    times = 0

    def casefold(self) -> str:
        self.times += 1
        return super().casefold()


def test_the_search_text_is_normalised_once_however_many_instances_there_are(clock: Clock) -> None:
    """A58."""
    wanted = Counted("\ufdfa" * 440)
    owned = [Instance(f"{n:032X}", f"Loja {n}", b"", clock(), clock(), None) for n in range(200)]
    assert alike(owned, wanted) == []
    assert wanted.times == 2
    assert alike(owned, "LOJÀ 19") == [owned[19], *owned[190:]]


def test_an_empty_list_says_what_to_do(alice: Person, client: TestClient) -> None:
    assert "Crie a primeira instância" in client.get("/instances").text


def test_a_new_instance_has_a_random_id_and_a_masked_token(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    page = client.get("/instances").text
    assert re.fullmatch(r"[0-9A-F]{32}", instance_id)
    assert instance_id in page
    assert "••••" in page
    assert "token-" not in page.replace("copy-token-", "")


def test_showing_the_token_swaps_one_row(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    create(client, "Outra", rows)
    answer = client.post(f"/instances/{instance_id}/token/show", headers=FRAGMENT)
    token_on(answer.text)
    assert answer.text.count("<tbody") == 1
    assert "Outra" not in answer.text


def test_without_script_the_whole_list_comes_with_that_row_open(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    create(client, "Outra", rows)
    page = client.post(f"/instances/{instance_id}/token/show").text
    token_on(page)
    assert "Outra" in page
    assert "••••" in page


def test_a_changed_token_is_another_and_the_old_one_is_gone(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    old = token_on(client.post(f"/instances/{instance_id}/token/show").text)
    new = token_on(client.post(f"/instances/{instance_id}/token/change").text)
    assert new != old
    assert token_on(client.post(f"/instances/{instance_id}/token/show").text) == new


def test_changing_a_token_asks_first_and_says_afterwards_that_the_old_one_is_dead(
    alice: Person, client: TestClient, rows: Rows
) -> None:
    instance_id = create(client, "Loja", rows)
    before = rows("SELECT sealed_token FROM instances")
    asked = client.get(f"/instances/{instance_id}/token/change").text
    assert re.search(r"<h2[^>]*>Trocar o token de Loja\?</h2>\s*<p[^>]*>O atual deixa de valer na hora", asked)
    assert rows("SELECT sealed_token FROM instances") == before
    assert "Token trocado. O antigo não vale mais" in client.post(f"/instances/{instance_id}/token/change").text


def test_a_token_that_was_changed_in_another_tab_is_not_killed_unasked(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance_id = create(client, "Loja", rows)
    path = f"/instances/{instance_id}/token/change"
    seen = re.search(r'name="versao" value="(\d+)"', client.get(path).text)
    assert seen
    clock.forward(minutes=2)
    new = token_on(client.post(path).text)
    clock.forward(minutes=2)
    told = client.post(path, data={"versao": seen[1]}, headers=FRAGMENT)
    assert told.status_code == 422
    assert re.search(r"<h2[^>]*>Trocar de novo o token de Loja\?</h2>\s*<p[^>]*>Ele já foi trocado ", told.text)
    assert token_on(client.post(f"/instances/{instance_id}/token/show").text) == new
    again = re.search(r'name="versao" value="(\d+)"', told.text)
    assert again
    assert token_on(client.post(path, data={"versao": again[1]}).text) != new


def test_a_token_comes_to_be_copied_without_being_seen(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    token = token_on(client.post(f"/instances/{instance_id}/token/show").text)
    copied = client.post(f"/instances/{instance_id}/token/copy", headers=FRAGMENT).text
    assert re.findall(rf"(\S*){token}", copied) == ['data-copy="']
    assert token_on(client.post(f"/instances/{instance_id}/token/copy").text) == token  # no script, nothing copies
    events = rows("SELECT count(*) FROM activity WHERE event = 'instance.token_shown'")
    assert events == [(3,)]


def test_the_shown_token_has_a_line_for_the_terminal_that_works(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    page = client.post(f"/instances/{instance_id}/token/show").text
    line = re.search(r">(export INSTANCE_ID=[^<]*)<", page)
    assert line
    said = subprocess.run(
        ["sh", "-c", f'{line[1]}; echo "$INSTANCE_ID $INSTANCE_TOKEN"'], capture_output=True, text=True
    )
    assert said.stdout == f"{instance_id} {token_on(page)}\n"


def test_after_a_bad_day_all_paused_tokens_are_changed_together(
    alice: Person, client: TestClient, bruno: TestClient, clock: Clock, rows: Rows
) -> None:
    for name in ("Loja", "Água"):
        create(client, name, rows)
    bruno.post("/instances", data={"name": "Dele"})
    for browser in (client, bruno):
        browser.post("/security/bad-day/lock")
    create(client, "Nova", rows)
    before: dict[str, bytes] = dict(rows("SELECT name, sealed_token FROM instances"))
    listed = client.get("/instances").text
    assert "Trocar os 2 tokens pausados" in listed
    assert '<button id="create-instance">' in listed  # first what is paused
    asked = client.get("/instances/paused/change").text
    assert "Trocar os tokens das 2 instâncias pausadas?" in asked
    assert 'href="/security/bad-day">Voltar aos passos</a>' in asked
    assert dict(rows("SELECT name, sealed_token FROM instances")) == before
    page = client.post("/instances/paused/change").text
    assert "2 tokens trocados. Os antigos não valem mais." in page
    told = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)
    assert told
    lines = [line.split("\t") for line in told[1].splitlines()]
    assert [line[0] for line in lines] == ["Água", "Loja"]
    for name, instance_id, token in lines:
        assert token_on(client.post(f"/instances/{instance_id}/token/show").text) == token
        assert rows("SELECT name, paused_at FROM instances WHERE id = ?", instance_id) == [(name, None)]
    after: dict[str, bytes] = dict(rows("SELECT name, sealed_token FROM instances"))
    assert {name for name in after if after[name] != before[name]} == {"Água", "Loja"}
    assert rows("SELECT detail FROM activity WHERE event = 'instance.paused_changed'") == [("2",)]
    assert "Nenhuma instância está pausada" in client.post("/instances/paused/change").text
    assert rows("SELECT count(*) FROM activity WHERE event = 'instance.paused_changed'") == [(1,)]
    clock.forward(minutes=6)
    assert "Confirme que é você" in client.post("/instances/paused/change").text


def test_of_one_paused_token_the_words_speak_of_one(alice: Person, client: TestClient, rows: Rows) -> None:
    create(client, "Loja", rows)
    client.post("/security/bad-day/lock")
    asked = client.get("/instances/paused/change").text
    assert "Trocar o token da instância pausada?" in asked
    assert "O antigo deixa de valer para sempre. O novo aparece aqui uma vez." in asked
    changed = client.post("/instances/paused/change").text
    assert "Token trocado. O antigo não vale mais." in changed
    assert "<span>Copiar</span>" in changed
    assert changed.count('class="primary"') == 1


def test_what_is_told_beside_the_rows_follows_a_row(
    alice: Person, client: TestClient, new_client: NewClient, rows: Rows
) -> None:
    ids = [create(client, name, rows) for name in ("Loja", "Bar", "Sol")]
    client.post("/security/bad-day/lock")
    answer = client.post(f"/instances/{ids[0]}/token/change", headers=FRAGMENT).text
    assert '<hx-partial hx-target="#count" hx-swap="outerHTML"><p id="count">3 instâncias, 2 pausadas</p>' in answer
    assert "Trocar os 2 tokens pausados" in answer
    assert answer.index("</tbody>") < answer.index("<hx-partial")
    assert "Trocar o token pausado" in client.post(f"/instances/{ids[1]}/token/change", headers=FRAGMENT).text
    calm = '<button id="create-instance">'  # what comes first is what is paused
    assert calm in client.get("/instances").text
    last = client.post(f"/instances/{ids[2]}/token/change", headers=FRAGMENT).text
    assert '<button class="primary" id="create-instance">' in last
    assert '<p id="count">3 instâncias</p>' in last
    assert '<div id="all-paused"></div>' in last
    other = new_client()
    sign_in(other, alice)
    other.post("/security/bad-day/lock")
    sign_in(client, alice)
    shown = client.post(f"/instances/{ids[0]}/token/show", headers=FRAGMENT).text
    assert "3 instâncias, 3 pausadas" in shown
    assert "<hx-partial" not in client.get(f"/instances/{ids[0]}").text


def test_a_paused_token_is_neither_shown_nor_copied(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    client.post("/security/bad-day/lock")
    for act in ("show", "copy"):
        answer = client.post(f"/instances/{instance_id}/token/{act}", headers=FRAGMENT).text
        assert "Pausada" in answer
        assert "data-copy=" not in answer
        assert "token-" not in answer


@pytest.mark.parametrize("act", ["show", "copy", "change"])
def test_the_token_asks_for_every_factor_again(
    act: str, alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    instance_id = create(client, "Loja", rows)
    clock.forward(minutes=6)
    answer = client.post(f"/instances/{instance_id}/token/{act}", headers=FRAGMENT)
    assert answer.status_code == 403
    assert "Confirme que é você" in answer.text
    assert "token-" not in answer.text


def test_renaming_in_place(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    form = client.get(f"/instances/{instance_id}/rename", headers=FRAGMENT).text
    assert 'value="Loja"' in form
    row = client.post(f"/instances/{instance_id}/rename", data={"name": "Padaria"}, headers=FRAGMENT).text
    assert "Padaria" in row
    assert "Loja" not in row


def test_without_script_a_row_that_is_renamed_stands_alone(alice: Person, client: TestClient, rows: Rows) -> None:
    """Nothing beside it could lose what is typed: no search, no other form."""
    instance_id = create(client, "Loja", rows)
    for number in range(6):
        create(client, f"Outra {number}", rows)
    for page in (
        client.get(f"/instances/{instance_id}/rename").text,
        client.post(f"/instances/{instance_id}/rename", data={"name": "a:b", "linha": instance_id}).text,
    ):
        assert re.findall(r'<form[^>]* action="([^"]*)"', page.split("<main")[1]) == [
            f"/instances/{instance_id}/rename"
        ]
        assert "Outra" not in page
        assert '<a href="/instances">' in page


def test_a_row_being_renamed_stays_whatever_the_search(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    for name in ("Padaria", "Matriz"):
        create(client, name, rows)
    part = client.get("/instances", params={"busca": "padaria", "linha": instance_id}, headers=FRAGMENT).text
    assert 'value="Loja"' in part
    assert "1 instância com “padaria”" in part
    assert "Padaria" in part
    assert "Matriz" not in part


def test_deleting_asks_first(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    assert "Excluir de vez" in client.get(f"/instances/{instance_id}/delete").text
    assert rows("SELECT count(*) FROM instances") == [(1,)]
    assert client.post(f"/instances/{instance_id}/delete").status_code == 303
    assert rows("SELECT count(*) FROM instances") == [(0,)]
    assert client.post(f"/instances/{instance_id}/delete").status_code == 404


def test_a_new_instance_stands_first_in_sight_and_its_token_is_offered_once(
    two_hundred: None, client: TestClient, rows: Rows
) -> None:
    rows("DELETE FROM instances WHERE name = 'Loja 000'")
    listed = client.post("/instances", data={"name": "Zebra"}, headers=FRAGMENT).text
    assert names_on(listed)[:2] == ["Zebra", "Cobrança"]
    assert "Instância Zebra criada." in listed
    rows("DELETE FROM instances WHERE name = 'Loja 001'")
    address = client.post("/instances", data={"name": "Zebu"}).headers["location"]
    page = client.get(address).text
    assert names_on(page)[:2] == ["Zebu", "Cobrança"]
    assert page.count("Instância Zebu criada.") == 1
    assert page.count('id="show-') == 1
    assert "token-" not in page
    assert names_on(client.get(address).text)[0] == "Cobrança"


def test_a_new_instance_is_offered_to_nobody_else(
    alice: Person, client: TestClient, bruno: TestClient, rows: Rows
) -> None:
    create(client, "Loja", rows)
    plant(bruno, cookie_of(client, "typed"))
    assert "Loja" not in bruno.get("/instances").text
    assert "Instância Loja criada." in client.get("/instances").text


def test_the_new_instance_of_somebody_else_stands_nowhere(alice: Person, client: TestClient, bruno: TestClient) -> None:
    address = client.post("/instances", data={"name": "Loja"}).headers["location"]
    assert "Loja" not in bruno.get(address).text


@pytest.mark.parametrize("name", ["Água Boa", "agua boa", "ÁGUA BOA", " Água\u0301 Boa "])
def test_a_name_that_there_is_already_is_refused_beside_the_field_and_stays_typed(
    name: str, alice: Person, client: TestClient, bruno: TestClient, rows: Rows
) -> None:
    create(client, "Água Boa", rows)
    other = create(client, "Loja 9", rows)
    create(client, "Loja 09", rows)
    for path in ("/instances", f"/instances/{other}/rename"):
        refused = client.post(path, data={"name": name})
        assert refused.status_code == 422
        assert re.search(r'-error"[^>]*>.*Já existe uma instância com o nome Água Boa\.', refused.text)
        assert f'value="{name}"' in refused.text
    assert rows("SELECT count(*) FROM instances") == [(3,)]
    assert bruno.post("/instances", data={"name": name}).status_code == 303
    assert client.post(f"/instances/{other}/rename", data={"name": "LOJA 9"}).status_code == 303


UNSEEN = "Este nome só tem caracteres que não aparecem"
NO_NAMES = {
    "": "Dê um nome de 1 a 40 caracteres.",
    " \u00a0": "Dê um nome de 1 a 40 caracteres.",
    "x" * 41: "O nome tem 41 caracteres; cabem 40.",
    "a:b": "O nome não pode ter dois-pontos.",
    "\u200b": UNSEEN,
    **dict.fromkeys(
        (
            *"\u3164\u2060\u00ad\uffa0\u2800\u180e\ufe0f\ufff9\ufdd0\uffff\U000e0041\U0001d159\x00",
            *("\u115f\u1160", "\u200d\u200c", "\u3164 \u3164"),
        ),
        UNSEEN,
    ),
    **{
        f"a{character}b": f"um caractere invisível ou quebrado (U+{ord(character):04X})"
        for character in "\x00\n\u200b\u00ad\u2028\u202e\u2067\ufeff\ufffd"
    },
}


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_bad_name_is_refused_for_what_is_wrong_with_it(
    name: str, alice: Person, client: TestClient, rows: Rows
) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance_id,)] = rows("SELECT id FROM instances")
    for path in ("/instances", f"/instances/{instance_id}/rename"):
        answer = client.post(path, data={"name": name})
        assert answer.status_code == 422
        assert NO_NAMES[name] in answer.text
    assert rows("SELECT name FROM instances") == [("Loja",)]


FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"  # two women and a girl, joined
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize("name", [FAMILY, ENGLAND, "❤\ufe0f", "می\u200cخواهم", "क्\u200dष", "\ue000", "é" * 40])
def test_joined_emoji_and_joined_letters_are_names(name: str, alice: Person, client: TestClient, rows: Rows) -> None:
    assert client.post("/instances", data={"name": f" {name}\u00a0"}).status_code == 303
    assert rows("SELECT name FROM instances") == [(name,)]


def test_markup_in_a_name_stays_text(alice: Person, client: TestClient, rows: Rows) -> None:
    """A31."""
    create(client, "<img src=x onerror=alert(1)>", rows)
    for page in (client.get("/instances").text, client.get("/activity").text):
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_nobody_sees_anothers_instance(alice: Person, client: TestClient, bruno: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    assert "Loja" not in bruno.get("/instances").text
    for path in ("", "/rename", "/delete"):
        assert bruno.get(f"/instances/{instance_id}{path}").status_code == 404
    for path, fields in (("/rename", {"name": "x"}), ("/delete", {}), ("/token/show", {}), ("/token/change", {})):
        assert bruno.post(f"/instances/{instance_id}{path}", data=fields).status_code == 404
    assert rows("SELECT name FROM instances") == [("Loja",)]


def test_a_sealed_token_moved_to_another_row_does_not_open(alice: Person, client: TestClient, rows: Rows) -> None:
    """A36."""
    first, second = create(client, "Loja", rows), create(client, "Outra", rows)
    rows(
        "UPDATE instances SET sealed_token = (SELECT sealed_token FROM instances WHERE id = ?) WHERE id = ?",
        first,
        second,
    )
    with pytest.raises(Exception, match="instance"):
        client.post(f"/instances/{second}/token/show")


def test_an_instance_moved_to_another_account_shows_no_token(
    alice: Person, client: TestClient, new_client: Callable[[], TestClient], invite: Callable[[str], Person], rows: Rows
) -> None:
    """A61."""
    instance_id, bruno = create(client, "Loja", rows), new_client()
    sign_in(bruno, invite("bruno"))
    rows("UPDATE instances SET account_id = (SELECT id FROM accounts WHERE name = 'bruno')")
    with pytest.raises(Exception, match="instance"):
        bruno.post(f"/instances/{instance_id}/token/show")


def test_every_change_leaves_its_activity(alice: Person, client: TestClient, rows: Rows) -> None:
    instance_id = create(client, "Loja", rows)
    client.post(f"/instances/{instance_id}/token/show")
    client.post(f"/instances/{instance_id}/token/change")
    client.post(f"/instances/{instance_id}/rename", data={"name": "Padaria"})
    client.post(f"/instances/{instance_id}/delete")
    events = rows("SELECT event, detail FROM activity WHERE event LIKE 'instance%' ORDER BY id")
    assert events == [
        ("instance.created", "Loja"),
        ("instance.token_shown", "Loja"),
        ("instance.token_changed", "Loja"),
        ("instance.renamed", "Loja → Padaria"),
        ("instance.deleted", "Padaria"),
    ]


def names_on(text: str) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row"><span[^>]*>([^<]*)</span>', text)


@pytest.fixture
def two_hundred(alice: Person, client: TestClient, clock: Clock) -> None:
    assert 'id="search"' not in client.get("/instances").text
    for number in range(199):
        assert client.post("/instances", data={"name": f"Loja {number:03}"}).status_code == 303
        if number % 50 == 49:
            clock.forward(minutes=1)  # nobody makes sixty in one
    client.post("/instances", data={"name": "Cobrança"})


def all_pages(client: TestClient, address: str) -> list[str]:
    pages = [client.get(address).text]
    while later := re.search(r'rel="next" href="([^"]*)"', pages[-1]):
        pages.append(client.get(unescape(later[1])).text)
    return pages


def test_two_hundred_instances_come_in_pages_and_are_searched_by_name_or_id(
    two_hundred: None, client: TestClient, rows: Rows
) -> None:
    first = client.get("/instances").text
    assert 'id="search"' in first
    assert "1 a 50 de 200" in first
    *_, page = pages = all_pages(client, "/instances")
    names = [name for one in pages for name in names_on(one)]
    assert names == ["Cobrança"] + [f"Loja {number:03}" for number in range(199)]
    assert "151 a 200 de 200" in page
    assert re.search(r'rel="prev" href="/instances\?pagina=3"', page)
    assert names_on(client.get("/instances?busca=cobranca").text) == ["Cobrança"]
    [(id,)] = rows("SELECT id FROM instances WHERE name = 'Loja 142'")
    assert names_on(client.get(f"/instances?busca={id.lower()}").text) == ["Loja 142"]
    part = client.get("/instances?busca=LOJA+00", headers=FRAGMENT)
    assert len(names_on(part.text)) == 10
    assert "10 instâncias com “LOJA 00”" in part.text
    assert 'id="new-instance"' not in part.text
    assert part.headers["hx-retarget"] == "#rows"


def test_names_stand_as_portuguese_sorts_them_and_numbers_by_their_size(
    alice: Person, client: TestClient, operate: Operate, rows: Rows
) -> None:
    """Also those that were made before there was such an order."""
    sorted_names = ["agenda", "Água", "Área 2", "area 10", "Área 10b", "Éden", "Loja 0", "Loja 09", "zebra"]
    for name in reversed(sorted_names):
        create(client, name, rows)
    assert names_on(client.get("/instances").text) == sorted_names
    older = [
        *PASSKEYS_OF_BEFORE,
        *ZONES_OF_BEFORE,
        *PEOPLE_OF_BEFORE,
        "DROP TABLE endings",
        *EARLY_CODES_OF_BEFORE,
        *INSTANCES_OF_BEFORE,
    ]
    for change in (*older, "PRAGMA user_version = 25"):
        rows(change)
    operate(version_of_panel)
    assert names_on(client.get("/instances").text) == sorted_names


def test_search_results_come_in_pages_too_and_a_row_being_renamed_stays(
    two_hundred: None, client: TestClient, rows: Rows
) -> None:
    found = client.get("/instances?busca=loja&pagina=2").text
    assert names_on(found) == [f"Loja {number:03}" for number in range(50, 100)]
    assert "199 instâncias com “loja”" in found
    assert 'href="/instances?busca=loja&amp;pagina=3"' in found
    [(id,)] = rows("SELECT id FROM instances WHERE name = 'Loja 142'")
    part = client.get("/instances", params={"busca": "", "linha": id}, headers=FRAGMENT).text
    assert part.count("<tbody") == 51
    assert 'value="Loja 142"' in part


def test_an_address_with_what_there_is_not_says_so_and_shows_what_there_is(
    two_hundred: None, client: TestClient
) -> None:
    first, last = ("Não existe essa página. Esta é a 1 de 4.", "Não existe essa página. Esta é a 4 de 4.")
    by_name = "Não existe essa ordem. A lista está por nome, de A a Z."
    asked = [({"pagina": number}, first) for number in ("0", "-1", "x", "9" * 40, "١")]
    asked += [({"pagina": number}, last) for number in ("5", "999999")]
    asked += [({"pagina": "9", "busca": "loja"}, last), ({"ordem": "cor"}, by_name), ({"ordem": ""}, by_name)]
    for query, told in asked:
        page = client.get("/instances", params=query).text
        assert told in page
        assert len(names_on(page)) >= 49
    assert "Não existe" not in client.get("/instances?pagina=2&ordem=novas").text


def test_the_list_stands_by_name_or_by_the_age_of_the_token_from_either_end(
    alice: Person, client: TestClient, clock: Clock, rows: Rows
) -> None:
    for name in ("Matriz", "Água", "Zebra"):
        create(client, name, rows)
        clock.forward(minutes=1)
    [(id,)] = rows("SELECT id FROM instances WHERE name = 'Matriz'")
    client.post(f"/instances/{id}/token/change")
    for order, names in (
        ("nome", ["Água", "Matriz", "Zebra"]),
        ("nome-z", ["Zebra", "Matriz", "Água"]),
        ("novas", ["Matriz", "Zebra", "Água"]),
        ("antigas", ["Água", "Zebra", "Matriz"]),
    ):
        page = client.get("/instances", params={"ordem": order}).text
        assert names_on(page) == names
        assert page.count("aria-sort=") == 1
        assert names_on(client.get("/instances", params={"ordem": order, "busca": "a"}).text) == names
    assert re.search(r'aria-sort="ascending"><a href="/instances\?ordem=nome-z">Nome', client.get("/instances").text)


@pytest.mark.parametrize("wanted", ["", "a"])
def test_tokens_of_one_second_stand_by_name_on_every_page(
    two_hundred: None, client: TestClient, rows: Rows, wanted: str
) -> None:
    """Fifty of each minute, whichever end comes first; then all of one second, as when they were changed together."""
    names = [f"Loja {number:03}" for number in range(199)]
    seconds = [names[:50], names[50:100], names[100:150], ["Cobrança", *names[150:]]]
    for order, told in (("antigas", seconds), ("novas", seconds[::-1])):
        pages = all_pages(client, f"/instances?ordem={order}&busca={wanted}")
        assert [names_on(page) for page in pages] == told
    rows("UPDATE instances SET token_changed_at = 1")
    pages = all_pages(client, f"/instances?ordem=novas&busca={wanted}")
    assert [name for page in pages for name in names_on(page)] == ["Cobrança", *names]


def test_links_ask_again_for_whatever_was_looked_for(alice: Person, client: TestClient) -> None:
    client.post("/instances", data={"name": "A&b=c+d? #1 ção"})
    page = client.get("/instances", params={"busca": "a&b=c+d? #1 ção"}).text
    [link] = re.findall(r'href="([^"]*)">Nome', page)
    assert link == "/instances?busca=a%26b%3Dc%2Bd%3F+%231+%C3%A7%C3%A3o&amp;ordem=nome-z"
    assert names_on(client.get(unescape(link)).text) == ["A&amp;b=c+d? #1 ção"]


def test_a_page_of_two_hundred_instances_has_twelve_kibibytes_on_the_wire(
    two_hundred: None, client: TestClient
) -> None:
    for address in ("/instances", "/instances?ordem=novas&pagina=2"):
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        assert len(gzip.compress(answer.content)) + head <= 12 * 1024


def test_pages_keep_the_order_and_what_is_looked_for(two_hundred: None, client: TestClient) -> None:
    page = client.get("/instances?busca=loja&ordem=novas&pagina=2").text
    assert 'href="/instances?busca=loja&amp;ordem=novas&amp;pagina=3"' in page
    assert 'href="/instances?busca=loja&amp;ordem=novas"' in page
    assert re.search(r'<option value="novas" selected>', page)
    assert 'href="/instances?busca=loja&amp;ordem=antigas"' in page


def test_an_act_on_an_instance_stays_on_its_page(two_hundred: None, client: TestClient, rows: Rows) -> None:
    [(id,)] = rows("SELECT id FROM instances WHERE name = 'Loja 142'")
    shown = client.post(f"/instances/{id}/token/show").text
    token_on(shown)
    assert "101 a 150 de 200" in shown
    assert "Excluir de vez" in client.get(f"/instances/{id}/delete").text
    renamed = client.post(f"/instances/{id}/rename", data={"name": "Loja 900"})
    assert renamed.headers["location"] == "/instances?pagina=4"
    listed = client.post(f"/instances/{id}/delete", headers=FRAGMENT).text
    assert "151 a 199 de 199" in listed
    made = client.post("/instances", data={"name": "Loja 1000"}, headers=FRAGMENT).text
    assert "Loja 1000" in names_on(made)


def test_an_account_at_its_limit_of_instances_is_told_so_beside_the_name(
    two_hundred: None, client: TestClient, bruno: TestClient, rows: Rows
) -> None:
    """A58: what others have is theirs."""
    for headers in ({}, FRAGMENT):
        refused = client.post("/instances", data={"name": "Demais"}, headers=headers)
        assert refused.status_code == 422
        assert re.search(r'<p class="error" id="new-name-error"[^>]*>.*Nesta conta já há 200 instâncias', refused.text)
        assert 'value="Demais"' in refused.text
    assert rows("SELECT count(*) FROM instances") == [(200,)]
    assert bruno.post("/instances", data={"name": "Loja"}).status_code == 303
    [(id,)] = rows("SELECT id FROM instances WHERE name = 'Loja 142'")
    client.post(f"/instances/{id}/delete")
    assert client.post("/instances", data={"name": "Demais"}).status_code == 303


@pytest.mark.parametrize(("most", "words"), [(1, "já há uma instância"), (3, "já há 3 instâncias")])
def test_parallel_creations_do_not_exceed_the_limit(
    most: int, words: str, alice: Person, client: TestClient, settings: Settings, clock: Clock, rows: Rows
) -> None:
    """A58: `PANEL_INSTANCES_MAX`."""
    posts = [("/instances", {"name": f"Loja {number}"}, cookie_of(client)) for number in range(8)]
    with live(create_app(replace(settings, instances_max=most), now=clock)) as address:
        answers = post_at_once(address, posts)
    assert sorted(answer.status_code for answer in answers) == [303] * most + [422] * (8 - most)
    assert all(words in answer.text for answer in answers if answer.status_code == 422)
    assert rows("SELECT count(*) FROM instances") == [(most,)]


def test_the_search_text_comes_back_as_text(alice: Person, client: TestClient) -> None:
    """A31."""
    client.post("/instances", data={"name": "Loja"})
    found = client.get("/instances?busca=%3Cb%3E%22x").text
    assert "Nenhuma instância com “&lt;b&gt;&#34;x”" in found
    assert 'value="&lt;b&gt;&#34;x"' in found
