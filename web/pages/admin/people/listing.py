"""Pessoas: who has an account, who is protected, and who waits for what."""

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from db import people, policy
from db.people import Counts, Filter
from web.http.page import page
from web.limits import PEOPLE_PAGE
from web.pages.admin.people.first import own_factor_first
from web.visit.visit import SignedIn
from web.words.characters import trim

FILTERS = {
    "": (Filter.EVERYBODY, "Todas"),
    "sem-fator": (Filter.UNPROTECTED, "Sem segundo fator"),
    "convites": (Filter.INVITED, "Convites abertos"),
    "desativadas": (Filter.DISABLED, "Desativadas"),
}
# What was done with several people, as the address says it.
DONE = {
    "encerrar": "As sessões das pessoas escolhidas foram encerradas.",
    "exigir": "Os dois fatores ficam exigidos das pessoas escolhidas.",
    "lembrar": "Quem ainda não tem dois fatores vê um aviso na próxima página.",
}


class Asked(NamedTuple):
    """Which part of the list is wanted: of these people, those with this in their name, from behind this name on."""

    filter: str = ""
    wanted: str = ""
    after: str = ""

    @property
    def address(self) -> str:
        query = {"filtro": self.filter, "busca": self.wanted, "depois": self.after}
        said = urlencode({name: value for name, value in query.items() if value})
        return f"/people?{said}" if said else "/people"

    def only(self, filter: str) -> str:
        return Asked(filter).address

    def beyond(self, name: str) -> str:
        return self._replace(after=name).address

    @property
    def first(self) -> str:
        return self._replace(after="").address


async def list_page(visit: SignedIn) -> Response:
    """A page of all, or of a filter (`filtro`), or of those with what is looked for in their name (`busca`)."""
    if refused := own_factor_first(visit):
        return refused
    panel, asked = visit.panel, _asked(visit)
    found = await people.page_of(
        panel.db,
        FILTERS[asked.filter][0],
        search=asked.wanted,
        after=asked.after,
        at=visit.at,
        idle=panel.settings.session_idle,
        limit=PEOPLE_PAGE + 1,
    )
    counts = await people.counts(panel.db)
    return page(
        visit,
        "people/list.html",
        block="rows",
        retarget="#rows",
        asked=asked,
        rows=found[:PEOPLE_PAGE],
        after=found[PEOPLE_PAGE - 1].name if len(found) > PEOPLE_PAGE else "",
        page_size=PEOPLE_PAGE,
        said=_said(counts),
        filters=[(value, label, _number(_counted(counts)[kind])) for value, (kind, label) in FILTERS.items()],
        required_at=(await policy.get(panel.db)).two_factor_required_at,
        done=DONE.get(visit.request.query_params.get("feito", ""), ""),
    )


def _asked(visit: SignedIn) -> Asked:
    """As the address says; a filter that there is not is none."""
    query = visit.request.query_params
    filter = query.get("filtro", "")
    return Asked(filter if filter in FILTERS else "", trim(query.get("busca", "")).lower(), query.get("depois", ""))


def _said(counts: Counts) -> dict[str, str]:
    """How many are protected, and what about the others."""
    lacking, many = counts.unprotected, "protegida" if counts.protected == 1 else "protegidas"
    return {
        "protected": f"{_number(counts.protected)} de {_number(counts.all)} {many}.",
        "others": f"{_number(lacking)} ainda sem segundo fator." if lacking else "Ninguém está sem segundo fator.",
    }


def _counted(counts: Counts) -> dict[Filter, int]:
    return {
        Filter.EVERYBODY: counts.all,
        Filter.UNPROTECTED: counts.unprotected,
        Filter.INVITED: counts.invited,
        Filter.DISABLED: counts.disabled,
    }


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")
