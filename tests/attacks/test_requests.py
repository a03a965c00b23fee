"""What no browser would send, against the real server as it is started from the terminal."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.server import FORM, Server, serving, status
from web.limits import URL_MAX


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that only ask for pages."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def uncharged(tmp_path: Path) -> Iterator[Server]:
    """A server that nobody has posted anything to yet."""
    with serving(tmp_path) as server:
        yield server


FORGED = ("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")


def test_forwarded_addresses_are_not_believed_from_anybody(uncharged: Server) -> None:
    """A28: nor is a scheme: a page asked for over http is not taken for https."""
    for line in FORGED:
        uncharged.guess("nobody", line)
    assert uncharged.networks() == ["127.0.0.1"] * 3
    answer = uncharged.say(uncharged.head("GET", "/login", "X-Forwarded-Proto: https"))
    assert "strict-transport-security" not in answer.lower()


def test_behind_a_known_proxy_the_address_is_the_last_one_that_it_added(tmp_path: Path) -> None:
    """A28: the addresses to the left of it were written by the visitor."""
    with serving(tmp_path, PANEL_TRUSTED_PROXIES="127.0.0.1") as server:
        for chain in ("203.0.113.9", "6.6.6.6, 203.0.113.9", ", ".join(["6.6.6.6"] * 900 + ["203.0.113.9"])):
            server.guess("nobody", f"X-Forwarded-For: {chain}")
        server.guess("nobody", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6")
        assert server.networks() == ["203.0.113.9"] * 3 + ["127.0.0.1"]
        answer = server.say(server.head("GET", "/login", "X-Forwarded-Proto: https"))
        assert "strict-transport-security" in answer.lower()


@pytest.mark.parametrize(
    "request_line",
    [
        "GET http://e.com/security HTTP/1.1",
        "GET //e.com/security HTTP/1.1",
        "GET /\\e.com HTTP/1.1",
        "GET @e.com/security HTTP/1.1",
        "GET e.com HTTP/1.1",
        "GET /security?next=//e.com HTTP/1.1",
    ],
)
def test_a_strange_target_redirects_to_no_other_host(request_line: str, server: Server) -> None:
    """A27."""
    answer = server.say(f"{request_line}\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n")
    assert status(answer) in (303, 400, 404)
    location = re.search(r"^location: (.*)$", answer, re.MULTILINE | re.IGNORECASE)
    assert location is None or location[1].startswith("/login")
    assert "//e.com" not in answer.split("\r\n\r\n")[0].replace("next=/security%3Fnext%3D//e.com", "")


@pytest.mark.parametrize(
    "hosts",
    [
        ["e.com"],
        ["127.0.0.1:{port}", "e.com"],
        ["127.0.0.1:{port}/abc?x="],
        ["127.0.0.1:80@e.com"],
        [],
    ],
)
def test_a_strange_host_is_refused(hosts: list[str], server: Server) -> None:
    """A27."""
    lines = "".join(f"Host: {host.format(port=server.port)}\r\n" for host in hosts)
    answer = server.say(f"GET /login HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")
    assert status(answer) == 400
    assert "e.com" not in answer


BIG = {
    "a password of 1 MB": (f"name=alice&password={'x' * 2**20}", 413),
    "a password of 10 MB": (f"name=alice&password={'x' * 10 * 2**20}", 413),
    "10,000 fields": ("&".join(f"f{n}=" for n in range(10_000)), 413),
    "a field name of 1 MB": (f"{'x' * 2**20}=1", 413),
    "nested fields": ("name[a][b][c]=1&password=2", 422),
    "51 fields": ("&".join(f"f{n}=" for n in range(51)), 422),
    "a field of 5 KB": (f"name=alice&password={'x' * 5000}", 422),
    "nothing": ("", 422),
}


def test_what_is_too_large_is_refused_and_never_hashed(uncharged: Server) -> None:
    """A40: by its length alone, before any of it was sent."""
    for what, (body, expected) in BIG.items():
        assert status(uncharged.post("/login", body)) == expected, what
        if expected == 413:
            alone = uncharged.head("POST", "/login", FORM, f"Content-Length: {len(body)}")
            assert status(uncharged.say(alone)) == 413, what
        assert uncharged.networks() == [], what


FRAMINGS = (
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\nname=a",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: x\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
)


def test_a_body_whose_end_is_not_clear_is_refused(uncharged: Server) -> None:
    """A40: of two lengths none is believed."""
    host = f"Host: 127.0.0.1:{uncharged.port}\r\nOrigin: {uncharged.origin}"
    for framing in FRAMINGS:
        answer = uncharged.say(f"POST /login HTTP/1.1\r\n{host}\r\n{FORM}\r\n{framing}")
        assert status(answer) in (0, 400), framing
        assert uncharged.networks() == [], framing


def test_a_body_longer_than_it_says_in_chunks_is_cut(uncharged: Server) -> None:
    """A40."""
    head = uncharged.head("POST", "/login", FORM, "Transfer-Encoding: chunked")
    chunks = "".join(f"{1000:x}\r\n{'x' * 1000}\r\n" for _ in range(30))
    assert status(uncharged.say(f"{head}{chunks}0\r\n\r\n")) == 413


def test_long_addresses_and_headers_are_refused_by_the_real_server_too(server: Server) -> None:
    """A40."""
    longest = "/login?" + "x" * (URL_MAX - len("/login?"))
    assert status(server.say(server.head("GET", longest))) == 200
    for longer in (longest + "x", longest.replace("?", "x") + "x"):
        assert status(server.say(server.head("GET", longer))) == 414
    assert status(server.say(server.head("GET", "/login", "X-Long: " + "x" * 16_500))) == 431
    assert status(server.say(server.head("GET", "/login", "X-Long: " + "x" * 200_000))) in (0, 400, 431)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../panel.db",
        "/static/%2e%2e/%2e%2e/data/panel.db",
        "/static/..%2f..%2fdata%2fpanel.db",
        "/static/%5c..%5cpanel.db",
        "/.git/HEAD",
        "//security",
        "/security%2f",
        "/SECURITY",
        "/security/x.css",
        "/static/",
    ],
)
def test_paths_that_leave_their_folder_are_not_found(path: str, server: Server) -> None:
    """A54."""
    assert status(server.say(server.head("GET", path))) == 404


def test_a_thousand_ranges_of_a_file_are_not_served(server: Server) -> None:
    """A54."""
    page = server.say(server.head("GET", "/login"))
    found = re.search(r'href="(/static/[^"]+app\.css)"', page)
    assert found
    ranges = ",".join(f"{n}-{n}" for n in range(1000))
    answer = server.say(server.head("GET", found[1], f"Range: bytes={ranges}"))
    assert status(answer) in (200, 206, 400, 416)
    assert len(answer) < 200_000


def test_limits_are_shared_by_all_processes_and_survive_a_restart(tmp_path: Path) -> None:
    """A16: with two workers, whichever of them is asked."""
    data = tmp_path / "data"
    run("create-account", "ana", "--data", str(data))
    with serving(tmp_path, PANEL_WORKERS="2") as server:
        answers = [status(server.guess("ana")) for _ in range(8)]
        assert answers == [422] * 5 + [429] * 3
    with serving(tmp_path) as server:
        assert status(server.guess("ana")) == 429


def test_a_target_that_is_no_path_is_refused_with_our_headers(tmp_path: Path) -> None:
    """A27, A64: it would become a part of the host name in a redirect."""
    targets = ("*", "*@e.com/x", "*.e.com/x", "*%2f..", "*?next=//e.com", "x", ".", "?x", "@e.com/x", "*" * 5000)
    with serving(tmp_path, PANEL_PUBLIC_URL="https://painel.example.com") as server:
        for method, target in itertools.product(("GET", "HEAD", "POST", "OPTIONS"), targets):
            for host in (f"127.0.0.1:{server.port}", "painel.example.com:8000"):
                answer = server.say(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
                assert status(answer) == 400, answer
                assert "e.com/x" not in answer
                assert "location:" not in answer.lower()
                assert "content-security-policy:" in answer.lower()
