"""The application: routes with the state each demands, error pages, start and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from os import environ
from secrets import token_bytes as system_token_bytes

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from db.errors import Unavailable
from web.audit import log
from web.crypto.argon2id import Argon2id
from web.crypto.sodium import Sodium
from web.crypto.workers import TooBusy
from web.guards.guard import State, demand_of, get, lacks_budget, post
from web.guards.perimeter import Perimeter
from web.guards.throttle import (
    AUTH,
    CONFIRMATION,
    ENROLMENT,
    EXPORT,
    PASSWORD,
    RECOVERY,
    RENEWAL,
    SHUTTING_OUT,
    STRENGTH,
    VERIFICATION,
    WRITE,
)
from web.http import errors
from web.http.headers import SecurityHeaders
from web.http.page import ROOT, STATIC, STATIC_VERSION, go
from web.http.redirects import HOME
from web.http.static_files import StaticFiles
from web.pages import activity, instances, styleguide
from web.pages.admin import policy
from web.pages.entry import activation, challenge, login, setup
from web.pages.security import hub, lockdown, notices, password, recovery_codes, sessions, totp
from web.panel import Panel
from web.runtime.data_folder import open_panel
from web.runtime.housekeeping import every_hour
from web.settings import Settings, StartRefused, read_env_file
from web.visit.visit import SignedIn, Visit


async def home(visit: SignedIn) -> Response:
    return go(visit, HOME)


async def to_password(visit: Visit) -> Response:
    """Where password managers look for the page that changes a password (W3C Change Password URL)."""
    return go(visit, "/security/password")


async def health(_: Visit) -> Response:
    return PlainTextResponse("ok")


# Routes are tried one after the other: what is asked for most stands first.
ROUTES: list[BaseRoute] = [
    get("/instances", instances.list_page, State.SIGNED_IN),
    get("/security", hub.hub, State.SIGNED_IN, allows_enrolment=True),
    get("/activity", activity.list_page, State.SIGNED_IN),
    get("/login", login.form, State.ANYONE),
    get("/", home, State.SIGNED_IN),
    get("/health", health, State.ANYONE),
    get("/.well-known/change-password", to_password, State.ANYONE),
    get("/setup", setup.form, State.ANYONE),
    post("/setup", setup.create, State.ANYONE, throttle=AUTH),
    get("/activate", activation.form, State.ANYONE),
    post("/activate", activation.activate, State.ANYONE, throttle=AUTH),
    post("/login", login.enter, State.ANYONE, throttle=AUTH),
    post("/logout", login.leave, State.ANYONE),
    get("/login/code", challenge.code_form, State.PENDING_LOGIN),
    post("/login/code", challenge.enter_code, State.PENDING_LOGIN, throttle=AUTH),
    get("/login/recovery", challenge.recovery_form, State.PENDING_LOGIN),
    post("/login/recovery", challenge.enter_recovery, State.PENDING_LOGIN, throttle=AUTH),
    post("/security/totp", totp.begin, State.BINDING, allows_enrolment=True, throttle=ENROLMENT),
    post("/security/totp/confirm", totp.confirm, State.SIGNED_IN, allows_enrolment=True, throttle=CONFIRMATION),
    post("/security/totp/cancel", totp.cancel, State.SIGNED_IN, allows_enrolment=True),
    post("/security/totp/undo", totp.undo, State.SIGNED_IN, throttle=AUTH),
    post("/security/totp/remove", totp.remove, State.VERIFY_NOW),
    post("/security/recovery-codes", recovery_codes.renew, State.VERIFY_NOW, throttle=RENEWAL),
    post("/security/recovery-codes/replacement", recovery_codes.replace_used, State.BINDING, throttle=RECOVERY),
    post("/security/recovery-codes/acknowledge", recovery_codes.acknowledge, State.SIGNED_IN),
    post("/security/recovery-codes/rehearsal", recovery_codes.rehearse, State.RECENTLY_VERIFIED, throttle=AUTH),
    post("/security/recovery-codes/file", recovery_codes.as_file, State.SIGNED_IN),
    get("/security/password", password.form, State.RECENTLY_VERIFIED),
    post("/security/password", password.change, State.RECENTLY_VERIFIED, throttle=PASSWORD),
    post("/security/password/strength", password.strength, State.SIGNED_IN, throttle=STRENGTH),
    get("/security/sessions", sessions.list_page, State.SIGNED_IN),
    post("/security/sessions/end-others", sessions.end_others, State.RECENTLY_VERIFIED, throttle=SHUTTING_OUT),
    post("/security/sessions/{id}/end", sessions.end, State.RECENTLY_VERIFIED, throttle=SHUTTING_OUT),
    post(
        "/security/trusted-devices/{id}/forget", sessions.forget_device, State.RECENTLY_VERIFIED, throttle=SHUTTING_OUT
    ),
    post("/security/notices/{id:int}/mine", notices.mine, State.SIGNED_IN),
    post("/security/notices/{id:int}/not-mine", notices.not_mine, State.SIGNED_IN),
    get("/security/bad-day", lockdown.show, State.SIGNED_IN),
    post("/security/bad-day/lock", lockdown.lock, State.RECENTLY_VERIFIED, throttle=SHUTTING_OUT),
    post("/security/bad-day/reopen", lockdown.reopen, State.VERIFY_NOW, throttle=WRITE),
    get("/policy", policy.form, State.SIGNED_IN, admin_only=True),
    post("/policy/require", policy.require, State.RECENTLY_VERIFIED, admin_only=True, throttle=WRITE),
    post("/policy/release", policy.release, State.RECENTLY_VERIFIED, admin_only=True, throttle=WRITE),
    post("/activity/verify", activity.verify, State.SIGNED_IN, throttle=VERIFICATION),
    post("/activity/export", activity.export, State.RECENTLY_VERIFIED, throttle=EXPORT),
    post("/instances", instances.create, State.SIGNED_IN, throttle=WRITE),
    get("/instances/{id}", instances.row, State.SIGNED_IN),
    get("/instances/{id}/rename", instances.rename_form, State.SIGNED_IN),
    post("/instances/{id}/rename", instances.rename, State.SIGNED_IN, throttle=WRITE),
    get("/instances/{id}/delete", instances.delete_form, State.SIGNED_IN),
    post("/instances/{id}/delete", instances.delete, State.SIGNED_IN, throttle=WRITE),
    post("/instances/{id}/token/show", instances.show_token, State.RECENTLY_VERIFIED, throttle=WRITE),
    post("/instances/{id}/token/change", instances.change_token, State.RECENTLY_VERIFIED, throttle=WRITE),
]


DEMO_ROUTES = [*ROUTES, get("/styleguide", styleguide.show, State.ANYONE)]


def create_app(
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    token_bytes: Callable[[int], bytes] = system_token_bytes,
    argon2id: Argon2id | None = None,
    routes: list[BaseRoute] | None = None,
) -> ASGIApp:
    """The panel over one data folder; `now` and `token_bytes` are the only clock and randomness it knows.

    `argon2id` computes its hashes; unless one is given, in this process.
    """
    doors = ROUTES if routes is None else routes
    if undeclared := [route for route in doors if demand_of(route) is None]:
        raise TypeError(f"routes that do not say who may call them: {undeclared}")
    if unbudgeted := [route for route in doors if lacks_budget(route)]:
        raise TypeError(f"routes that reach costly work without a throttle: {unbudgeted}")
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
    """The panel, as every request finds it in its state, with what it does by itself."""
    try:
        async with open_panel(settings, now, token_bytes, argon2id=argon2id) as panel:
            housekeeping = asyncio.create_task(every_hour(panel))
            try:
                yield {"panel": panel}
            finally:
                housekeeping.cancel()
                await asyncio.wait([housekeeping])
    except StartRefused as refused:  # of a worker, whose exceptions nobody sees
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
