"""Convidar: an account for somebody, who alone chooses its password."""

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import accounts, people
from web.auth.people import NameRefusal, create, read_name
from web.guards import step_up
from web.http import forms
from web.http.page import page
from web.http.refusals import name_sentence
from web.pages.admin.people.first import own_factor_first
from web.pages.admin.people.link import Link, link_to
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import administrator_transaction

ROLES = ("member", "admin")


async def form(visit: SignedIn) -> Response:
    return own_factor_first(visit) or _form(visit, forms.typed_before(visit).get("name", ""))


async def invite(visit: RecentlyVerified) -> Response:
    """The link is in this answer alone. Whoever shall administer the panel is invited only with every factor, now."""
    typed = await forms.read(visit, "name", "role")
    if typed["role"] not in ROLES:
        raise HTTPException(422)
    is_admin = typed["role"] == "admin"
    if is_admin and not isinstance(visit, VerifiedNow):
        return await _ask(visit)
    name = read_name(typed["name"])
    async with administrator_transaction(visit) as tx:
        made = await create(tx, visit, name, is_admin=is_admin)
        account = await accounts.find(tx, name)
    if isinstance(made, NameRefusal) or account is None:
        error = name_sentence(made, name) if isinstance(made, NameRefusal) else ""
        return _form(visit, typed["name"], typed["role"], error=error, status=422)
    found = await people.one(visit.panel.db, account.id, at=visit.at, idle=visit.panel.settings.session_idle)
    if found is None:
        raise HTTPException(404)
    return _form(visit, link=await link_to(visit, found, made, way_on="/people"))


async def _ask(visit: RecentlyVerified) -> Response:
    """Every factor, with this very request."""
    answer = await step_up.demand(visit, within=timedelta(0))
    if not isinstance(answer, Response):
        raise HTTPException(403)  # a proof would have been judged at the door
    return answer


def _form(
    visit: SignedIn,
    name: str = "",
    role: str = "member",
    *,
    error: str = "",
    link: Link | None = None,
    status: int = 200,
) -> Response:
    return page(
        visit,
        "people/invite.html",
        block="card",
        retarget="#invitation",
        status=status,
        name=name,
        role=role,
        error=error,
        link=link,
    )
