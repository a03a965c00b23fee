"""Who is here, from where and when: what every handler and service is given in place of a request.

The type of a visit tells what the door checked: behind a door that demands a session, the visit has one.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

from starlette.requests import Request

from db.delayed_acts import DelayedAct
from db.notices import Notice
from db.pending_logins import PendingLogin
from db.sessions import Session
from db.trusted_devices import Trust
from web import hosts
from web.panel import Panel
from web.visit.cookies import Jar
from web.words.zones import Zone, zone_or


class Place(NamedTuple):
    """What a request is counted under, and how many times the usual number is allowed there."""

    key: bytes
    times: int = 1
    is_waited_for: bool = True  # whether the request has to wait when the number is reached


def section_of(path: str) -> str:
    return "/" + path.lstrip("/").partition("/")[0]


class Entry(Enum):
    """A way to sign in, by what names the account that is tried. A session gives no advantage there."""

    NAME = auto()  # what was typed
    PASSKEY = auto()  # whose it is
    PENDING_LOGIN = auto()
    CODE = auto()  # of set-up or activation: the account has no owner yet


@dataclass(repr=False)
class Arrival:
    """What is known of one request so far. All `Visit` objects of the request, of any type, share it."""

    panel: Panel
    path: str
    address: str  # the visitor's, as far as trusted proxies tell it
    user_agent: str
    jar: Jar
    at: datetime
    section: str  # the entry of the navigation that it stands under, unless its route names another
    request: Request | None = None  # none at the terminal
    is_exposed: bool = False  # over plain HTTP, which others can read
    entry: Entry | None = None
    purpose: str = ""  # what "Confirme que é você" is asked for
    has_typed_password: bool = False  # to confirm who it is: the right one, with this very request
    is_identified: bool = False
    session: Session | None = None
    pending_login: PendingLogin | None = None
    notices: list[Notice] = field(default_factory=list)
    greeting: Notice | None = None  # that the page tells, once
    recovery_left: int | None = None  # codes that are left, where one was used and the owner has not acknowledged it
    delayed_acts: list[DelayedAct] = field(default_factory=list)  # that were begun with the session's account
    trusts: list[Trust] | None = None  # who trusts this browser; None before it was asked
    form: dict[str, str] | None = None  # None before it was read
    charged: dict[str, list[Place]] = field(default_factory=dict)  # by the name of the throttle
    turn: AsyncExitStack = field(default_factory=AsyncExitStack)  # what the request holds until it is answered

    @cached_property
    def networks(self) -> dict[str, int]:
        """The network of the address and those around it, each with how many times the usual numbers it is allowed."""
        return hosts.networks(self.address)

    @cached_property
    def request_id(self) -> str:
        """Names the request in its lines of the log and on its error page."""
        return self.panel.token_bytes(8).hex()


class Visit:
    """A visit by anybody, known or not, in a browser or at the terminal of the server."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival

    @property
    def request(self) -> Request:
        """For pages: services never use it. Raises TypeError for a visit at the terminal."""
        if self.arrival.request is None:
            raise TypeError("nobody asked over HTTP")
        return self.arrival.request

    @property
    def panel(self) -> Panel:
        return self.arrival.panel

    @property
    def at(self) -> datetime:
        """When the whole request had come in. After a wait, ask the panel's clock instead."""
        return self.arrival.at

    @property
    def path(self) -> str:
        return self.arrival.path

    @property
    def jar(self) -> Jar:
        return self.arrival.jar

    @property
    def session(self) -> Session | None:
        return self.arrival.session

    @property
    def pending_login(self) -> PendingLogin | None:
        return self.arrival.pending_login

    @property
    def own_zone(self) -> Zone:
        """The time zone that whoever is signed in chose for dates; None while their browser says it."""
        chosen = self.session.zone if self.session else ""
        return zone_or(chosen, None) if chosen else None

    @property
    def zone(self) -> Zone:
        """Of the moments that this visitor reads."""
        return self.own_zone or self.panel.settings.time_zone

    @property
    def network(self) -> str:
        """The address a person came from; of IPv6 the /64, which is the least that one household has."""
        return next(iter(self.networks))

    @property
    def networks(self) -> dict[str, int]:
        """That network and those around it, each with how many times the usual numbers it is allowed."""
        return self.arrival.networks

    @property
    def user_agent(self) -> str:
        return self.arrival.user_agent


class Pending(Visit):
    """After a right password, while the second factor is still missing."""

    @property
    def pending_login(self) -> PendingLogin:
        if self.arrival.pending_login is None:
            raise TypeError("no login is pending")
        return self.arrival.pending_login


class SignedIn(Visit):
    @property
    def session(self) -> Session:
        if self.arrival.session is None:
            raise TypeError("nobody is signed in")
        return self.arrival.session


class RecentlyVerified(SignedIn):
    """Every enrolled factor was proved within five minutes."""


class VerifiedNow(RecentlyVerified):
    """Every enrolled factor was proved with this very request."""
