"""Pessoas: what administrators see of people, and what they do for them."""

import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.ceremonies import unasked
from tests.support.clock import Clock
from tests.support.markup import check
from tests.support.people import FRAGMENT, Person, give_password, link_on, proof, protect, sign_in
from web.audit.events import Event
from web.auth import people
from web.panel import Panel
from web.visit.scope import at_terminal

NewClient = Callable[[], TestClient]
Rows = Callable[..., list[tuple[Any, ...]]]
REASON = "Perdeu o celular no ônibus"
OTHER_PASSWORD = "lobo cinza pula na ponte"


@pytest.fixture
def bruno(protected: Person, invite: Callable[[str], Person]) -> Person:
    """A member without a second factor, beside Alice, who administers and has one."""
    return invite("bruno")


class Desk:
    """Alice at hers: each act with a proof of who she is, half a minute later."""

    def __init__(self, client: TestClient, alice: Person, clock: Clock, rows: Rows) -> None:
        self.client, self.alice, self.clock, self.rows = client, alice, clock, rows

    def id(self, name: str) -> int:
        return int(self.rows("SELECT id FROM accounts WHERE name = ?", name)[0][0])

    def page(self, name: str) -> str:
        return self.client.get(f"/people/{self.id(name)}").text

    def act(self, name: str, act: str, **fields: str) -> Response:
        return self.post(f"/people/{self.id(name)}/{act}", **fields)

    def post(self, path: str, **fields: str) -> Response:
        return self.client.post(path, data=fields | proof(self.alice, self.clock.forward(seconds=30)))


@pytest.fixture
def desk(protected: Person, client: TestClient, clock: Clock, rows: Rows) -> Desk:
    return Desk(client, protected, clock, rows)


def choose_password(browser: TestClient, code: str, password: str = OTHER_PASSWORD) -> Response:
    fields = {"activation_code": code, "password": password, "repeated": password}
    return browser.post("/activate", data=fields)


def row_of(page: str, name: str) -> str:
    return next(row for row in page.split('<tr role="row">') if f'aria-label="Escolher {name}"' in row)


def test_the_list_says_who_is_protected(bruno: Person, desk: Desk, clock: Clock) -> None:
    page = desk.client.get("/people").text
    assert "1 de 2 protegida." in page
    assert "1 ainda sem segundo fator." in page
    assert "Administra o painel" in row_of(page, "alice")
    assert "Aplicativo <small>· 10 códigos</small>" in row_of(page, "alice")
    assert "Só a senha" in row_of(page, "bruno")
    assert "há pouco" in row_of(page, "bruno")


def test_the_list_shows_logins_and_open_sessions(
    bruno: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    sign_in(new_client(), bruno)
    sign_in(new_client(), bruno)
    clock.forward(minutes=5)
    row = row_of(desk.client.get("/people").text, "bruno")
    assert "há 5 minutos" in row
    assert '<td role="cell" class="open">3</td>' in row  # with the one that the activation began


def test_filters_count_and_show_their_people(bruno: Person, desk: Desk, create_account: Callable[[str], str]) -> None:
    create_account("carla")
    desk.act("bruno", "disable")
    page = desk.client.get("/people").text
    for words in ("Todas</a>", "Sem segundo fator", "Convites abertos", "Desativadas"):
        assert words.removesuffix("</a>") in page
    counts = re.findall(r'<span class="number">(\d+)</span>', page)
    assert counts == ["3", "2", "1", "1"]
    for filter, names in (("sem-fator", ["bruno", "carla"]), ("convites", ["carla"]), ("desativadas", ["bruno"])):
        assert names_on(desk.client.get("/people", params={"filtro": filter}).text) == names
    assert names_on(desk.client.get("/people?filtro=nenhum").text) == ["alice", "bruno", "carla"]


def names_on(page: str) -> list[str]:
    return re.findall(r'aria-label="Escolher ([a-z0-9._-]+)"', page)


def test_a_part_of_a_name_finds_whoever_has_it(bruno: Person, desk: Desk) -> None:
    assert names_on(desk.client.get("/people?busca=RUN").text) == ["bruno"]
    nobody = desk.client.get("/people?busca=x%25y").text
    assert "Ninguém com “x%y” no nome." in nobody
    part = desk.client.get("/people?busca=lic", headers=FRAGMENT).text
    assert part.startswith('<div id="rows">')
    assert names_on(part) == ["alice"]


def test_fifty_are_on_a_page_and_the_next_begins_behind_the_last(desk: Desk, make_many: Callable[[int], None]) -> None:
    make_many(120)
    seen, address = list[str](), "/people"
    for size in (50, 50, 21):
        page = desk.client.get(address).text
        assert len(names_on(page)) == size
        seen += names_on(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1] if following else ""
    assert address == ""
    assert seen == sorted(set(seen))
    assert len(seen) == 121
    assert "Do começo" in page


@pytest.fixture
def make_many(operate: Operate) -> Callable[[int], None]:
    """So many more people, with invitations from the terminal."""

    async def make(panel: Panel, count: int) -> None:
        async with panel.db.transaction() as tx:
            for number in range(count):
                await people.create(
                    tx, at_terminal(panel), f"p{number:05}", is_admin=False, event=Event.CLI_CREATE_ACCOUNT
                )

    return lambda count: operate(lambda panel: make(panel, count))


def test_a_page_of_the_list_stays_small(desk: Desk, make_many: Callable[[int], None]) -> None:
    """7 KiB compressed."""
    make_many(60)
    page = desk.client.get("/people")
    assert len(names_on(page.text)) == 50
    assert len(gzip.compress(page.content, 6)) <= 7 * 1024


def test_an_administrator_without_a_factor_sees_and_decides_nothing(
    alice: Person, client: TestClient, invite: Callable[[str], Person], clock: Clock, rows: Rows
) -> None:
    """P11, A51."""
    invite("bruno")
    for path in ("/people", "/people/2", "/people/invite", "/people/chosen?p=2"):
        page = client.get(path).text
        assert "Primeiro, a sua conta" in page
        assert "bruno" not in page
    for act in ("disable", "promote", "unlock"):
        assert client.post(f"/people/2/{act}", data={"step_up_password": alice.password}).status_code == 403
    asked = {"name": "carla", "role": "member"}
    assert client.post("/people/invite", data=asked).status_code == 403
    assert rows("SELECT name, role, disabled_at FROM accounts WHERE id > 1") == [("bruno", "member", None)]


def test_an_invitation_is_a_link_that_is_shown_once(desk: Desk, new_client: NewClient) -> None:
    answer = desk.post("/people/invite", name=" Carla ", role="member")
    assert answer.status_code == 200
    assert 'role="img" aria-label="QR code do link de carla"' in answer.text
    check(answer)
    said = answer.text.partition("<main")[2].lower()
    for words in ("convite", "vale uma vez", "escolhe a senha", "já entreguei", "convidar mais alguém"):
        assert said.count(words) == 1, words
    code = link_on(answer.text)
    for path in ("/people", f"/people/{desk.id('carla')}", "/activity", "/people/invite"):
        assert code not in desk.client.get(path).text
    row = row_of(desk.client.get("/people?filtro=convites").text, "carla")
    assert (
        "Convite aberto</span> <small><span>vale por </span>mais 1 dia<span> · convite de alice</span></small>" in row
    )
    for less, left in ((3_000, "mais 24 h"), (82_800, "mais 10 min")):
        desk.rows("UPDATE activations SET ends_at = ends_at - ?", less)
        assert f"{left}<span>" in row_of(desk.client.get("/people").text, "carla")
    desk.rows("UPDATE activations SET ends_at = ends_at + 85800")
    assert '<td role="cell" class="when">nunca</td>' in row
    assert "Convite aberto" in desk.page("carla")
    assert "Feito por alice" in desk.page("carla")
    browser = new_client()
    assert choose_password(browser, code).status_code == 303
    assert choose_password(browser, code).status_code == 422
    assert "Convite aberto" not in desk.page("carla")
    assert give_password(browser, Person("carla", OTHER_PASSWORD)).headers["location"] == "/instances"


def test_an_open_invitation_says_until_when(desk: Desk) -> None:
    desk.post("/people/invite", name="carla", role="member")
    page = desk.page("carla")
    assert re.search(r'Vale até <time [^>]*data-as="short"[^>]*>25/11, \d+h\d\d</time>', page)


def test_an_invitation_lasts_a_day(desk: Desk, new_client: NewClient, clock: Clock) -> None:
    code = link_on(desk.post("/people/invite", name="carla", role="member").text)
    clock.forward(hours=24)
    assert choose_password(new_client(), code).status_code == 422
    sign_in(desk.client, desk.alice, desk.alice.code_at(clock()))
    assert "Sem convite" in desk.page("carla")


def test_a_new_invitation_ends_the_old_one(desk: Desk, new_client: NewClient) -> None:
    old = link_on(desk.post("/people/invite", name="carla", role="member").text)
    new = link_on(desk.act("carla", "invitation/renew").text)
    assert choose_password(new_client(), old).status_code == 422
    assert choose_password(new_client(), new).status_code == 303
    assert desk.act("carla", "invitation/renew").status_code == 422


def test_an_invitation_is_revoked(desk: Desk, new_client: NewClient) -> None:
    code = link_on(desk.post("/people/invite", name="carla", role="member").text)
    assert "Sem convite" in followed(desk, desk.act("carla", "invitation/revoke"))
    assert choose_password(new_client(), code).status_code == 422
    assert desk.act("carla", "invitation/revoke").status_code == 422


def followed(desk: Desk, answer: Response) -> str:
    assert answer.status_code == 303, answer.text
    return desk.client.get(answer.headers["location"]).text


def test_a_name_that_is_taken_or_malformed_is_refused_beside_its_field(bruno: Person, desk: Desk) -> None:
    """A12: only somebody who administers the panel is told."""
    taken = desk.post("/people/invite", name="bruno", role="admin")
    assert taken.status_code == 422
    assert "Já existe uma conta bruno." in taken.text
    assert 'value="admin" checked' in taken.text
    assert desk.post("/people/invite", name="x", role="member").status_code == 422
    assert desk.post("/people/invite", name="carla", role="owner").status_code == 422


def test_whoever_shall_administer_is_invited_only_with_every_factor_now(desk: Desk) -> None:
    asked = {"name": "carla", "role": "admin"}
    answer = desk.client.post("/people/invite", data=asked)
    assert answer.status_code == 403
    assert "Confirme que é você" in answer.text
    assert 'name="role" value="admin"' in answer.text
    assert desk.client.post("/people/invite", data=asked | {"role": "member"}).status_code == 200


def test_nobody_sets_the_password_of_somebody_else(bruno: Person, desk: Desk) -> None:
    """V6.4.6, A51."""
    assert desk.act("bruno", "link", password=OTHER_PASSWORD).status_code == 422
    assert desk.post("/people/invite", name="carla", role="member", password=OTHER_PASSWORD).status_code == 422


def test_a_password_link_ends_sessions_and_keeps_the_second_factor(
    bruno: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    answer = desk.act("bruno", "link")
    assert "Link de senha de" in answer.text
    assert browser.get("/instances").status_code == 303
    assert choose_password(browser, link_on(answer.text)).status_code == 303
    bruno.password = OTHER_PASSWORD
    assert give_password(browser, bruno).headers["location"] == "/login/code"


def test_what_goes_without_saying_wears_no_sign_of_what_differs(bruno: Person, desk: Desk) -> None:
    page = desk.page("bruno")
    for told in ('state">Membro<', 'state">Permitida<', 'state good"><i class="i-circle-check"></i>Definida<'):
        assert f'<span class="{told}' in page
    assert "i-circle-pause" not in page
    desk.act("bruno", "disable")
    assert '<i class="i-circle-pause"></i>Desativada <time' in desk.page("bruno")


def test_giving_up_looks_the_same_wherever_people_are_chosen_or_invited(bruno: Person, desk: Desk) -> None:
    for address in ("/people/invite", f"/people/chosen?p={desk.id('bruno')}&ato=end"):
        assert '<a class="button quiet" href="/people">Cancelar</a>' in desk.client.get(address).text


def test_sessions_are_ended(bruno: Person, desk: Desk, new_client: NewClient) -> None:
    """V7.4.5."""
    browser = new_client()
    sign_in(browser, bruno)
    assert "Encerrar sessões" in desk.page("bruno")
    ended = followed(desk, desk.act("bruno", "end-sessions"))
    assert "As sessões foram encerradas." in ended
    assert "Nenhuma aberta" in ended
    assert "Encerrar sessões" not in ended
    assert browser.get("/instances").status_code == 303
    assert give_password(browser, bruno).status_code == 303


def test_somebody_without_a_second_factor_can_be_reminded_or_made_to_have_one(bruno: Person, desk: Desk) -> None:
    for act, asks in (
        ("remind", "Lembrar bruno de ligar os dois fatores?"),
        ("require", "Exigir dois fatores de bruno?"),
    ):
        address = f"/people/chosen?p={desk.id('bruno')}&ato={act}"
        assert address.replace("&", "&amp;") in desk.page("bruno")
        assert asks in desk.client.get(address).text
    assert "/people/chosen" not in desk.page("alice")


def test_whoever_cannot_enter_yet_sees_the_reminder_then(bruno: Person, desk: Desk) -> None:
    desk.post("/people/invite", name="carla", role="member")
    asked = desk.client.get(f"/people/chosen?p={desk.id('carla')}&ato=remind").text
    assert "carla vê um aviso na próxima página, quando entrar." in asked
    asked = desk.client.get(f"/people/chosen?p={desk.id('bruno')}&ato=remind").text
    assert "bruno vê um aviso na próxima página." in asked


def test_somebody_who_has_to_wait_is_released(bruno: Person, desk: Desk, new_client: NewClient) -> None:
    browser, wrong = new_client(), Person("bruno", "errada mesmo")
    assert "Nenhuma espera" in desk.page("bruno")
    assert "Liberar agora" not in desk.page("bruno")
    for _ in range(6):
        give_password(browser, wrong)
    assert give_password(browser, bruno).status_code == 429
    assert "Liberar agora" in desk.page("bruno")
    assert "Nenhuma espera" in followed(desk, desk.act("bruno", "unlock"))
    assert give_password(browser, bruno).status_code == 303


@pytest.fixture
def carla(desk: Desk, invite: Callable[[str], Person], new_client: NewClient, clock: Clock) -> Person:
    """A member with a second factor."""
    person, browser = invite("carla"), new_client()
    sign_in(browser, person)
    protect(browser, person, clock())
    clock.forward(seconds=30)
    return person


def test_a_second_factor_is_reset_at_once_and_the_person_reads_why(
    carla: Person, desk: Desk, new_client: NewClient
) -> None:
    """V6.4.4, V6.5.6."""
    page = followed(desk, desk.act("carla", "reset-factor", reason=REASON, hours="0"))
    assert "Os dois fatores foram zerados." in page
    assert "Só a senha" in page
    browser = new_client()
    assert give_password(browser, carla).headers["location"] == "/instances"
    told = browser.get("/instances").text
    assert "zerou seus dois fatores" in told
    assert REASON in told
    assert "alice" in told
    for person in (browser, desk.client):
        activity = person.get("/activity").text
        assert "Dois fatores zerados" in activity
        assert REASON in activity


@pytest.mark.parametrize(("reason", "words"), [("curto", "pelo menos 10"), ("x" * 201, "200 caracteres")])
def test_a_reset_wants_a_reason(reason: str, words: str, carla: Person, desk: Desk, rows: Rows) -> None:
    answer = desk.act("carla", "reset-factor", reason=reason, hours="0")
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{reason}"' in answer.text
    assert rows("SELECT count(*) FROM totp") == [(2,)]
    assert desk.act("carla", "reset-factor", reason=REASON, hours="2").status_code == 422


def test_a_delayed_reset_is_told_and_stopped_with_a_code(
    carla: Person, desk: Desk, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    browser = new_client()
    sign_in(browser, carla, carla.code_at(clock()))
    page = followed(desk, desk.act("carla", "reset-factor", reason=REASON, hours="24"))
    assert "Os dois fatores serão zerados em" in page
    told = browser.get("/instances").text
    assert "Os dois fatores desta conta serão zerados" in told
    assert REASON in told
    clock.forward(minutes=1)
    wrong = browser.post("/security/delayed-acts/stop", data={"code": carla.wrong_code_at(clock())})
    assert wrong.status_code == 422
    assert "Código incorreto." in wrong.text
    stopped = browser.post("/security/delayed-acts/stop", data={"code": carla.code_at(clock())})
    assert "Impedido: nada muda na sua conta." in stopped.text
    assert "Os dois fatores desta conta" not in browser.get("/instances").text
    assert "Foi impedido o que estava marcado" in desk.client.get("/instances").text
    clock.forward(days=2)
    assert give_password(new_client(), carla).headers["location"] == "/login/code"
    assert rows("SELECT count(*) FROM totp") == [(2,)]


def test_a_delayed_reset_is_stopped_in_place(carla: Person, desk: Desk, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    sign_in(browser, carla, carla.code_at(clock()))
    desk.act("carla", "reset-factor", reason=REASON, hours="1")
    clock.forward(minutes=1)
    path = "/security/delayed-acts/stop"
    wrong = browser.post(path, data={"code": "12"}, headers=FRAGMENT)
    assert (wrong.status_code, wrong.headers["hx-retarget"]) == (422, "#delayed")
    assert 'id="stop-code"' in wrong.text
    done = browser.post(path, data={"code": carla.code_at(clock())}, headers=FRAGMENT)
    assert 'id="delayed"' in done.text
    assert 'id="stop-code"' not in done.text
    again = browser.post(path, data={"code": carla.code_at(clock())}, headers=FRAGMENT)
    assert "Nada está marcado para a sua conta." in again.text


def test_what_an_administrator_did_is_told_and_asks_nothing(
    carla: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    browser = new_client()
    sign_in(browser, carla, carla.code_at(clock()))
    desk.act("carla", "reset-factor", reason=REASON, hours="1")
    told = "marcou quando zera seus dois fatores"
    assert told not in browser.get("/instances").text  # the form that stops it says more
    desk.act("carla", "keep-factor", kind="factor_reset")
    notice = browser.get("/instances").text.partition(told)[2].partition("</div>")[0]
    assert ">Entendi</button>" in notice
    assert "Não fui eu" not in notice
    found = re.search(r'action="(/security/notices/[0-9]+/mine)"', notice)
    assert found
    browser.post(found[1])
    assert told not in browser.get("/instances").text


def test_an_administrator_thinks_better_of_it(carla: Person, desk: Desk) -> None:
    desk.act("carla", "reset-factor", reason=REASON, hours="72")
    assert "Manter os dois fatores" in desk.page("carla")
    page = followed(desk, desk.act("carla", "keep-factor", kind="factor_reset"))
    assert "não acontece mais" in page
    assert "Manter os dois fatores" not in page
    assert desk.act("carla", "keep-factor", kind="anything").status_code == 422


def test_a_delayed_reset_happens_at_the_next_login(
    carla: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    desk.act("carla", "reset-factor", reason=REASON, hours="1")
    assert give_password(new_client(), carla).headers["location"] == "/login/code"
    clock.forward(hours=1)
    sign_in(desk.client, desk.alice, desk.alice.code_at(clock()))
    assert "são zerados na próxima entrada" in desk.page("carla")
    browser = new_client()
    assert give_password(browser, carla).headers["location"] == "/instances"
    assert REASON in browser.get("/instances").text


@pytest.fixture
def is_due(carla: Person, desk: Desk, clock: Clock) -> None:
    """Alice's reset of Carla's second factor, one second ago."""
    desk.act("carla", "reset-factor", reason=REASON, hours="1")
    clock.forward(minutes=30)
    desk.page("carla")
    clock.forward(minutes=30, seconds=1)


@pytest.mark.parametrize("act", ["promote", "disable", "unlock", "end-sessions", "release", "link", "reset-factor"])
def test_what_is_due_is_done_before_anything_else_is_done_with_the_person(
    act: str, is_due: None, desk: Desk, rows: Rows
) -> None:
    page = desk.page("carla")
    assert "O prazo passou: os dois fatores são zerados na próxima entrada, ou em até uma hora</strong>." in page
    assert "Aplicativo" in page
    fields = {"reason": REASON, "hours": "0"} if act == "reset-factor" else {}
    desk.act("carla", act, **fields)
    done = [event for (event,) in rows("SELECT event FROM activity WHERE account_id = 2 AND event LIKE 'people.%'")]
    assert done[:2] == ["people.factor_reset_begun", "people.factor_reset"]
    assert done.count("people.factor_reset") == 1
    page = desk.page("carla")
    assert "O prazo passou" not in page
    assert "Ainda sem aplicativo autenticador e sem chave de acesso." in page
    assert f"Os dois fatores de uma pessoa foram zerados</strong> (carla, por alice: {REASON})" in page


def test_what_is_due_is_done_before_several_are_reminded(is_due: None, desk: Desk, rows: Rows) -> None:
    desk.post("/people/chosen", people=f"{desk.id('carla')},{desk.id('alice')}", act="remind")
    assert rows("SELECT 1 FROM notices WHERE account_id = 2 AND kind = 'two_factor_reminder'") == [(1,)]


def test_what_is_due_and_not_done_can_still_be_stopped(is_due: None, desk: Desk, rows: Rows) -> None:
    desk.act("carla", "keep-factor", kind="factor_reset")
    desk.act("carla", "unlock")
    assert rows("SELECT count(*) FROM totp WHERE account_id = 2") == [(1,)]


def test_nothing_is_carried_out_with_whoever_acts(carla: Person, desk: Desk, clock: Clock, rows: Rows) -> None:
    desk.act("carla", "promote")
    rows("INSERT INTO delayed_acts VALUES (1, 'factor_reset', 'perdeu o celular', 2, 0, 0)")
    assert desk.act("alice", "unlock").status_code == 422
    assert rows("SELECT count(*) FROM totp") == [(2,)]


def test_a_link_and_a_reset_of_one_person_make_the_second_wait(
    carla: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    """A71."""
    choose_password(new_client(), link_on(desk.act("carla", "link").text))
    page = followed(desk, desk.act("carla", "reset-factor", reason=REASON, hours="0"))
    assert "o segundo espera 24 horas" in page
    assert "(falta 1 dia)" in page
    carla.password = OTHER_PASSWORD
    assert give_password(new_client(), carla).headers["location"] == "/login/code"


def test_a_reset_and_a_link_of_one_person_make_the_link_wait(carla: Person, desk: Desk, clock: Clock) -> None:
    """A71."""
    desk.act("carla", "reset-factor", reason=REASON, hours="0")
    page = followed(desk, desk.act("carla", "link"))
    assert "O link de senha sai a partir de" in page
    clock.forward(hours=24)
    sign_in(desk.client, desk.alice, desk.alice.code_at(clock()))
    assert "O link de senha já pode ser feito" in desk.page("carla")
    assert link_on(desk.act("carla", "link").text)


def test_promoted_and_demoted(carla: Person, desk: Desk, new_client: NewClient, clock: Clock) -> None:
    """V8.3.2."""
    browser = new_client()
    sign_in(browser, carla, carla.code_at(clock()))
    assert browser.get("/people").status_code == 403
    assert "Tirar a administração" in followed(desk, desk.act("carla", "promote"))
    assert browser.get("/people").status_code == 303
    sign_in(browser, carla, carla.code_at(clock.forward(seconds=30)))
    assert browser.get("/people").status_code == 200
    assert "Você passou a administrar o painel" in browser.get("/instances").text
    assert "Dar a administração" in followed(desk, desk.act("carla", "demote"))
    assert browser.get("/people").status_code == 303


def test_a_disabled_person_is_out_everywhere_and_comes_back_as_they_were(
    carla: Person, desk: Desk, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A23, A10, V7.4.2."""
    browser = new_client()
    sign_in(browser, carla, carla.code_at(clock()))
    browser.post("/instances", data={"name": "Loja"})
    page = followed(desk, desk.act("carla", "disable"))
    assert "A conta está desativada. Nada foi apagado." in page
    assert browser.get("/instances").status_code == 303
    wrong, right = give_password(new_client(), Person("carla", "errada mesmo")), give_password(new_client(), carla)
    assert (right.status_code, unasked(right.text)) == (wrong.status_code, unasked(wrong.text))
    assert rows("SELECT count(*) FROM instances WHERE paused_at IS NOT NULL") == [(1,)]
    assert desk.act("carla", "link").status_code == 422
    assert "A conta está ativa de novo." in followed(desk, desk.act("carla", "enable"))
    assert give_password(new_client(), carla).headers["location"] == "/login/code"


def test_nobody_acts_on_themselves(desk: Desk, rows: Rows) -> None:
    """A51, V2.2.3."""
    assert "Esta é a sua conta" in desk.page("alice")
    before = rows("SELECT role, disabled_at, sealed_password IS NULL FROM accounts")
    for act in ("disable", "demote", "link", "end-sessions", "unlock"):
        answer = desk.act("alice", act)
        assert answer.status_code == 422, act
        assert "Ninguém faz isto com a própria conta." in answer.text
        assert act not in re.findall(r'action="/people/1/([a-z-]+)"', answer.text)
    assert desk.act("alice", "reset-factor", reason=REASON, hours="0").status_code == 422
    assert rows("SELECT role, disabled_at, sealed_password IS NULL FROM accounts") == before
    assert rows("SELECT count(*) FROM totp") == [(1,)]


def test_somebody_who_does_not_exist_is_not_found(desk: Desk) -> None:
    """V8.2.2."""
    for number in ("0", "99", "9" * 30):
        assert desk.client.get(f"/people/{number}").status_code == 404
        assert desk.post(f"/people/{number}/disable").status_code in (404, 422)
    assert desk.client.get("/people/x").status_code == 404


def test_several_are_chosen_then_named_then_done(
    bruno: Person, carla: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    browsers = [new_client(), new_client()]
    sign_in(browsers[0], bruno)
    sign_in(browsers[1], carla, carla.code_at(clock()))
    ids = [desk.id(name) for name in ("alice", "bruno", "carla")]
    page = desk.client.get("/people/chosen", params={"p": ids, "ato": "end"}).text
    assert "Encerrar as sessões de 2 pessoas?" in page
    assert "bruno, carla" in page
    assert "Sua própria conta fica de fora" in page
    fields = {"people": ",".join(map(str, ids)), "act": "end"}
    answer = desk.client.post("/people/chosen", data=fields)
    assert "As sessões das pessoas escolhidas foram encerradas." in desk.client.get(answer.headers["location"]).text
    assert [one.get("/instances").status_code for one in browsers] == [303, 303]


def test_two_factors_are_required_of_some(
    bruno: Person, carla: Person, desk: Desk, new_client: NewClient, invite: Callable[[str], Person]
) -> None:
    """A49."""
    browsers = [new_client(), new_client()]
    sign_in(browsers[0], bruno)
    sign_in(browsers[1], invite("dora"))
    fields = {"people": str(desk.id("bruno")), "act": "require", "days": "0"}
    assert desk.client.post("/people/chosen", data=fields).status_code == 303
    assert browsers[0].get("/instances").headers["location"] == "/security"
    assert browsers[1].get("/instances").status_code == 200


def test_a_rule_for_one_person_is_shown_and_lifted(bruno: Person, desk: Desk, new_client: NewClient) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    assert "Dois fatores exigidos" not in desk.page("bruno")
    desk.client.post("/people/chosen", data={"people": str(desk.id("bruno")), "act": "require", "days": "0"})
    assert browser.get("/instances").headers["location"] == "/security"
    assert "Dois fatores exigidos" in desk.page("bruno")
    assert "não são mais exigidos só desta pessoa" in followed(desk, desk.act("bruno", "release"))
    assert "Dois fatores exigidos" not in desk.page("bruno")
    assert "deixou de exigir dois fatores só de você</strong> (por alice)" in browser.get("/instances").text


def test_lifting_a_rule_that_there_is_not_leaves_no_line(bruno: Person, desk: Desk, rows: Rows) -> None:
    assert desk.act("bruno", "release").status_code == 303
    assert rows("SELECT 1 FROM activity WHERE event = 'people.released'") == []


def test_whoever_has_no_second_factor_is_reminded(
    bruno: Person, carla: Person, desk: Desk, new_client: NewClient, clock: Clock
) -> None:
    browsers = [new_client(), new_client()]
    sign_in(browsers[0], bruno)
    sign_in(browsers[1], carla, carla.code_at(clock()))
    ids = f"{desk.id('bruno')},{desk.id('carla')}"
    desk.client.post("/people/chosen", data={"people": ids, "act": "remind"})
    told = [one.get("/instances").text for one in browsers]
    assert ["pede que você ative os dois fatores" in page for page in told] == [True, False]


@pytest.mark.parametrize("ids", ["", "x", "1,,2", "1;2", ",".join(map(str, range(51))), "9" * 19])
def test_no_other_list_of_people_is_taken(ids: str, desk: Desk) -> None:
    assert desk.client.post("/people/chosen", data={"people": ids, "act": "end"}).status_code == 422
    assert "Ninguém escolhido" in desk.client.get("/people/chosen", params={"p": ids}).text


def test_in_place_the_person_answers(bruno: Person, desk: Desk) -> None:
    path = f"/people/{desk.id('bruno')}/disable"
    asked = desk.client.post(path, headers=FRAGMENT | {"HX-Target": "div#person"})
    assert (asked.status_code, 'id="person"' in asked.text) == (403, True)
    assert "Para <strong>desativar a conta</strong> de <strong>bruno</strong>" in asked.text
    answer = desk.client.post(path, data=proof(desk.alice, desk.clock()), headers=FRAGMENT)
    assert answer.headers["hx-retarget"] == "#person"
    assert "A conta está desativada." in answer.text
    assert "<html" not in answer.text


def test_only_whoever_administers_has_the_entry(bruno: Person, desk: Desk, new_client: NewClient) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    assert 'href="/people"' not in browser.get("/instances").text
    assert 'href="/people"' in desk.client.get("/instances").text


def test_another_invitation_is_handed_out_only_for_a_proof_of_that_moment(desk: Desk, new_client: NewClient) -> None:
    """It may be that of an administrator."""
    old = link_on(desk.post("/people/invite", name="carla", role="admin").text)
    assert desk.client.post(f"/people/{desk.id('carla')}/invitation/renew").status_code == 403
    assert choose_password(new_client(), old).status_code == 303


def test_a_code_made_for_a_member_opens_no_account_that_administers(desk: Desk, new_client: NewClient) -> None:
    code = link_on(desk.post("/people/invite", name="carla", role="member").text)
    desk.act("carla", "promote")
    assert choose_password(new_client(), code).status_code == 422


def test_nobody_stops_what_was_begun_with_their_own_account_without_a_code(desk: Desk, rows: Rows) -> None:
    rows("INSERT INTO delayed_acts SELECT 1, 'factor_reset', 'Perdeu o celular', id, 0, 4e9 FROM accounts WHERE id = 1")
    assert desk.act("alice", "keep-factor", kind="factor_reset").status_code == 422
    assert rows("SELECT count(*) FROM delayed_acts") == [(1,)]


@pytest.mark.parametrize("reason", ["\u200b" * 12, "Perdeu\u202eo celular no ônibus"])
def test_a_reason_can_be_read(reason: str, bruno: Person, desk: Desk, new_client: NewClient, clock: Clock) -> None:
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    answer = desk.act("bruno", "reset-factor", reason=reason, hours="0")
    assert (answer.status_code, "Diga o motivo" in answer.text) == (422, True)


def test_the_place_of_an_administrator_is_not_told_to_others(bruno: Person, desk: Desk, rows: Rows) -> None:
    desk.act("bruno", "promote")
    told = rows("SELECT account_id, network <> '', session_id <> '' FROM activity WHERE event = 'people.promoted'")
    assert sorted(told, key=lambda line: int(line[0])) == [(1, 1, 1), (2, 0, None)]


def test_codes_stay_counted_for_three_days_after_a_link_for_the_password(
    bruno: Person, desk: Desk, new_client: NewClient, clock: Clock, rows: Rows
) -> None:
    """A71: guessing codes between two releases would be the other half of a take-over."""
    browser = new_client()
    sign_in(browser, bruno)
    protect(browser, bruno, clock())
    choose_password(new_client(), link_on(desk.act("bruno", "link").text))
    bruno.password = OTHER_PASSWORD
    guesser = new_client()
    give_password(guesser, bruno)
    guesser.post("/login/code", data={"code": "000000"})
    counted = "SELECT count(*) FROM attempts WHERE failures > 0 AND kind = 'totp'"
    before = rows(counted)
    desk.act("bruno", "unlock")
    assert rows(counted) == before
    clock.forward(hours=73)
    sign_in(desk.client, desk.alice, desk.alice.code_at(clock()))
    desk.act("bruno", "unlock")
    assert rows(counted) == [(0,)]
