"""Headers that every answer carries, wrapped around the application so that no error page escapes them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would turn the Origin of our own forms into null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}
PAGE = ALWAYS | {"Cache-Control": "no-store", "Vary": "HX-Request, HX-Request-Type"}
# Of a file no document comes: it may load nothing, and has nobody to ask for a camera. On the wire that counts.
FILE = {name: text for name, text in ALWAYS.items() if name != "Permissions-Policy"} | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
}
HSTS = "max-age=31536000"


class SecurityHeaders:
    """Adds headers that no answer of ours sets by itself; encoded once, they cost a request next to nothing."""

    def __init__(self, app: ASGIApp, *, hsts_subdomains: bool) -> None:
        self._app = app
        self._page, self._file = _encoded(PAGE), _encoded(FILE)
        self._hsts = _encoded({"Strict-Transport-Security": HSTS + ("; includeSubDomains" if hsts_subdomains else "")})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = self._file if _is_cacheable(scope, message["status"]) else self._page
                hsts = self._hsts if scope["scheme"] == "https" else []
                message["headers"] = [*message["headers"], *added, *hsts]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _is_cacheable(scope: Scope, status: int) -> bool:
    """True for static files, which have their version in the path."""
    return scope["path"].startswith("/static/") and status in (200, 206, 304)
