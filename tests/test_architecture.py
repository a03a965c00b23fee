"""docs/architecture.md against the code."""

import ast
import re

from web.http.page import ROOT

BESIDE_THE_ROOMS = {"attacks", "browser", "db", "engines", "histories"}
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
STATEMENT = r"\s*(?:WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA)\s+\w"
LIST = PAGE.split("<!-- rooms -->")[1].split("<!-- /rooms -->")[0]


def rooms() -> list[list[str]]:
    """The modules of each room, from above; the first ones stand in none."""
    found: list[list[str]] = []
    for text in re.split(r"\n### ", LIST):
        room = re.match(r"(\w+/)?", text)
        inside = room[0].replace("/", ".") if room else ""
        entries = re.findall(r"^- ([^:\n]+)", text, re.MULTILINE)
        found.append([inside + name for name in re.findall(r"`([a-z0-9_.]+)`", " ".join(entries))])
    return found


def modules() -> dict[str, set[str]]:
    """Every module of web/, and those of web/ that it imports."""
    files = [file.relative_to(ROOT / "web").with_suffix("") for file in (ROOT / "web").rglob("*.py")]
    names = {".".join(file.parts) for file in files}
    return {name: imported(name, names) for name in names}


def imported(name: str, names: set[str]) -> set[str]:
    tree = ast.parse((ROOT / "web" / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "web":
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {one.removeprefix("web.") for one in found} & names


def test_every_module_stands_in_one_room() -> None:
    named = [module for room in rooms() for module in room]
    assert sorted(named) == sorted(modules())


def test_a_module_imports_only_from_its_own_room_and_those_above() -> None:
    place = {module: number for number, room in enumerate(rooms()) for module in room}
    wrong = {(one, other) for one, others in modules().items() for other in others if place[other] > place[one]}
    assert wrong == set()


def test_the_tests_stand_in_the_same_rooms() -> None:
    rooms_of_tests = {file.parent.name for file in (ROOT / "tests").glob("*/test_*.py")} - BESIDE_THE_ROOMS
    assert rooms_of_tests == {module.split(".")[0] for module in modules() if "." in module}


def test_pages_of_different_folders_do_not_know_each_other() -> None:
    pages = {one: others for one, others in modules().items() if one.startswith("pages.")}
    folder = {one: one.rpartition(".")[0] if one.count(".") > 1 else one for one in pages}
    wrong = {
        (one, other) for one, others in pages.items() for other in others & set(pages) if folder[one] != folder[other]
    }
    assert wrong == set()


def test_services_know_neither_answers_nor_the_framework() -> None:
    """What `auth` and `audit` do, the terminal can ask for as well as a page."""
    for file in [*(ROOT / "web/auth").iterdir(), *(ROOT / "web/audit").iterdir()]:
        if file.suffix == ".py":
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(?:from|import) (?:starlette|jinja2|argparse)\b", text, re.MULTILINE), file
            assert "visit.request" not in text or file.name == "log.py", file


def test_storage_does_not_know_the_web() -> None:
    for file in (ROOT / "db").rglob("*.py"):
        assert not re.search(r"^\s*(?:from|import) web\b", file.read_text(encoding="utf-8"), re.MULTILINE), file


def test_the_web_does_not_know_the_engine() -> None:
    """Neither the driver, whose exceptions `db/errors.py` translates, nor SQL."""
    for file in (ROOT / "web").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) (?:aio)?sqlite", text, re.MULTILINE), file
        said = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        assert not [one for one in said if isinstance(one, str) and re.match(STATEMENT, one)], file


def test_every_name_of_the_followed_request_is_in_the_file_that_is_named() -> None:
    story = PAGE.split("## One request, followed")[1]
    text = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in re.findall(r"`((?:web|db)/[\w/]+\.py)`", story)
    )
    for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", story):
        assert name.split(".")[-1] in text, name
