"""Moments in words. Pages tell them in the panel's time zone and name it; the script says the reader's."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from web.words.zones import Zone, zone_name, zone_told

WEEKDAYS = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")


MONTHS = (
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
)


def _named(zone: Zone, at: datetime) -> str:
    name = zone_name(zone, at)
    return name if name.startswith("UTC") else f"horário de {name}"


def day(at: datetime, zone: Zone) -> str:
    return _date(at.astimezone(zone).date())


@lru_cache(maxsize=1024)
def _date(local: date) -> str:
    return f"{local.day}{'º' if local.day == 1 else ''} de {MONTHS[local.month - 1]} de {local.year}"


def day_heading(at: datetime, now: datetime, zone: Zone) -> tuple[str, str]:
    """A day as people say it, and what completes it: `Ontem`, `quinta, 26 de novembro`. The script says the same."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    ago, weekday = (today - local.date()).days, WEEKDAYS[local.weekday()]
    told = day(at, zone).removesuffix(f" de {today.year}")
    if ago in (0, 1):
        return ("Ontem" if ago else "Hoje"), f"{weekday}, {told}"
    return (weekday.capitalize(), told) if 0 < ago < 7 else (told, weekday)


def full(at: datetime, zone: Zone) -> str:
    """Day, time and zone."""
    local = at.astimezone(zone)
    return f"{_date(local.date())} às {local.hour:02}:{local.minute:02}, {_named(zone, at)}"


def _clock(at: datetime, zone: Zone) -> str:
    return f"{at.astimezone(zone):%H:%M} ({_named(zone, at)})"


def hour(at: datetime, zone: Zone) -> str:
    """As people say it: `8h41`."""
    local = at.astimezone(zone)
    return f"{local.hour}h{local.minute:02}"


def _minutes(at: datetime, zone: Zone) -> str:
    """Minutes and seconds: the same in nearly every time zone, wherever the server stands."""
    return f"{at.astimezone(zone):%M:%S}"


def ago(at: datetime, now: datetime, zone: Zone) -> str:
    seconds = int((now - at).total_seconds())
    if seconds < 60:
        return "há pouco"
    if seconds >= 30 * 86400:
        return f"em {day(at, zone)}"
    units = ((86400, "dia", "dias"), (3600, "hora", "horas"), (60, "minuto", "minutos"))
    size, one, many = next(unit for unit in units if seconds >= unit[0])
    return f"há {seconds // size} {one if seconds // size == 1 else many}"


def left(until: datetime, now: datetime) -> str:
    """How long until then: `faltam 14 dias`."""
    rest = span(until, now)
    return f"{'falta' if rest.startswith('1 ') else 'faltam'} {rest}"


def span(until: datetime, now: datetime) -> str:
    """How long until then, rounded up to one unit: `14 dias`."""
    seconds = max(1, int((until - now).total_seconds()))
    units = ((86400, "dia", "dias"), (3600, "hora", "horas"), (60, "minuto", "minutos"), (1, "segundo", "segundos"))
    size, one, many = next(unit for unit in units if seconds >= unit[0])
    count = -(-seconds // size)
    return f"{count} {one if count == 1 else many}"


NEAR = Markup('<time datetime="%s" title="%s">%s<span class="unseen">, %s</span></time>')  # `%` escapes
WORDS: dict[str, Callable[[datetime, Zone], str]] = {
    "day": day,
    "date": lambda at, zone: f"{at.astimezone(zone):%d/%m/%Y}",
    "full": full,
    "clock": _clock,
    "hour": hour,
    "short": lambda at, zone: f"{at.astimezone(zone):%d/%m}, {hour(at, zone)}",
    "minutes": _minutes,
}


def rendered(form: str, at: datetime, zone: Zone) -> Markup:
    """A moment in one of the forms that the script knows as well; the full date on hover."""
    minute, title, words = _told(form, at if form == "minutes" else at.replace(second=0, microsecond=0), zone)
    # Markup.format would take longer than all the rest of a line of the activity; the words are escaped.
    stamp = f"{minute}:{at.second:02}Z"
    return Markup(f'<time datetime="{stamp}" data-as="{form}" title="{title}">{words}</time>')  # noqa: S704


@lru_cache(maxsize=4096)
def _told(form: str, at: datetime, zone: Zone) -> tuple[str, Markup, Markup]:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}", escape(full(at, zone)), escape(WORDS[form](at, zone))


@lru_cache(maxsize=4096)
def _near(minute: datetime, zone: Zone, words: str) -> Markup:
    title = escape(full(minute, zone))
    return NEAR % (f"{minute.astimezone(UTC):%Y-%m-%dT%H:%MZ}", title, words, title)


@pass_context
def _as_moment(page: Context, at: datetime, now: datetime) -> Markup:
    """Near words on screen, the full date on hover and for screen readers: to the minute, so that moments of one
    minute are put into words once."""
    zone = page["zone"]
    return _near(at.replace(second=0, microsecond=0), zone, ago(at, now, zone))


def _as(form: str) -> Callable[[Context, datetime], Markup]:
    @pass_context
    def shown(page: Context, at: datetime) -> Markup:
        return rendered(form, at, page["zone"])

    return shown


@pass_context
def _zone_name(page: Context, at: datetime) -> str:
    return zone_name(page["zone"], at)


@pass_context
def _zone_told(page: Context, at: datetime) -> str:
    return zone_told(page["zone"], at)


FILTERS = {
    "moment": _as_moment,
    "day": _as("day"),
    "date": _as("date"),
    "full": _as("full"),
    "clock_time": _as("clock"),
    "hour": _as("hour"),
    "short": _as("short"),
    "minutes": _as("minutes"),
    "left": left,
    "span": span,
    "zone_name": _zone_name,
    "zone_told": _zone_told,
}
