"""What the rules of security say of time: it tells nobody who exists, and nobody waits long for what others try."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bench import load, people, servers
from bench.population import Population
from bench.report import Row, median
from web.auth.people import name_refusal
from web.factors import human_code, totp
from web.http.redirects import safe_path
from web.pages.activity import harmless
from web.words import characters
from web.words.devices import device

TRIES = 20  # with an unknown and a known name each, in turn
LOGINS, NETWORKS = 300, 100
LONG = ("a" * 65_536, "0 -" * 21_845, "/%2e" * 16_384, "ç\u200b" * 32_768, f"a{' ' * 65_534}a")
QR_CODE = totp.otpauth_address(b"12345678901234567890", account="ana", issuer="Painel Z-API")


def run(data: Path, there: Population, _: float) -> list[Row]:
    with servers.panel(data) as panel:
        known, unknown = asyncio.run(_guesses(panel.port, there))
        pages = asyncio.run(_pages_in_a_flood(panel.port, there))
    allowed = max(15.0, 0.1 * known)
    drawn = median([_milliseconds(lambda: totp.qr_code(QR_CODE)) for _ in range(21)])
    judged = max(median([_judging(text) for _ in range(21)]) for text in LONG)
    return [
        Row("a wrong password, a known name", known, "ms"),
        Row("the same, an unknown name", unknown, "ms"),
        Row("the difference", abs(known - unknown), "ms", wanted=f"<= {allowed:.1f}"),
        Row(f"pages while {LOGINS} sign in at once, p95", load.percentile(pages, 0.95), "ms", wanted="<= 500"),
        Row("64 KiB of anything judged, the slowest", judged, "ms", wanted="<= 50"),
        Row("the QR code is made in", drawn, "ms", wanted="<= 12"),
    ]


async def _guesses(port: int, there: Population) -> tuple[float, float]:
    """Medians for a known name and an unknown one, in milliseconds; nobody is tried twice."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for name in there.names[:TRIES]:
        for is_known, guessed in ((True, name), (False, "")):
            connection = await load.Connection.open(port)
            status, seconds = await people.guess(connection, name=guessed)
            connection.close()
            assert status == 422, status
            taken[is_known].append(1000 * seconds)
    return median(taken[True]), median(taken[False])


async def _pages_in_a_flood(port: int, there: Population) -> list[float]:
    """How long /health and /instances take, in milliseconds, from the first of the logins to the last."""

    async def guess(number: int) -> None:
        connection = await load.Connection.open(port)
        await people.guess(connection, network=f"198.51.100.{number % NETWORKS}")
        connection.close()

    pages = [load.get("/health", port), people.page("/instances", port, there.sessions[0])]
    flood = asyncio.gather(*(guess(number) for number in range(LOGINS)))
    connection = await load.Connection.open(port)
    taken: list[float] = []
    while not flood.done():
        begun = time.perf_counter()
        assert (await connection.ask(pages[len(taken) % 2])).status == 200
        taken.append(1000 * (time.perf_counter() - begun))
    await flood
    connection.close()
    return taken


def _judging(text: str) -> float:
    """Everything that looks at what strangers send, once; in milliseconds."""
    judges: list[Callable[[str], object]] = [
        safe_path,
        name_refusal,
        totp.read_code,
        human_code.read,
        device,
        harmless,
    ]
    judges += [lambda _: safe_path(f"/{text}"), lambda _: characters.name_refusal(text, longest=40)]
    return _milliseconds(lambda: [judge(text) for judge in judges])


def _milliseconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)
