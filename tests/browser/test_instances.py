"""The table of instances: in sight, by keyboard, without script, on narrow screens."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import choose, prove, row, set_up
from tests.support.accessible import check
from tests.support.clock import Clock

NAMES = ("Zebra", "Água", *(f"Loja {number}" for number in range(1, 29)))


def create(page: Page, name: str) -> None:
    page.get_by_label("Nome da instância").fill(name)
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, name).get_by_text(f"Instância {name} criada.")).to_be_visible()


def fill(page: Page, address: str) -> None:
    """Many instances at once."""
    for name in NAMES:
        made = page.request.post("/instances", form={"name": name}, headers={"Origin": address}, max_redirects=0)
        assert made.status == 303
    for _ in range(2):  # the first time it offers the token of the last one
        page.goto("/instances")


@pytest.fixture
def page(open_page: OpenPage, setup_code: str) -> Page:
    page = open_page(permissions=["clipboard-read", "clipboard-write"], viewport={"width": 1440, "height": 900})
    set_up(page, setup_code)
    page.goto("/instances")
    return page


def copied(page: Page) -> str:
    text = page.evaluate("navigator.clipboard.readText()")
    assert isinstance(text, str)
    return text


def top(page: Page, place: str) -> float:
    found: float = page.locator(place).evaluate("(it) => it.getBoundingClientRect().top")
    return found


def test_fourteen_rows_are_in_sight_and_two_lines_each_on_a_phone(page: Page, live_server: str, clock: Clock) -> None:
    fill(page, live_server)
    clock.forward(minutes=59)
    page.goto("/instances")
    bottoms = "[...document.querySelectorAll('tr:has([scope=row])')].map((row) => row.getBoundingClientRect().bottom)"
    assert sum(bottom <= 900 for bottom in page.evaluate(bottoms)) >= 14
    page.set_viewport_size({"width": 320, "height": 640})
    heights = "[...document.querySelectorAll('tr:has([scope=row])')].map((row) => row.getBoundingClientRect().height)"
    assert max(page.evaluate(heights)) < 75
    expect(row(page, "Água").get_by_text("Ativa")).to_be_visible()
    assert page.evaluate(
        "document.querySelector('#instances').scrollWidth <= document.querySelector('#main').clientWidth"
    )
    assert top(page, "#search") + 40 <= top(page, "#order")  # one below the other
    page.set_viewport_size({"width": 390, "height": 844})
    assert top(page, "#search") == top(page, "#order")


def test_the_words_beside_an_instance_say_that_it_is_its_token_which_was_made_or_changed(
    page: Page, clock: Clock
) -> None:
    """In one line on a phone; on a desktop the head of the column says it."""
    for name in ("Água", "Zebra"):
        create(page, name)
    clock.forward(minutes=1)
    choose(page, "Zebra", "Trocar token")
    page.get_by_role("button", name="Trocar agora").click()
    expect(row(page, "Zebra").get_by_text("Token trocado.")).to_be_focused()
    clock.forward(minutes=58)
    page.goto("/instances")
    for name, said in (("Água", "token criado há 59 minutos"), ("Zebra", "token trocado há 58 minutos")):
        when = row(page, name).locator(".when")
        page.set_viewport_size({"width": 1440, "height": 900})
        expect(when.get_by_text("token")).to_be_hidden()
        page.set_viewport_size({"width": 390, "height": 844})
        expect(when.get_by_text("token")).to_be_visible()
        expect(when).to_contain_text(said)
        assert when.evaluate("(it) => it.offsetHeight") < 25


def test_on_a_page_four_times_as_large_the_tabs_fit_in_a_line_of_the_head(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 225})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.locator(".side").evaluate("(it) => it.offsetHeight") < 110
    tops = page.locator(".side nav a").evaluate_all("(all) => all.map((it) => it.getBoundingClientRect().top)")
    assert len(tops) == 4
    assert len(set(tops)) == 1


def test_a_token_is_copied_without_being_seen_after_the_step_up_in_its_row(page: Page, clock: Clock) -> None:
    create(page, "Loja")
    clock.forward(minutes=6)
    row(page, "Loja").get_by_role("button", name="Copiar token", exact=True).click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    lines = [top(page, name) for name in ("input[name=step_up_password]", ".step-up .primary", ".step-up .quiet")]
    assert max(lines) - min(lines) < 8
    assert page.locator(".step-up").evaluate("(it) => it.offsetHeight / it.offsetWidth") < 0.25
    prove(page)
    expect(row(page, "Loja").locator(".token .i-check")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("Token copiado, sem aparecer na tela.")).to_be_attached()
    expect(row(page, "Loja").get_by_role("button", name="Copiar token de Loja")).to_be_focused()
    token = copied(page)
    assert re.fullmatch(r"[\w-]{43}", token)
    assert token not in page.content()
    expect(row(page, "Loja").locator(".asked")).to_be_hidden()
    row(page, "Loja").get_by_role("button", name="Copiar id de Loja").click()
    expect(row(page, "Loja").locator(".id .i-check")).to_be_visible()
    assert re.fullmatch("[0-9A-F]{32}", copied(page))


def test_what_a_row_asks_opens_under_it_alone_and_moves_nothing(page: Page, live_server: str) -> None:
    fill(page, live_server)
    choose(page, "Loja 2", "Trocar token")
    expect(row(page, "Loja 2").get_by_role("button", name="Trocar agora")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    choose(page, "Loja 4", "Renomear")
    row(page, "Loja 4").get_by_label("Nome da instância").fill("Filial")
    lefts = "(all) => all.map((it) => it.getBoundingClientRect().left)"
    assert len(set(page.locator("#rows table, #rows form.drawer").evaluate_all(lefts))) == 1
    expect(row(page, "Loja 2").locator(".asked")).to_be_hidden()
    choose(page, "Loja 5", "Excluir")
    expect(row(page, "Loja 5").get_by_role("button", name="Excluir de vez")).to_be_visible()
    expect(row(page, "Loja 4").get_by_label("Nome da instância")).to_have_value("Filial")  # nothing typed is lost


def test_a_question_has_its_title_and_takes_the_green_of_the_page(page: Page) -> None:
    create(page, "Loja")
    page.get_by_role("link", name="Agora não").click()
    make = page.get_by_role("button", name="Criar instância")
    ground = "(it) => getComputedStyle(it).backgroundColor"
    green = make.evaluate(ground)
    for act, title in (("Trocar token", "Trocar o token de Loja?"), ("Excluir", "Excluir Loja?")):
        choose(page, "Loja", act)
        expect(page.get_by_role("heading", name=title, level=2)).to_be_focused()
        assert make.evaluate(ground) != green
        page.keyboard.press("Escape")
        expect(page.locator(".ask")).to_have_count(0)
        assert make.evaluate(ground) == green


def test_no_edge_of_a_button_touches_what_it_copies(page: Page) -> None:
    """Where colours are forced every button has one."""
    create(page, "Loja")
    for width in (320, 390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for place in (".id", ".token"):
            cell = row(page, "Loja").locator(place)
            words, button = cell.locator("code").bounding_box(), cell.locator("button").bounding_box()
            assert words
            assert button
            assert 6 <= button["x"] - words["x"] - words["width"] <= 8, (width, place)


def test_the_list_goes_by_keyboard(page: Page, live_server: str) -> None:
    fill(page, live_server)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("agua")
    expect(page.locator("tbody")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("tbody")).to_have_count(30)
    expect(page.get_by_role("searchbox")).to_have_value("")
    page.keyboard.press("/")  # a second time it is no letter either
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("searchbox")).to_have_value("")
    menu = row(page, "Água").get_by_label("Ações de Água")
    menu.focus()
    page.keyboard.press("Enter")
    expect(row(page, "Água").get_by_role("button", name="Mostrar token")).to_be_visible()
    page.keyboard.press("Escape")
    expect(row(page, "Água").get_by_role("button", name="Mostrar token")).to_be_hidden()
    expect(menu).to_be_focused()
    choose(page, "Água", "Renomear")
    field = row(page, "Água").get_by_label("Nome da instância")
    expect(field).to_be_focused()
    page.keyboard.type("/")  # here it is a letter like others
    expect(field).to_have_value(re.compile("/"))
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    choose(page, "Água", "Trocar token")
    expect(page.locator(".ask")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".ask")).to_have_count(0)


def test_it_is_sorted_in_its_heads_and_on_a_phone_in_a_choice(page: Page, live_server: str) -> None:
    fill(page, live_server)
    first = page.get_by_role("rowheader").first
    expect(first).to_have_text("Água")
    page.get_by_role("link", name="Nome", exact=True).click()
    expect(first).to_have_text("Zebra")
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_label("Ordem").select_option("Nome, A a Z")
    expect(first).to_have_text("Água")


def test_after_a_bad_day_all_is_changed_and_copied_at_once(page: Page) -> None:
    for name in ("Água", "Zebra"):
        create(page, name)
    page.goto("/security/bad-day")
    page.get_by_role("button", name="Bloquear tudo").click()
    expect(page.get_by_text("Tudo bloqueado").first).to_be_visible()
    page.goto("/instances")
    page.get_by_role("link", name="Trocar os 2 tokens pausados").click()
    expect(page.get_by_role("heading", name="Trocar os tokens das 2 instâncias pausadas?")).to_be_focused()
    check(page)
    page.get_by_role("button", name="Trocar agora").click()
    expect(page.get_by_role("heading", name="2 tokens trocados.")).to_be_focused()
    check(page)
    page.get_by_role("button", name="Copiar todos").click()
    expect(page.get_by_role("button", name="Copiado")).to_be_visible()
    assert [line.split("\t")[0] for line in copied(page).splitlines()] == ["Água", "Zebra"]


def test_without_script_too_a_new_ones_token_is_offered_once(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(java_script_enabled=False)
    set_up(page, setup_code)
    page.goto("/instances")
    create(page, "Loja")
    page.reload()
    expect(row(page, "Loja")).to_be_visible()
    expect(page.get_by_text("Instância Loja criada.")).to_have_count(0)


def test_how_many_are_paused_follows_each_row_that_is_changed(page: Page, clock: Clock) -> None:
    for name in ("Água", "Loja", "Zebra"):
        create(page, name)
    page.goto("/security/bad-day")
    page.get_by_role("button", name="Bloquear tudo").click()
    expect(page.get_by_text("Tudo bloqueado").first).to_be_visible()
    page.goto("/instances")
    page.get_by_label("Nome da instância").fill("Nov")
    choose(page, "Loja", "Trocar token")
    row(page, "Loja").get_by_role("button", name="Trocar agora").click()
    expect(row(page, "Loja").get_by_text("Token trocado.")).to_be_focused()
    expect(page.get_by_text("3 instâncias, 2 pausadas")).to_be_visible()
    expect(page.get_by_label("Nome da instância")).to_have_value("Nov")
    page.get_by_role("link", name="Trocar os 2 tokens pausados").click()
    page.get_by_role("button", name="Trocar agora").click()
    expect(page.get_by_role("heading", name="2 tokens trocados.")).to_be_focused()
    page.get_by_role("link", name="Voltar aos passos").click()
    expect(page.get_by_text("Nenhum está pausado desde as")).to_be_visible()


def test_every_state_of_a_row_is_open_to_everyone(page: Page, clock: Clock) -> None:
    check(page)
    create(page, "Loja")
    check(page)
    create(page, "Água")
    page.get_by_label("Nome da instância").fill("agua")
    page.get_by_role("button", name="Criar instância").click()
    expect(page.get_by_text("Já existe uma instância com o nome Água.")).to_be_visible()
    check(page)
    page.get_by_text("O que é uma instância").click()
    row(page, "Água").get_by_label("Ações de Água").click()
    check(page)
    page.goto("/instances?ordem=cor")
    for action in ("Mostrar token", "Trocar token", "Renomear", "Excluir"):
        choose(page, "Água", action)
        expect(row(page, "Água").locator(".drawer")).to_be_visible()
        check(page)
        row(page, "Água").locator("[data-cancel]").click()
        expect(page.locator(".drawer")).to_have_count(0)
    clock.forward(minutes=6)
    choose(page, "Água", "Mostrar token")
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    check(page)


def test_without_script_it_is_the_same_list(open_page: OpenPage, setup_code: str) -> None:
    page = open_page(java_script_enabled=False)
    set_up(page, setup_code)
    page.goto("/instances")
    for name in ("Zebra", "Água"):
        create(page, name)
    page.goto("/instances")
    expect(page.get_by_role("rowheader")).to_have_text(["Água", "Zebra"])
    expect(page.get_by_role("button", name="Copiar token de Água")).to_have_count(0)
    choose(page, "Água", "Trocar token")
    page.get_by_role("button", name="Trocar agora").click()
    expect(page.get_by_text("O antigo não vale mais")).to_be_visible()
    expect(page.locator("code[id^=token-]")).to_be_visible()
    page.get_by_role("link", name="Criado ou trocado").click()
    expect(page.locator("[aria-sort=descending]")).to_have_text("Criado ou trocado")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/instances?busca=agua")
    field = page.get_by_role("searchbox").bounding_box()
    assert field
    assert field["width"] > 150
