"""Which requests come in at all, by the host they name, by HTTPS, by their size, and by the site that sent them."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web import hosts
from web.audit import diagnosis, log
from web.audit.diagnosis import Diagnosis
from web.hosts import Host, is_loopback
from web.http import errors
from web.limits import BODY_MAX, HEADERS_MAX, URL_MAX
from web.visit import forwarded
from web.visit.forwarded import Peer
from web.visit.scope import arrive, leave, panel_of
from web.visit.visit import Visit

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
HEALTH = "/health"
RELATED = "/.well-known/webauthn"  # browsers ask a former address whether passkeys of it may be used here
SENT_ON = "mudou"  # in the query of what a former address leads to, with the name of now
OVER_HTTPS = "Abra o painel por HTTPS. Se esta página voltar, o resto é para quem cuida do servidor."


class Perimeter:
    """Refuses, before anything is routed, unknown hosts, plain HTTP beyond this machine, and posts from elsewhere.

    It stands around the application, whose own answer to a body that is too large has other words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._diagnosed: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        panel = panel_of(scope)
        peer = forwarded.resolve(scope, panel.settings)
        visit = arrive(Request(scope, receive))
        host = _host(visit)
        found = _diagnose(visit, peer, host)
        if found and found.event not in self._diagnosed:
            self._diagnosed.add(found.event)
            await diagnosis.record(panel, found)
        try:
            await (_refusal(visit, peer, host, found) or self._app)(scope, receive, send)
        finally:
            leave(scope)


def _refusal(visit: Visit, peer: Peer, host: Host | None, found: Diagnosis | None) -> Response | None:
    settings, scope = visit.panel.settings, visit.request.scope
    if refused := _shape_refusal(visit):
        return refused
    if _is_health(visit):
        return None
    if host is None or not settings.knows_host(host[0]):
        return errors.deny(visit, 400, "host")
    is_file = visit.path.startswith("/static/")  # the error page needs its style sheet
    if settings.is_former(host[0]) and not (is_file or visit.path == RELATED):
        return _send_on(visit, found)
    is_private = scope["scheme"] == "https" or is_loopback(host[0])
    visit.arrival.is_exposed = settings.allow_http and not is_private
    visit.jar.is_secure = not (settings.allow_http or _is_local(visit, peer, host[0]))
    if not (is_private or settings.allow_http or is_file):
        return _insist_on_https(visit, found)
    if scope["method"] not in SAFE_METHODS and not _is_same_origin(visit):
        return errors.deny(visit, 403, "origin")
    return None


def _shape_refusal(visit: Visit) -> Response | None:
    scope, headers = visit.request.scope, visit.request.scope["headers"]
    if not scope["raw_path"].startswith(b"/"):  # `*`, or what would lengthen the host name in a redirect
        return errors.deny(visit, 400, "target", words=404)
    query = len(scope["query_string"])
    if len(scope["raw_path"]) + (query and query + 1) > URL_MAX:  # with its `?`
        return errors.deny(visit, 414, "url")
    if sum([len(name) + len(value) for name, value in headers]) > HEADERS_MAX:
        return errors.deny(visit, 431, "headers")
    if any(name == b"content-length" and _is_too_long(value) for name, value in headers):
        return errors.deny(visit, 413, "body")
    return None


def _is_too_long(length: bytes) -> bool:
    return length.isdigit() and (len(length) > 9 or int(length) > BODY_MAX)


def _is_health(visit: Visit) -> bool:
    """Containers and proxies ask for it from inside, under any host name; the answer reveals nothing."""
    return visit.path == HEALTH and visit.request.method in SAFE_METHODS


def _host(visit: Visit) -> Host | None:
    """The name and port in the Host header; None when there is none, or two, or anything but a name and a port."""
    sent = [value for name, value in visit.request.scope["headers"] if name == b"host"]
    return hosts.read(sent[0].decode("utf-8", "replace"), visit.request.scope["scheme"]) if len(sent) == 1 else None


def _is_local(visit: Visit, peer: Peer, name: str) -> bool:
    """Whether browser and panel are one machine with nothing between, so that cookies may go without `Secure`.

    Safari's engine drops `Secure` cookies on http://localhost. A proxy that adds no header of its own shows at a POST:
    the Origin header has another address.
    """
    if visit.panel.settings.has_public_address or visit.request.scope["scheme"] != "http":
        return False
    is_direct = is_loopback(peer.host) and is_loopback(name) and not forwarded.is_handed_on(visit.request.scope)
    return is_direct and (
        visit.request.method in SAFE_METHODS or _origins(visit) == [f"http://{visit.request.headers['host']}"]
    )


def _origins(visit: Visit) -> list[str]:
    return visit.request.headers.getlist("origin")


def _insist_on_https(visit: Visit, found: Diagnosis | None) -> Response:
    """Redirect to the public address, unless `found` says that it was asked for already: that would never end."""
    if found:
        log.denied(visit, "http")
        advice = f"{OVER_HTTPS} {found.sentence}"
        return errors.refuse(visit, 403, words=426, advice=advice, lines=found.lines, way_on=_public_address(visit))
    if visit.request.method == "GET" and visit.panel.settings.public_url:
        return RedirectResponse(_public_address(visit), 308)
    return errors.deny(visit, 403, "http", words=426)


def _send_on(visit: Visit, found: Diagnosis | None) -> Response:
    """From a former address to that of now, unless it came back from there; nothing is posted to the former one."""
    if found and _was_sent_on(visit):
        log.denied(visit, "host")
        return errors.refuse(visit, 400, advice=found.sentence, lines=found.lines, way_on=_public_address(visit))
    if visit.request.method in ("GET", "HEAD"):
        address = _public_address(visit)
        return RedirectResponse(f"{address}{'&' if '?' in address else '?'}{_mark(visit)}", 308)
    return errors.deny(visit, 403, "host")


def _was_sent_on(visit: Visit) -> bool:
    return _mark(visit).encode() in visit.request.scope["query_string"].split(b"&")


def _mark(visit: Visit) -> str:
    return f"{SENT_ON}={urlsplit(visit.panel.settings.public_url).hostname}"


def _public_address(visit: Visit) -> str:
    scope = visit.request.scope
    path, query = (str(scope[name], "latin-1") for name in ("raw_path", "query_string"))
    return visit.panel.settings.public_url + path + (f"?{query}" if query else "")


def _diagnose(visit: Visit, peer: Peer, host: Host | None) -> Diagnosis | None:
    """What is wrong with the way a proxy handed this request on; None when nothing is."""
    settings = visit.panel.settings
    if host is None or _is_health(visit):
        return None
    if settings.is_former(host[0]) and _was_sent_on(visit):
        return diagnosis.with_former_host(settings, peer, host[0])
    is_http = visit.request.scope["scheme"] == "http"
    if is_http and not settings.allow_http and _is_public(host, settings.public_url):
        return diagnosis.without_https(settings, peer)
    if peer.is_trusted and not peer.said_client and not is_loopback(host[0]):
        return diagnosis.without_client(peer)
    if is_http and is_loopback(host[0]) and _comes_from_elsewhere(visit) and not _is_far(peer):
        return diagnosis.unknown_proxy(settings, peer)
    return None


def _is_public(host: Host, public_url: str) -> bool:
    """Whether the request asked for the public address. Some proxies leave its port out."""
    public = urlsplit(public_url)
    return public.scheme == "https" and host[0] == public.hostname and host[1] in (None, public.port or 443)


def _is_far(peer: Peer) -> bool:
    """Whether the peer is on the internet: if it asks for `localhost`, the name is forged, and it is no proxy."""
    found = hosts.address(peer.host)
    return found is not None and found.is_global


def _comes_from_elsewhere(visit: Visit) -> bool:
    """Whether a browser posted from a page of one address and the panel was asked at another."""
    if visit.request.headers.get("sec-fetch-site") != "same-origin":
        return False
    origins = _origins(visit)
    return len(origins) == 1 and hosts.origin(origins[0]) != hosts.origin(f"http://{visit.request.headers['host']}")


def _is_same_origin(visit: Visit) -> bool:
    """OWASP CSRF Prevention, "Verifying origin with standard headers": every supported browser sends one of the two."""
    origins, sites = _origins(visit), visit.request.headers.getlist("sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    origin = hosts.origin(origins[0]) if origins else None
    if origin and origin == visit.panel.settings.public_url:
        return True
    if sites:
        return sites[0] == "same-origin"
    host = visit.request.headers["host"]
    return origin is not None and origin in (hosts.origin(f"http://{host}"), hosts.origin(f"https://{host}"))
