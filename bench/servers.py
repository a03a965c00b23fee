"""Servers under test: each a process of its own on this machine, started, waited for and ended."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30  # seconds


@dataclass(frozen=True)
class Server:
    port: int
    pid: int
    seconds_to_first_answer: float

    def memory(self) -> float:
        """Proportional set size of the process and what it started, in MiB."""
        return sum(_pss(pid) for pid in self.processes()) / 1024

    def processor_seconds(self) -> float:
        """What its processes have had so far."""
        return sum(_processor_ticks(pid) for pid in self.processes()) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())  # noqa: PTH208, numbers only

    def processes(self) -> list[int]:
        found = [self.pid]
        for pid in found:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
        return found


@contextlib.contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    port: int,
    path: str = "/",
    cpus: set[int] | None = None,
) -> Iterator[Server]:
    """`command` until the block ends, on the given processors only; ready once `path` is answered with 200."""

    def pin() -> None:
        if cpus:
            os.sched_setaffinity(0, cpus)

    # Python keeps what it has compiled, unless it is told not to: then every start would compile everything again.
    given = os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | dict(environment or {})
    with tempfile.TemporaryFile() as log:  # not on the terminal, between the tables
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.DEVNULL, stderr=log, preexec_fn=pin)
        try:
            _wait(process, log, port, path, begun + PATIENCE)
            yield Server(port, process.pid, time.perf_counter() - begun)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def panel(
    data: Path, *, workers: int = 1, cpus: set[int] | None = None, python: str = sys.executable, **environment: str
) -> contextlib.AbstractContextManager[Server]:
    """The panel over a data folder, believing X-Forwarded-For, so that a load can come from many networks."""
    port = free_port()
    given = {"PANEL_DATA": str(data), "PANEL_PORT": str(port), "PANEL_WORKERS": str(workers)}
    given |= {"PANEL_TRUSTED_PROXIES": "127.0.0.1", "PYTHONPATH": str(ROOT)} | environment
    return running([python, "-P", "-m", "web.cli"], given, port=port, path="/health", cpus=cpus)


def hello(*, cpus: set[int] | None = None) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, "-P", "-m", "uvicorn", "bench.hello:app", "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning"]
    return running(command, {"PYTHONPATH": str(ROOT)}, port=port, cpus=cpus)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", log: IO[bytes], port: int, path: str, deadline: float) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {log.read().decode()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            if b" 200 " in connection.recv(64):
                return
        time.sleep(0.002)
    raise RuntimeError(f"{process.args!r} did not answer")


def _processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])  # utime and stime, proc(5)


def _pss(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
