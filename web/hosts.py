"""Host names in one form, however they are written: IDNA (RFC 5890), lower case, no final dot, no default port."""

import ipaddress
import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from web.limits import AUTH_TIMES_48, AUTH_TIMES_56

Host = tuple[str, int | None]  # name and port
DEFAULT_PORTS = {"http": 80, "https": 443}
LABELS = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")  # `my_host` breaks IDNA's rules, and is in use
LONGEST = 253 + len(".:65535")  # of a name (RFC 1035 §2.3.4), a final dot and a port
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@lru_cache(maxsize=256)
def read(host: str, scheme: str = "") -> Host | None:
    """Name and port of a Host header; the port is None where it is the scheme's own. None for anything else, and at
    once for what is too long: thousands of accents on one letter cost urlsplit, which sorts them, a tenth of a second.
    """
    if len(host) > LONGEST:
        return None
    try:
        parts = urlsplit(f"//{host}")
        is_bare = parts.netloc == host and "@" not in host and not (parts.path or parts.query or parts.fragment)
        if not (is_bare and parts.hostname and parts.port != 0):
            return None
        return _name(parts.hostname), None if parts.port == DEFAULT_PORTS.get(scheme) else parts.port
    except ValueError:  # idna's errors are ValueErrors too
        return None


def origin(text: str) -> str | None:
    """An Origin header, or the address of a site without a path, in one form; None for anything else."""
    scheme, separator, host = text.partition("://")
    found = read(host, scheme.lower()) if separator and scheme.lower() in DEFAULT_PORTS else None
    return None if found is None else f"{scheme.lower()}://{written(*found)}"


def written(name: str, port: int | None) -> str:
    host = f"[{name}]" if ":" in name else name
    return host if port is None else f"{host}:{port}"


@lru_cache(maxsize=1024)
def address(text: str) -> IPv4Address | IPv6Address | None:
    """None for a name. An IPv4 address as an IPv6 socket gives it (`::ffff:127.0.0.1`) becomes IPv4."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


@lru_cache(maxsize=1024)
def networks(text: str) -> dict[str, int]:
    """The networks that an address counts for, the narrowest first, each with how many times the usual numbers it is
    allowed. For IPv4 it is the address itself; for IPv6 the /64, which is the least that one household has, and the /56
    and /48 around it, which one household may have too."""
    found = address(text)
    if found is None:
        return {text[:64]: 1}
    if found.version == 4:
        return {str(found): 1}
    sizes = ((64, 1), (56, AUTH_TIMES_56), (48, AUTH_TIMES_48))
    return {str(ipaddress.ip_network((found, bits), strict=False)): times for bits, times in sizes}


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    found = address(host)
    return host in LOOPBACK_NAMES or (found is not None and found.is_loopback)


def _name(hostname: str) -> str:
    """Raises ValueError."""
    name = hostname.lower().removesuffix(".")
    if not name.isascii():
        import idna  # its tables take a while to load, and hardly anybody needs them

        name = idna.encode(name, uts46=True).decode("ascii")
    if not (LABELS.fullmatch(name) or address(name)):
        raise ValueError(hostname)
    return name
