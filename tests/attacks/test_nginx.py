"""The panel behind a real nginx, configured by the file that we hand out: what the panel's own server cannot do."""

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

from tests.attacks.test_requests import Server, serving, status
from tests.test_run import free_port
from web.page import ROOT

HOST = "painel.example.com"


def nginx() -> str | None:
    """Where it is; installed where we may."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "nginx-light"]):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(command, capture_output=True, env=environment)
        found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    return found


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


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    """The panel, and the port at which nginx speaks https for it."""
    program = nginx()
    if program is None:
        pytest.skip("nginx is not here and cannot be installed")
    port = int(free_port())
    write_certificate(tmp_path)
    environment = {"PANEL_TRUSTED_PROXIES": "127.0.0.1", "PANEL_PUBLIC_URL": f"https://{HOST}"}
    with serving(tmp_path, **environment) as server:
        site = (ROOT / "deploy/nginx.conf").read_text()
        for theirs, here in (
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("/etc/ssl/painel/", f"{tmp_path}/"),
            ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
        ):
            assert theirs in site
            site = site.replace(theirs, here)
        (tmp_path / "site.conf").write_text(site)
        paths = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        main = (
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{ worker_connections 2048; }}\n"
        )
        (tmp_path / "nginx.conf").write_text(f"{main}http {{ access_log off; {paths} include {tmp_path}/site.conf; }}")
        process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
        try:
            for _ in range(100):
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
    assert status(answer) == 400
