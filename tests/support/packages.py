"""Debian packages that tests need: installed only where PANEL_TEST_INSTALL=1 allows it."""

import os
import shutil
import subprocess


def install(*packages: str) -> None:
    """Nothing happens where it may not be, or cannot be."""
    if os.environ.get("PANEL_TEST_INSTALL") != "1" or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(command, capture_output=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
