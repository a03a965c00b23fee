"""The cookies: a session, the half-login between a right password and the second factor, a trusted device, and what was
typed when a session was found to be over."""

import base64
import hashlib
from enum import Enum
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from web import hosts
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
    values = _values(request, cookie)
    return values[0] if len(values) == 1 else None


def has_come(request: Request, cookie: Cookie) -> bool:
    return bool(_values(request, cookie))


def is_doubled(request: Request, cookie: Cookie) -> bool:
    return len(_values(request, cookie)) > 1


def _values(request: Request, cookie: Cookie) -> list[str]:
    """What came under the first of the names that a browser may know the cookie by; looked for once a request."""
    found: dict[Cookie, list[str]] = request.scope.setdefault("panel.cookies", {})
    if cookie not in found:
        found[cookie] = next((_sent(request)[name] for name in _came(request, cookie)), [])
    return found[cookie]


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


def _came(request: Request, cookie: Cookie) -> list[str]:
    """Its names in this request."""
    sent = _sent(request)
    return [name for name in _names(request, cookie) if name in sent]


def _names(request: Request, cookie: Cookie) -> list[str]:
    """The names under which a cookie is read, those from before panels had ids last."""
    return _spelled(cookie, Panel.of(request).short_id, _is_secure(request))


@cache
def _spelled(cookie: Cookie, short_id: str, is_secure: bool) -> list[str]:
    """Without prefix, somebody else on the host or above it may have planted it: read only where none can be had."""
    name = cookie.value[0]
    prefixes = ["__Host-"] if is_secure else ["__Host-", ""]
    return [prefix + base for base in (f"{name}-{short_id}", name) for prefix in prefixes]


def _given_name(request: Request, cookie: Cookie) -> str:
    return _names(request, cookie)[0 if _is_secure(request) else 1]


def _is_secure(request: Request) -> bool:
    return not (Panel.of(request).settings.allow_http or getattr(request.state, "is_local", False))


def owe(request: Request, cookie: Cookie, token: str | None) -> None:
    """Have the door give this cookie with whatever the answer becomes; None takes it away."""
    request.state.owed_cookies = owed(request) | {cookie: token}


def owe_under_new_name(request: Request, cookie: Cookie) -> None:
    """A good cookie that came under its name from before panels had ids moves; that name counts once."""
    if not any(Panel.of(request).short_id in name for name in _came(request, cookie)):
        owe(request, cookie, value(request, cookie))


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
    name, lifetime = _given_name(request, cookie), cookie.value[2]
    response.set_cookie(
        name,
        token,
        max_age=int(lifetime.total_seconds()) if lifetime else None,
        secure=name.startswith("__Host-"),
        httponly=True,
        samesite=cookie.value[1],
    )
    _remove(response, cookie, [other for other in _came(request, cookie) if other != name])
    remove_planted(request, response, cookie)


def take(request: Request, response: Response, cookie: Cookie) -> None:
    """Under whatever name it came."""
    _remove(response, cookie, list(dict.fromkeys([_given_name(request, cookie), *_came(request, cookie)])))
    remove_planted(request, response, cookie)


def remove_planted(request: Request, response: Response, cookie: Cookie) -> None:
    """What others left under this name, if two came: our own lies at the root of this very host."""
    if not is_doubled(request, cookie):
        return
    for name in _names(request, cookie):
        for domain in ("", *_domains(request)):
            for path in _paths(request.scope["path"]):
                if not name.startswith("__Host-") and (domain, path) != ("", "/"):
                    response.delete_cookie(name, path=path, domain=domain or None)


def _domains(request: Request) -> list[str]:
    """This host and those above it, down to two labels: who may plant cookies for it."""
    host = hosts.read(request.headers.get("host", ""))
    if host is None or hosts.address(host[0]):
        return []
    labels = host[0].split(".")
    return [".".join(labels[depth:]) for depth in range(len(labels) - 1)]


def _paths(path: str) -> list[str]:
    """Those that a cookie may have been planted for to be sent along here."""
    parts = path.strip("/").split("/")
    above = ["/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))]
    return list(dict.fromkeys(["/", *above, *(f"{one}/" for one in above[:-1])]))


def _remove(response: Response, cookie: Cookie, names: list[str]) -> None:
    for name in names:
        response.delete_cookie(name, secure=name.startswith("__Host-"), httponly=True, samesite=cookie.value[1])
