"""Giving and changing the tokens of instances."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from web.auth.instances import disclose_token, replace_paused, replace_token
from web.http import forms
from web.http.page import is_partial
from web.pages.instances.listing import Said, own, row_of, show
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import session_transaction


async def show_token(visit: RecentlyVerified) -> Response:
    return await _give_token(visit, "shown")


async def copy_token(visit: RecentlyVerified) -> Response:
    """For the script to copy; without one there is nothing that copies, so it is shown."""
    return await _give_token(visit, "copied" if is_partial(visit) else "shown")


async def _give_token(visit: RecentlyVerified, mode: str) -> Response:
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        instance = await own(visit, tx)
        token = await disclose_token(tx, visit, instance.id, owner=visit.session.account_id)
    row = row_of(instance)
    return await show(visit, row=row if token is None else row._replace(mode=mode, token=token))


async def change_token_form(visit: SignedIn) -> Response:
    return await show(visit, row=row_of(await own(visit))._replace(mode="changing"))


async def change_token(visit: RecentlyVerified) -> Response:
    """A new token, shown at once so that it can be copied to where it is used; the old one is dead.

    A page that is about a token of before (`versao`) is told that there is another by now, and asks again.
    """
    seen = (await forms.read(visit, optional=("versao",)))["versao"]
    async with session_transaction(visit) as tx:
        instance = await own(visit, tx)
        before = row_of(instance)
        if seen and seen != before.version:
            return await show(visit, row=before._replace(mode="stale"), status=422)
        token = await replace_token(tx, visit, instance, owner=visit.session.account_id)
        if token is None:
            raise HTTPException(404)
        row = row_of(await own(visit, tx))._replace(mode="changed", token=token, was_paused=before.is_paused)
    return await show(visit, row=row)


async def change_paused_form(visit: SignedIn) -> Response:
    return await show(visit, Said(many="asked"))


async def change_paused(visit: RecentlyVerified) -> Response:
    """After a bad day: new tokens for all that are paused, told once, together."""
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        replaced = await replace_paused(tx, visit, owner=visit.session.account_id)
    changed = tuple(f"{instance.name}\t{instance.id}\t{token}" for instance, token in replaced)
    return await show(visit, Said(many="changed", changed=changed), place=0)
