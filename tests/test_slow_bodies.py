"""What arrives slowly, or not at all, against the real server."""

import logging
import socket
import time
from urllib.parse import urlsplit

import pytest


def begin_post(address: str) -> socket.socket:
    """A login whose body stops after a few bytes."""
    where = urlsplit(address)
    stalled = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
    head = f"POST /login HTTP/1.1\r\nHost: {where.netloc}\r\nOrigin: {address}\r\nContent-Length: 500\r\n"
    stalled.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nname=a".encode())
    return stalled


def test_a_body_that_stalls_is_cut_after_ten_seconds(live_server: str) -> None:
    """A41."""
    begun = time.monotonic()
    with begin_post(live_server) as stalled:
        assert stalled.recv(64).startswith(b"HTTP/1.1 408")
        while stalled.recv(4096):
            pass
    assert 9 < time.monotonic() - begun < 13


def test_a_browser_that_leaves_half_way_is_no_fault(live_server: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        begin_post(live_server).close()
        time.sleep(0.3)
    assert caplog.text == ""
