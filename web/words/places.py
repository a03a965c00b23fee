"""Networks as people read them. The CSV of the activity and the log have them as they are stored."""

import ipaddress
from functools import lru_cache

from jinja2 import pass_context
from jinja2.runtime import Context

TERMINAL = "terminal"  # stored in place of a network
LOOPBACK = [ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::/64")]  # ::/64 is what is stored of ::1
LOCAL = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
]


@lru_cache(maxsize=1024)
def origin(network: str, *, is_at_server: bool) -> str:
    """Where something came from: "deste computador", "da rede local (192.168.0.7)", "de 203.0.113.7".

    `is_at_server` says whether the reader sits at the computer that the panel runs on.
    """
    if network == TERMINAL:
        return "do terminal do servidor"
    try:
        start = ipaddress.ip_network(network, strict=False).network_address
    except ValueError:
        return f"de {network}" if network else ""
    if any(start in known for known in LOOPBACK):
        return "deste computador" if is_at_server else "do computador do painel"
    return f"da rede local ({network})" if any(start in known for known in LOCAL) else f"de {network}"


@pass_context
def _origin(page: Context, network: str) -> str:
    return origin(network, is_at_server=page["is_at_server"])


FILTERS = {"origin": _origin}
