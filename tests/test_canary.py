"""The check for leaked secrets finds a secret that is where it must not be."""

import base64
from pathlib import Path

import httpx2
import pytest

from tests.support.canary import Canary
from tests.support.people import PASSWORD


def answer(address: str, body: str = "", **headers: str) -> httpx2.Response:
    return httpx2.Response(200, text=body, headers=headers, request=httpx2.Request("GET", address))


@pytest.mark.parametrize("place", ["raw", "text", "wal", "log", "address", "header", "body", "password"])
def test_a_secret_in_the_wrong_place_is_found(place: str, tmp_path: Path) -> None:
    """A26."""
    canary = Canary()
    token = canary.token_bytes(32)
    text = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
    log = ""
    if place in ("raw", "text", "wal"):
        file = tmp_path / ("panel.db-wal" if place == "wal" else "panel.db")
        file.write_bytes(b"x" + (text.encode() if place == "text" else token))
    elif place == "log":
        log = f"session {text}"
    elif place == "address":
        canary._hear(answer(f"https://painel.test/x?token={text}"))
    elif place == "header":
        canary._hear(answer("https://painel.test/x", Location=f"/x?{text}"))
    elif place == "body":
        canary._hear(answer("https://painel.test/instances", f"<b>{text}</b>"))
    else:
        canary._hear(answer("https://painel.test/instances", f"<b>{PASSWORD}</b>"))
    with pytest.raises(AssertionError):
        canary.check(tmp_path, log, [PASSWORD])


def test_a_secret_where_it_may_be_is_not_reported(tmp_path: Path) -> None:
    canary = Canary()
    key = base64.b32encode(canary.token_bytes(20)).decode()
    canary._hear(answer("https://painel.test/security/totp", key))
    canary._hear(
        answer(
            "https://painel.test/x", **{"Set-Cookie": "__Host-sid-00000000=1; HttpOnly; Path=/; Secure; SameSite=lax"}
        )
    )
    canary.check(tmp_path, "", [PASSWORD])
    canary._hear(answer("https://painel.test/security", key))
    with pytest.raises(AssertionError):
        canary.check(tmp_path, "", [PASSWORD])
