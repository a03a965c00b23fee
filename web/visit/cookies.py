"""The cookies: a session, a pending login between right password and second factor, a trusted device, what was typed
into a form whose session had ended (or which instance was just made), and the theme somebody chose."""

import base64
import hashlib
from datetime import timedelta
from enum import Enum
from functools import cached_property
from typing import Literal

from starlette.datastructures import Headers
from starlette.responses import Response

from web import hosts
from web.limits import THEME_TTL, TOKEN_BYTES, TRUSTED_DEVICE_TTL, TYPED_TTL
from web.panel import Panel

SameSite = Literal["lax", "strict"]


class Cookie(Enum):
    """Name, SameSite, and how long browsers keep it.

    With Lax a person who follows a link from another site is still signed in; a GET never changes anything. None means
    until the browser closes: the server decides when such a cookie expires.
    """

    SESSION = ("sid", "lax", None)
    PENDING_LOGIN = ("pre", "strict", None)
    DEVICE = ("disp", "strict", TRUSTED_DEVICE_TTL)
    TYPED = ("typed", "strict", TYPED_TTL)
    THEME = ("theme", "lax", THEME_TTL)  # a word, no token

    def __init__(self, base: str, same_site: SameSite, lifetime: timedelta | None) -> None:
        self.base, self.same_site, self.lifetime = base, same_site, lifetime


def new_token(panel: Panel) -> str:
    """256 random bits as 43 characters."""
    return base64.urlsafe_b64encode(panel.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def digest(token: str) -> bytes:
    """What the database stores of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Jar:
    """The cookies of one request: those that it sent, and those that its answer sets or deletes."""

    def __init__(self, headers: Headers, path: str, *, short_id: str, is_secure: bool) -> None:
        self._headers, self._path, self._short_id = headers, path, short_id
        self.is_secure = is_secure  # whether cookies may go over HTTPS alone
        self.queued: dict[Cookie, str | None] = {}

    def read(self, cookie: Cookie) -> bytes | None:
        """The digest of the token sent."""
        token = self.value(cookie)
        return None if token is None else digest(token)

    def value(self, cookie: Cookie) -> str | None:
        """None without one, or with two: somebody else may have planted the second."""
        values = self._values(cookie)
        return values[0] if len(values) == 1 else None

    def was_sent(self, cookie: Cookie) -> bool:
        return bool(self._values(cookie))

    def is_doubled(self, cookie: Cookie) -> bool:
        return len(self._values(cookie)) > 1

    def _values(self, cookie: Cookie) -> list[str]:
        """The values under the first of the cookie's names that the request has."""
        sent = self._sent
        return next((sent[name] for name in self._names(cookie) if name in sent), [])

    @cached_property
    def _sent(self) -> dict[str, list[str]]:
        """All values by name, parsed once a request."""
        found: dict[str, list[str]] = {}
        for pair in ";".join(self._headers.getlist("cookie")).split(";"):
            key, _, value = pair.strip().partition("=")
            found.setdefault(key, []).append(value)
        return found

    def _names_sent(self, cookie: Cookie) -> list[str]:
        """The names of the cookie that the request has."""
        return [name for name in self._names(cookie) if name in self._sent]

    def _names(self, cookie: Cookie) -> tuple[str, ...]:
        """The names under which a cookie is read, last those from before panels had ids.

        A cookie without the `__Host-` prefix may have been planted by another site on the host or a domain above it: it
        is read only where the prefix cannot be used.
        """
        name, before = f"{cookie.base}-{self._short_id}", cookie.base
        if self.is_secure:
            return f"__Host-{name}", f"__Host-{before}"
        return f"__Host-{name}", name, f"__Host-{before}", before

    def _name_to_set(self, cookie: Cookie) -> str:
        return self._names(cookie)[0 if self.is_secure else 1]

    def queue(self, cookie: Cookie, token: str | None) -> None:
        """Have the door set this cookie on the answer, whichever that becomes; None deletes the cookie."""
        self.queued[cookie] = token

    def queue_under_new_name(self, cookie: Cookie) -> None:
        """A good cookie that came under its name from before panels had ids moves to the new name."""
        if not any(self._short_id in name for name in self._names_sent(cookie)):
            self.queue(cookie, self.value(cookie))

    def apply(self, response: Response) -> None:
        for cookie, token in list(self.queued.items()):
            if token is None:
                self.delete(response, cookie)
            else:
                self.set(response, cookie, token)

    def set(self, response: Response, cookie: Cookie, token: str) -> None:
        self.queued.pop(cookie, None)
        name, lifetime = self._name_to_set(cookie), cookie.lifetime
        response.set_cookie(
            name,
            token,
            max_age=int(lifetime.total_seconds()) if lifetime else None,
            secure=name.startswith("__Host-"),
            httponly=True,
            samesite=cookie.same_site,
        )
        _remove(response, cookie, [other for other in self._names_sent(cookie) if other != name])
        self.remove_planted(response, cookie)

    def delete(self, response: Response, cookie: Cookie) -> None:
        """Delete the cookie under the name that is set, and under every other name that the request has."""
        self.queued.pop(cookie, None)
        ours = self._name_to_set(cookie)
        _remove(response, cookie, [ours, *(name for name in self._names_sent(cookie) if name != ours)])
        self.remove_planted(response, cookie)

    def remove_planted(self, response: Response, cookie: Cookie) -> None:
        """When the request has the cookie twice, delete it for all paths and domains but ours (`/` on this host)."""
        if not self.is_doubled(cookie):
            return
        for name in self._names(cookie):
            for domain in ("", *_domains(self._headers.get("host", ""))):
                for path in _paths(self._path):
                    if not name.startswith("__Host-") and (domain, path) != ("", "/"):
                        response.delete_cookie(name, path=path, domain=domain or None)


def _domains(sent: str) -> list[str]:
    """This host and the domains above it, down to two labels: a cookie for any of them is sent here."""
    host = hosts.read(sent)
    if host is None or hosts.address(host[0]):
        return []
    labels = host[0].split(".")
    return [".".join(labels[depth:]) for depth in range(len(labels) - 1)]


def _paths(path: str) -> list[str]:
    """The paths of a cookie with which a browser sends it to `path`."""
    parts = path.strip("/").split("/")
    above = ["/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))]
    paths: dict[str, None] = dict.fromkeys(["/", *above, *(f"{one}/" for one in above[:-1])], None)
    return list(paths)


def _remove(response: Response, cookie: Cookie, names: list[str]) -> None:
    for name in names:
        response.delete_cookie(name, secure=name.startswith("__Host-"), httponly=True, samesite=cookie.same_site)
