"""Moments in words. Pages tell them in the panel's time zone and name it; the script says the reader's."""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

WEEKDAYS = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")

BRAZIL = {
    "America/Sao_Paulo": "Brasília, São Paulo",
    "America/Araguaina": "Palmas, Araguaína",
    "America/Bahia": "Salvador",
    "America/Belem": "Belém, Macapá",
    "America/Fortaleza": "Fortaleza, São Luís, Teresina",
    "America/Maceio": "Maceió, Aracaju",
    "America/Recife": "Recife",
    "America/Santarem": "Santarém",
    "America/Manaus": "Manaus",
    "America/Boa_Vista": "Boa Vista",
    "America/Campo_Grande": "Campo Grande",
    "America/Cuiaba": "Cuiabá",
    "America/Porto_Velho": "Porto Velho",
    "America/Rio_Branco": "Rio Branco",
    "America/Eirunepe": "Eirunepé",
    "America/Noronha": "Fernando de Noronha",
}
# Cities that have another name in Portuguese; the others stand as the IANA writes them.
CITIES = {
    "Algiers": "Argel",
    "Amsterdam": "Amsterdã",
    "Anchorage": "Anchorage (Alasca)",
    "Asuncion": "Assunção",
    "Athens": "Atenas",
    "Azores": "Açores",
    "Baghdad": "Bagdá",
    "Bangkok": "Bangcoc",
    "Beirut": "Beirute",
    "Belgrade": "Belgrado",
    "Berlin": "Berlim",
    "Bermuda": "Bermudas",
    "Bogota": "Bogotá",
    "Brussels": "Bruxelas",
    "Bucharest": "Bucareste",
    "Budapest": "Budapeste",
    "Canary": "Ilhas Canárias",
    "Cancun": "Cancún",
    "Cape_Verde": "Cabo Verde",
    "Cayenne": "Caiena",
    "Copenhagen": "Copenhague",
    "Cordoba": "Córdoba",
    "Curacao": "Curaçao",
    "Damascus": "Damasco",
    "Dhaka": "Daca",
    "Dili": "Díli",
    "Dubai": "Dubai, Abu Dhabi",
    "Easter": "Ilha de Páscoa",
    "Galapagos": "Galápagos",
    "Guyana": "Guiana",
    "Helsinki": "Helsinque",
    "Honolulu": "Honolulu (Havaí)",
    "Istanbul": "Istambul",
    "Jakarta": "Jacarta",
    "Jerusalem": "Jerusalém",
    "Johannesburg": "Joanesburgo",
    "Kabul": "Cabul",
    "Karachi": "Carachi",
    "Khartoum": "Cartum",
    "Kolkata": "Calcutá, Nova Délhi",
    "Kyiv": "Kiev",
    "Lisbon": "Lisboa",
    "Ljubljana": "Liubliana",
    "London": "Londres",
    "Luxembourg": "Luxemburgo",
    "Madrid": "Madri",
    "Maldives": "Maldivas",
    "Martinique": "Martinica",
    "Mauritius": "Maurício",
    "Merida": "Mérida",
    "Mexico_City": "Cidade do México",
    "Monaco": "Mônaco",
    "Montevideo": "Montevidéu",
    "Moscow": "Moscou",
    "Nairobi": "Nairóbi",
    "New_York": "Nova York",
    "Nicosia": "Nicósia",
    "Panama": "Panamá",
    "Port-au-Prince": "Porto Príncipe",
    "Prague": "Praga",
    "Puerto_Rico": "Porto Rico",
    "Qatar": "Catar",
    "Riyadh": "Riad",
    "Rome": "Roma",
    "Santo_Domingo": "São Domingos",
    "Sao_Tome": "São Tomé",
    "Seoul": "Seul",
    "Shanghai": "Pequim, Xangai",
    "Singapore": "Singapura",
    "Sofia": "Sófia",
    "Stockholm": "Estocolmo",
    "Tahiti": "Taiti",
    "Taipei": "Taipé",
    "Tehran": "Teerã",
    "Tirane": "Tirana",
    "Tokyo": "Tóquio",
    "Tripoli": "Trípoli",
    "Tucuman": "Tucumán",
    "Tunis": "Túnis",
    "Vatican": "Vaticano",
    "Vienna": "Viena",
    "Warsaw": "Varsóvia",
    "Yerevan": "Ierevan",
    "Zurich": "Zurique",
}

Zone = ZoneInfo | None  # None: the machine's own, where it does not tell its name

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


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name; raises ValueError for what is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as unknown:
        raise ValueError(name) from unknown


def machine_zone(environment: Mapping[str, str], link: Path = Path("/etc/localtime")) -> Zone:
    """The zone that this machine is set to, as far as it tells its name."""
    try:
        told = environment["TZ"].lstrip(":") or "UTC" if "TZ" in environment else str(link.readlink())
        return read_zone(told.rpartition("zoneinfo/")[2])
    except (OSError, ValueError):
        return None


def zone_or(name: str, otherwise: Zone) -> Zone:
    """The zone that a browser says its reader is in, where it is one that we know."""
    try:
        return read_zone(name)
    except ValueError:
        return otherwise


@lru_cache(maxsize=1)
def zones() -> dict[str, dict[str, str]]:
    """The zones that a person chooses from, with their cities: those of Brazil first, then those of every country,
    without other names of the same. The package has every one of them, whatever the machine has."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    names = [line.split("\t")[2] for line in table.splitlines() if not line.startswith("#")]
    others = {name: _city(name) for name in names if name not in BRAZIL}
    return {"Brasil": BRAZIL, "Outros lugares": dict(sorted(others.items(), key=_in_order)) | {"UTC": "UTC"}}


def _city(name: str) -> str:
    city = name.rpartition("/")[2]
    return CITIES.get(city, city.replace("_", " "))


def _in_order(zone: tuple[str, str]) -> str:
    """As in a Portuguese list: accents count for nothing."""
    return unicodedata.normalize("NFD", zone[1]).encode("ascii", "ignore").decode("ascii").lower()


def zone_name(zone: Zone, at: datetime) -> str:
    """`America/Sao_Paulo`; where there is no name, what the clock differs by: `UTC−3`."""
    if zone:
        return "UTC" if zone.key == "Etc/UTC" else zone.key
    return offset(at, None)


def offset(at: datetime, zone: Zone) -> str:
    """What a clock there differs by: `UTC−3`."""
    minutes = int((at.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return "UTC" + (f"{'−' if minutes < 0 else '+'}{hours}" if minutes else "") + (f":{rest:02}" if rest else "")


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
    """How long until then, rounded up to one unit: `faltam 14 dias`."""
    seconds = max(1, int((until - now).total_seconds()))
    units = ((86400, "dia", "dias"), (3600, "hora", "horas"), (60, "minuto", "minutos"), (1, "segundo", "segundos"))
    size, one, many = next(unit for unit in units if seconds >= unit[0])
    count = -(-seconds // size)
    return f"falta 1 {one}" if count == 1 else f"faltam {count} {many}"


NEAR = Markup('<time datetime="%s" title="%s">%s<span class="unseen">, %s</span></time>')  # `%` escapes
WORDS: dict[str, Callable[[datetime, Zone], str]] = {
    "day": day,
    "date": lambda at, zone: f"{at.astimezone(zone):%d/%m/%Y}",
    "full": full,
    "clock": _clock,
    "hour": hour,
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


FILTERS = {
    "moment": _as_moment,
    "day": _as("day"),
    "date": _as("date"),
    "full": _as("full"),
    "clock_time": _as("clock"),
    "hour": _as("hour"),
    "minutes": _as("minutes"),
    "left": left,
    "zone_name": _zone_name,
    "offset_of": lambda name, at: offset(at, read_zone(name)),
}
