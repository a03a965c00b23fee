"""What happened to the account: written beside each change, shown to its owner."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from db import activity, rates
from db.activity import Entry
from db.database import Transaction
from db.rates import Rate
from web.audit import log
from web.audit.events import SECTIONS, WORDS, Event, Failure, Section
from web.audit.notices import tell
from web.crypto.budget import costly
from web.http import forms
from web.http.page import device, page
from web.limits import (
    ACTIVITY_PAGE,
    BRUTE_FORCE,
    EXPORT_STEP,
    LOGGED_MAX,
    STRANGERS_COUNTED,
    STRANGERS_NOTED,
    STRANGERS_NOTED_IN_ALL,
)
from web.visit.visit import RecentlyVerified, SignedIn, Visit
from web.words.moments import Zone, zone_name, zone_or

PERIODS = {"": "Desde sempre", "7": "Últimos 7 dias", "30": "Últimos 30 dias"}
CHOICE = ("tipo", "periodo", "de", "ate", "fuso")
COLUMNS = ("o que aconteceu", "detalhe", "rede", "dispositivo")


@dataclass(frozen=True)
class Chosen:
    """Entries of one kind ("" for all) from a span of time."""

    kind: str
    since: datetime | None
    until: datetime | None
    zone: Zone  # of the dates that were typed, and of an export
    asked: dict[str, str]  # what a link or a form says to choose the same
    errors: dict[str, str]  # a sentence for each date that is none

    def address(self, **changes: str) -> str:
        """Of the page with the same choice, but for some `changes`."""
        asked = {name: text for name, text in (self.asked | changes).items() if text}
        return f"/activity?{urlencode(asked)}" if asked else "/activity"


async def list_page(visit: SignedIn) -> Response:
    """The person's own entries, newest first, of one kind and period if they choose; `antes` pages back."""
    before = visit.request.query_params.get("antes", "")
    is_id = before.isascii() and before.isdigit() and len(before) < 16
    return await _list(visit, _choose(visit, visit.request.query_params), before=int(before) if is_id else None)


async def _list(visit: SignedIn, chosen: Chosen, *, before: int | None = None) -> Response:
    entries = [] if chosen.errors else await _entries(visit, chosen, before=before, limit=ACTIVITY_PAGE + 1)
    return page(
        visit,
        "activity/list.html",
        status=422 if chosen.errors else 200,
        entries=entries[:ACTIVITY_PAGE],
        older=str(entries[ACTIVITY_PAGE - 1].id) if len(entries) > ACTIVITY_PAGE else "",
        words=WORDS,
        kinds=Section,
        detailed=Section.INSTANCES.events,
        periods=PERIODS,
        chosen=chosen,
        chosen_zone=zone_name(chosen.zone, visit.at),
    )


first_broken = costly(activity.first_broken)


async def verify(visit: SignedIn) -> Response:
    """Whether anything that was ever noted in this panel was changed since."""
    await forms.read(visit)
    broken = await first_broken(visit.panel.db)
    return page(visit, "activity/verified.html", block="answer", retarget="#verified", broken=broken)


async def export(visit: RecentlyVerified) -> Response:
    """The chosen entries as CSV, as spreadsheets in Brazil take it: sent as they are read, however many there are."""
    chosen = _choose(visit, await forms.read(visit, optional=CHOICE))
    if chosen.errors:
        return await _list(visit, chosen)
    headers = {"Content-Disposition": 'attachment; filename="atividade.csv"'}
    return StreamingResponse(_csv(visit, chosen), media_type="text/csv; charset=utf-8", headers=headers)


@costly
async def _csv(visit: SignedIn, chosen: Chosen) -> AsyncIterator[str]:
    before, zone = None, chosen.zone
    head = f"quando ({zone_name(zone, visit.at)})"
    yield "\ufeff" + _lines([(head, *COLUMNS)])  # without this mark Excel takes it for another encoding
    while entries := await _entries(visit, chosen, before=before, limit=EXPORT_STEP):
        yield _lines(
            (
                f"{entry.at.astimezone(zone):%d/%m/%Y %H:%M:%S}",
                WORDS.get(entry.event, entry.event),
                entry.detail,
                entry.network,
                device(entry.user_agent),
            )
            for entry in entries
        )
        before = entries[-1].id


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """No spreadsheet takes it for a formula (ASVS V1.2.10), nor what stands behind a comma or a semicolon in it:
    a program set to another country divides the cell there."""
    return re.sub(r"(?<![^,;])(?=\s*[=+\-@＝＋－＠\t\r\n\0])", "'", cell)


def _choose(visit: Visit, asked: Mapping[str, str]) -> Chosen:
    """What is neither kind nor period is all; dates, both days included, go before a period."""
    panel = visit.panel
    typed = {name: asked.get(name, "").strip() for name in CHOICE}
    known: dict[str, Mapping[str, object]] = {
        "tipo": SECTIONS,
        "periodo": {} if typed["de"] or typed["ate"] else PERIODS,
    }
    typed |= {name: typed[name] if typed[name] in choices else "" for name, choices in known.items()}
    told = zone_or(typed["fuso"], None)
    typed["fuso"], zone = (typed["fuso"], told) if told else ("", panel.settings.time_zone)
    days, errors = _read_days(typed, zone)
    if typed["periodo"]:
        days["de"] = visit.at - timedelta(days=int(typed["periodo"]))
    return Chosen(typed["tipo"], days.get("de"), days.get("ate"), zone, typed, errors)


def _read_days(typed: dict[str, str], zone: Zone) -> tuple[dict[str, datetime], dict[str, str]]:
    """Where the first day begins and the last one ends; a sentence for each that cannot be. Spells `typed` anew."""
    days, errors = {}, {}
    for name, after in (("de", 0), ("ate", 1)):
        try:
            if typed[name]:
                chosen = _read_day(typed[name])
                days[name] = _begin(chosen + timedelta(days=after), zone)
                typed[name] = chosen.isoformat()
        except (ValueError, OverflowError, OSError):
            errors[name] = f"“{typed[name]}” não é uma data. Escreva dia, mês e ano, como 24/11/2026."
    if not errors and "de" in days and days["de"] >= days.get("ate", datetime.max.replace(tzinfo=UTC)):
        errors["ate"] = "Esta data vem antes da outra. Troque uma das duas."
    return days, errors


def _read_day(typed: str) -> date:
    """As browsers send a date, or as people write one; raises ValueError."""
    form = "%d/%m/%Y" if "/" in typed else "%Y-%m-%d"
    return datetime.strptime(typed, form).date()


def _begin(day: date, zone: Zone) -> datetime:
    """The first moment of a day; in the machine's own zone for None."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


async def _entries(visit: SignedIn, chosen: Chosen, *, before: int | None, limit: int) -> list[Entry]:
    return await activity.of_account(
        visit.panel.db,
        visit.session.account_id,
        events=SECTIONS[chosen.kind].events if chosen.kind else None,
        since=chosen.since,
        until=chosen.until,
        before=before,
        limit=limit,
    )


EVER = 2**62  # more than are counted in any span


async def note(
    tx: Transaction, visit: Visit, account_id: int | None, event: Event, detail: str = "", *, session_id: str = ""
) -> None:
    """Append what this request did, in the transaction that does it; by its own session unless told otherwise.

    With it goes the notice that it calls for. Of what nobody we know did in vain, much becomes few lines with
    numbers; the log has every one.
    """
    session = visit.session
    by = session_id or (session.id if session else None)
    if Failure.OF_FACTOR in event.failure:
        await _watch(tx, visit)
    tx.afterwards.append(lambda: log.happened(visit, event, account_id, by))
    if Failure.OF_STRANGERS in event.failure:
        folded = await _fold(tx, visit)  # counted for those we know too: time must not tell who that is
        if account_id is None and folded is None:
            return
        detail = folded or detail if account_id is None else detail
    await activity.record(
        tx,
        account_id,
        event,
        at=visit.panel.now(),  # lines stand in the order in which they were written
        session_id=by,
        network=visit.network,
        user_agent=visit.user_agent,
        detail=detail[:LOGGED_MAX],
    )
    if event.notice:
        await tell(tx, visit, account_id, event.notice, session_id=by)


async def _watch(tx: Transaction, visit: Visit) -> None:
    """Many failures, on whatever accounts and from wherever, are somebody guessing: administrators are told once."""
    at = visit.panel.now()
    if await rates.count_to(tx, "panel failure", b"", BRUTE_FORCE, at=at) == BRUTE_FORCE.most:
        await note(tx, visit, None, Event.ALERT_BRUTE_FORCE)


async def _fold(tx: Transaction, visit: Visit) -> str | None:
    """Count a failure, for its networks and for the whole panel: "" for one of the first in the hour, afterwards a
    number each time it has doubled, and in between None."""
    panel, span = visit.panel, STRANGERS_NOTED.span
    places = [
        ("stranger", panel.seal.tag("network", name), STRANGERS_NOTED.most * times)
        for name, times in visit.networks.items()
    ]
    beyond = []
    for kind, key, most in [*places, ("panel stranger", b"", STRANGERS_NOTED_IN_ALL.most)]:
        count = await rates.count_to(tx, kind, key, Rate(EVER, span), at=panel.now())
        beyond += [(count, most)] if count > most else []
    await rates.drop_beyond(tx, STRANGERS_COUNTED, spare=places[0][1])
    if not beyond:
        return ""
    count, most = beyond[-1]  # of the widest
    times, left = divmod(count, most)
    return f"{count} vezes em menos de uma hora" if not left and times.bit_count() == 1 else None
