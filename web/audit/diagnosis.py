"""Diagnoses of a proxy that hands requests on in a way that cannot work, with the lines of configuration to add."""

from typing import NamedTuple

from db import findings
from db.errors import DatabaseError
from web.audit import log
from web.panel import Panel
from web.settings import Settings
from web.visit.forwarded import Peer

IN_ENV = "Acrescente ao arquivo .env, ao lado de run.py, e reinicie o painel:"


class Diagnosis(NamedTuple):
    event: str
    sentence: str
    lines: tuple[str, ...]  # of a configuration

    def __str__(self) -> str:
        return f"{self.sentence} {' '.join(self.lines)}"


async def record(panel: Panel, found: Diagnosis) -> None:
    """In the log and, for `doctor`, in the database."""
    log.trouble(found.event, found)
    try:
        async with panel.db.transaction() as tx:
            await findings.record(tx, found.event, str(found), at=panel.now())
    except DatabaseError as refused:  # the log has it, and this is no reason to refuse anybody
        log.trouble("database.busy", refused)


async def forget(panel: Panel) -> None:
    """Forget all findings. Called at each start, because their causes may have been repaired."""
    async with panel.db.transaction() as tx:
        await findings.forget(tx)


def without_https(settings: Settings, peer: Peer) -> Diagnosis:
    """A request for the public address, which is https, came over http: a redirect to that address would never end."""
    seen = f"O endereço do painel é {settings.public_url}, mas este pedido chegou por HTTP, vindo de {peer.host}"
    if not peer.is_trusted:
        sentence = f"{seen}. Se quem está nesse endereço é o proxy do painel: {IN_ENV}"
        return Diagnosis("proxy.no_https", sentence, (_trusting(settings, peer),))
    proto = "".join(letter for letter in peer.said_proto[:40] if letter.isprintable())  # it is shown on a terminal too
    said = f"que disse X-Forwarded-Proto: {proto}" if proto else "que não diz X-Forwarded-Proto"
    sentence = f"{seen}, {said}. Ele precisa dizer https. No nginx (a segunda linha, se o HTTPS termina antes dele):"
    lines = ("proxy_set_header X-Forwarded-Proto $scheme;", "proxy_set_header X-Forwarded-Proto https;")
    return Diagnosis("proxy.no_https", sentence, lines)


def with_former_host(settings: Settings, peer: Peer, former: str) -> Diagnosis:
    """What was led from a former name to that of now came back with the former one: that would never end."""
    sentence = (
        f"O endereço do painel é {settings.public_url}, mas este pedido chegou de {peer.host} com o nome de antes, "
        f"{former}. O proxy precisa passar adiante o nome que a pessoa abriu (Host). No nginx:"
    )
    return Diagnosis("proxy.former_host", sentence, ("proxy_set_header Host $host;",))


def without_client(peer: Peer) -> Diagnosis:
    sentence = (
        f"O proxy em {peer.host} não diz de onde vem cada pedido (X-Forwarded-For): todas as pessoas dividem um só "
        "limite de tentativas. No nginx:"
    )
    return Diagnosis("proxy.no_client", sentence, ("proxy_set_header X-Forwarded-For $remote_addr;",))


def unknown_proxy(settings: Settings, peer: Peer) -> Diagnosis:
    """The browser posted from a page of one address, and the panel was asked at another: a proxy stands between them.

    The sentence does not repeat the first address: a forged one could end up in the settings.
    """
    sentence = (
        f"Um proxy em {peer.host} atende por outro endereço e não diz de onde vem cada pedido: todas as pessoas "
        f"dividem um só limite de tentativas. {IN_ENV}"
    )
    lines = ("PANEL_PUBLIC_URL=https://(o endereço que as pessoas digitam)", _trusting(settings, peer))
    return Diagnosis("proxy.no_client", sentence, lines)


def _trusting(settings: Settings, peer: Peer) -> str:
    known = [str(network) for network in settings.trusted_proxies]
    return f"PANEL_TRUSTED_PROXIES={','.join([*known, peer.host])}"
