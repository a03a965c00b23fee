"""Who is here (the session or the half-login that a request's cookies stand for), and from where."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from starlette.requests import Request

from db import half_logins, notices, sessions
from db.database import Reader, Transaction
from db.sessions import Session
from web import cookies, hosts
from web.cookies import Cookie
from web.limits import AUTH_TIMES_48, AUTH_TIMES_56, ENROL_ONLY_TTL, USER_AGENT_MAX
from web.panel import Panel


class SessionEnded(Exception):
    """The session was ended, from elsewhere, while it was doing something; the door sends it to the login."""


async def find_session(db: Reader, panel: Panel, token: bytes) -> Session | None:
    return await sessions.find(db, token, at=panel.now(), idle=panel.settings.session_idle, enrol=ENROL_ONLY_TTL)


async def identify(request: Request) -> None:
    """Set request.state.session and .half_login; None for nobody."""
    panel, at = Panel.of(request), Panel.of(request).now()
    request.state.session = request.state.half_login = None
    request.state.notices = []
    if token := cookies.jar_of(request).read(Cookie.SESSION):
        request.state.session = session = await find_session(panel.db, panel, token)
        if session:
            cookies.jar_of(request).owe_under_new_name(Cookie.SESSION)
        if session and session.has_notices and not session.enrols_only:
            pending = notices.pending(panel.db, session.account_id, session_id=session.id, at=at)
            request.state.notices = await pending
    if token := cookies.jar_of(request).read(Cookie.HALF_LOGIN):
        request.state.half_login = await half_logins.find(panel.db, token, at=at)
        if request.state.half_login:
            cookies.jar_of(request).owe_under_new_name(Cookie.HALF_LOGIN)


@asynccontextmanager
async def acting(request: Request) -> AsyncIterator[Transaction]:
    """A transaction in which somebody signed in does something.

    Raises SessionEnded, before anything is done, when the session is over or its cookie another one by now.
    """
    panel = Panel.of(request)
    async with panel.db.transaction() as tx:
        if await find_session(tx, panel, request.state.session.digest) is None:
            raise SessionEnded
        yield tx


def network(request: Request) -> str:
    """The address a person came from; of IPv6 the /64, which is the least that one household has."""
    return next(iter(networks(request)))


def networks(request: Request) -> dict[str, int]:
    """That, and of IPv6 the /56 and the /48 around it, which one household may have too: each with how many times
    the numbers for one network it is allowed."""
    return networks_of(request.client.host if request.client else "")


@lru_cache(maxsize=1024)
def networks_of(host: str) -> dict[str, int]:
    address = hosts.address(host)
    if address is None:
        return {host[:64]: 1}
    if address.version == 4:
        return {str(address): 1}
    sizes = ((64, 1), (56, AUTH_TIMES_56), (48, AUTH_TIMES_48))
    return {str(ipaddress.ip_network((address, bits), strict=False)): times for bits, times in sizes}


def user_agent(request: Request) -> str:
    return request.headers.get("user-agent", "")[:USER_AGENT_MAX]
