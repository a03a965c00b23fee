"""Where a person may be sent: only to a page of this panel."""

import re
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from web.limits import NEXT_MAX
from web.page import go, is_partial

HOME = "/instances"
PRINTABLE = re.compile(r"[\x21-\x7e]+")  # browsers send everything else percent-encoded
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]|//|/\.\.?(?:/|$)")  # also what a path could be normalised into


class SessionEnded(Exception):
    """The session was ended, from elsewhere, while it was doing something; the door sends it to the login."""


def safe_path(wanted: str | None) -> str:
    """`wanted` when it is a path of this panel, else the home page."""
    if not wanted or len(wanted) > NEXT_MAX or not PRINTABLE.fullmatch(wanted):
        return HOME
    for text in (wanted, unquote(wanted)):  # some proxies decode once more than we do
        if not text.startswith("/") or FORBIDDEN.search(text):
            return HOME
    parts = urlsplit(wanted)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def to_login(request: Request) -> Response:
    """Ask a stranger to sign in and remember the page; a fragment request takes its whole page along."""
    here = request.scope["raw_path"].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or is_partial(request):
        here = _page_before(request)
    target = safe_path(here)
    login = "/login" if target == HOME else f"/login?next={quote(target)}"
    response = go(request, login)
    if is_partial(request):
        response.status_code = 401
    return response


def _page_before(request: Request) -> str:
    """The page that held the form: Referer is sent whole within one origin."""
    return urlsplit(request.headers.get("referer", "")).path
