"""docs/architecture.md against the code."""

import ast
import re

from web.http.page import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
STATEMENT = r"\s*(?:WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA)\s+\w"
LIST = PAGE.split("<!-- floors -->")[1].split("<!-- /floors -->")[0]


def floors() -> list[list[str]]:
    """The modules that each floor names before the colon of a line, from above."""
    entries = [re.findall(r"^- ([^:\n]+)", floor, re.MULTILINE) for floor in LIST.split("\n### ")[1:]]
    return [re.findall(r"`([a-z0-9_.]+)`", " ".join(lines)) for lines in entries]


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


def test_every_module_stands_on_one_floor() -> None:
    named = [module for floor in floors() for module in floor]
    assert sorted(named) == sorted(modules())


def test_a_module_imports_only_from_its_own_floor_and_those_above() -> None:
    place = {module: number for number, floor in enumerate(floors()) for module in floor}
    wrong = {(one, other) for one, others in modules().items() for other in others if place[other] > place[one]}
    assert wrong == set()


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
