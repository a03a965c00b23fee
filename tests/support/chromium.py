"""A Chromium for the browser tests: one that starts, found on this machine or installed.

Looked for in this order: the environment variable CHROMIUM, Playwright's own, Debian's and Google's; then
installed by Playwright in its own folder or, where PANEL_TEST_INSTALL=1 allows it, by apt.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Error, Playwright, sync_playwright

from tests.support import packages

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
    sentence = _driver_refusal() or _browser_refusal()
    if sentence:
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


def _driver_refusal(*, may_install: bool = True) -> str:
    """Why Playwright itself does not start; "" when it does. Its node needs a library that small systems lack."""
    started = subprocess.run([sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True)
    if started.returncode == 0:
        return ""
    library = re.search(r"(lib\S+)\.so\.(\d+)", started.stderr)
    if library is None:
        return f"O Playwright não inicia: {(started.stderr.splitlines() or ['sem detalhe'])[-1]}"
    package = library[1] + library[2]
    if may_install:
        packages.install(package)
        return _driver_refusal(may_install=False)
    return f"O Playwright não inicia: falta {library[0]}. No Debian ou Ubuntu: sudo apt install {package}"


def _browser_refusal() -> str:
    with sync_playwright() as playwright:
        for install in (None, _by_playwright, lambda: packages.install(PACKAGE)):
            if install:
                install()
            if path := find(playwright):
                print(f"Navegador dos testes: {path}", flush=True)
                return ""
            if chosen := os.environ.get("CHROMIUM"):
                return f"CHROMIUM={chosen}: esse navegador não funciona nesta máquina."
    return (
        f"Nenhum Chromium funciona nesta máquina. No Debian ou Ubuntu: sudo apt install {PACKAGE} (com "
        "PANEL_TEST_INSTALL=1 os testes o instalam), ou diga em CHROMIUM o caminho de um."
    )


def _by_playwright() -> None:
    print("Instalando um Chromium para os testes…", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    subprocess.run(command, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
