"""The list of people, a search and the filters, among 600 people and among ten thousand."""

import contextlib
import gzip
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench import load, people, servers
from bench.population import Population, populate
from bench.report import Row, median
from bench.servers import Server
from web.limits import PEOPLE_PAGE
from web.runtime.data_folder import DATABASE

FEW, MANY = 12 * PEOPLE_PAGE, 10_000  # enough of them for a full page of each kind
ROUNDS = 3
SEARCH = {FEW: "p4", MANY: "p45"}  # 111 people each
ASKED = {
    "the list": "/people",
    "a search that finds everybody": "/people?busca=p",
    "a search that finds 111": "/people?busca={search}",
    "those without a second factor": "/people?filtro=sem-fator",
    "open invitations": "/people?filtro=convites",
    "disabled people": "/people?filtro=desativadas",
}
_PARTS = """
    WITH RECURSIVE parts (part, account_id) AS (
        SELECT name, id FROM accounts
        UNION ALL SELECT substr(part, 2), account_id FROM parts WHERE length(part) > 1)
    INSERT INTO name_parts (part, account_id) SELECT DISTINCT part, account_id FROM parts
"""
_STATES = (
    "UPDATE accounts SET role = 'admin' WHERE id = 1",
    "UPDATE accounts SET last_login_at = created_at WHERE id % 9 <> 2",
    "UPDATE accounts SET sealed_password = NULL WHERE id % 9 = 2",
    "UPDATE accounts SET disabled_at = created_at WHERE id % 9 = 3",
    "DELETE FROM totp WHERE account_id % 9 = 4",
)


def run(_data: Path, _there: Population, seconds: float) -> list[Row]:
    """Among few and among many in turn, because the machine changes within a minute; pages are counted by the processor
    time of the panel, because the load runs beside it."""
    with tempfile.TemporaryDirectory(prefix="panel-roster-") as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        few, many = _team(small, FEW), _team(large, MANY)
        found: dict[str, list[tuple[float, float]]] = {}
        with servers.panel(small) as one, servers.panel(large) as other:
            for _ in range(ROUNDS):
                rates = zip(_rates(one, few, FEW, seconds), _rates(other, many, MANY, seconds), strict=True)
                for (what, among_few), (_, among_many) in rates:
                    found.setdefault(what, []).append((among_few, among_many))
            size = uvloop.run(_compressed(other.port, many))
    rows = []
    for what, sides in found.items():
        among_few, among_many = (median(side) for side in zip(*sides, strict=True))
        row = Row(f"{what}, of {MANY:,}", among_many, "pages a second of processor", f"of {FEW}", among_few, ">= 0.9")
        rows.append(row)
    return [*rows, Row("a page of the list, compressed", size / 1024, "KiB", wanted="<= 7")]


def _team(folder: Path, accounts: int) -> Population:
    there = populate(folder, accounts=accounts, sessions=accounts)
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
        for statement in (_PARTS, *_STATES, "PRAGMA optimize"):
            connection.execute(statement)
        connection.commit()
    return there


def _rates(panel: Server, there: Population, size: int, seconds: float) -> Iterator[tuple[str, float]]:
    for what, asked in ASKED.items():
        path = asked.format(search=SEARCH[size])
        requests, before = [people.page(path, panel.port, there.sessions[0])], panel.processor_seconds()
        got = uvloop.run(load.closed_loop(panel.port, requests, connections=8, seconds=seconds))
        assert list(got.statuses) == [200], (path, got.statuses)
        yield what, got.per_second * seconds / (panel.processor_seconds() - before)


async def _compressed(port: int, there: Population) -> int:
    connection = await load.Connection.open(port)
    answer = await connection.ask(people.page("/people", port, there.sessions[0]))
    connection.close()
    return answer.size - len(answer.body) + len(gzip.compress(answer.body))
