"""What a person may change about their panel: environment variables PANEL_*, read once."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import quote, urlsplit

from web import hosts
from web.hosts import is_loopback
from web.limits import ARGON2, ARGON2_FLOOR, HELP_MAX, PANEL_NAME_ENCODED_MAX, PANEL_NAME_MAX, Cost
from web.words.characters import FORBIDDEN, name_refusal, trim
from web.words.zones import Zone, machine_zone, read_zone

ROOT = Path(__file__).resolve().parent.parent  # of the checkout; relative paths in settings begin here
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
Network = IPv4Network | IPv6Network


class StartRefused(Exception):
    """The panel must not start like this; the message is for the person at the terminal."""


@dataclass(frozen=True)
class PasskeySite:
    """Where passkeys are made and used. Browsers keep each for its `rp_id`, a host name."""

    rp_id: str
    origin: str


@dataclass(frozen=True)
class Settings:
    name: str = "Painel Z-API"  # title, and issuer in the authenticator app
    help: str = "Fale com quem cuida do painel."  # whom to ask, without phone and codes
    public_url: str = ""  # the address people type, when a proxy stands in front
    former_urls: tuple[str, ...] = ()  # what it was before, the oldest first
    host: str = "127.0.0.1"
    port: int = 8000
    data: Path = ROOT / "data"
    trusted_proxies: tuple[Network, ...] = ()  # from where X-Forwarded-* are believed
    allow_http: bool = False  # plain HTTP beyond this machine
    hsts_subdomains: bool = True  # browsers insist on HTTPS for the subdomains of public_url too
    secret_key_file: Path | None = None  # None: secret.key in the data folder
    password_min: int = 12  # code points
    session_idle: timedelta = timedelta(minutes=60)
    session_max: timedelta = timedelta(hours=12)
    log_keep: timedelta = timedelta(days=180)  # activity and notices
    instances_max: int = 200  # of one account
    time_zone: Zone = None  # of the moments on a page
    workers: int = 1  # processes
    hash_cost: Cost = ARGON2  # of argon2id; never below the floor

    @property
    def key_file(self) -> Path:
        return self.secret_key_file or self.data / "secret.key"

    @property
    def address(self) -> str:
        """Where people open the panel."""
        return self.public_url or self.address_at(self.host)

    def address_at(self, host: str) -> str:
        """The http address with its port; `localhost` for this machine, because an IP address can hold no passkey."""
        name = "localhost" if host in hosts.LOOPBACK_NAMES else f"[{host}]" if ":" in host else host
        return f"http://{name}:{self.port}"

    @cached_property
    def has_public_address(self) -> bool:
        """False without one, and for one that only this machine can open without HTTPS."""
        parts = urlsplit(self.public_url)
        return bool(self.public_url) and not (parts.scheme == "http" and is_loopback(parts.hostname or ""))

    @cached_property
    def passkey_site(self) -> PasskeySite | None:
        """None under an IP address and over plain HTTP beyond this machine, where browsers have no passkeys.

        A panel that moved keeps its first name for them; the others of its names are related to it
        (W3C Web Authentication Level 3, §5.11).
        """
        here = urlsplit(self.address)
        if here.hostname == "localhost":
            return PasskeySite("localhost", hosts.origin(self.address) or self.address)
        if here.scheme != "https" or here.hostname is None or hosts.address(here.hostname):
            return None
        first = urlsplit(self.former_urls[0]).hostname if self.former_urls else None
        return PasskeySite(first or here.hostname, self.address)

    def is_former(self, hostname: str) -> bool:
        """Whether the panel had this name before."""
        return hostname in self._former_names

    @cached_property
    def _former_names(self) -> frozenset[str | None]:
        return frozenset(urlsplit(url).hostname for url in self.former_urls) - {urlsplit(self.public_url).hostname}

    def knows_host(self, hostname: str | None) -> bool:
        """Whether a request may name this host: a foreign name is DNS rebinding or a forged link."""
        if hostname is None:
            return False
        if hostname in self._own_names:
            return True
        # An address, unlike a name, cannot be pointed at us by somebody else.
        return not is_loopback(self.host) and hosts.address(hostname) is not None

    @cached_property
    def _own_names(self) -> frozenset[str | None]:
        return hosts.LOOPBACK_NAMES | {self.host.lower(), urlsplit(self.public_url).hostname} | self._former_names

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises StartRefused, naming the variable, for a wrong value and for a name that does not exist."""
        for name in environment:
            if name.upper().startswith("PANEL_") and name not in KNOWN:
                raise StartRefused(f"{name} não existe.{_nearest(name)}")
        given = {name: value.strip() for name, value in environment.items() if name in READERS and value.strip()}
        values = {}
        for name, value in given.items():
            reader, wanted = READERS[name]
            try:
                values[name.removeprefix("PANEL_").lower()] = reader(value)
            except ValueError:
                raise StartRefused(f"{name}={value}: o valor precisa ser {wanted}.") from None
        values.setdefault("time_zone", machine_zone(environment))
        settings = cls(**values)  # type: ignore[arg-type]
        settings._check_public_url()
        if settings.host in EVERY_ADDRESS:  # any other is checked when it is bound
            settings.check_exposure(settings.host)
        return settings

    def check_exposure(self, address: str) -> None:
        """Raises StartRefused where others could open the panel at this IP address without HTTPS."""
        if not (is_loopback(address) or self.trusted_proxies or self.allow_http):
            raise StartRefused(
                f"PANEL_HOST={self.host} abre o painel para a rede sem HTTPS. Ponha um proxy com HTTPS na frente "
                "e diga o endereço dele em PANEL_TRUSTED_PROXIES, ou aceite o risco com PANEL_ALLOW_HTTP=1."
            )

    def _check_public_url(self) -> None:
        if self.public_url.startswith("http:") and not (
            self.allow_http or is_loopback(urlsplit(self.public_url).hostname or "")
        ):
            raise StartRefused(f"PANEL_PUBLIC_URL={self.public_url}: o endereço precisa começar com https://.")
        if self.former_urls and not self.public_url.startswith("https:"):
            raise StartRefused("PANEL_FORMER_URLS diz os endereços de antes; diga o de agora em PANEL_PUBLIC_URL.")


def read_env_file(file: Path) -> dict[str, str]:
    """The NAME=value lines of a .env file; quotes around a value and # lines aside. Raises StartRefused."""
    if not file.is_file():
        return {}
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    except OSError as refused:
        raise StartRefused(f"{file} não pode ser lido ({refused.strerror}).") from None
    if "\0" in text:  # UTF-16 without its mark
        raise StartRefused(f"{file} não está em UTF-8. Abra-o em um editor e salve de novo com a codificação UTF-8.")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return dict(_env_line(line, f"{file}, linha {number}") for number, line in lines if line and line[0] != "#")


def _env_line(line: str, place: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in line.partition("="))
    if exported := re.fullmatch(r"(?:export|set)\s+(\w+)", name):
        raise StartRefused(
            f"{place}: escreva só {exported[1]}={'valor' if equals else ''}, sem a palavra antes do nome."
        )
    if not equals or not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
        raise StartRefused(f"{place}: falta a forma NOME=valor. Comentários começam com #.")
    if name not in KNOWN and (name.upper().startswith("PANEL_") or get_close_matches(name.upper(), KNOWN, 1, 0.85)):
        raise StartRefused(f"{place}: {name} não existe.{_nearest(name)}")
    return name, value.strip("\"'")


def _nearest(name: str) -> str:
    nearest = get_close_matches(name.upper(), READERS, 1)
    return f" O nome certo é {nearest[0]}?" if nearest else " Os nomes que existem estão no README."


def _host(value: str) -> str:
    if bare := re.fullmatch(r"\[(.*)\]", value):
        raise StartRefused(f"PANEL_HOST={value}: escreva o endereço sem colchetes: {bare[1]}")
    if not (hosts.address(value) or re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", value)):
        raise ValueError(value)
    return value


def _path(value: str) -> Path:
    try:
        return ROOT / Path(value).expanduser()
    except RuntimeError:  # ~nobody
        raise ValueError(value) from None


def _whole(value: str, low: int, high: int) -> int:
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise ValueError(value)
    return int(value)


def _switch(value: str) -> bool:
    return _whole(value, 0, 1) == 1


def _origin(value: str) -> str:
    """In the form in which browsers send it, so that the two can be compared."""
    found = hosts.origin(value.rstrip("/"))
    if found is None:
        raise ValueError(value)
    return found


def _former(value: str) -> tuple[str, ...]:
    """Names, over HTTPS: elsewhere there were no passkeys."""
    found = tuple(_origin(part.strip()) for part in value.split(","))
    if any(not url.startswith("https:") or hosts.address(urlsplit(url).hostname or "") for url in found):
        raise ValueError(value)
    return found


def _cost(value: str) -> Cost:
    cost = Cost.read(value)
    if cost.is_below(ARGON2_FLOOR):
        raise ValueError(value)
    return cost


def _networks(value: str) -> tuple[Network, ...]:
    """Addresses and networks; raises ValueError for one that holds every address (`/0`)."""
    found = tuple(ipaddress.ip_network(part.strip()) for part in value.split(","))
    if any(network.prefixlen == 0 for network in found):
        raise ValueError(value)
    return found


def _name(value: str) -> str:
    if refusal := name_refusal(value, longest=PANEL_NAME_MAX):
        raise StartRefused(f"PANEL_NAME={value}: {refusal}")
    name = trim(value)
    if (size := len(quote(name, safe=""))) > PANEL_NAME_ENCODED_MAX:
        raise StartRefused(
            f"PANEL_NAME={value}: o nome ocupa {size} bytes no QR code e cabem {PANEL_NAME_ENCODED_MAX} "
            "(um espaço ocupa 3, uma letra com acento 6, um emoji 12)."
        )
    return name


def _help(value: str) -> str:
    """Every page shows it as text; what is no sentence that people can read is refused."""
    if len(sentence := trim(value)) > HELP_MAX or FORBIDDEN.search(sentence) or not sentence:
        raise ValueError(value)
    return sentence


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "PANEL_NAME": (_name, f"um nome de até {PANEL_NAME_MAX} caracteres, sem dois-pontos"),
    "PANEL_HELP": (_help, f"uma frase de até {HELP_MAX} caracteres, em uma linha, que diga a quem pedir ajuda"),
    "PANEL_PUBLIC_URL": (_origin, "um endereço como https://painel.exemplo.com.br, sem caminho"),
    "PANEL_FORMER_URLS": (
        _former,
        "um ou mais endereços de antes, como https://antigo.exemplo.com.br, separados por vírgula",
    ),
    "PANEL_HOST": (_host, "um endereço ou nome desta máquina, como 127.0.0.1, sem porta"),
    "PANEL_PORT": (lambda value: _whole(value, 1, 65535), "um número de 1 a 65535"),
    "PANEL_DATA": (_path, "uma pasta"),
    "PANEL_TRUSTED_PROXIES": (_networks, "um ou mais endereços IP ou redes, como 172.16.0.0/12, separados por vírgula"),
    "PANEL_ALLOW_HTTP": (_switch, "0 ou 1"),
    "PANEL_HSTS_SUBDOMAINS": (_switch, "0 ou 1"),
    "PANEL_SECRET_KEY_FILE": (_path, "um arquivo"),
    "PANEL_PASSWORD_MIN": (lambda value: _whole(value, 8, 64), "um número de 8 a 64"),
    "PANEL_SESSION_IDLE": (lambda value: timedelta(minutes=_whole(value, 1, 24 * 60)), "minutos, de 1 a 1440"),
    "PANEL_SESSION_MAX": (lambda value: timedelta(hours=_whole(value, 1, 30 * 24)), "horas, de 1 a 720"),
    "PANEL_LOG_KEEP": (lambda value: timedelta(days=_whole(value, 30, 730)), "dias, de 30 a 730"),
    "PANEL_INSTANCES_MAX": (lambda value: _whole(value, 1, 1000), "um número de 1 a 1000"),
    "PANEL_HASH_COST": (_cost, f"como {ARGON2}, e nunca abaixo de {ARGON2_FLOOR}"),
    "PANEL_TIME_ZONE": (read_zone, "o nome de um fuso horário, como America/Sao_Paulo"),
    "PANEL_WORKERS": (lambda value: _whole(value, 1, 16), "um número de 1 a 16"),
}
RETIRED = {"PANEL_KEEP_HASH_MEMORY"}  # may stand in the .env of a panel that was updated, and does nothing
KNOWN = {*READERS, *RETIRED, "PANEL_TEST_INSTALL"}  # the last is for tests/
