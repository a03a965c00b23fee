"""What arrives slowly, or not at all, against the real server."""

import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import Person, cookie_of, sign_in
from tests.support.steady import HANG, StillLoop, until
from web.limits import BODY_PATIENCE


def begin_post(address: str, path: str, *headers: str, sent: str = "") -> socket.socket:
    """A post whose body is not complete yet."""
    where = urlsplit(address)
    begun = socket.create_connection((where.hostname or "", where.port or 0), timeout=HANG)
    first = [f"POST {path} HTTP/1.1", f"Host: {where.netloc}", f"Origin: {address}", *headers]
    begun.sendall("\r\n".join([*first, "Content-Type: application/x-www-form-urlencoded", "", sent]).encode())
    return begun


def begin_login(address: str) -> socket.socket:
    """A login whose body stops after a few bytes."""
    return begin_post(address, "/login", "Content-Length: 500", sent="name=a")


def test_a_body_that_stalls_is_cut_after_ten_seconds(live_server: str, still_loop: StillLoop) -> None:
    """A41."""
    with begin_login(live_server) as stalled:
        until(lambda: still_loop.timeouts(timedelta(seconds=10)))
        still_loop.forward(timedelta(seconds=10))
        assert stalled.recv(64).startswith(b"HTTP/1.1 408")
        while stalled.recv(4096):
            pass


def test_a_browser_that_leaves_half_way_is_no_fault(
    live_server: str, still_loop: StillLoop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        leaving = begin_login(live_server)
        until(lambda: still_loop.timeouts(BODY_PATIENCE))
        leaving.close()
        until(lambda: not still_loop.timeouts(BODY_PATIENCE))
        with urlopen(f"{live_server}/health") as answer:  # noqa: S310, whatever the other left to do is done
            assert answer.read() == b"ok"
    assert len(caplog.records) == 1  # that of the health


def begin_act(address: str, path: str, cookie: str, still_loop: StillLoop) -> socket.socket:
    """An act of a session whose head was accepted: its body comes in chunks, and the last one is missing."""
    begun = begin_post(address, path, f"Cookie: {cookie}", "Transfer-Encoding: chunked", "Connection: close")
    until(lambda: still_loop.timeouts(BODY_PATIENCE))
    return begun


def finish(begun: socket.socket) -> str:
    begun.sendall(b"0\r\n\r\n")
    with begun, begun.makefile("rb") as answer:
        return answer.read().decode()


@pytest.mark.parametrize("path", ["/security/recovery-codes", "/security/bad-day/lock", "/activity/export"])
def test_a_request_that_a_thief_began_before_the_lockdown_is_not_done(
    path: str,
    protected: Person,
    client: TestClient,
    live_server: str,
    still_loop: StillLoop,
    rows: Callable[..., Any],
) -> None:
    """A23: the cookie was valid when the head of the request came, and no longer is when its end comes."""
    thief = begin_act(live_server, path, cookie_of(client), still_loop)
    assert client.post("/security/bad-day/lock").status_code == 200
    before = rows("SELECT digest FROM recovery_codes")
    answer = finish(thief)
    assert answer.startswith("HTTP/1.1 303")
    assert "location: /login" in answer
    assert "__Host-sid-" not in answer
    assert rows("SELECT digest FROM recovery_codes") == before
    assert client.get("/security").status_code == 200  # the owner stays in


@pytest.mark.parametrize("body", ["password=x", "password=x&password=y"], ids=["read", "unreadable"])
def test_a_session_that_expires_while_a_body_comes_in_is_over(
    body: str, alice: Person, client: TestClient, live_server: str, still_loop: StillLoop, clock: Clock
) -> None:
    """A23: the session is looked up as of the moment at which the whole request had come in."""
    slow = begin_act(live_server, "/security/password/strength", cookie_of(client), still_loop)
    clock.forward(minutes=61)
    slow.sendall(f"{len(body):x}\r\n{body}\r\n".encode())
    answer = finish(slow)
    assert answer.startswith("HTTP/1.1 303")
    assert "location: /login" in answer


@pytest.mark.parametrize("action", ["show", "change"])
def test_no_token_is_shown_to_a_session_ended_since(
    action: str,
    protected: Person,
    client: TestClient,
    new_client: Callable[[], TestClient],
    live_server: str,
    still_loop: StillLoop,
    clock: Clock,
    rows: Callable[..., Any],
) -> None:
    client.post("/instances", data={"name": "Loja"})
    [(instance, sealed)] = rows("SELECT id, sealed_token FROM instances")
    other = new_client()
    sign_in(other, protected, protected.code_at(clock()))
    thief = begin_act(live_server, f"/instances/{instance}/token/{action}", cookie_of(other), still_loop)
    assert client.post("/security/bad-day/lock").status_code == 200
    assert finish(thief).startswith("HTTP/1.1 303")
    [(now, paused_at)] = rows("SELECT sealed_token, paused_at FROM instances")
    assert (now, paused_at is None) == (sealed, False)
