"""What a person may change about their panel: environment variables PANEL_*, read once."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

from web.characters import name_refusal, trim
from web.limits import ARGON2, ARGON2_FLOOR, PANEL_NAME_ENCODED_MAX, PANEL_NAME_MAX, Cost
from web.moments import Zone, machine_zone, read_zone

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class StartRefused(Exception):
    """The panel must not start like this; the message is for the person at the terminal."""


@dataclass(frozen=True)
class Settings:
    name: str = "Painel Z-API"  # title, and issuer in the authenticator app
    public_url: str = ""  # the address people type, when a proxy stands in front
    host: str = "127.0.0.1"
    port: int = 8000
    data: Path = Path("data")
    trusted_proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-* are believed
    allow_http: bool = False  # plain HTTP beyond this machine
    hsts_subdomains: bool = True  # browsers insist on HTTPS for the subdomains of public_url too
    secret_key_file: Path | None = None  # None: secret.key in the data folder
    password_min: int = 12  # code points
    session_idle: timedelta = timedelta(minutes=60)
    session_max: timedelta = timedelta(hours=12)
    log_keep: timedelta = timedelta(days=180)  # activity and notices
    time_zone: Zone = None  # of the moments on a page
    workers: int = 1  # processes
    hash_cost: Cost = ARGON2  # of argon2id; never below the floor
    keep_hash_memory: bool = True  # between hashes

    @property
    def key_file(self) -> Path:
        return self.secret_key_file or self.data / "secret.key"

    @property
    def has_secure_cookies(self) -> bool:
        return not self.allow_http

    @property
    def address(self) -> str:
        """Where people open the panel."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    def knows_host(self, hostname: str | None) -> bool:
        """Whether a request may name this host: a foreign name is DNS rebinding or a forged link."""
        if hostname is None:
            return False
        if hostname in self._own_names:
            return True
        # An address, unlike a name, cannot be pointed at us by somebody else.
        return not is_loopback(self.host) and _is_address(hostname)

    @cached_property
    def _own_names(self) -> frozenset[str | None]:
        return LOOPBACK_NAMES | {self.host, urlsplit(self.public_url).hostname}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises StartRefused, naming the variable, for a value that cannot be."""
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
        settings._check_exposure()
        return settings

    def _check_exposure(self) -> None:
        if not (is_loopback(self.host) or self.trusted_proxies or self.allow_http):
            raise StartRefused(
                f"PANEL_HOST={self.host} abre o painel para a rede sem HTTPS. Ponha um proxy com HTTPS na frente "
                "e diga o endereço dele em PANEL_TRUSTED_PROXIES, ou aceite o risco com PANEL_ALLOW_HTTP=1."
            )
        if self.public_url.startswith("http:") and not (
            self.allow_http or is_loopback(urlsplit(self.public_url).hostname or "")
        ):
            raise StartRefused(f"PANEL_PUBLIC_URL={self.public_url}: o endereço precisa começar com https://.")


def read_env_file(file: Path) -> dict[str, str]:
    """The NAME=value lines of a .env file; quotes around a value and # lines aside."""
    if not file.is_file():
        return {}
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def is_loopback(host: str) -> bool:
    return host in LOOPBACK_NAMES or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _whole(value: str, low: int, high: int) -> int:
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise ValueError(value)
    return int(value)


def _switch(value: str) -> bool:
    return _whole(value, 0, 1) == 1


def _origin(value: str) -> str:
    parts = urlsplit(value)
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or value.rstrip("/") != bare:
        raise ValueError(value)
    return bare


def _cost(value: str) -> Cost:
    cost = Cost.read(value)
    if cost.is_below(ARGON2_FLOOR):
        raise ValueError(value)
    return cost


def _addresses(value: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(part.strip())) for part in value.split(","))


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


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "PANEL_NAME": (_name, f"um nome de até {PANEL_NAME_MAX} caracteres, sem dois-pontos"),
    "PANEL_PUBLIC_URL": (_origin, "um endereço como https://painel.exemplo.com.br, sem caminho"),
    "PANEL_HOST": (str, "um endereço desta máquina"),
    "PANEL_PORT": (lambda value: _whole(value, 1, 65535), "um número de 1 a 65535"),
    "PANEL_DATA": (Path, "uma pasta"),
    "PANEL_TRUSTED_PROXIES": (_addresses, "um ou mais endereços IP separados por vírgula"),
    "PANEL_ALLOW_HTTP": (_switch, "0 ou 1"),
    "PANEL_HSTS_SUBDOMAINS": (_switch, "0 ou 1"),
    "PANEL_SECRET_KEY_FILE": (Path, "um arquivo"),
    "PANEL_PASSWORD_MIN": (lambda value: _whole(value, 8, 64), "um número de 8 a 64"),
    "PANEL_SESSION_IDLE": (lambda value: timedelta(minutes=_whole(value, 1, 24 * 60)), "minutos, de 1 a 1440"),
    "PANEL_SESSION_MAX": (lambda value: timedelta(hours=_whole(value, 1, 30 * 24)), "horas, de 1 a 720"),
    "PANEL_LOG_KEEP": (lambda value: timedelta(days=_whole(value, 30, 730)), "dias, de 30 a 730"),
    "PANEL_HASH_COST": (_cost, f"como {ARGON2}, e nunca abaixo de {ARGON2_FLOOR}"),
    "PANEL_KEEP_HASH_MEMORY": (_switch, "0 ou 1"),
    "PANEL_TIME_ZONE": (read_zone, "o nome de um fuso horário, como America/Sao_Paulo"),
    "PANEL_WORKERS": (lambda value: _whole(value, 1, 16), "um número de 1 a 16"),
}
