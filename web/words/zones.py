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
# Cities and islands that have another name in Portuguese; the others stand as the IANA writes them.
CITIES = {
    "Abidjan": "Abidjã",
    "Accra": "Acra",
    "Adak": "Ilhas Aleutas",
    "Addis_Ababa": "Adis Abeba",
    "Aden": "Áden",
    "Algiers": "Argel",
    "Amman": "Amã",
    "Amsterdam": "Amsterdã",
    "Anchorage": "Anchorage (Alasca)",
    "Anguilla": "Anguila",
    "Antigua": "Antígua",
    "Apia": "Ápia",
    "Astrakhan": "Astracã",
    "Asuncion": "Assunção",
    "Athens": "Atenas",
    "Azores": "Açores",
    "Baghdad": "Bagdá",
    "Bahrain": "Bahrein",
    "Bangkok": "Bangcoc",
    "Beirut": "Beirute",
    "Belgrade": "Belgrado",
    "Berlin": "Berlim",
    "Bermuda": "Bermudas",
    "Bogota": "Bogotá",
    "Brussels": "Bruxelas",
    "Bucharest": "Bucareste",
    "Budapest": "Budapeste",
    "Busingen": "Büsingen",
    "Canary": "Ilhas Canárias",
    "Cancun": "Cancún",
    "Cape_Verde": "Cabo Verde",
    "Cayenne": "Caiena",
    "Cayman": "Ilhas Cayman",
    "Chatham": "Ilhas Chatham",
    "Chita": "Tchita",
    "Christmas": "Ilha Christmas",
    "Ciudad_Juarez": "Ciudad Juárez",
    "Cocos": "Ilhas Cocos",
    "Comoro": "Comores",
    "Conakry": "Conacri",
    "Copenhagen": "Copenhague",
    "Cordoba": "Córdoba",
    "Curacao": "Curaçao",
    "Dakar": "Dacar",
    "Damascus": "Damasco",
    "Dhaka": "Daca",
    "Dili": "Díli",
    "Djibouti": "Djibuti",
    "Douala": "Duala",
    "Dubai": "Dubai, Abu Dhabi",
    "Easter": "Ilha de Páscoa",
    "Efate": "Éfaté",
    "El_Aaiun": "El Aiune",
    "Faroe": "Ilhas Faroé",
    "Galapagos": "Galápagos",
    "Gambier": "Ilhas Gambier",
    "Grand_Turk": "Turks e Caicos",
    "Grenada": "Granada",
    "Guadeloupe": "Guadalupe",
    "Guyana": "Guiana",
    "Helsinki": "Helsinque",
    "Ho_Chi_Minh": "Cidade de Ho Chi Minh",
    "Honolulu": "Honolulu (Havaí)",
    "Indianapolis": "Indianápolis",
    "Isle_of_Man": "Ilha de Man",
    "Istanbul": "Istambul",
    "Jakarta": "Jacarta",
    "Jerusalem": "Jerusalém",
    "Johannesburg": "Joanesburgo",
    "Kabul": "Cabul",
    "Kaliningrad": "Kaliningrado",
    "Kampala": "Campala",
    "Karachi": "Carachi",
    "Kathmandu": "Katmandu",
    "Khartoum": "Cartum",
    "Kolkata": "Calcutá, Nova Délhi",
    "Kyiv": "Kiev",
    "Lisbon": "Lisboa",
    "Ljubljana": "Liubliana",
    "Lome": "Lomé",
    "London": "Londres",
    "Lord_Howe": "Ilha Lord Howe",
    "Lower_Princes": "Sint Maarten",
    "Luxembourg": "Luxemburgo",
    "Madrid": "Madri",
    "Mahe": "Mahé (Seicheles)",
    "Maldives": "Maldivas",
    "Managua": "Manágua",
    "Marquesas": "Ilhas Marquesas",
    "Martinique": "Martinica",
    "Mauritius": "Maurício",
    "Mazatlan": "Mazatlán",
    "Merida": "Mérida",
    "Mexico_City": "Cidade do México",
    "Miquelon": "São Pedro e Miquelão",
    "Mogadishu": "Mogadíscio",
    "Monaco": "Mônaco",
    "Monrovia": "Monróvia",
    "Montevideo": "Montevidéu",
    "Moscow": "Moscou",
    "Muscat": "Mascate",
    "Nairobi": "Nairóbi",
    "Ndjamena": "N’Djamena",
    "New_York": "Nova York",
    "Niamey": "Niamei",
    "Nicosia": "Nicósia",
    "Norfolk": "Ilha Norfolk",
    "Noumea": "Numeá",
    "Ouagadougou": "Uagadugu",
    "Panama": "Panamá",
    "Port-au-Prince": "Porto Príncipe",
    "Port_of_Spain": "Porto de Espanha",
    "Porto-Novo": "Porto Novo",
    "Prague": "Praga",
    "Puerto_Rico": "Porto Rico",
    "Qatar": "Catar",
    "Reunion": "Reunião",
    "Rio_Gallegos": "Río Gallegos",
    "Riyadh": "Riad",
    "Rome": "Roma",
    "Sakhalin": "Sacalina",
    "Samarkand": "Samarcanda",
    "Santo_Domingo": "São Domingos",
    "Sao_Tome": "São Tomé",
    "Seoul": "Seul",
    "Shanghai": "Pequim, Xangai",
    "Singapore": "Singapura",
    "Sofia": "Sófia",
    "South_Georgia": "Geórgia do Sul",
    "St_Barthelemy": "São Bartolomeu",
    "St_Helena": "Santa Helena",
    "St_Johns": "St. John’s (Terra Nova)",
    "St_Kitts": "São Cristóvão",
    "St_Lucia": "Santa Lúcia",
    "St_Thomas": "Ilhas Virgens (EUA)",
    "St_Vincent": "São Vicente",
    "Stanley": "Stanley (Malvinas)",
    "Stockholm": "Estocolmo",
    "Tahiti": "Taiti",
    "Taipei": "Taipé",
    "Tehran": "Teerã",
    "Tirane": "Tirana",
    "Tokyo": "Tóquio",
    "Tortola": "Ilhas Virgens Britânicas",
    "Tripoli": "Trípoli",
    "Tucuman": "Tucumán",
    "Tunis": "Túnis",
    "Ulaanbaatar": "Ulan Bator",
    "Vatican": "Vaticano",
    "Vienna": "Viena",
    "Volgograd": "Volgogrado",
    "Wallis": "Wallis e Futuna",
    "Warsaw": "Varsóvia",
    "Yangon": "Yangon (Rangum)",
    "Yekaterinburg": "Ecaterimburgo",
    "Yerevan": "Ierevan",
    "Zurich": "Zurique",
}
# Small places, or with the hour of a bigger one, most without a name in Portuguese. Whoever is there has the zone of
# the device, as on the ice.
NOT_OFFERED = frozenset(
    """
    Aqtau Aqtobe Atikokan Atyrau Bahia_Banderas Beulah Blanc-Sablon Boise Broken_Hill Cambridge_Bay Center Chagos
    Coyhaique Creston Danmarkshavn Dawson Dawson_Creek Fort_Nelson Glace_Bay Goose_Bay Hovd Inuvik Kanton
    Kerguelen Khandyga Knox Kosrae Kralendijk Kwajalein Lindeman Marengo Mariehamn Marigot Matamoros Menominee
    Metlakatla Midway Moncton Monticello New_Salem Nome Ojinaga Oral Petersburg Pontianak Qostanay Qyzylorda
    Rankin_Inlet Resolute Scoresbysund Sitka Srednekolymsk Swift_Current Tell_City Thule Ust-Nera Vevay Vincennes
    Wake Winamac Yakutat
    """.split()
)

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
    others = {name: _city(name) for name in names if name not in BRAZIL and _is_offered(name)}
    return {"Brasil": BRAZIL, "Outros lugares": dict(sorted(others.items(), key=_in_order)) | {"UTC": "UTC"}}


def zones_at(at: datetime) -> dict[str, dict[str, str]]:
    """The same, each with what its clock differs by in that hour: `Lisboa (UTC+1)`."""
    return _zones_in(at.replace(minute=0, second=0, microsecond=0))


@lru_cache(maxsize=1)
def _zones_in(hour: datetime) -> dict[str, dict[str, str]]:
    """Kept for the hour, since it reads hundreds of files."""
    return {
        area: {
            name: cities if name == "UTC" else f"{cities} ({offset(hour, read_zone(name))})"
            for name, cities in of.items()
        }
        for area, of in zones().items()
    }


def _is_offered(name: str) -> bool:
    area, _, city = name.rpartition("/")
    return area != "Antarctica" and city not in NOT_OFFERED


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


def zone_told(zone: Zone, at: datetime) -> str:
    """As it is offered: `Brasília, São Paulo (UTC−3)`."""
    name = zone_name(zone, at)
    return f"{BRAZIL.get(name) or _city(name)} ({offset(at, zone)})" if zone and name != "UTC" else name


def offset(at: datetime, zone: Zone) -> str:
    """What a clock there differs by: `UTC−3`."""
    minutes = int((at.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return "UTC" + (f"{'−' if minutes < 0 else '+'}{hours}" if minutes else "") + (f":{rest:02}" if rest else "")
