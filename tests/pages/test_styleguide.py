import gzip
import re

from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.markup import check
from tests.support.people import ORIGIN
from web.app import create_app
from web.http.page import ROOT
from web.routes import DEMO_ROUTES
from web.settings import Settings

# Of whole pages, of script alone, or of print.
ELSEWHERE = {
    "at-once",
    "not-now",
    "back",
    "brand",
    "days",
    "bring",
    "codes-page",
    "enrol",
    "narrow",
    "to-keep",
    "even",
    "frame",
    "half",
    "hello",
    "how",
    "initials",
    "self",
    "list",
    "keep",
    "lead",
    "me",
    "on-desk",
    "on-phone",
    "outside",
    "passkeys",
    "proven",
    "sheet",
    "side",
    "skip",
    "step-up",
    "theme",
    "who",
}
GIVEN_ELSEWHERE = {"caps", "htmx-request", "skipped"}  # by a script or a handler


def classes() -> set[str]:
    """Of the style sheets, but for the drawings."""
    sheets = "".join((ROOT / f"static/{name}.css").read_text() for name in ("app", "inside"))
    sheet = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", sheets, flags=re.DOTALL)
    return {name for name in re.findall(r"\.([a-z][a-z-]+)", sheet) if not name.startswith("i-")}


def test_every_component_of_the_style_sheet_is_in_the_style_guide(settings: Settings, clock: Clock) -> None:
    app = create_app(settings, now=clock, routes=DEMO_ROUTES)
    with TestClient(app, base_url=ORIGIN) as client:
        answer = client.get("/styleguide")
    check(answer)
    shown = {name for names in re.findall(r'class="([^"]*)"', answer.text) for name in names.split()}
    assert classes() - shown <= ELSEWHERE
    assert len(classes() & shown) > 30


def test_nothing_in_the_style_sheet_is_for_the_style_guide_alone() -> None:
    pages = "".join(file.read_text() for file in (ROOT / "templates").rglob("*.html") if "styleguide" not in file.parts)
    used = set(re.findall(r"[a-z][a-z-]+", " ".join(re.findall(r'class="[^>]*', pages))))
    assert classes() - used <= GIVEN_ELSEWHERE


def test_what_the_first_visit_loads_stays_small(client: TestClient) -> None:
    """30 KiB with the heads of its answers: the page as it is sent, its files compressed."""
    page = client.get("/login", follow_redirects=True)
    files = set(re.findall(r'(?:src|href)="/static/[0-9a-f]+/([^"]+)"', page.text))
    assert len(files) == 4
    sizes = [len(gzip.compress((ROOT / "static" / name).read_bytes(), 9)) for name in files]
    assert len(page.content) + sum(sizes) < 30 * 1024 - 5 * 400


def test_every_icon_is_one_of_the_sprite() -> None:
    drawn = re.findall(r'<g id="([a-z-]+)"', (ROOT / "static/icons.svg").read_text())
    styles = "".join((ROOT / "static" / name).read_text() for name in ("app.css", "inside.css"))
    placed = re.findall(r"\.i-([a-z-]+) { --i: (\d+); }", styles)
    assert [(name, str(number)) for number, name in enumerate(drawn)] == sorted(placed, key=lambda one: int(one[1]))
    files = [*(ROOT / "web/pages").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    used = "".join(file.read_text() for file in files if "styleguide" not in file.parts)
    assert [name for name in drawn if f'"{name}"' not in used] == []
    sources = "".join(file.read_text() for file in (ROOT / "templates").rglob("*.html"))
    wanted = set(re.findall(r'"([a-z-]+)"\|icon|ui\.(?:row|drawer)\("([a-z-]+)"', sources))
    assert {one or other for one, other in wanted} <= set(drawn)


def test_only_the_demonstration_has_it(client: TestClient) -> None:
    assert client.get("/styleguide").status_code == 404
