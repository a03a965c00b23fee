"""The panel behind a real nginx and a real Caddy, configured by the files that we hand out: what the panel's own server
cannot do."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import packages
from tests.attacks.test_requests import Server, serving, status
from tests.test_run import free_port
from web.page import ROOT

HOST = "painel.example.com"


def find(program: str, package: str) -> str:
    """Where it is; the test is skipped where it is not and may not be installed."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which(program, path=path):
        packages.install(package)
    return shutil.which(program, path=path) or pytest.skip(
        f"{program} is not here: install Debian's package {package}, or let PANEL_TEST_INSTALL=1 do it"
    )


def write_certificate(folder: Path) -> None:
    key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))


def nginx(folder: Path, port: int, panel_port: int) -> list[str]:
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


def caddy(folder: Path, port: int, panel_port: int) -> list[str]:
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
    """What we hand out, at the places of this test and otherwise unchanged."""
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
        home = os.environ | {"HOME": str(tmp_path)}
        process = subprocess.Popen(command, env=home, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.05)
            yield server, port
        finally:
            process.terminate()
            process.wait()


def connect(port: int, folder: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=15), server_hostname=HOST)


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
    begun = time.monotonic()
    half_open = [socket.create_connection(("127.0.0.1", port), timeout=15) for _ in range(500)]
    with connect(port, tmp_path) as slow:
        slow.sendall(f"GET /login HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode())
        answer = ask(port, tmp_path, f"GET /login HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")
        assert status(answer) == 200
        assert "strict-transport-security: max-age=31536000" in answer.lower()
        assert time.monotonic() - begun < 5
        with contextlib.suppress(OSError):
            assert slow.recv(4096)[:12] in (b"", b"HTTP/1.1 408")
        assert 9 < time.monotonic() - begun < 14
    for line in half_open:
        line.close()


def test_what_a_visitor_says_of_the_address_does_not_reach_the_panel(ours: tuple[Server, int], tmp_path: Path) -> None:
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


def test_another_host_name_does_not_reach_the_panel(ours: tuple[Server, int], tmp_path: Path) -> None:
    """A27."""
    _, port = ours
    answer = ask(port, tmp_path, "GET /login HTTP/1.1\r\nHost: e.com\r\nConnection: close\r\n\r\n")
    assert status(answer) in (400, 200)  # Caddy answers nothing, with a 200, for a name that it does not know
    assert status(answer) == 400 or "content-security-policy" not in answer.lower()
