"""Documents and pages agree with the code, and the code keeps the rules of this project."""

import ast
import base64
import configparser
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from web.cli.arguments import Parser
from web.cli.commands import _parser
from web.http.page import ROOT, templates
from web.settings import READERS

PAGES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.html"))
READMES = ["README.md", "README.pt-BR.md"]
DOCUMENTS = [
    *READMES,
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
FILE_NAME = r"\b(?:(?:web|db|tests|templates|static|bench|deploy|docs)/[\w./-]*[\w/]|[A-Z]{6,}\.md|run\.py)"


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


@pytest.mark.parametrize("name", PAGES)
def test_words_are_portuguese_and_well_set(name: str) -> None:
    """One word for one thing, the reader's; real ellipses and quotation marks."""
    source = (ROOT / "templates" / name).read_text()
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", "·", source, flags=re.DOTALL)
    assert name == "ui.html" or not re.search(r"\.\.\.|[\"']|--", text)  # its macros write attributes
    assert not re.search(r"\b(?:login|logout|2FA|MFA|TOTP|clique|por favor|senha de acesso)\b", text, re.IGNORECASE)


def test_htmx_is_the_file_that_was_published() -> None:
    digest = hashlib.sha384((ROOT / "static/vendor/htmx-4.0.1.min.js").read_bytes()).digest()
    assert base64.b64encode(digest).decode() == "Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn"


def test_only_files_that_pages_use_are_served_as_static_files() -> None:
    """ASVS V13.4.7."""
    suffixes = {file.suffix for file in (ROOT / "static").rglob("*") if file.is_file()}
    assert suffixes <= {".css", ".js", ".svg", ".ico", ".woff2", ".webmanifest"}
    assert (ROOT / "docs/licences/htmx-4.0.1.txt").is_file()
    assert (ROOT / "docs/licences/lucide-1.62.0.txt").is_file()


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


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    named = set(re.findall(FILE_NAME, (ROOT / document).read_text()))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_only_the_system_makes_randomness_and_only_the_panel_knows_the_time() -> None:
    for file in sources("web", "db"):
        text = file.read_text()
        assert not re.search(r"\brandom\.|uuid|\btime\.time|utcnow", text), file
        if "datetime.now" in text:
            assert file.name in ("app.py", "terminal.py"), file


# What is dangerous in the wrong place (a pattern, and the files that may hold it).
ONLY_IN = {
    r"\bsubprocess\b|os\.system|os\.popen|os\.exec": {"web/cli/tools.py", "web/crypto/sodium.py"},
    r"\beval\(|\bexec\(|from_string|\bpickle\b|\byaml\b|\bmarshal\b|__import__": set(),
    r"request\.url\b|request\.base_url|\burl_for\b": set(),  # built from what the Host header says
    r"urllib\.request|http\.client|smtplib|httpx|aiohttp|xmlrpc|ftplib": set(),  # the panel calls nobody
    r"^\s*(?:from|import) cryptography": {"web/crypto/vault.py", "web/factors/passkey.py"},
    r"^\s*(?:from|import) fido2": {"web/factors/passkey.py"},
    r"^\s*(?:from|import) argon2": {"web/crypto/argon2id.py"},
    r"^\s*(?:from|import) nacl": {"web/crypto/hash_worker.py"},
    r"hashlib\.(?!sha256\b|sha384\b)": set(),
    r"vault\.unseal\(": {
        "web/auth/passwords.py",
        "web/crypto/copies.py",
        "web/auth/instances.py",
        "web/cli/key_rotation.py",
        "web/auth/passkeys.py",
        "web/auth/recovery_codes.py",
        "web/auth/totp.py",
        "web/guards/step_up.py",
        "web/pages/security/totp.py",
    },
    r"\btotp\.find\(": {"web/auth/totp.py"},  # who only asks whether there is a factor asks factors_in_force
    r"\b(?:FROM|JOIN) totp\b": {
        "db/migrations/0017_edited_migrations.py",
        "db/sealed.py",
        "db/totp.py",
        "db/two_factor.py",
    },  # likewise
    r"\bunquote(?:_plus)?\(": {"web/http/redirects.py"},  # everything else is decoded once, by the form parser
    r"totp\.verify\(|TOTP\(.*\.verify\(": set(),  # it would not say which step it was
}


@pytest.mark.parametrize("pattern", ONLY_IN)
def test_what_is_dangerous_has_one_place(pattern: str) -> None:
    """ASVS V1.1.1, V1.2.5, V1.3.2, V1.5.2, V11.1.3, V13.2.4."""
    files = [file for file in sources("web", "db") if file.suffix == ".py"]
    assert {
        str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text(), re.MULTILINE)
    } == ONLY_IN[pattern]


def test_no_key_lies_in_the_repository() -> None:
    """ASVS V13.3.1: no private key, no sealing key, no database."""
    folders = ("web", "db", "static", "templates", "tests", "docs", "deploy")
    for file in (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()):
        assert file.suffix not in {".key", ".db", ".pem"}, file
        if file.suffix not in {".png", ".pyc"}:
            text = file.read_text()
            assert "-----BEGIN " not in text.replace('"-----BEGIN ', ""), file
            assert not re.search(r"^[0-9a-f]{64}$", text, re.MULTILINE), file


def test_our_script_handles_text_and_keeps_nothing() -> None:
    """ASVS V3.2.2, V6.2.7, V14.3.3."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|localStorage|sessionStorage|\bpaste\b"
    )
    for script in (ROOT / "static").glob("*.js"):
        assert not re.search(forbidden, script.read_text()), script


def test_the_service_may_write_nowhere_but_in_its_data_folder() -> None:
    """ASVS V13.2.2."""
    unit = configparser.ConfigParser(strict=False)
    unit.read(ROOT / "deploy/panel.service")
    service = unit["Service"]
    assert (service["DynamicUser"], service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("yes", "strict", "")
    assert (service["StateDirectoryMode"], service["NoNewPrivileges"]) == ("0700", "yes")
    assert "ReadWritePaths" not in service


def test_no_function_is_longer_than_a_screen() -> None:
    for file in [ROOT / "run.py", *(file for file in sources("web", "db") if file.suffix == ".py")]:
        for one in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                assert one.end_lineno
                assert one.end_lineno - one.lineno < 36, (file, one.name)


def test_sql_is_never_put_together_from_what_people_type() -> None:
    for file in sources("db"):
        found = re.findall(r'f"(?:SELECT|INSERT|UPDATE|DELETE)[^"]*"', file.read_text())
        assert all(set(re.findall(r"{(\w+)}", sql)) <= {"_COLUMNS"} for sql in found), file


def test_the_rules_of_proof_know_neither_http_nor_sql() -> None:
    for file in sources("web/factors"):
        assert not re.search(
            r"^\s*(?:from|import) (?:starlette|db|web\.(?!words|crypto|factors|limits))", file.read_text(), re.MULTILINE
        )
    for file in sources("db"):
        assert not re.search(r"^\s*(?:from|import) web", file.read_text(), re.MULTILINE), file
