"""What people who work on the panel run: tests, checks, measurements, lists."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from web.cli.terminal import CommandRefused, settings_of
from web.http.page import ROOT

ENGINES = "--engines"
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadgroup")  # of pytest-xdist


def test(arguments: Sequence[str]) -> int:
    """All but those in every engine, or those alone; side by side unless some are named."""
    if ENGINES in arguments:
        return _run_after("tests.engines.packages", "pytest", "tests/engines", *(a for a in arguments if a != ENGINES))
    together = SIDE_BY_SIDE if all(argument.startswith("-") for argument in arguments) else ()
    command = [sys.executable, "-m", "pytest", "--ignore=tests/engines", *together, *arguments]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def coverage(arguments: Sequence[str]) -> int:
    """Of the tests without a browser, in their own processes: panels that they start beside are not measured."""
    return test(["--cov", "--cov-report=term-missing:skip-covered", "--ignore=tests/browser", *arguments])


def histories(options: argparse.Namespace) -> int:
    """As many as wished, other ones each time; those that break something are told as short as they can be."""
    command = [sys.executable, "-m", "tests.histories.play", str(options.number)]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def pictures(options: argparse.Namespace) -> int:
    return _run_after("tests.support.chromium", "tests.support.pictures", *(["--check"] if options.check else []))


def _run_after(browsers: str, *module: str) -> int:
    """Run a module, with its arguments, once another has found the browsers that it drives."""
    for command in ([browsers], module):
        if status := subprocess.call([sys.executable, "-m", *command], cwd=ROOT):  # noqa: S603, our own
            return status
    return 0


def bench(options: argparse.Namespace) -> int:
    command = [sys.executable, "-P", "-m", "bench", *options.names, f"--seconds={options.seconds}"]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def tune(options: argparse.Namespace) -> int:
    from web.cli.tune import tune as measure

    measure(settings_of(options))
    return 0


def inventory(options: argparse.Namespace) -> int:
    from web.cli import inventory

    file = options.file or inventory.FILE
    if options.check:
        if not file.exists() or file.read_text(encoding="utf-8") != inventory.text():
            raise CommandRefused(f"{file} não está em dia. Rode sem --check.")
        print(f"{file} está em dia.")
    else:
        file.write_text(inventory.text(), encoding="utf-8")
        print(f"Componentes listados em {file}.")
    return 0


def check(_: argparse.Namespace) -> int:
    commands = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    return max(subprocess.call([sys.executable, "-m", *command], cwd=ROOT) for command in commands)  # noqa: S603
