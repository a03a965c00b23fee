"""Avisos: what somebody did with the account, told on every page until the owner says it was them, or was not."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import notices
from web.audit.events import Event
from web.audit.record import record_event
from web.http import forms
from web.http.page import go
from web.http.redirects import page_or_above
from web.visit.visit import SignedIn
from web.visit.visitor import session_transaction


async def mine(visit: SignedIn) -> Response:
    """Fui eu: the notice is done with."""
    back = (await forms.read(visit, optional=("back",)))["back"]
    await _acknowledge(visit, Event.NOTICE_MINE)
    return go(visit, f"{page_or_above(visit, back)}#notices-open")  # browsers open the list that holds the place


async def not_mine(visit: SignedIn) -> Response:
    """Não fui eu: on to what to do on a bad day."""
    await forms.read(visit)
    await _acknowledge(visit, Event.NOTICE_NOT_MINE, is_done_well=True)  # pressed twice: the way on is the same
    return go(visit, "/security/bad-day")


async def _acknowledge(visit: SignedIn, event: Event, *, is_done_well: bool = False) -> None:
    """Raises HTTPException for what this session is not told of and, unless that `is_done_well`, is done with."""
    session, owner = visit.session, visit.session.account_id
    id: int = visit.request.path_params["id"]
    if id.bit_length() > 63:  # no row can have it, and SQLite would not take it
        raise HTTPException(404)
    async with session_transaction(visit) as tx:
        if await notices.acknowledge(tx, id, owner=owner, session_id=session.id, at=visit.at):
            await record_event(tx, visit, owner, event)
        elif not (is_done_well and await notices.is_done(tx, id, owner=owner, session_id=session.id)):
            raise HTTPException(404)
