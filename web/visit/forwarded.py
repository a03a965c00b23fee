"""Where a request comes from and over what, when a trusted proxy hands it on: X-Forwarded-For and X-Forwarded-Proto.

Both are lists (RFC 9110 §5.6.1) to which each proxy adds at the end; what stands before the entries of trusted proxies
was written by the visitor.
"""

from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from web import hosts
from web.settings import Network, Settings

HANDED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Peer(NamedTuple):
    """The other end of the connection: a proxy, or the visitor. `scope["client"]` holds the visitor afterwards."""

    host: str
    is_trusted: bool
    said_proto: str  # its X-Forwarded-Proto as it came
    said_client: str  # the visitor's address by its X-Forwarded-For; "" when it told none that can be read


def resolve(scope: Scope, settings: Settings) -> Peer:
    """Put the visitor's address and scheme in the scope, as far as trusted proxies tell them."""
    host = scope["client"][0] if scope.get("client") else ""
    if not _is_among(settings.trusted_proxies, host):
        return Peer(host, False, "", "")
    clients, schemes = _list(scope, b"x-forwarded-for"), _list(scope, b"x-forwarded-proto")
    hops = 1  # trusted proxies in a row, the one that speaks to us included
    while hops < len(clients) and _is_among(settings.trusted_proxies, _address(clients[-hops])):
        hops += 1
    client = _address(clients[-hops]) if clients else ""
    scheme = schemes[-min(hops, len(schemes))].lower() if schemes else ""
    if client:
        scope["client"] = (client, 0)
    if scheme in ("http", "https"):
        scope["scheme"] = scheme
    return Peer(host, True, ", ".join(schemes), client)


def is_handed_on(scope: Scope) -> bool:
    """Whether any header shows that a proxy, trusted or not, handed the request on."""
    return any(name.decode("latin-1") in HANDED_ON for name, _ in scope["headers"])


def _list(scope: Scope, name: bytes) -> list[str]:
    text = b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")
    return [part.strip() for part in text.split(",") if part.strip()]


def _address(entry: str) -> str:
    """`203.0.113.9:1234`, `[2001:db8::1]:1234` and the like without the port; "" for anything that is no address."""
    host = entry.partition("]")[0].removeprefix("[") if entry.startswith("[") else entry
    found = hosts.address(host.rpartition(":")[0] if host.count(":") == 1 else host)
    return str(found) if found else ""


@lru_cache(maxsize=1024)
def _is_among(networks: tuple[Network, ...], host: str) -> bool:
    address = hosts.address(host)
    return address is not None and any(address in network for network in networks)
