"""The list of components cannot drift from the lock files."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run
from web.http.page import ROOT

LISTED = json.loads((ROOT / "docs/components.cdx.json").read_text())["components"]


def test_the_list_is_current() -> None:
    answer = run("inventory", "--check")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_list_that_is_not_current_is_reported_and_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "components.json"
    file.write_text("{}")
    assert run("inventory", "--check", str(file)).returncode == 1
    assert file.read_text() == "{}"
    assert run("inventory", str(file)).returncode == 0
    assert run("inventory", "--check", str(file)).returncode == 0


@pytest.mark.parametrize("scope", ["required", "excluded"])
def test_every_locked_package_is_listed_with_its_hashes(scope: str) -> None:
    """What runs is required; what only tests is not."""
    runs = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    every = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    listed: dict[str, Any] = {one["name"]: one for one in LISTED if one["scope"] == scope}
    assert listed.keys() >= (runs if scope == "required" else every - runs)
    assert all(one["hashes"] for one in listed.values())


def test_htmx_is_listed_though_no_lock_file_names_it() -> None:
    [htmx] = [one for one in LISTED if one["name"].startswith("htmx")]
    assert (ROOT / f"static/vendor/htmx-{htmx['version']}.min.js").is_file()


def test_the_drawings_are_listed_too() -> None:
    [lucide] = [one for one in LISTED if one["name"] == "lucide-static"]
    assert (ROOT / f"docs/licences/lucide-{lucide['version']}.txt").is_file()
