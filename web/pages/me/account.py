"""Minha conta: who somebody is here, and how the panel shows itself to them."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import accounts, me
from web.audit.events import Event
from web.audit.record import record_event
from web.http import forms
from web.http.page import go, page
from web.visit.visit import SignedIn
from web.visit.visitor import SessionEnded, session_transaction
from web.words.zones import zone_name, zones, zones_at


async def show(visit: SignedIn) -> Response:
    profile, offered = await profile_of(visit), zones_at(visit.at)
    return page(
        visit,
        "me/show.html",
        profile=profile,
        zones=offered,
        is_offered=_is_offered(profile.zone),
        panel_zone=zone_name(visit.panel.settings.time_zone, visit.at),
    )


async def choose_zone(visit: SignedIn) -> Response:
    """The time zone of every date that this person reads; "" leaves it to their browser."""
    account_id = visit.session.account_id
    zone = (await forms.read(visit, "zone"))["zone"]
    if not _is_offered(zone) and zone != (await profile_of(visit)).zone:
        raise HTTPException(422)
    async with session_transaction(visit) as tx:
        await accounts.set_zone(tx, account_id, zone)
        await record_event(tx, visit, account_id, Event.ACCOUNT_ZONE_CHANGED, zone)
    return go(visit, "/me")


def _is_offered(zone: str) -> bool:
    return not zone or any(zone in names for names in zones().values())


async def profile_of(visit: SignedIn) -> me.Profile:
    profile = await me.profile(visit.panel.db, visit.session.account_id)
    if profile is None:
        raise SessionEnded
    return profile
