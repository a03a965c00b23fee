"""People for the stories: what they know, what their phone shows, and the steps they take over HTTP."""

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

ORIGIN = "https://painel.test"
PASSWORD = "girafa azul dança no telhado"  # everybody's, who has no other
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def code_for(key: str, at: datetime) -> str:
    """What an authenticator app shows: RFC 4226 §5.3 over RFC 6238 §4, written apart from the panel's own."""
    mac = hmac.digest(base64.b32decode(key), struct.pack(">Q", int(at.timestamp()) // 30), hashlib.sha1)
    start = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


@dataclass
class Person:
    name: str
    password: str
    key: str = ""
    recovery_codes: list[str] = field(default_factory=list)

    def code_at(self, at: datetime) -> str:
        return code_for(self.key, at)

    def wrong_code_at(self, at: datetime) -> str:
        """Six digits that no step within ten minutes shows, nor one about a whole number of hours away."""
        steps = {
            120 * hours + step for hours in range(-25, 26) for step in (range(-25, 26) if not hours else (-1, 0, 1))
        }
        near = {code_for(self.key, at + timedelta(seconds=30 * step)) for step in steps}
        return next(code for code in (f"{number:06d}" for number in range(1000)) if code not in near)


def set_up(client: TestClient, person: Person, setup_code: str, **changes: str) -> Response:
    fields = {
        "setup_code": setup_code,
        "name": person.name,
        "password": person.password,
        "repeated": person.password,
    }
    return client.post("/setup", data=fields | changes)


def give_password(client: TestClient, person: Person, **fields: str) -> Response:
    return client.post("/login", data={"name": person.name, "password": person.password} | fields)


def sign_in(client: TestClient, person: Person, code: str = "") -> Response:
    """The password and, where the challenge follows, the code."""
    answer = give_password(client, person)
    if answer.headers.get("location") == "/login/code":
        answer = client.post("/login/code", data={"code": code})
    return answer


def begin_enrolment(client: TestClient, **proved: str) -> str:
    """Press Configurar Agora (or, with a proof, Trocar de aparelho) and read the key off the page."""
    return key_on(client.post("/security/totp", data=proved).text)


def key_on(page: str) -> str:
    found = re.search(r'<code id="key">([A-Z2-7 ]+)</code>', page)
    assert found, page
    return found[1].replace(" ", "")


def link_on(page: str) -> str:
    """The code behind the # of the link that a page shows."""
    found = re.search(rf'<code id="link">{ORIGIN}/activate#([0-9A-Z-]+)</code>', page)
    assert found, page
    return found[1]


def codes_on(page: str) -> list[str]:
    return re.findall(r"<li><code>([0-9A-Z-]{19})</code></li>", page)


def protect(client: TestClient, person: Person, at: datetime) -> Response:
    """Switch two-factor on for a person who is signed in."""
    person.key = begin_enrolment(client)
    answer = client.post("/security/totp/confirm", data={"code": person.code_at(at)})
    person.recovery_codes = codes_on(answer.text)
    return answer


def proof(person: Person, at: datetime) -> dict[str, Any]:
    """The fields of "Confirme que é você"."""
    return {"step_up_password": person.password, "step_up_code": person.code_at(at), "step_up_recovery": ""}


def lost(person: Person, code: int) -> dict[str, Any]:
    """The fields of "Confirme que é você" for a person without a phone, with one of the recovery codes."""
    return {"step_up_password": person.password, "step_up_code": "", "step_up_recovery": person.recovery_codes[code]}


def cookie_of(browser: TestClient | Response, kind: str = "sid") -> str:
    """One of the panel's cookies as it is sent (`__Host-sid-1a2b3c4d=…`); "" when there is none."""
    found = (f"{name}={value}" for name, value in browser.cookies.items() if name.startswith(f"__Host-{kind}-"))
    return next(found, "")


def plant(browser: TestClient, pair: str) -> None:
    """Give it a cookie of another browser's."""
    name, _, value = pair.partition("=")
    browser.cookies.set(name, value, domain="painel.test")
