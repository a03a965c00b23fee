"""The application: routes, error pages, start and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from os import environ
from secrets import token_bytes as system_token_bytes

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from db.errors import Unavailable
from web.audit import log
from web.crypto.argon2id import Argon2id
from web.crypto.sodium import Sodium
from web.crypto.workers import TooBusy
from web.guards.guard import demand_of, lacks_budget, lacks_entry
from web.guards.perimeter import Perimeter
from web.http import errors
from web.http.headers import SecurityHeaders
from web.http.page import ROOT, STATIC, STATIC_VERSION
from web.http.static_files import StaticFiles
from web.panel import Panel
from web.routes import DEMO_ROUTES, ROUTES
from web.runtime.data_folder import open_panel
from web.runtime.housekeeping import every_hour
from web.settings import Settings, StartRefused, read_env_file


def create_app(
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    token_bytes: Callable[[int], bytes] = system_token_bytes,
    argon2id: Argon2id | None = None,
    routes: list[BaseRoute] | None = None,
) -> ASGIApp:
    """The panel over one data folder; `now` and `token_bytes` are the only clock and randomness it knows.

    `argon2id` computes the hashes; by default it does so in this process.
    """
    doors = ROUTES if routes is None else routes
    if undeclared := [route for route in doors if demand_of(route) is None]:
        raise TypeError(f"routes that do not say who may call them: {undeclared}")
    if unbudgeted := [route for route in doors if lacks_budget(route)]:
        raise TypeError(f"routes that reach costly work without a throttle: {unbudgeted}")
    if unaimed := [route for route in doors if lacks_entry(route)]:
        raise TypeError(f"routes for strangers that do not say whose account is tried: {unaimed}")
    app = Starlette(
        routes=[*doors, Mount(f"/static/{STATIC_VERSION}", StaticFiles(STATIC))],
        exception_handlers={
            HTTPException: errors.http_error,
            TooBusy: errors.too_busy,
            ClientDisconnect: errors.gone,
            Unavailable: errors.storage,
            Exception: errors.fault,
        },
        lifespan=lambda _: _open(settings, now, token_bytes, argon2id),
    )
    app.router.redirect_slashes = False  # such a redirect would be built from the Host header
    return SecurityHeaders(Perimeter(app), hsts_subdomains=settings.hsts_subdomains)


@asynccontextmanager
async def _open(
    settings: Settings,
    now: Callable[[], datetime],
    token_bytes: Callable[[int], bytes],
    argon2id: Argon2id | None,
) -> AsyncIterator[dict[str, Panel]]:
    """Open the panel, start its housekeeping, and put the panel in the state of every request."""
    try:
        async with open_panel(settings, now, token_bytes, argon2id=argon2id) as panel:
            housekeeping = asyncio.create_task(every_hour(panel))
            try:
                yield {"panel": panel}
            finally:
                housekeeping.cancel()
                await asyncio.wait([housekeeping])
    except StartRefused as refused:  # in a worker process, whose exceptions nobody sees
        log.trouble("start.refused", refused)
        raise


def from_environment(routes: list[BaseRoute] | None = None) -> ASGIApp:
    """For server processes, which know only the environment."""
    log.to_stderr()
    settings = Settings.from_environment(read_env_file(ROOT / ".env") | dict(environ))
    return create_app(settings, argon2id=Sodium(), routes=routes)


def demo() -> ASGIApp:
    """The demonstration shows the style guide too."""
    return from_environment(DEMO_ROUTES)
