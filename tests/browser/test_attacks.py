"""Attacks that only a browser can show: markup that would run, and pages that would be framed."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import choose, row, set_up
from tests.support.clock import Clock

MARKUP = "<img src=/x onerror=alert(1)>"


def test_what_people_type_and_browsers_call_themselves_never_runs(
    open_page: OpenPage, setup_code: str, clock: Clock
) -> None:
    """A31: in pages, in what htmx swaps in, and in its errors; no dialog opens, and nothing is fetched."""
    page = open_page(user_agent=f"Firefox/1 {MARKUP} <script>alert(1)</script>")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    set_up(page, setup_code)
    page.get_by_role("link", name="Instâncias").click()
    page.get_by_label("Nome").fill(MARKUP)
    page.get_by_role("button", name="Criar instância").click()
    expect(row(page, MARKUP)).to_be_visible()
    choose(page, MARKUP, "Renomear")
    page.locator("tbody").get_by_label("Nome").fill(f"{MARKUP}:")
    page.get_by_role("button", name="Salvar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    for section in ("Atividade", "Segurança"):
        page.get_by_role("link", name=section).first.click()
        expect(page.get_by_role("heading", name=section)).to_be_visible()
    page.goto("/security/sessions")
    expect(page.get_by_role("heading", name="Sessões e dispositivos")).to_be_visible()
    assert not [address for address in asked if re.search(r"/x$|^dialog", address)]


def test_no_page_appears_inside_somebody_elses(open_page: OpenPage, live_server: str) -> None:
    """A33."""
    page = open_page(java_script_enabled=False)
    frame = f'<iframe src="{live_server}/login" title="framed"></iframe><h1>Ganhe agora</h1>'
    page.route("http://evil.test/", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto("http://evil.test/")
    expect(page.get_by_role("heading", name="Ganhe agora")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert all("Entrar" not in inner.content() for inner in page.frames[1:])
    assert len(page.frames) == 2
