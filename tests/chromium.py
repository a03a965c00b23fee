"""A Chromium for the browser tests: one that starts, found on this machine or installed.

Looked for in this order: the environment variable CHROMIUM, Playwright's own, Debian's and Google's; then
installed by Playwright or, as root on Debian, by apt.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Error, Playwright, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
PACKAGE = "chromium-headless-shell"


def find(playwright: Playwright) -> str | None:
    return next((path for path in _candidates(playwright) if _starts(playwright, path)), None)


def _candidates(playwright: Playwright) -> Iterator[str]:
    if chosen := os.environ.get("CHROMIUM"):
        yield chosen
        return
    yield playwright.chromium.executable_path
    yield from (path for name in NAMES if (path := shutil.which(name)))


def _starts(playwright: Playwright, path: str) -> bool:
    """A file that exists proves little: the libraries it needs may be missing."""
    try:
        playwright.chromium.launch(executable_path=path).close()
    except Error:
        return False
    return True


def main() -> int:
    with sync_playwright() as playwright:
        for install in (None, _by_playwright, _by_apt):
            if install:
                install()
            if path := find(playwright):
                print(f"Navegador dos testes: {path}", flush=True)
                return 0
    print(
        f"Nenhum Chromium funciona nesta máquina e não foi possível instalar um. Instale o pacote {PACKAGE} "
        "ou diga em CHROMIUM o caminho de um.",
        file=sys.stderr,
    )
    return 1


def _by_playwright() -> None:
    print("Instalando um Chromium para os testes…", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    subprocess.run(command, capture_output=True)


def _by_apt() -> None:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update"], capture_output=True, env=environment)
    install = ["apt-get", "install", "-y", "--no-install-recommends", PACKAGE]
    subprocess.run(install, capture_output=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
