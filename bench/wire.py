"""Point 6: what goes over the wire, headers included, to a browser that takes gzip."""

import asyncio
import re
import time
from pathlib import Path

from bench import load, people, servers
from bench.population import Population
from bench.report import Row, median
from web.factors import totp

FRAGMENT = {"HX_Request": "true", "HX_Request_Type": "partial"}
BROWSER = {"Accept_Encoding": "gzip, deflate, br, zstd"}


def run(data: Path, there: Population, _: float) -> list[Row]:
    with servers.panel(data) as panel:
        sizes = asyncio.run(_sizes(panel.port, there))
    address = totp.address(b"12345678901234567890", account="ana", issuer="Painel Z-API")
    drawn = [_seconds(address) for _ in range(21)]
    return [
        Row("first visit to /login", sum(sizes["first visit"]) / 1024, "KiB", wanted="<= 28"),
        Row("requests for it", len(sizes["first visit"]), "", wanted="<= 5"),
        *(
            Row(f"{path} afterwards", sizes[path][0] / 1024, "KiB", wanted="<= 6")
            for path in sizes
            if path.startswith("/")
        ),
        Row("Configurar Agora: the answer with the QR code", sizes["enrolment"][0] / 1024, "KiB", wanted="<= 8"),
        Row("the QR code is made in", median(drawn) * 1000, "ms", wanted="<= 12"),
    ]


async def _sizes(port: int, there: Population) -> dict[str, list[int]]:
    connection = await load.Connection.open(port)
    page = await connection.ask(load.get("/login", port, **BROWSER))
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.body.decode()))
    first_visit = [page.size] + [(await connection.ask(load.get(file, port, **BROWSER))).size for file in files]
    cookie = {"Cookie": f"{people.SESSION}={there.sessions[-1]}"} | BROWSER
    found = {"first visit": first_visit}
    for path in ("/instances", "/security", "/security/sessions", "/security/password"):
        answer = await connection.ask(load.get(path, port, **cookie))
        assert answer.status == 200, (path, answer.status)
        found[path] = [answer.size]
    fresh = await people.sign_in(port, there.names[-2])
    cookie["Cookie"] = f"{people.SESSION}={fresh[people.SESSION]}"
    answer = await connection.ask(load.post("/security/totp", port, {}, **cookie, **FRAGMENT))
    assert b"QR code" in answer.body, answer.status
    connection.close()
    return found | {"enrolment": [answer.size]}


def _seconds(address: str) -> float:
    begun = time.perf_counter()
    totp.qr_code(address)
    return time.perf_counter() - begun
