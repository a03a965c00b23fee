"""Which requests come in at all: the host they name, HTTPS, their size, and that no other site sent them."""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web import errors
from web.limits import BODY_MAX, HEADERS_MAX, URL_MAX
from web.panel import Panel
from web.settings import is_loopback

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class Perimeter:
    """Refuses, before anything is routed, unknown hosts, plain HTTP beyond this machine, and posts from elsewhere.

    It stands around the application, whose own answer to a body that is too large has other words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(Request(scope, receive)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


def _refusal(request: Request) -> Response | None:
    settings, scope, headers = Panel.of(request).settings, request.scope, request.scope["headers"]
    if len(scope["raw_path"]) + len(scope["query_string"]) > URL_MAX:
        return errors.deny(request, 414, "url")
    if sum([len(name) + len(value) for name, value in headers]) > HEADERS_MAX:
        return errors.deny(request, 431, "headers")
    if any(name == b"content-length" and _is_too_long(value) for name, value in headers):
        return errors.deny(request, 413, "body")
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    hostname = _hostname(hosts[0]) if len(hosts) == 1 else None
    if not settings.knows_host(hostname):
        return errors.deny(request, 400, "host")
    is_private = scope["scheme"] == "https" or is_loopback(hostname or "")
    scope["state"]["is_exposed"] = settings.allow_http and not is_private
    if not is_private and not settings.allow_http:
        if request.method == "GET" and settings.public_url:
            return RedirectResponse(settings.public_url + request.scope["path"], 308)
        return errors.deny(request, 403, "http", words=426)
    if scope["method"] not in SAFE_METHODS and not _is_same_origin(request, hosts):
        return errors.deny(request, 403, "origin")
    return None


def _is_too_long(length: bytes) -> bool:
    return length.isdigit() and (len(length) > 9 or int(length) > BODY_MAX)


def _is_same_origin(request: Request, hosts: Sequence[str]) -> bool:
    """OWASP CSRF Prevention, "Verifying origin with standard headers": every supported browser sends one of the two."""
    origins, sites = request.headers.getlist("origin"), request.headers.getlist("sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    if origins and origins[0] and origins[0] == Panel.of(request).settings.public_url:
        return True
    if sites:
        return sites[0] == "same-origin"
    return bool(origins) and origins[0] in (f"http://{hosts[0]}", f"https://{hosts[0]}")


@lru_cache(maxsize=64)
def _hostname(host: str) -> str | None:
    """The name in a Host header; None when it holds anything but a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
        is_bare = parts.netloc == host and "@" not in host and not (parts.path or parts.query or parts.fragment)
        return parts.hostname if is_bare and parts.port != 0 else None
    except ValueError:
        return None
