"""`python3 run.py test --engines` on a machine that lacks the engines; what it tells of them is in engines/."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.steady import HANG
from web.http.page import ROOT

PACKAGES = "chromium-driver firefox-esr webkit2gtk-driver xvfb"


def try_engines(path: Path, *, install: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": str(path), "PANEL_TEST_INSTALL": install}
    command = [sys.executable, str(ROOT / "run.py"), "test", "--engines"]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG, env=environment)


def test_an_engine_that_is_missing_fails_with_a_sentence(tmp_path: Path) -> None:
    answer = try_engines(tmp_path, install="")
    assert answer.returncode == 1
    assert f"No Debian: sudo apt install {PACKAGES}" in answer.stderr
    assert "passed" not in answer.stdout


def test_engines_are_installed_only_where_that_was_allowed(tmp_path: Path) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    apt.chmod(0o755)
    try_engines(tmp_path, install="")
    assert not (tmp_path / "asked").exists()
    assert try_engines(tmp_path, install="1").returncode == 1  # that one installed nothing
    update, install = (tmp_path / "asked").read_text().splitlines()
    assert update == "update"
    assert install.startswith(f"install -y --no-install-recommends {PACKAGES}")


def test_the_other_tests_need_no_engine() -> None:
    command = [sys.executable, str(ROOT / "run.py"), "test", "--co", "-q", "-k", "the_whole_walk"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=HANG)
    assert "browser/test_walk.py::" in answer.stdout
    assert "engines/" not in answer.stdout
