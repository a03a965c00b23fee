"""The panel behind a real nginx and a real Caddy, configured by the files that we hand out: what the panel's own server
cannot do."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import packages
from tests.support.certificate import HOST, write_certificate
from tests.support.commands import free_port
from tests.support.server import Server, serving, status
from tests.support.steady import HANG, until
from web.http.page import ROOT


def find(program: str, package: str) -> str:
    """The path of a program; the test is skipped where it is missing and may not be installed."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which(program, path=path):
        packages.install(package)
    return shutil.which(program, path=path) or pytest.skip(
        f"{program} is not here: install Debian's package {package}, or let PANEL_TEST_INSTALL=1 do it"
    )


def nginx(folder: Path, port: int, panel_port: str) -> list[str]:
    """The command that starts it with our file, at these ports."""
    program = find("nginx", "nginx-light")
    site = moved(
        "deploy/nginx.conf",
        {
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/ssl/painel/": f"{folder}/",
            "127.0.0.1:8000": f"127.0.0.1:{panel_port}",
        },
    )
    (folder / "site.conf").write_text(site)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{ worker_connections 2048; }}\n"
    (folder / "nginx.conf").write_text(f"{main}http {{ access_log off; {paths} include {folder}/site.conf; }}")
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, panel_port: str) -> list[str]:
    program = find("caddy", "caddy")
    own = f"\n\ttls {folder}/fullchain.pem {folder}/privkey.pem\n\tbind 127.0.0.1"
    site = moved(
        "deploy/Caddyfile",
        {
            "{\n\tservers": f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port {port}\n\tservers",
            f"{HOST} {{": f"https://{HOST}:{port} {{{own}",
            "127.0.0.1:8000": f"127.0.0.1:{panel_port}",
        },
    )
    (folder / "Caddyfile").write_text(site)
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def moved(file: str, places: dict[str, str]) -> str:
    """The configuration that we hand out, with the paths and ports of this test and otherwise unchanged."""
    text = (ROOT / file).read_text()
    for theirs, here in places.items():
        assert theirs in text
        text = text.replace(theirs, here)
    return text


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def ours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, int]]:
    """The panel, and the port at which the proxy speaks https for it."""
    port = int(free_port())
    write_certificate(tmp_path)
    environment = {"PANEL_TRUSTED_PROXIES": "127.0.0.1", "PANEL_PUBLIC_URL": f"https://{HOST}"}
    with serving(tmp_path, **environment) as server:
        command = request.param(tmp_path, port, server.port)
        with proxying(command, port, tmp_path):
            yield server, port


@contextlib.contextmanager
def proxying(command: list[str], port: int, home: Path) -> Iterator[None]:
    process = subprocess.Popen(command, env=os.environ | {"HOME": str(home)}, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        yield
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def connect(port: int, folder: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=HANG), server_hostname=HOST)


def ask(port: int, folder: Path, request: str) -> str:
    with connect(port, folder) as line:
        line.sendall(request.encode())
        answer = b""
        with contextlib.suppress(OSError):
            while part := line.recv(65536):
                answer += part
    return answer.decode("latin-1")


def test_headers_that_come_drop_by_drop_are_cut_and_everybody_else_is_served(
    ours: tuple[Server, int], tmp_path: Path
) -> None:
    """A42: hundreds of sockets that never finish their headers."""
    _, port = ours
    half_open = [socket.create_connection(("127.0.0.1", port), timeout=HANG) for _ in range(500)]
    with connect(port, tmp_path) as slow:
        slow.sendall(f"GET /login HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode())
        answer = ask(port, tmp_path, f"GET /login HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")
        assert status(answer) == 200
        assert "strict-transport-security: max-age=31536000" in answer.lower()
        with contextlib.suppress(ConnectionError):
            assert slow.recv(4096)[:12] in (b"", b"HTTP/1.1 408")
    for line in half_open:
        line.close()


@pytest.mark.parametrize(
    ("file", "words"), [("nginx.conf", "client_header_timeout 10s;"), ("Caddyfile", "read_header 10s")]
)
def test_headers_have_ten_seconds_behind_either_proxy(file: str, words: str) -> None:
    """A42."""
    assert words in (ROOT / "deploy" / file).read_text()


def test_an_address_that_a_visitor_claims_does_not_reach_the_panel(ours: tuple[Server, int], tmp_path: Path) -> None:
    """A28."""
    server, port = ours
    body = "name=nobody&password=girafa+verde"
    head = (
        f"POST /login HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://{HOST}\r\nConnection: close\r\n"
        "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert status(ask(port, tmp_path, head + body)) == 422
    assert server.networks() == ["127.0.0.1"]


def test_no_proxy_tells_its_version(ours: tuple[Server, int], tmp_path: Path) -> None:
    _, port = ours
    for request in (f"GET /login HTTP/1.1\r\nHost: {HOST}", "GET / HTTP/1.1\r\nHost: e.com", "nonsense"):
        answer = ask(port, tmp_path, f"{request}\r\nConnection: close\r\n\r\n")
        assert not re.search(r"(nginx|caddy)/\d", answer, re.IGNORECASE), answer
    for block in (ROOT / "deploy/nginx.conf").read_text().split("\nserver {")[1:]:
        assert "server_tokens off;" in block


def test_caddy_makes_its_own_certificate_for_a_name_in_a_private_network(tmp_path: Path) -> None:
    """The line that the file says to uncomment."""
    port, name = int(free_port()), "painel.lan"
    with serving(tmp_path, PANEL_TRUSTED_PROXIES="127.0.0.1", PANEL_PUBLIC_URL=f"https://{name}:{port}") as server:
        command = caddy(tmp_path, port, server.port)
        site = (
            (tmp_path / "Caddyfile")
            .read_text()
            .replace(HOST, name)
            .replace("admin off", "admin off\n\tskip_install_trust")
        )
        site = re.sub(r"\ttls /.*\n", "", site).replace("# tls internal", "tls internal")
        (tmp_path / "Caddyfile").write_text(site)
        with proxying(command, port, tmp_path), first_connection(port, name) as line:
            line.sendall(f"GET /login HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
            assert status(line.makefile("rb").read().decode("latin-1")) == 200


def first_connection(port: int, name: str) -> ssl.SSLSocket:
    """Once there is a certificate: it is made when the proxy runs already, and nobody knows its root yet."""
    context, made = ssl._create_unverified_context(), []  # noqa: S323

    def connects() -> bool:
        with contextlib.suppress(ssl.SSLError):
            line = socket.create_connection(("127.0.0.1", port), timeout=HANG)
            made.append(context.wrap_socket(line, server_hostname=name))
        return bool(made)

    until(connects)
    return made[0]


def test_another_host_name_does_not_reach_the_panel(ours: tuple[Server, int], tmp_path: Path) -> None:
    """A27."""
    _, port = ours
    answer = ask(port, tmp_path, "GET /login HTTP/1.1\r\nHost: e.com\r\nConnection: close\r\n\r\n")
    assert status(answer) in (400, 200)  # Caddy answers nothing, with a 200, for a name that it does not know
    assert status(answer) == 400 or "content-security-policy" not in answer.lower()
