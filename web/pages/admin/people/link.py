"""A code that lets somebody choose a password, as it is handed over: shown once, in the answer to the form."""

import asyncio
from datetime import datetime
from typing import NamedTuple

from db.people import Person
from web.crypto.budget import costly
from web.factors.totp import QrCode, qr_code
from web.runtime.running import outside_address
from web.visit.visit import SignedIn

draw_qr_code = costly(qr_code)


class Link(NamedTuple):
    name: str
    address: str
    qr: QrCode
    ends_at: datetime
    is_invitation: bool
    way_on: str


async def link_to(visit: SignedIn, person: Person, code: str, *, way_on: str) -> Link:
    """The code stands behind the #, which no browser sends: it is in no log, of a proxy neither."""
    address = f"{outside_address(visit.panel.settings)}/activate#{code}"
    qr = await asyncio.to_thread(draw_qr_code, address)
    is_invitation = person.activation_kind == "invitation"
    return Link(person.name, address, qr, person.activation_ends_at or visit.at, is_invitation, way_on)
