"""Whoever looks after others has a second factor of their own first (P11)."""

from starlette.responses import Response

from web.http.page import page
from web.visit.visit import SignedIn


def own_factor_first(visit: SignedIn) -> Response | None:
    """The page that says so; None for whoever has one."""
    if visit.session.has_two_factor:
        return None
    return page(visit, "people/first.html", block="card", retarget="#person")
