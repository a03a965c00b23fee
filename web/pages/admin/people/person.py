"""One person, as administrators see them, and what they do with the account."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import delayed_acts, people
from db.accounts import Account
from db.database import Transaction
from db.delayed_acts import DelayedAct, Kind
from db.people import Person
from web.auth import roles
from web.auth.delayed_acts import carry_out_first, link_password, reset_two_factor, stop
from web.auth.people import PersonRefusal, find, has_tries, release_two_factor
from web.auth.people import end_sessions as end_sessions_of
from web.auth.people import renew_invitation as renew
from web.auth.people import revoke_invitation as revoke
from web.auth.people import unlock as forgive
from web.http import forms
from web.http.page import go, is_partial, page
from web.http.refusals import person_sentence
from web.limits import REASON_MAX, REASON_MIN, RESET_DELAYS
from web.pages.admin.people.first import own_factor_first
from web.pages.admin.people.link import Link, link_to
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow, Visit
from web.visit.visitor import administrator_transaction

Act = Callable[[Transaction, SignedIn, int], Awaitable[PersonRefusal | None]]

# What was done, as the address says it to a browser without script.
DONE = {
    "sessoes": "As sessões foram encerradas.",
    "liberada": "As esperas foram apagadas: a pessoa pode tentar de novo agora.",
    "dispensada": "Os dois fatores não são mais exigidos só desta pessoa. A regra de todos continua como está.",
    "zerada": "Os dois fatores foram zerados. A pessoa entra com a senha e vê o motivo.",
    "marcada": "Está marcado. Até lá, a pessoa vê o pedido e pode impedi-lo.",
    "espera": (
        "Um link de senha e zerar os dois fatores da mesma pessoa, em menos de três dias: o segundo espera 24 horas, e "
        "quem administra o painel foi avisado."
    ),
    "impedida": "O que estava marcado não acontece mais.",
    "promovida": "Agora a pessoa administra o painel. Ela entra de novo, e precisa dos dois fatores para decidir.",
    "rebaixada": "A pessoa não administra mais o painel.",
    "desativada": "A conta está desativada. Nada foi apagado.",
    "reativada": "A conta está ativa de novo. As instâncias continuam pausadas.",
    "revogado": "O convite não vale mais.",
}
AT_ONCE = "0"
DELAYS = {AT_ONCE: "Agora"} | {
    str(delay // timedelta(hours=1)): f"Daqui a {delay // timedelta(hours=1)} hora{'s' * (delay > timedelta(hours=1))}"
    for delay in RESET_DELAYS
}
USUAL_DELAY = "24"


async def show(visit: SignedIn) -> Response:
    if refused := own_factor_first(visit):
        return refused
    return await _show(visit, done=DONE.get(visit.request.query_params.get("feito", ""), ""))


async def make_link(visit: VerifiedNow) -> Response:
    """A code for another password, shown once; after a reset of the second factor it has to wait."""
    await forms.read(visit)
    async with _transaction(visit) as tx:
        made = await link_password(tx, visit, _id(visit))
    if isinstance(made, str):
        return await _show(visit, link=await _link(visit, made))
    return await _answer(visit, made if isinstance(made, PersonRefusal) else None, "espera")


async def renew_invitation(visit: VerifiedNow) -> Response:
    await forms.read(visit)
    async with administrator_transaction(visit) as tx:
        made = await renew(tx, visit, _id(visit))
    if isinstance(made, str):
        return await _show(visit, link=await _link(visit, made))
    return await _answer(visit, made)


async def _link(visit: SignedIn, code: str) -> Link:
    return await link_to(visit, await _person(visit), code, way_on=f"/people/{_id(visit)}")


async def reset_factor(visit: VerifiedNow) -> Response:
    """Nobody chooses another's factor: it is gone, at once or later, and the reason is told to the person."""
    typed = await forms.read(visit, "reason", "hours")
    if typed["hours"] not in DELAYS:
        raise HTTPException(422)
    delay = timedelta(hours=int(typed["hours"]))
    async with _transaction(visit) as tx:
        begun = await reset_two_factor(tx, visit, _id(visit), typed["reason"], delay=delay)
    if begun in (PersonRefusal.SHORT_REASON, PersonRefusal.LONG_REASON):
        return await _show(visit, errors={"reason": person_sentence(begun)}, typed=typed, status=422)
    if isinstance(begun, PersonRefusal):
        return await _answer(visit, begun)
    return await _answer(visit, None, _when(begun, delay))


def _when(begun: DelayedAct | None, delay: timedelta) -> str:
    if begun is None:
        return "zerada"
    return "marcada" if begun.due_at - begun.made_at <= delay else "espera"


async def keep_factor(visit: RecentlyVerified) -> Response:
    """Stop what was begun and is not done."""
    kind = (await forms.read(visit, "kind"))["kind"]
    if kind not in list(Kind):
        raise HTTPException(422)
    async with administrator_transaction(visit) as tx:
        person = await find(tx, visit, _id(visit))
        if not isinstance(person, PersonRefusal):  # of one's own account, Impedir asks for a code
            await stop(tx, visit, person.id, Kind(kind))  # or it was stopped already, which is the same
    return await _answer(visit, person if isinstance(person, PersonRefusal) else None, "impedida")


async def end_sessions(visit: RecentlyVerified) -> Response:
    return await _do(visit, _on_person(end_sessions_of), "sessoes")


async def unlock(visit: VerifiedNow) -> Response:
    return await _do(visit, _on_person(forgive), "liberada")


async def release(visit: VerifiedNow) -> Response:
    return await _do(visit, _on_person(release_two_factor), "dispensada")


def _on_person(act: Callable[[Transaction, Visit, Account], Awaitable[object]]) -> Act:
    """The same act, by the id of the account; refused where nobody may act on it."""

    async def by_id(tx: Transaction, visit: SignedIn, account_id: int) -> PersonRefusal | None:
        person = await find(tx, visit, account_id)
        if isinstance(person, PersonRefusal):
            return person
        await act(tx, visit, person)
        return None

    return by_id


async def revoke_invitation(visit: RecentlyVerified) -> Response:
    return await _do(visit, revoke, "revogado")


async def promote(visit: VerifiedNow) -> Response:
    return await _do(visit, roles.promote, "promovida")


async def demote(visit: VerifiedNow) -> Response:
    return await _do(visit, roles.demote, "rebaixada")


async def disable(visit: VerifiedNow) -> Response:
    return await _do(visit, roles.disable, "desativada")


async def enable(visit: VerifiedNow) -> Response:
    return await _do(visit, roles.enable, "reativada")


async def _do(visit: SignedIn, act: Act, done: str) -> Response:
    await forms.read(visit)
    async with _transaction(visit) as tx:
        refused = await act(tx, visit, _id(visit))
    return await _answer(visit, refused, done)


@asynccontextmanager
async def _transaction(visit: SignedIn) -> AsyncIterator[Transaction]:
    """For an act on the person, who is by then what the page says."""
    async with administrator_transaction(visit) as tx:
        await carry_out_first(tx, visit, _id(visit))
        yield tx


async def _answer(visit: SignedIn, refused: PersonRefusal | None, done: str = "") -> Response:
    """The person's page, with why nothing was done or with what was."""
    if refused:
        return await _show(visit, problem=person_sentence(refused), status=422)
    if is_partial(visit):
        return await _show(visit, done=DONE[done])
    return go(visit, f"/people/{_id(visit)}?feito={done}")


def _id(visit: SignedIn) -> int:
    account_id: int = visit.request.path_params["id"]
    if account_id.bit_length() > 63:  # no row can have it, and SQLite would not take it
        raise HTTPException(404)
    return account_id


async def _show(
    visit: SignedIn,
    *,
    done: str = "",
    problem: str = "",
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    link: Link | None = None,
    status: int = 200,
) -> Response:
    person = await _person(visit)
    return page(
        visit,
        "people/person.html",
        block="card",
        retarget="#person",
        status=status,
        person=person,
        has_tries=await has_tries(visit, person),
        is_own=_id(visit) == visit.session.account_id,
        begun=await delayed_acts.about(visit.panel.db, _id(visit)),
        link=link,
        done=done,
        problem=problem,
        errors=errors or {},
        typed=typed or {"reason": "", "hours": USUAL_DELAY},
        delays=DELAYS,
        reason_min=REASON_MIN,
        reason_max=REASON_MAX,
    )


async def _person(visit: SignedIn) -> Person:
    """404 where there is no such account."""
    panel = visit.panel
    found = await people.one(panel.db, _id(visit), at=visit.at, idle=panel.settings.session_idle)
    if found is None:
        raise HTTPException(404)
    return found
