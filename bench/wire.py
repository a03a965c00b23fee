"""Point 6: what goes over the wire, headers included, to a browser that takes gzip."""

import asyncio
import gzip
import re
from pathlib import Path

from bench import load, people, servers
from bench.population import PASSWORD, Population, code_of_the_moment
from bench.report import Row

FRAGMENT = {"HX_Request": "true", "HX_Request_Type": "partial"}
BROWSER = {"Accept_Encoding": "gzip, deflate, br, zstd"}


def run(data: Path, there: Population, _: float) -> list[Row]:
    with servers.panel(data) as panel:
        sizes = asyncio.run(_sizes(panel.port, there))
    return [
        Row("first visit to /login", sum(sizes["first visit"]) / 1024, "KiB", wanted="<= 30"),
        Row("requests for it", len(sizes["first visit"]), "", wanted="<= 5"),
        *(row for path in sizes if path.startswith("/") for row in _rows(path, *sizes[path])),
        Row("Configurar Agora: the answer with the QR code", sizes["enrolment"][0] / 1024, "KiB", wanted="<= 8"),
    ]


def _rows(path: str, sent: int, compressed: int) -> list[Row]:
    """The panel compresses no page that a session can see (BREACH); a proxy may."""
    return [
        Row(f"{path} afterwards, as it is sent", sent / 1024, "KiB"),
        Row("the same, compressed", compressed / 1024, "KiB", wanted="<= 7"),
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
        found[path] = [answer.size, answer.size - len(answer.body) + len(gzip.compress(answer.body))]
    connection.close()  # the server would while somebody signs in slowly
    fresh = await people.sign_in(port, there.names[-2])
    connection = await load.Connection.open(port)
    cookie["Cookie"] = f"{people.SESSION}={fresh[people.SESSION]}"
    proof = {"step_up_password": PASSWORD, "step_up_code": code_of_the_moment(late=1)}
    answer = await connection.ask(load.post("/security/totp", port, proof, **cookie, **FRAGMENT))
    assert b"QR code" in answer.body, answer.status
    connection.close()
    return found | {"enrolment": [answer.size]}
