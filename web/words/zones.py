"""Time zones: read, found out, named, and offered by their cities."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
