"""Pessoas at the screen: invite, help, choose several, stop; with a script and without one, at three widths."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.phone import show_code
from tests.browser.steps import leave_codes, prove, set_up, switch_on
from tests.support.accessible import RULES, check, describe
from tests.support.clock import Clock

WIDTHS = (320, 390, 768, 1024, 1100, 1440)
HERS = "pato verde corre na praia"


class Desk:
    """Ana's: she administers the panel and has a second factor."""

    def __init__(self, page: Page, clock: Clock, key: str) -> None:
        self.page, self.clock, self.key = page, clock, key

    def open(self, name: str) -> None:
        self.page.goto("/people")
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", name=name, level=1)).to_be_visible()

    def prove(self) -> None:
        prove(self.page, show_code(self.key, self.clock.forward(seconds=30)))

    def unfold(self, row: str) -> None:
        self.page.locator(".rows summary").filter(has_text=row).click()

    def invite(self, name: str) -> str:
        """Returns the address that is handed over, from the # on."""
        self.page.get_by_role("link", name="Pessoas").first.click()
        self.page.get_by_role("link", name="Convidar").click()
        self.page.get_by_label("Usuário").fill(name)
        self.page.get_by_role("button", name="Fazer o convite").click()
        expect(self.page.get_by_role("heading", name="Convite pronto")).to_be_focused()
        expect(self.page.get_by_role("heading", name=f"Para {name}")).to_be_visible()
        return self.page.locator("#link").inner_text().partition("/activate")[2]


@pytest.fixture(params=[True, False], ids=["with a script", "without one"])
def has_script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def open_desk(open_page: OpenPage, setup_code: str, clock: Clock) -> Callable[..., Desk]:
    def make(**options: object) -> Desk:
        page = open_page(**options)
        set_up(page, setup_code)
        key = switch_on(page, clock)
        leave_codes(page)
        return Desk(page, clock, key)

    return make


def activate(page: Page, address: str, has_script: bool, name: str) -> None:
    """Open what was handed over and choose a password, which signs in."""
    page.goto(f"/activate{address}")
    if not has_script:
        page.get_by_label("Código de ativação").fill(address.removeprefix("#"))
        page.get_by_role("button", name="Continuar").click()
    page.get_by_label("Senha", exact=True).fill(HERS)
    page.get_by_label("Repita a senha").fill(HERS)
    page.get_by_role("button", name="Definir senha").click()
    expect(page.get_by_role("heading", name=f"Boas-vindas, {name}.")).to_be_visible()


def test_somebody_is_invited_helped_and_stops_what_they_did_not_want(
    open_desk: Callable[..., Desk], open_page: OpenPage, has_script: bool, clock: Clock
) -> None:
    desk = open_desk(java_script_enabled=has_script)
    hers = open_page(java_script_enabled=has_script)
    activate(hers, desk.invite("bia"), has_script, "bia")
    key = switch_on(hers, clock)
    desk.open("bia")
    desk.unfold("Dois fatores")
    desk.page.get_by_label("Motivo").fill("curto")
    desk.page.get_by_role("button", name="Zerar os dois fatores").click()
    desk.prove()
    expect(desk.page.get_by_text("Diga o motivo")).to_be_visible()
    desk.page.get_by_label("Motivo").fill("Perdeu o celular no ônibus")
    desk.page.get_by_role("button", name="Zerar os dois fatores").click()
    desk.prove()
    expect(desk.page.get_by_text("Os dois fatores serão zerados em")).to_be_visible()
    hers.goto("/instances")
    expect(hers.get_by_text("Perdeu o celular no ônibus")).to_be_visible()  # once: the notice waits meanwhile
    hers.get_by_label("Código de verificação").fill(show_code(key, clock.forward(seconds=30)))
    if not has_script:
        hers.get_by_role("button", name="Impedir").click()
    expect(hers.get_by_text("Impedido: nada muda na sua conta.")).to_be_visible()
    desk.page.goto("/instances")
    expect(desk.page.get_by_text("Foi impedido o que estava marcado")).to_be_visible()


def test_several_are_chosen_and_their_sessions_end(
    open_desk: Callable[..., Desk], open_page: OpenPage, has_script: bool, clock: Clock
) -> None:
    desk = open_desk(java_script_enabled=has_script)
    hers = open_page(java_script_enabled=has_script)
    activate(hers, desk.invite("bia"), has_script, "bia")
    desk.invite("caio")
    desk.page.goto("/people")
    act = desk.page.get_by_role("button", name="Encerrar sessões")
    expect(act).to_be_hidden()
    for name in ("bia", "caio"):
        desk.page.get_by_label(f"Escolher {name}").check()
    if has_script:
        expect(desk.page.get_by_role("group").get_by_text("2 escolhidas")).to_be_visible()
        expect(desk.page.get_by_role("status").filter(has_text="2 escolhidas")).to_have_count(1)
    act.click()
    expect(desk.page.get_by_role("heading", name="Encerrar as sessões de 2 pessoas?")).to_be_visible()
    desk.page.get_by_role("button", name="Encerrar sessões").click()
    expect(desk.page.get_by_text("As sessões das pessoas escolhidas foram encerradas.")).to_be_visible()
    hers.goto("/instances")
    expect(hers.get_by_role("button", name="Entrar", exact=True)).to_be_visible()


def test_a_search_answers_while_it_is_typed(
    open_desk: Callable[..., Desk], create_account: Callable[[str], str]
) -> None:
    desk = open_desk()
    for name in ("bia", "caio"):
        create_account(name)
    desk.page.goto("/people")
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("ai")
    expect(desk.page.get_by_role("link", name="caio")).to_be_visible()
    expect(desk.page.get_by_role("link", name="bia", exact=True)).to_have_count(0)
    expect(desk.page.get_by_text("1 pessoa com “ai” no nome.")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.get_by_role("link", name="bia", exact=True)).to_be_visible()


def test_what_is_done_with_a_person_is_said_where_it_was_asked(
    open_desk: Callable[..., Desk], open_page: OpenPage, has_script: bool
) -> None:
    desk = open_desk(java_script_enabled=has_script)
    activate(open_page(java_script_enabled=has_script), desk.invite("bia"), has_script, "bia")
    desk.open("bia")
    desk.page.get_by_role("button", name="Encerrar sessões").click()
    expect(desk.page.get_by_text("As sessões foram encerradas.")).to_be_visible()
    expect(desk.page.get_by_role("button", name="Encerrar sessões")).to_have_count(0)
    for row, button, said in (
        ("Membro", "Dar a administração", "Agora a pessoa administra o painel."),
        ("Entrada", "Desativar conta", "A conta está desativada."),
        ("Entrada", "Reativar conta", "A conta está ativa de novo."),
    ):
        desk.unfold(row)
        desk.page.get_by_role("button", name=button).click()
        expect(desk.page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
        expect(desk.page.get_by_role("heading", name="bia", level=1)).to_have_count(int(has_script))  # in its row
        desk.prove()
        expect(desk.page.get_by_text(said)).to_be_visible()


def test_every_page_fits_at_every_width(open_desk: Callable[..., Desk], create_account: Callable[[str], str]) -> None:
    """With invitations from the terminal, which are open."""
    desk = open_desk()
    for name in ("bia", "caio", "abcdefghijklmnopqrstuvwxyz-0123"):
        create_account(name)
    for path in ("/people", "/people/2", "/people/4", "/people/invite", "/people/chosen?p=2&p=4&ato=require"):
        desk.page.goto(path)
        for width in WIDTHS:
            desk.page.set_viewport_size({"width": width, "height": 900})
            assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_the_filters_are_one_line_that_scrolls_and_an_open_invitation_is_one_too(
    width: int, open_desk: Callable[..., Desk], create_account: Callable[[str], str], clock: Clock
) -> None:
    """The filter that is chosen is in sight."""
    page = open_desk(viewport={"width": width, "height": 800}).page
    create_account("bia")
    clock.forward(minutes=2)
    for chosen in ("Todas", "Desativadas"):
        page.goto("/people")
        page.get_by_role("link", name=chosen).click()
        current = page.locator(".tabs [aria-current]")
        expect(current).to_contain_text(chosen)
        expect(current).to_be_in_viewport(ratio=0.95)  # but for a part of a point
        tops = page.locator(".tabs a").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
        assert len(set(tops)) == 1
    page.goto("/people")
    state = page.get_by_role("row").filter(has_text="bia").locator(".now")
    expect(state).to_contain_text("Convite aberto vale por mais 24 h")
    assert state.evaluate("(it) => it.offsetHeight") < 25
    assert state.locator("small").evaluate("(it) => getComputedStyle(it, '::before').content") == '"· "'


def test_what_is_done_with_a_new_invitation_stands_in_one_row_and_fills_the_rows_of_a_phone(
    open_desk: Callable[..., Desk],
) -> None:
    page = (desk := open_desk(permissions=["clipboard-read", "clipboard-write"])).page
    desk.invite("bia")
    acts = page.locator(".link .actions")
    box = "(all) => all.map((one) => one.getBoundingClientRect()).map(({ left, right, top }) => [left, right, top])"
    for width, rows in ((1440, 1), (390, 2), (320, 3)):
        page.set_viewport_size({"width": width, "height": 900})
        found = acts.locator(":scope > *").evaluate_all(box)
        assert len({top for *_, top in found}) == rows, width
        assert rows == 1 or {max(right for _, right, top in found if top == row) for *_, row in found} == {found[-1][1]}
    page.get_by_role("button", name="Copiar o link").click()
    expect(page.get_by_role("button", name="Copiar o link")).to_have_text("Copiado")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#link").inner_text()


def test_words_have_room_in_every_row_at_every_width(
    open_desk: Callable[..., Desk], create_account: Callable[[str], str]
) -> None:
    desk = open_desk()
    create_account("bia")
    desk.page.goto("/people")
    for width in WIDTHS:
        desk.page.set_viewport_size({"width": width, "height": 900})
        for words in ("ana", "bia", "Administra o painel"):
            shown = desk.page.get_by_role("rowheader").get_by_text(words, exact=True)
            assert shown.evaluate("(one) => one.scrollWidth <= one.clientWidth || !one.clientWidth"), (words, width)
        if width >= 768:
            assert desk.page.get_by_role("rowheader").last.evaluate("(one) => one.clientWidth >= 176"), width
            expect(
                desk.page.get_by_role("row").filter(has_text="bia").get_by_text("convite do terminal")
            ).to_be_visible()
    for path in ("/people/2", "/security"):
        desk.page.goto(path)
        for width in WIDTHS:
            desk.page.set_viewport_size({"width": width, "height": 900})
            for row in desk.page.locator(".rows .what").all():
                assert row.evaluate("(one) => one.clientWidth >= 176"), (path, width)


def test_what_is_done_with_the_chosen_is_named_whole_and_moves_nothing(
    open_desk: Callable[..., Desk], create_account: Callable[[str], str]
) -> None:
    """ "Encerrar" alone, beside somebody's name, might end the account."""
    page = open_desk().page
    create_account("bia")
    page.goto("/people")
    for width in (*WIDTHS, 640, 1200):
        page.set_viewport_size({"width": width, "height": 640})
        page.get_by_label("Escolher bia").uncheck()
        before = page.get_by_role("table").bounding_box()
        page.get_by_label("Escolher bia").check()
        assert page.get_by_role("table").bounding_box() == before, width
        for name in ("Lembrar dos dois fatores", "Exigir dois fatores", "Encerrar sessões"):
            act = page.get_by_role("button", name=name, exact=True)
            expect(act).to_be_visible()
            assert name.startswith("Lembrar") or act.inner_text() == name
        assert page.locator(".picked").evaluate("(it) => it.offsetHeight") <= 640 / 4, width


def test_in_a_low_window_what_is_done_with_the_chosen_lies_in_the_page(
    open_desk: Callable[..., Desk], create_account: Callable[[str], str]
) -> None:
    """1280 pixels at 400 %: fixed at the foot it would leave nothing of the list."""
    page = open_desk(viewport={"width": 320, "height": 225}).page
    create_account("bia")
    page.goto("/people")
    page.get_by_label("Escolher bia").check()
    acts = page.locator(".picked")
    assert acts.evaluate("(it) => [getComputedStyle(it).position, it.offsetHeight < 225 / 2]") == ["static", True]
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
    assert [describe(one) for one in found] == []
    acts.get_by_role("button", name="Encerrar sessões").click()
    expect(page.get_by_role("heading", name="Encerrar as sessões de bia?")).to_be_visible()


def test_the_ground_of_the_row_under_the_pointer_reaches_beyond_it_and_hides_nothing(
    open_desk: Callable[..., Desk], create_account: Callable[[str], str]
) -> None:
    page = open_desk(viewport={"width": 1440, "height": 900}).page
    create_account("bia")
    page.goto("/people")
    hers, style = page.get_by_role("row").filter(has_text="bia"), "(it, name) => getComputedStyle(it)[name]"
    hers.hover()
    ground = hers.evaluate(style, "backgroundColor")
    assert hers.locator(".initials").evaluate(style, "backgroundColor") != ground
    for width, place in ((1440, ":scope > :first-child"), (1440, ":scope > :last-child"), (390, "xpath=.")):
        page.set_viewport_size({"width": width, "height": 900})
        hers.hover()
        assert hers.locator(place).evaluate(style, "boxShadow").startswith(ground), width
    box, table = page.get_by_label("Escolher bia").bounding_box(), page.get_by_role("table").bounding_box()
    assert box
    assert table
    assert box["x"] == table["x"]


def test_open_to_everyone(open_desk: Callable[..., Desk], create_account: Callable[[str], str]) -> None:
    desk = open_desk()
    create_account("bia")
    page = desk.page
    page.goto("/people")
    check(page)
    page.get_by_label("Escolher bia").check()
    check(page)
    for act in ("remind", "require", "end"):
        page.goto(f"/people/chosen?p=2&ato={act}")
        check(page)
    desk.invite("caio")
    check(page)
    desk.open("bia")
    for row in ("Convite", "Membro", "Permitida"):
        desk.unfold(row)
    check(page)
    page.get_by_role("button", name="Desativar conta").click()
    expect(page.get_by_role("heading", name="Confirme que é você")).to_be_visible()
    check(page)
    page.goto("/people/1")
    check(page)


def test_open_to_everyone_while_a_reset_is_begun(
    open_desk: Callable[..., Desk], open_page: OpenPage, clock: Clock
) -> None:
    desk, hers = open_desk(), open_page()
    activate(hers, desk.invite("bia"), True, "bia")
    switch_on(hers, clock)
    desk.open("bia")
    desk.unfold("Dois fatores")
    check(desk.page)
    desk.page.get_by_label("Motivo").fill("Perdeu o celular no ônibus")
    desk.page.get_by_role("button", name="Zerar os dois fatores").click()
    desk.prove()
    expect(desk.page.get_by_text("Os dois fatores serão zerados em")).to_be_visible()
    check(desk.page)
    hers.goto("/instances")
    expect(hers.get_by_role("button", name="Impedir")).to_be_visible()
    check(hers)


def test_open_to_everyone_before_ones_own_second_factor(open_page: OpenPage, setup_code: str) -> None:
    page = open_page()
    set_up(page, setup_code)
    page.get_by_role("link", name="Pessoas").first.click()
    expect(page.get_by_role("heading", name="Primeiro, a sua conta")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Configurar Agora").click()
    expect(page).to_have_url(re.compile("/security$"))
