"""Whether a file holds the tables, indexes, triggers and views that the migrations make, and nothing else: a trigger
that somebody slipped in would act by itself."""

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from functools import cache
from typing import Literal, NamedTuple

from db.database import Reader, Transaction
from db.migrate import MIGRATIONS, script

DRAFTS = MIGRATIONS[0].parent / "drafts"
# Sets of migrations that a data folder may have run before they were edited (the old text is in DRAFTS), until 0017
# repairs it.
EDITED: tuple[tuple[str, ...], ...] = (
    ("0006_trusted_devices.sql",),
    ("0006_trusted_devices.sql", "0009_told_step.sql"),
)
BROUGHT_RIGHT = 17
# Digest of what all migrations make: with it a start need not run them in memory.
NEWEST = "e7c9aaaabe3b84a57efe8593c54e5729d4bd3f15f4172ce46e6331e2994257b1"
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\w+|\S", re.DOTALL)


class Thing(NamedTuple):
    kind: str  # "table", "index", "trigger", "view"
    name: str
    table: str
    sql: str | None  # None: an index that comes with its table


class Difference(NamedTuple):
    how: Literal["more", "less", "other"]
    kind: str
    name: str


_EVERY = """
    SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))
"""  # without the statistics of SQLite's planner


async def is_empty(db: Reader) -> bool:
    return not await db.one(int, "SELECT EXISTS (SELECT 1 FROM sqlite_schema)")


@asynccontextmanager
async def without_trigger(tx: Transaction, name: str) -> AsyncIterator[None]:
    """Drop a trigger for the block. No other transaction sees that: it is made again at the end, or all is undone."""
    made = await tx.one(str, "SELECT sql FROM sqlite_schema WHERE name = :name", name=name)
    await tx.run(f"DROP TRIGGER {name}")
    yield
    await tx.run(str(made))


async def difference(db: Reader, version: int) -> Difference | None:
    """The first table, index, trigger or view that is extra, missing or not as the first `version` migrations make it;
    None when there is none."""
    found = {_plain(thing) for thing in await db.all(Thing, _EVERY)}
    if version == len(MIGRATIONS) and digest(found) == NEWEST:
        return None
    drafts = [(), *(EDITED if version < BROUGHT_RIGHT else ())]
    wanted = min((made_by(version, names) for names in drafts), key=lambda made: len(found ^ made))
    if found == wanted:
        return None
    kind, name = min((thing.kind, thing.name) for thing in found ^ wanted)
    is_found, is_wanted = (any((t.kind, t.name) == (kind, name) for t in side) for side in (found, wanted))
    return Difference("other" if is_found and is_wanted else "more" if is_found else "less", kind, name)


@cache
def made_by(version: int, drafts: tuple[str, ...] = ()) -> frozenset[Thing]:
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        for file in MIGRATIONS[:version]:
            memory.executescript(script(DRAFTS / file.name if file.name in drafts else file))
        return frozenset(_plain(Thing(*row)) for row in memory.execute(_EVERY))


def digest(things: Set[Thing]) -> str:
    """SHA-256 of their text in one order, in hexadecimal."""
    return hashlib.sha256(repr(sorted(map(repr, things))).encode()).hexdigest()


def _plain(thing: Thing) -> Thing:
    """Without comments and white space, which depend on how a table came to be, and on the release of SQLite."""
    said = [word for word in _TOKEN.findall(thing.sql or "") if not word.startswith(("--", "/*"))]
    return Thing(thing.kind, thing.name, thing.table, " ".join(said))
