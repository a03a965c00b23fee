"""What happened to the account: written beside each change, shown to its owner."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from db import activity
from db.activity import Entry
from db.notices import Notice
from web.audit.events import MANY, WORDS, Event, NoticeKind, Section
from web.crypto.budget import costly
from web.http import forms
from web.http.page import address, page
from web.limits import (
    ACTIVITY_PAGE,
    EXPORT_STEP,
    PENDING_LOGIN_TTL,
)
from web.visit.visit import RecentlyVerified, SignedIn, Visit
from web.words.devices import device
from web.words.moments import day_heading
from web.words.zones import Zone, zone_name, zone_or, zone_told

PERIODS = {"": "Desde sempre", "7": "Últimos 7 dias", "30": "Últimos 30 dias"}
CHOICE = ("tipo", "periodo", "de", "ate", "fuso")
COLUMNS = ("o que aconteceu", "detalhe", "rede", "dispositivo")
# The page tells which instance, and who did what to whom.
DETAILED = frozenset(event.value for event in Event if event.startswith(("instance.", "people.")))
# The steps of the bad day that can be left out, as their titles there.
STEPS = {"password": "senha nova", "device": "aparelho novo", "codes": "códigos de recuperação novos"}


KINDS = {"falhas": ("O que falhou", tuple(event for event in Event if event.failure))}
KINDS |= {section.value: (section.label, section.events) for section in Section}
FAILED: frozenset[str] = frozenset(KINDS["falhas"][1])
FOLDED_FROM = 3  # alike lines in a row
FAILURES_FOLDED_FROM = 2
BEYOND = 20  # entries after those of a page, among which the password of its last login is looked for
# By the event or by its first word; what other versions know has a plain circle.
ICONS: dict[str, str] = {
    Event.ACCOUNT_ACTIVATED: "rectangle-ellipsis",
    Event.ACCOUNT_CREATED: "user-plus",
    Event.ACCOUNT_DOWNLOADED: "download",
    Event.ACCOUNT_LOCKED: "lock",
    Event.ACCOUNT_REOPENED: "key-round",
    Event.ACCOUNT_STEP_SKIPPED: "siren",
    Event.ACCOUNT_ZONE_CHANGED: "clock",
    Event.RECOVERY_REHEARSED: "circle-check",
    Event.INSTANCE_TOKEN_CHANGED: "key-round",
    Event.INSTANCE_TOKEN_SHOWN: "key-round",
    Event.SESSION_STARTED: "log-in",
    "alert": "siren",
    "cli": "monitor",
    "clock": "clock",
    "device": "monitor-smartphone",
    "instance": "boxes",
    "login": "rectangle-ellipsis",
    "notice": "info",
    "passkey": "key-round",
    "password": "rectangle-ellipsis",
    "people": "users",
    "policy": "users",
    "recovery": "scroll-text",
    "session": "monitor-smartphone",
    "stepup": "shield",
    "totp": "smartphone",
}
GOOD: frozenset[str] = frozenset(
    {Event.PASSKEY_ENABLED, Event.RECOVERY_REHEARSED, Event.SESSION_STARTED, Event.TOTP_ENABLED}
)
LOOK: frozenset[str] = frozenset(
    {Event.ALERT_BRUTE_FORCE, Event.NOTICE_NOT_MINE, Event.CLOCK_WENT_BACK, Event.CLI_RESTORE}
)
# What a notice is about, where that is a line. It follows its notice within a moment.
ABOUT: dict[str, tuple[str, ...]] = {
    NoticeKind.CODE_REPEATED: (Event.TOTP_REPEATED,),
    NoticeKind.FACTOR_CHANGED: tuple(event for event in Event if event.notice is NoticeKind.FACTOR_CHANGED),
    NoticeKind.MANY_FAILURES: (Event.SESSION_STARTED,),
    NoticeKind.NEW_DEVICE: (Event.SESSION_STARTED,),
    NoticeKind.PASSWORD_CHANGED: (Event.PASSWORD_CHANGED, Event.ACCOUNT_ACTIVATED),
    NoticeKind.PASSWORD_KNOWN: (Event.LOGIN_PASSWORD_OK, Event.ACCOUNT_ACTIVATED),
}
# What is recorded just before a step-up, by its event and detail: what was proved in it, or was wrong.
PROOFS: dict[tuple[str, str], tuple[str, ...]] = {
    (Event.STEPUP_OK, ""): (Event.TOTP_OK,),
    (Event.STEPUP_FAILED, "password"): (Event.LOGIN_PASSWORD_FAILED,),
    (Event.STEPUP_FAILED, "code"): (Event.TOTP_FAILED, Event.TOTP_REPEATED),
    (Event.STEPUP_FAILED, "recovery"): (Event.RECOVERY_FAILED,),
}
MOMENT = timedelta(minutes=1)
IN_SIGHT = 5  # entries


class Line(NamedTuple):
    """An entry as the page shows it, or several alike in a row."""

    at: datetime
    words: str
    tone: str  # "bad" for a failure
    icon: str
    network: str
    device: str
    detail: str  # of which instance, of a single one
    more: str  # what opens `each`
    each: list[tuple[datetime, str]]  # of several: when, and of which instance or why; of a login or step-up: its steps
    notice: Notice | None  # asks for an answer


class Chosen(NamedTuple):
    """Entries of one kind ("" for all) from a span of time."""

    kind: str
    since: datetime | None
    until: datetime | None
    zone: Zone  # of the dates that were typed, and of an export
    asked: dict[str, str]  # what a link or a form says to choose the same
    errors: dict[str, str]  # a sentence for each date that is none

    @property
    def is_all(self) -> bool:
        return not (self.kind or self.since or self.until)

    def address(self, **changes: str) -> str:
        """Of the page with the same choice, but for some `changes`."""
        return address("/activity", self.asked | changes)


async def list_page(visit: SignedIn) -> Response:
    """The person's own entries, newest first, of one kind and period if they choose; `antes` pages back."""
    before = visit.request.query_params.get("antes", "")
    is_id = before.isascii() and before.isdigit() and len(before) < 16
    return await _list(visit, _choose(visit, visit.request.query_params), before=int(before) if is_id else None)


async def _list(visit: SignedIn, chosen: Chosen, *, before: int | None = None) -> Response:
    entries = [] if chosen.errors else await _page(visit, chosen, before)
    asking = _asking(visit.arrival.notices, entries[:IN_SIGHT])
    visit.arrival.notices = [one for one in visit.arrival.notices if one not in asking.values()]
    seen = entries[: ACTIVITY_PAGE + BEYOND]
    steps = _logins(seen, asking) | _step_ups(seen, asking)
    end = _page_end(entries, steps)
    return page(
        visit,
        "activity/list.html",
        status=422 if chosen.errors else 200,
        days=_by_day(entries[:end], steps, asking, visit.at, visit.zone),
        older=str(entries[end - 1].id) if len(entries) > end else "",
        is_older=before is not None,
        kinds={kind: label for kind, (label, _) in KINDS.items()},
        periods=PERIODS,
        chosen=chosen,
        chosen_zone=zone_told(chosen.zone, visit.at),
    )


async def _page(visit: SignedIn, chosen: Chosen, before: int | None) -> list[Entry]:
    """With some more than are shown, where there are more."""
    limit = ACTIVITY_PAGE + BEYOND + 1
    if not chosen.is_all:
        return await _entries(visit, chosen, before=before, limit=limit)
    return await activity.newest(visit.panel.db, visit.session.account_id, before=before, limit=limit)


def _asking(notices: list[Notice], entries: list[Entry]) -> dict[int, Notice]:
    """The newest notice by the entry that it is about: it then stands there, and not above the page.

    Further down nobody might see it.
    """
    if not notices:
        return {}
    notice = notices[0]
    place = notice.network, device(notice.user_agent)
    about = [
        one.id
        for one in entries
        if one.event in ABOUT.get(notice.kind, ()) and (one.network, device(one.user_agent)) == place
        if timedelta(0) <= one.at - notice.at < MOMENT
    ]
    return {about[-1]: notice} if about else {}


def _logins(entries: list[Entry], asking: dict[int, Notice]) -> dict[int, list[Entry]]:
    """By the id of a login what led to it: the right password before it, from the same place and browser, and the code
    that was accepted with it. A right password without a login after it is in none: it is a warning."""
    steps: dict[int, list[Entry]] = {}
    begun: dict[tuple[str, str], Entry] = {}  # the logins whose password stands further down
    for one in entries:
        place = one.network, one.user_agent
        login = begun.get(place)
        if one.event == Event.SESSION_STARTED:
            begun[place] = one
        elif login and one.event == Event.TOTP_OK and one.at == login.at:
            steps.setdefault(login.id, []).append(one)
        elif login and one.event == Event.LOGIN_PASSWORD_OK:
            if one.id not in asking and login.at - one.at <= PENDING_LOGIN_TTL:
                steps.setdefault(login.id, []).append(one)
            del begun[place]
    return steps


def _step_ups(entries: list[Entry], asking: dict[int, Notice]) -> dict[int, list[Entry]]:
    """By the id of a step-up the line before it from the same place, where that is its proof or what was wrong."""
    steps: dict[int, list[Entry]] = {}
    asked: dict[tuple[str, str], Entry] = {}  # the step-ups of which the line before is still to come
    for one in entries:
        place = one.network, one.user_agent
        step_up = asked.pop(place, None)
        if step_up and one.event in PROOFS[step_up.event, step_up.detail] and step_up.at - one.at < MOMENT:
            if one.id not in asking:
                steps[step_up.id] = [one]
        elif (one.event, one.detail) in PROOFS:
            asked[place] = one
    return steps


def _page_end(entries: list[Entry], steps: dict[int, list[Entry]]) -> int:
    """How many of them the page has: a few more, where else a login would be on it and its password on the next one."""
    position = {one.id: number for number, one in enumerate(entries)}
    end = min(ACTIVITY_PAGE, len(entries))
    for whole in sorted(steps, reverse=True):  # the newest first
        if position[whole] < end:
            end = max(end, position[steps[whole][-1].id] + 1)
    return end


def _by_day(
    entries: list[Entry], steps: dict[int, list[Entry]], asking: dict[int, Notice], now: datetime, zone: Zone
) -> list[tuple[tuple[str, str], list[Line]]]:
    """The days in words, each with its lines."""
    inside = {step.id for of_one in steps.values() for step in of_one}
    seen = [one for one in entries if one.id not in inside]
    days = [list(of_day) for _, of_day in groupby(seen, lambda one: one.at.astimezone(zone).date())]
    return [(day_heading(of_day[0].at, now, zone), _folded(of_day, steps, asking)) for of_day in days]


def _folded(entries: list[Entry], steps: dict[int, list[Entry]], asking: dict[int, Notice]) -> list[Line]:
    """Alike ones in a row, from one place, as one line; two are worth it if they failed, and what asks stands alone."""

    def likeness(one: Entry) -> tuple[str, str, str, bool]:
        return one.event, one.network, device(one.user_agent), one.id in asking

    parts: list[list[Entry]] = []
    for (event, *_), row in groupby(entries, likeness):
        alike = list(row)
        least = FAILURES_FOLDED_FROM if event in FAILED else FOLDED_FROM
        parts += [alike] if len(alike) >= least else [[one] for one in alike]
    return [_line(part, [steps.get(one.id, []) for one in part], asking.get(part[0].id)) for part in parts]


def _line(entries: list[Entry], steps: list[list[Entry]], notice: Notice | None) -> Line:
    first, count = entries[0], len(entries)
    words, tone, icon = _look(first.event)
    details = [_detail(entry) for entry in entries]
    each = [(step.at, WORDS[step.event]) for step in steps[0]]
    more, detail = "Ver os passos" if each else "", details[0]
    if count > 1:
        words = MANY[first.event].format(count) if first.event in MANY else f"{words} ({count} vezes)"
        more, detail = _all_of(words, count, is_failure=tone == "bad"), ""
        wrong = [WORDS[inside[0].event] if inside and tone == "bad" else "" for inside in steps]
        each = [(entry.at, said or why) for entry, said, why in zip(entries, details, wrong, strict=True)]
    if notice and tone != "bad":
        tone, icon = "look", "circle-dot"
    return Line(first.at, words, tone, icon, first.network, device(first.user_agent), detail, more, each, notice)


def _detail(entry: Entry) -> str:
    if entry.event == Event.ACCOUNT_STEP_SKIPPED:
        return STEPS.get(entry.detail, "")
    return entry.detail if entry.event in DETAILED else ""


def _all_of(words: str, count: int, *, is_failure: bool) -> str:
    """What opens `12 convites feitos`, or `Conta baixada (3 vezes)`."""
    if is_failure:
        return f"Ver as {count} tentativas"
    is_feminine = words.endswith(" vezes)") or words.split()[1].endswith(("as", "ões"))
    return f"Ver {'as' if is_feminine else 'os'} {count}"


@lru_cache(maxsize=256)
def _look(event: str) -> tuple[str, str, str]:
    """Words, tone and icon. An event that only other versions know is told by its name."""
    tone = "bad" if event in FAILED else "look" if event in LOOK else "good" if event in GOOD else ""
    icon = "circle-x" if tone == "bad" else ICONS.get(event) or ICONS.get(event.partition(".")[0], "circle")
    return WORDS.get(event, event), tone, icon


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
    typed = {name: asked.get(name, "").strip() for name in CHOICE}
    known: dict[str, Mapping[str, object]] = {
        "tipo": KINDS,
        "periodo": {} if typed["de"] or typed["ate"] else PERIODS,
    }
    typed |= {name: typed[name] if typed[name] in choices else "" for name, choices in known.items()}
    told = zone_or(typed["fuso"], None)
    typed["fuso"], zone = (typed["fuso"], told) if told else ("", visit.zone)
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
        events=KINDS[chosen.kind][1] if chosen.kind else None,
        since=chosen.since,
        until=chosen.until,
        before=before,
        limit=limit,
    )
