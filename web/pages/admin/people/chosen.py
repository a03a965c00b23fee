"""Several people at once: first who they are and what is about to be done, then the deed."""

import re
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import people
from db.database import Transaction
from db.people import Person
from web.auth.delayed_acts import carry_out_first
from web.auth.people import PersonRefusal, end_sessions, find, remind, require_two_factor
from web.http import forms
from web.http.page import go, page
from web.limits import PEOPLE_PAGE
from web.pages.admin.people.first import own_factor_first
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import administrator_transaction

DELAYS = {"0": "Agora mesmo", "7": "Daqui a 7 dias", "14": "Daqui a 14 dias", "30": "Daqui a 30 dias"}
USUAL_DELAY = "14"
# What can be done with several, and what the list says of it afterwards.
ACTS = {"remind": "lembrar", "require": "exigir", "end": "encerrar"}


async def form(visit: SignedIn) -> Response:
    """Who they are (`p`, as the boxes of the list send them), and what will be done (`ato`)."""
    if refused := own_factor_first(visit):
        return refused
    query = visit.request.query_params
    act = query.get("ato", "")
    return await _form(visit, _ids(",".join(query.getlist("p"))), act if act in ACTS else "remind")


async def act(visit: RecentlyVerified) -> Response:
    """Whoever is gone meanwhile, and whoever acts, is left out."""
    typed = await forms.read(visit, "people", "act", optional=("days",))
    chosen, wanted, days = _ids(typed["people"]), typed["act"], typed["days"] or USUAL_DELAY
    if not chosen or wanted not in ACTS or days not in DELAYS:
        raise HTTPException(422)
    async with administrator_transaction(visit) as tx:
        for account_id in chosen:
            await _act(tx, visit, account_id, wanted, int(days))
    return go(visit, f"/people?feito={ACTS[wanted]}")


async def _act(tx: Transaction, visit: SignedIn, account_id: int, wanted: str, days: int) -> None:
    await carry_out_first(tx, visit, account_id)
    person = await find(tx, visit, account_id)
    if isinstance(person, PersonRefusal) or person.is_disabled:
        return
    if wanted == "end":
        await end_sessions(tx, visit, person)
    elif wanted == "require":
        await require_two_factor(tx, visit, person, at=visit.at + timedelta(days=days))
    else:
        await remind(tx, visit, person)


def _ids(text: str) -> tuple[int, ...]:
    """As many as a page of the list has; none where the text is anything else."""
    if not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text, re.ASCII):
        return ()
    ids = tuple(dict.fromkeys(int(one) for one in text.split(",")))
    return ids if len(ids) <= PEOPLE_PAGE else ()


async def _form(visit: SignedIn, ids: tuple[int, ...], wanted: str) -> Response:
    panel, found = visit.panel, list[Person]()
    if ids:
        found = await people.chosen(panel.db, ids, at=visit.at, idle=panel.settings.session_idle)
    others = [one for one in found if one.id != visit.session.account_id]
    return page(
        visit,
        "people/chosen.html",
        people=others,
        is_among_them=len(others) < len(found),
        lacking=[one for one in others if not one.has_two_factor],
        act=wanted,
        delays=DELAYS,
        chosen=USUAL_DELAY,
    )
