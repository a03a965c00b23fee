"""Where a person may be sent: only to a page of this panel."""

import re
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from starlette.responses import Response
from starlette.routing import Match

from db import sessions
from web.http import forms
from web.http.page import go, is_partial
from web.limits import NEXT_MAX
from web.visit.browser import only_owner
from web.visit.cookies import Cookie
from web.visit.visit import Visit

HOME = "/instances"
# The pages whose forms set a cookie. They link to no page that demands the cookie, only to the first page (`/`).
GIVEN_ON = {
    Cookie.SESSION: {"/login", "/login/passkey", "/login/code", "/login/recovery", "/setup"},
    Cookie.PENDING_LOGIN: {"/login"},
}
PRINTABLE = re.compile(r"[\x21-\x7e]+")  # browsers send everything else percent-encoded
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]|//|/\.\.?(?:/|$)")  # also what a path could be normalised into


def safe_path(wanted: str | None) -> str:
    """`wanted` when it is a path of this panel, else the home page."""
    if not wanted or len(wanted) > NEXT_MAX or not PRINTABLE.fullmatch(wanted):
        return HOME
    for text in (wanted, unquote(wanted)):  # some proxies decode once more than we do
        if not text.startswith("/") or FORBIDDEN.search(text):
            return HOME
    parts = urlsplit(wanted)
    if parts.path.startswith(("/login", "/logout")):  # of no use after the login
        return HOME
    return parts.path + (f"?{parts.query}" if parts.query else "")


def page_or_above(visit: Visit, wanted: str) -> str:
    """The page at a safe path; where only a form posts there, the nearest page above it."""
    path = safe_path(wanted)
    return path if _has_page(visit, path.partition("?")[0]) else page_above(visit, path)


async def to_login(visit: Visit, lacking: Cookie = Cookie.SESSION) -> Response:
    """Send the browser to the login, which leads back to this page; for a fragment request the whole page goes there.

    A person who had a session finds what they typed on that page again, secrets apart.
    """
    target, reason = safe_path(_way_back(visit)), _reason(visit, lacking)
    response = go(visit, login_path(target, motivo=reason))
    visit.jar.remove_planted(response, lacking)
    if is_partial(visit):
        response.status_code = 401
    if visit.request.method == "POST" and (owner := await _last_owner(visit)):
        await forms.remember(visit, response, target, owner)
    return response


def login_path(next: str, **more: str) -> str:
    """The address of the login that leads on to `next`; what is empty, and the home page, need not be said."""
    asked = {} if next == HOME else {"next": next}
    asked |= {name: value for name, value in more.items() if value}
    return "/login" + ("?" + urlencode(asked, safe="/", quote_via=quote) if asked else "")


async def _last_owner(visit: Visit) -> int | None:
    """The account whose session has ended; when the session's row is gone, the one account that trusts this browser."""
    db, token = visit.panel.db, visit.jar.read(Cookie.SESSION)
    if token is None:
        return None
    return await sessions.last_owner(db, token) or await only_owner(db, visit)


def _reason(visit: Visit, lacking: Cookie) -> str:
    """Why the request of somebody who may just have signed in has no good cookie; the login page has the words."""
    if visit.jar.is_doubled(lacking):
        return "duplicado"
    came_from_login = visit.path != "/" and _referer(visit).path in GIVEN_ON[lacking]
    is_ours = visit.request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return "cookie" if came_from_login and is_ours and not visit.jar.was_sent(lacking) else ""


def _way_back(visit: Visit) -> str:
    """Where the login leads back to: this page; for a form the page at its own address, else the page that held it
    (Referer, which is sent whole within one origin)."""
    here: str = visit.request.scope["raw_path"].decode("latin-1")
    if visit.request.method == "GET" and not is_partial(visit):
        query = visit.request.scope["query_string"].decode("latin-1")
        return f"{here}?{query}" if query else here
    if visit.request.method == "POST" and _has_page(visit, visit.path):
        return here
    return page_before(visit)


def page_before(visit: Visit) -> str:
    """The page that a form stood on; where that was itself the answer to a form, the one above it."""
    before = _referer(visit)
    if _has_page(visit, before.path):
        return f"{before.path}?{before.query}" if before.query else before.path
    return page_above(visit, before.path)


def _referer(visit: Visit) -> SplitResult:
    try:
        return urlsplit(str(visit.request.headers.get("referer", "")))
    except ValueError:
        return urlsplit("")


def page_above(visit: Visit, path: str) -> str:
    """The nearest page that a path lies under."""
    while path.strip("/"):
        path = path.rpartition("/")[0]
        if path and _has_page(visit, path):
            return path
    return HOME


def _has_page(visit: Visit, path: str) -> bool:
    scope = dict(visit.request.scope) | {"method": "GET", "path": path}
    return any(route.matches(scope)[0] is Match.FULL for route in visit.request.app.routes)
