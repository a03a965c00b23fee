"""Light, dark, or what the system says: kept in a cookie, so that it needs neither script nor account."""

from starlette.responses import Response

from web.http import forms
from web.http.page import THEMES, go, is_partial
from web.http.redirects import page_before, safe_path
from web.visit.cookies import Cookie
from web.visit.visit import SignedIn


async def choose(visit: SignedIn) -> Response:
    """For a fragment request nothing: the script has changed the page already, which may hold what is shown once."""
    theme = (await forms.read(visit, "theme"))["theme"]
    visit.jar.queue(Cookie.THEME, theme if theme in THEMES else None)
    return Response(status_code=204) if is_partial(visit) else go(visit, safe_path(page_before(visit)))
