"""A data folder with as many people in it as a scenario wants; what it takes to be one of them is known."""

import asyncio
import base64
import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp

from db.instances import sort_name
from web.factors.password import make_phc
from web.panel import Panel
from web.runtime.data_folder import DATABASE, open_panel
from web.settings import Settings
from web.visit.cookies import digest, new_token

PASSWORD = "girafa azul dança no telhado"
KEY = b"12345678901234567890"  # of everybody's app; RFC 6238 appendix B
SHORT_ID = "0" * 8  # of the panel, in the names of its cookies
INSTANCES = 3  # of everybody
KNOWN = 3000  # people with an app, instances and, first of all, a session
NETWORK, BROWSER = "203.0.113.7", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Population:
    """`names` sign in with PASSWORD and the code of the moment; `sessions` are tokens, one of each of the first."""

    names: list[str]
    sessions: list[str]


def populate(folder: Path, *, accounts: int = 10, sessions: int = 10, entries: int = 1000) -> Population:
    """Make a data folder. What is not reached by a name or a cookie that is returned only takes room, as in life."""
    return asyncio.run(_populate(folder, accounts, sessions, entries))


def code_of_the_moment(*, late: int = 0) -> str:
    """What everybody's app shows `late` steps from now; the panel takes -1, 0 and 1, each once."""
    return pyotp.TOTP(base64.b32encode(KEY).decode()).at(datetime.now(UTC) + timedelta(seconds=30 * late))


async def _populate(folder: Path, accounts: int, sessions: int, entries: int) -> Population:
    async with open_panel(Settings(data=folder), lambda: datetime.now(UTC), secrets.token_bytes) as panel:
        phc = make_phc(panel.argon2id, PASSWORD, panel.settings.hash_cost, panel.token_bytes)
        tokens = [new_token(panel) for _ in range(min(sessions, accounts, KNOWN))]
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for table, rows in _tables(panel, phc, tokens, accounts, sessions, entries).items():
                first = next(rows)
                places = ", ".join(f":{column}" for column in first)
                sql = f"INSERT INTO {table} ({', '.join(first)}) VALUES ({places})"
                connection.execute(sql, first)
                connection.executemany(sql, rows)
            connection.execute("UPDATE panel SET short_id = ?", (SHORT_ID,))
            connection.commit()
            connection.execute("PRAGMA optimize")
    return Population([f"p{number}" for number in range(min(accounts, KNOWN))], tokens)


def _tables(
    panel: Panel, phc: str, tokens: list[str], accounts: int, sessions: int, entries: int
) -> dict[str, Iterator[dict[str, Any]]]:
    at, vault = int(panel.now().timestamp()), panel.vault
    known = range(1, min(accounts, KNOWN) + 1)  # the others can be found, and never enter
    sealed = {n: vault.seal("password", n, phc.encode()) for n in known}
    return {
        "accounts": (
            {
                "id": n,
                "name": f"p{n - 1}",
                "role": "member",
                "sealed_password": sealed.get(n, sealed[1]),
                "created_at": at,
            }
            for n in range(1, accounts + 1)
        ),
        "totp": (
            {"account_id": n, "sealed_key": vault.seal("totp", n, KEY), "last_step": 0, "confirmed_at": at}
            for n in known
        ),
        "instances": (
            {
                "id": secrets.token_hex(16).upper(),
                "account_id": n,
                "name": f"Loja {i}",
                "sort_name": sort_name(f"Loja {i}"),
                "sealed_token": b"\0" * 88,
                "created_at": at,
                "token_changed_at": at,
            }
            for n in known
            for i in range(INSTANCES)
        ),
        "sessions": (
            {
                "digest": digest(tokens[i]) if i < len(tokens) else secrets.token_bytes(32),
                "id": secrets.token_hex(8),
                "account_id": i % accounts + 1,
                "method": "totp",
                "network": NETWORK,
                "user_agent": BROWSER,
                "created_at": at,
                "verified_at": at,
                "last_seen_at": at,
                "ends_at": at + 43_200,
            }
            for i in range(sessions)
        ),
        "recovery_sets": ({"account_id": n, "salt": secrets.token_bytes(16), "made_at": at} for n in known),
        "recovery_codes": ({"account_id": n, "digest": secrets.token_bytes(32)} for n in known for _ in range(10)),
        "activity": (
            {
                "id": i + 1,
                "at": at - entries + i,
                "account_id": i % accounts + 1,
                "event": ("login.password_ok", "totp.ok", "session.started", "instance.token_shown")[i // accounts % 4],
                "network": NETWORK,
                "user_agent": BROWSER,
                "detail": "",
            }
            for i in range(entries)
        ),
    }
