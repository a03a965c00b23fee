"""The engines that `python3 run.py test --engines` needs, as Debian packages them."""

import shutil
import sys
from pathlib import Path

from tests.support import packages

# What each package brings, and these tests start.
PROGRAMS = {
    "chromium-driver": "chromedriver",
    "firefox-esr": "firefox-esr",
    "webkit2gtk-driver": "WebKitWebDriver",
    "xvfb": "Xvfb",
}
WEBKIT = "libwebkit2gtk-4.1-0"  # it brings the MiniBrowser, outside of PATH


def mini_browser() -> str | None:
    return next(map(str, Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")), None)


def missing() -> list[str]:
    found = [package for package, program in PROGRAMS.items() if not shutil.which(program)]
    return found if mini_browser() else [*found, WEBKIT]


def main() -> int:
    if missing():
        packages.install(*missing())
    if not missing():
        return 0
    print(
        f"Faltam programas para os testes em cada navegador. No Debian: sudo apt install {' '.join(missing())} "
        "(com PANEL_TEST_INSTALL=1 este comando os instala).",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
