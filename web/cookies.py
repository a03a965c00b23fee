"""The cookies: a session, the half-login between a right password and the second factor, a trusted device, and what was
typed when a session was found to be over."""

import base64
import hashlib
from enum import Enum

from starlette.requests import Request
from starlette.responses import Response

from web.limits import TOKEN_BYTES, TRUSTED_DEVICE_TTL, TYPED_TTL
from web.panel import Panel


class Cookie(Enum):
    """Name, SameSite, and how long browsers keep it.

    Lax lets links from elsewhere find the person signed in; a GET never changes anything. None: until the browser
    closes, and the server alone decides when it ends.
    """

    SESSION = ("sid", "lax", None)
    HALF_LOGIN = ("pre", "strict", None)
    DEVICE = ("disp", "strict", TRUSTED_DEVICE_TTL)
    TYPED = ("typed", "strict", TYPED_TTL)


def new_token(panel: Panel) -> str:
    """256 random bits as 43 characters."""
    return base64.urlsafe_b64encode(panel.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def digest(token: str) -> bytes:
    """What the database knows of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def read(request: Request, cookie: Cookie) -> bytes | None:
    """The digest of the token sent."""
    token = value(request, cookie)
    return None if token is None else digest(token)


def value(request: Request, cookie: Cookie) -> str | None:
    """None without one, or with two: somebody else may have planted the second."""
    name = _name(Panel.of(request), cookie)
    values = _sent(request).get(name, [])
    return values[0] if len(values) == 1 else None


def _sent(request: Request) -> dict[str, list[str]]:
    """Read once a request, however often it is asked."""
    if not hasattr(request.state, "cookies"):
        found: dict[str, list[str]] = {}
        request.state.cookies = found
        for pair in ";".join(request.headers.getlist("cookie")).split(";"):
            key, _, value = pair.strip().partition("=")
            found.setdefault(key, []).append(value)
    sent: dict[str, list[str]] = request.state.cookies
    return sent


def owe(request: Request, cookie: Cookie, token: str | None) -> None:
    """Have the door give this cookie with whatever the answer becomes; None takes it away."""
    request.state.owed_cookies = owed(request) | {cookie: token}


def owed(request: Request) -> dict[Cookie, str | None]:
    owing: dict[Cookie, str | None] = getattr(request.state, "owed_cookies", {})
    return owing


def settle(request: Request, response: Response) -> None:
    for cookie, token in owed(request).items():
        if token is None:
            take(request, response, cookie)
        else:
            give(request, response, cookie, token)


def give(request: Request, response: Response, cookie: Cookie, token: str) -> None:
    panel, lifetime = Panel.of(request), cookie.value[2]
    response.set_cookie(
        _name(panel, cookie),
        token,
        max_age=int(lifetime.total_seconds()) if lifetime else None,
        secure=panel.settings.has_secure_cookies,
        httponly=True,
        samesite=cookie.value[1],
    )


def take(request: Request, response: Response, cookie: Cookie) -> None:
    panel = Panel.of(request)
    response.delete_cookie(
        _name(panel, cookie),
        secure=panel.settings.has_secure_cookies,
        httponly=True,
        samesite=cookie.value[1],
    )


def _name(panel: Panel, cookie: Cookie) -> str:
    name: str = cookie.value[0]
    return f"__Host-{name}" if panel.settings.has_secure_cookies else name
