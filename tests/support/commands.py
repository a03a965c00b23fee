"""The commands of the terminal, as a person types them."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tests.support.steady import HANG
from web.http.page import ROOT

RUN = [sys.executable, str(ROOT / "run.py")]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *arguments], capture_output=True, text=True, timeout=HANG, env=os.environ | environment, cwd="/"
    )


def free_port() -> str:
    """Of the share of this process, and not one that the system gives anybody: nobody takes it before it is used."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = random.SystemRandom().sample(range(12_000 + worker % 4, 32_000, 4), 100)
    return str(next(port for port in ports if is_free(port)))


def is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _hear_signals() -> None:
    """Whoever runs the tests may ignore them, as nohup does, and what it starts would too."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class Started(subprocess.Popen[str]):
    """What it says on stderr goes to a file: nobody reads it meanwhile, and a pipe that is full would hold it up."""

    def __init__(self, *arguments: str, root: str = str(ROOT), **environment: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed in `forget`
        super().__init__(
            [sys.executable, f"{root}/run.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | environment,
            preexec_fn=_hear_signals,
            start_new_session=True,
        )

    def ended(self) -> str:
        """Wait for its end; what it said on stderr."""
        self.communicate(timeout=HANG)
        self._errors.seek(0)
        return self._errors.read()

    def forget(self) -> None:
        """End it with its server processes, which hold our pipe too: a test that failed may have left them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.communicate()
        self._errors.close()


@contextlib.contextmanager
def started(*arguments: str, root: str = str(ROOT), **environment: str) -> Iterator[tuple[Started, list[str]]]:
    """A running panel and the lines it printed until it was ready."""
    panel = Started(*arguments, root=root, **environment)
    assert panel.stdout
    try:
        lines: list[str] = []
        while not lines or ("Painel em" not in lines[-1] and lines[-1]):
            lines.append(panel.stdout.readline())
        yield panel, lines
    finally:
        panel.forget()


def refused(answer: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert answer.returncode == 1
    assert re.search(sentence, answer.stderr), answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
