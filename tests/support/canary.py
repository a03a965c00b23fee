"""Watches one panel during a test: every secret that it makes, and everything that it says. At the end each secret may
have been seen only where the specification allows (A26)."""

import base64
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from starlette.testclient import TestClient

from web.factors import human_code
from web.limits import RECOVERY_BITS, SETUP_BITS, TOKEN_BYTES, TOTP_KEY_BYTES

CODES = (RECOVERY_BITS // 8, SETUP_BITS // 8)
# What may be told in the body of an answer, by how many random bytes it has, and at which addresses.
TOLD = {
    TOTP_KEY_BYTES: r"/security/totp",
    TOKEN_BYTES: r"/instances/([^/]+/token/(show|copy|change)|paused/change)",
    SETUP_BITS // 8: r"/people/(invite|[0-9]+/(link|invitation/renew))|/activate",
    RECOVERY_BITS // 8: r"/security/(totp|passkeys)/confirm|/security/recovery-codes(/replacement|/file)?",
}


@dataclass(frozen=True)
class Said:
    address: str
    path: str
    headers: str  # without Set-Cookie
    body: str


class Canary:
    def __init__(self) -> None:
        self._made: list[bytes] = []
        self._said: list[Said] = []

    def beside(self) -> "Canary":
        """One for another panel that has the same secrets."""
        other = Canary()
        other._made = [*self._made]
        return other

    def token_bytes(self, count: int) -> bytes:
        made = secrets.token_bytes(count)
        if count in (TOTP_KEY_BYTES, TOKEN_BYTES, *CODES):  # others are salts, nonces and ids
            self._made.append(made)
        return made

    def listen(self, client: TestClient) -> None:
        client.event_hooks = {"response": [self._hear]}

    def _hear(self, response: httpx2.Response) -> None:
        response.read()
        for cookie in response.headers.get_list("set-cookie"):
            self._check_cookie(cookie)
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items() if name != "set-cookie")
        self._said.append(Said(str(response.url), response.url.path, headers, response.text))

    def _check_cookie(self, cookie: str) -> None:
        """ASVS V3.3: a prefix, and every attribute that it needs; Lax for sessions and themes alone."""
        name, wanted = cookie.partition("=")[0], {"HttpOnly", "Path=/", "Secure"}
        parts = {part.strip() for part in cookie.split(";")[1:]}
        is_taken = cookie.startswith(f'{name}="";')
        kind = re.fullmatch(r"__Host-(sid|pre|disp|typed|theme)(-[0-9a-f]{8})?", name)
        assert kind, name
        assert kind[2] or is_taken, name
        assert wanted | {"SameSite=lax" if kind[1] in ("sid", "theme") else "SameSite=strict"} <= parts, cookie
        assert not any(part.startswith("Domain") for part in parts)

    def check(self, folder: Path, log: str, passwords: list[str]) -> None:
        kept = b"".join(file.read_bytes() for file in folder.glob("*") if file.is_file() and "key" not in file.name)
        for made in self._made:
            texts = list(_spellings(made))
            assert made not in kept
            assert not any(text.encode() in kept for text in texts), f"{len(made)} random bytes are on disk as text"
            assert not any(text in log for text in texts), "a secret is in the log"
            for said in self._said:
                assert not any(text in said.address or text in said.headers for text in texts), said.address
                if any(text in said.body for text in texts):
                    assert re.fullmatch(TOLD.get(len(made), "nowhere"), said.path), f"told at {said.path}"
        for password in passwords:
            assert password.encode() not in kept
            assert password not in log
            assert not any(password in said.body + said.headers + said.address for said in self._said)


def _spellings(made: bytes) -> Iterator[str]:
    yield made.hex()
    if len(made) == TOTP_KEY_BYTES:
        text = base64.b32encode(made).decode()
        yield text
        yield " ".join(text[i : i + 4] for i in range(0, len(text), 4))
    elif len(made) == TOKEN_BYTES:
        yield base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    else:
        code = human_code.new(lambda _: made, bits=len(made) * 8)
        yield from (code, human_code.grouped(code))
