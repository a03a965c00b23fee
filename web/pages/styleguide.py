"""The style guide: every component in every state, for whoever changes the looks. Only in the demonstration."""

import re
from datetime import timedelta

from starlette.responses import Response

from web.factors import totp
from web.http.page import STATIC, page
from web.visit.visit import Visit


async def show(visit: Visit) -> Response:
    now = visit.at
    address = totp.otpauth_address(b"not a key, only a look", account="demo", issuer="Painel")
    return page(
        visit,
        "styleguide/show.html",
        qr=totp.qr_code(address),
        drawings=re.findall(r'<g id="([a-z-]+)"', (STATIC / "icons.svg").read_text()),
        moments=[now, now - timedelta(minutes=5), now - timedelta(days=3), now - timedelta(days=90)],
    )
