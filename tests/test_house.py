"""The documents, the pages and the house itself cannot drift."""

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from web.cli import Parser, _parser
from web.page import ROOT, templates
from web.settings import READERS

PAGES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.html"))
READMES = ["README.md", "README.pt-BR.md"]


def sources(*folders: str) -> list[Path]:
    return [
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".html", ".js", ".css")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_every_template_compiles_and_every_page_has_a_title(name: str) -> None:
    source = (ROOT / "templates" / name).read_text()
    assert templates.get_template(name)
    assert not source.startswith("{% extends") or "{% block title %}" in source


@pytest.mark.parametrize("name", PAGES)
def test_templates_hold_nothing_that_the_policy_forbids(name: str) -> None:
    source = (ROOT / "templates" / name).read_text()
    assert not re.search(r"\sstyle=|<style|\shx-on|js:|\|\s*safe|autoescape|javascript:|\son[a-z]+=", source)
    assert not re.search(r"https?://", source)


def test_htmx_is_the_file_that_was_published() -> None:
    digest = hashlib.sha384((ROOT / "static/vendor/htmx-4.0.1.min.js").read_bytes()).digest()
    assert base64.b64encode(digest).decode() == "Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn"


def test_nothing_but_pages_ingredients_is_served_as_a_static_file() -> None:
    """ASVS V13.4.7."""
    suffixes = {file.suffix for file in (ROOT / "static").rglob("*") if file.is_file()}
    assert suffixes <= {".css", ".js", ".svg", ".ico", ".woff2", ".webmanifest"}
    assert (ROOT / "docs/licences/htmx-4.0.1.txt").is_file()


def test_the_version_is_the_newest_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == version


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_is_documented_and_no_other(readme: str) -> None:
    documented = set(re.findall(r"^\| `(PANEL_[A-Z_]+)`", (ROOT / readme).read_text(), re.MULTILINE))
    assert documented == set(READERS)


@pytest.mark.parametrize("readme", READMES)
def test_every_command_is_documented_and_no_other(readme: str) -> None:
    text = (ROOT / readme).read_text()
    documented = set(re.findall(r"python3 run\.py ([a-z-]+)", text))
    [commands] = [action.choices for action in _parser()._actions if isinstance(action.choices, dict)]
    assert documented - {"run"} == set(commands)
    assert isinstance(_parser(), Parser)


@pytest.mark.parametrize("readme", READMES)
def test_pictures_in_the_readme_exist(readme: str) -> None:
    pictures = re.findall(r'(?:src|srcset)="(docs/[^"]+)"', (ROOT / readme).read_text())
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_only_the_system_makes_randomness_and_only_the_panel_knows_the_time() -> None:
    for file in sources("web", "db"):
        text = file.read_text()
        assert not re.search(r"\brandom\.|uuid|\btime\.time|utcnow", text), file
        if "datetime.now" in text:
            assert file.name in ("app.py", "cli.py"), file


def test_sql_is_never_put_together_from_what_people_type() -> None:
    for file in sources("db"):
        found = re.findall(r'f"(?:SELECT|INSERT|UPDATE|DELETE)[^"]*"', file.read_text())
        assert all(set(re.findall(r"{(\w+)}", sql)) <= {"_COLUMNS"} for sql in found), file


def test_the_rules_of_proof_know_neither_http_nor_sql() -> None:
    for file in sources("web/factors"):
        assert not re.search(
            r"^\s*(?:from|import) (?:starlette|db|web\.(?!factors|limits))", file.read_text(), re.MULTILINE
        )
    for file in sources("db"):
        assert not re.search(r"^\s*(?:from|import) web", file.read_text(), re.MULTILINE), file
