"""The real server as it is started from the terminal, and what no browser would send to it."""

import contextlib
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.support.commands import free_port, started
from tests.support.steady import HANG, until

FORM = "Content-Type: application/x-www-form-urlencoded"


class Server:
    def __init__(self, port: str, data: Path, pid: int) -> None:
        self.port, self.data, self.pid = port, data, pid
        self.origin = f"http://127.0.0.1:{port}"

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return status(self.say(self.head("GET", "/health"))) == 200
        return False

    def say(self, text: str | bytes) -> str:
        """Send this over a connection of its own; everything that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", int(self.port)), timeout=HANG) as line:
            with contextlib.suppress(OSError):  # refused before everything was sent
                line.sendall(text.encode() if isinstance(text, str) else text)
            answer = b""
            with contextlib.suppress(OSError):
                while part := line.recv(65536):
                    answer += part
        return answer.decode("latin-1")

    def head(self, method: str, target: str, *lines: str) -> str:
        rest = (f"Host: 127.0.0.1:{self.port}", f"Origin: {self.origin}", "Connection: close", *lines)
        return "\r\n".join((f"{method} {target} HTTP/1.1", *rest, "", ""))

    def post(self, target: str, body: str, *lines: str) -> str:
        return self.say(self.head("POST", target, FORM, f"Content-Length: {len(body)}", *lines) + body)

    def guess(self, name: str, *lines: str) -> str:
        return self.post("/login", f"name={name}&password=girafa+verde", *lines)

    def networks(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.data / "panel.db")) as connection:
            sql = "SELECT network FROM activity WHERE event = 'login.password_failed' ORDER BY id"
            return [network for (network,) in connection.execute(sql)]


def status(answer: str) -> int:
    found = re.match(r"HTTP/1\.1 (\d{3})", answer)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def serving(tmp_path: Path, **environment: str) -> Iterator[Server]:
    port, data = free_port(), tmp_path / "data"
    with started("serve", "--port", port, "--data", str(data), **environment) as (process, _):
        server = Server(port, data, process.pid)
        until(server.answers)  # workers take a moment longer than their parent
        yield server
        process.send_signal(signal.SIGINT)  # so that workers end too
        process.ended()
