"""Requests whose head or body never ends, or is too large, against the real server without a proxy."""

import contextlib
import itertools
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.support.clock import Clock
from tests.support.live import live
from tests.support.steady import HANG, StillLoop, until
from web.app import create_app
from web.http.wire import BoundedHttp
from web.limits import AUTH_POSTS, CONNECTIONS_MAX, CROWD_PATIENCE, HEAD_MAX, HEAD_PATIENCE, PIPELINED_MAX
from web.settings import Settings

HEAD = "GET /health HTTP/1.1\r\nHost: panel\r\n"
POST = "POST /login HTTP/1.1\r\nHost: panel\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n5\r\nname=\r\n"
MEGABYTE = 2**20


def connect(address: str, source: str = "127.0.0.1") -> socket.socket:
    where = urlsplit(address)
    return socket.create_connection((where.hostname or "", where.port or 0), HANG, source_address=(source, 0))


def is_healthy(address: str) -> bool:
    with urlopen(f"{address}/health") as answer:  # noqa: S310, ours
        return bool(answer.read() == b"ok")


def rest(line: socket.socket) -> str:
    """Until the server hangs up."""
    with contextlib.suppress(ConnectionError), line.makefile("rb") as answer:
        return answer.read().decode()
    return ""


def test_headers_that_come_drop_by_drop_are_cut_without_a_proxy(live_server: str, still_loop: StillLoop) -> None:
    """A42, A65: more drops gain no time."""
    with connect(live_server) as slow:
        slow.sendall(f"{HEAD}X-Slow: ".encode())
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp))
        still_loop.forward(HEAD_PATIENCE / 2)
        slow.sendall(b"drop")
        assert is_healthy(live_server)  # by now the drop has been read
        still_loop.forward(HEAD_PATIENCE / 2)
        answer = rest(slow)
    assert answer.startswith("HTTP/1.1 408 ")
    assert "Demorou demais" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer


def test_the_next_request_of_a_kept_connection_has_no_more_time(live_server: str, still_loop: StillLoop) -> None:
    """A65."""
    with connect(live_server) as line:
        line.sendall(f"{HEAD}\r\n".encode())
        until(lambda: line.recv(4096).endswith(b"ok"))
        assert not still_loop.timers(HEAD_PATIENCE, BoundedHttp)
        line.sendall(b"GET /heal")
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp))
        still_loop.forward(HEAD_PATIENCE)
        assert rest(line).startswith("HTTP/1.1 408 ")


def test_a_connection_that_sends_nothing_is_closed_without_an_answer(live_server: str, still_loop: StillLoop) -> None:
    """A browser that opened a connection in advance would take an answer for the one to its next request."""
    with connect(live_server) as line:
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp))
        still_loop.forward(HEAD_PATIENCE)
        assert rest(line) == ""


def test_the_rest_of_an_answered_request_has_ten_seconds(live_server: str, still_loop: StillLoop) -> None:
    """A65: of a request that was answered already."""
    with connect(live_server) as line:
        line.sendall(f"{HEAD}Content-Length: 10000\r\n\r\nx".encode())
        until(lambda: line.recv(4096).endswith(b"ok"))
        line.sendall(b"x")
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp))
        still_loop.forward(HEAD_PATIENCE)
        assert rest(line) == ""


def test_headers_past_the_limit_are_refused_before_they_end(live_server: str) -> None:
    """A65."""
    with connect(live_server) as line:
        line.sendall((HEAD + "X-Long: ").ljust(HEAD_MAX + 1, "x").encode())
        answer = rest(line)
    assert answer.startswith("HTTP/1.1 431 ")
    assert "Apague-os" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer


@pytest.mark.parametrize("lines", ["a:\r\n" * 15_000, f"a:{' ' * 60_000}x\r\n"], ids=["names", "blanks"])
def test_headers_are_counted_whole_also_where_they_come_all_at_once(live_server: str, lines: str) -> None:
    """A65: with the colons, blanks and ends of lines."""
    with connect(live_server) as line:
        line.sendall(f"{HEAD}{lines}\r\n".encode())
        assert rest(line).startswith("HTTP/1.1 431 ")


def test_bytes_that_are_not_http_are_refused_in_our_words(live_server: str) -> None:
    with connect(live_server) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost\r\n\r\n")
        answer = rest(line)
    assert answer.startswith("HTTP/1.1 400 ")
    assert "não é um pedido HTTP" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer


def test_trailers_are_not_read_as_headers(settings: Settings, clock: Clock) -> None:
    """A28: a proxy that hands them on would otherwise hand on what a visitor says of their own address."""
    settings = replace(settings, trusted_proxies=(ip_network("127.0.0.1"),))
    host = settings.public_url.removeprefix("https://")
    handed_on = f"Host: {host}\r\nOrigin: {settings.public_url}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: ::1\r\n"
    with live(create_app(settings, now=clock)) as address:
        for number in range(AUTH_POSTS.limit + 1):
            with connect(address) as line:
                said = POST.replace("Host: panel\r\n", handed_on) + CHUNKED
                line.sendall(f"{said}0\r\nX-Forwarded-For: 198.51.100.{number}\r\n\r\n".encode())
                answer = line.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 429 ")


ENDLESS = {
    "one header": (f"{HEAD}X-Long: ", "x"),
    "many headers": (HEAD, "X-Many: x\r\n"),
    "an address": ("GET /", "x"),
    "blank lines": ("", "\r\n"),
    "trailers of a body": (f"{POST}{CHUNKED}0\r\n", "X-Many: x\r\n"),
    "one trailer": (f"{POST}{CHUNKED}0\r\nX-Long: ", "x"),
    "a chunk's extension": (f"{POST}{CHUNKED}5;", "x"),
    "trailers of a request that was answered": (f"{HEAD}{CHUNKED}0\r\n", "X-Many: x\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_150_mb_on_one_socket_are_not_accepted(what: str, live_server: str) -> None:
    """A65."""
    begun, more = ENDLESS[what]
    part = more.encode() * (MEGABYTE // len(more))
    with connect(live_server) as line:
        line.sendall(begun.encode())
        with pytest.raises(ConnectionError):
            for _ in itertools.repeat(None, 150):
                line.sendall(part)
    assert is_healthy(live_server)


def test_thousands_of_pipelined_requests_are_not_accepted(live_server: str) -> None:
    """A65: in pieces of 256 KiB they cost nearly a second each, and memory."""
    last = f"{HEAD}Connection: close\r\n\r\n"
    with connect(live_server) as line:
        line.sendall((f"{HEAD}\r\n" * PIPELINED_MAX + last).encode())
        assert rest(line).count("HTTP/1.1 200") == PIPELINED_MAX + 1
    with connect(live_server) as line:
        line.sendall((f"{HEAD}\r\n" * (PIPELINED_MAX + 1) + last).encode())
        answered = rest(line)
    assert "HTTP/1.1 200" not in answered
    assert answered.startswith("HTTP/1.1 400")
    assert is_healthy(live_server)


@contextlib.contextmanager
def half_open(address: str, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as lines:
        yield [lines.enter_context(connect(address)) for _ in range(count)]


def test_a_burst_of_connections_is_cut_back_to_the_limit_in_one_go(live_server: str, still_loop: StillLoop) -> None:
    """A42: a search among all connections for each new one made everybody wait for seconds at 1,500 of them."""
    with half_open(live_server, CONNECTIONS_MAX + 100) as lines:
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp) == len(lines))
        assert still_loop.timers(CROWD_PATIENCE, BoundedHttp) == 1
        still_loop.forward(CROWD_PATIENCE)
        assert [rest(line) for line in lines[:100]] == [""] * 100
        assert still_loop.timers(HEAD_PATIENCE, BoundedHttp) == CONNECTIONS_MAX
        lines[100].sendall(f"{HEAD}\r\n".encode())
        assert lines[100].recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(sys.platform != "linux", reason="only there every address of 127.0.0.0/8 is this machine")
def test_the_network_with_most_half_open_connections_loses_its_oldest(live_server: str, still_loop: StillLoop) -> None:
    """A42: somebody else's idle connection, older than all of them, is left alone."""
    with connect(live_server, "127.0.0.2") as other:
        until(lambda: still_loop.timers(HEAD_PATIENCE, BoundedHttp) == 1)
        with half_open(live_server, CONNECTIONS_MAX) as lines:
            until(lambda: still_loop.timers(CROWD_PATIENCE, BoundedHttp) == 1)
            still_loop.forward(CROWD_PATIENCE)
            assert rest(lines[0]) == ""
            lines[1].sendall(f"{HEAD}\r\n".encode())
            assert lines[1].recv(4096).startswith(b"HTTP/1.1 200")
            other.sendall(f"{HEAD}\r\n".encode())
            assert other.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("one", "other", "is_one_place"),
    [
        ("2001:db8:1:2::9", "2001:db8:1:2:aaaa::1", True),
        ("2001:db8:1:2::9", "2001:db8:1:ffff::1", True),
        ("2001:db8:1:2::9", "2001:db8:2:2::9", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
    ],
)
def test_all_addresses_of_an_ipv6_household_count_as_one_network(one: str, other: str, is_one_place: bool) -> None:
    """A42: otherwise each connection would count alone, and the oldest of all, somebody else's, would be dropped."""
    lines = [BoundedHttp.__new__(BoundedHttp) for _ in range(2)]
    for line, address in zip(lines, (one, other), strict=True):
        line.client = (address, 1)
    assert (lines[0].place() == lines[1].place()) is is_one_place
