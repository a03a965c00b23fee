"""docs/security.md cannot drift from the code, nor the tests from the list of attacks."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.routing import Route

from db.rates import Rate
from web import limits
from web.audit.events import Event
from web.crypto import workers
from web.factors.password import CONTEXT_WORDS
from web.guards.guard import demand_of
from web.http import wire
from web.http.page import ROOT
from web.limits import Backoff, Cost
from web.routes import ROUTES
from web.settings import Settings

PAGE = (ROOT / "docs/security.md").read_text()
ATTACKS = (ROOT / "docs/attacks.md").read_text()


def section(name: str) -> str:
    return PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()


def in_words(value: object) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
        size, name = next(unit for unit in units if seconds % unit[0] == 0 and seconds >= unit[0])
        return f"{seconds // size} {name}{'s' if seconds != size else ''}"
    if isinstance(value, Backoff):
        closed = f", closed at {value.closes_at}" if value.closes_at else ""
        return f"{value.free} free, then {in_words(value.first)} doubling to {in_words(value.longest)}{closed}"
    if isinstance(value, Rate):
        return f"{value.limit:,} in {in_words(value.span)}"
    if isinstance(value, Cost):
        return f"m = {value.memory_kib:,} KiB, t = {value.passes}, p = {value.lanes}"
    if isinstance(value, tuple):
        return ", ".join(map(in_words, value))
    return f"{value:,}"


def test_the_page_tells_which_limits_hold_for_each_process() -> None:
    rows = re.findall(r"^\| for (\w+ \w+) \| [^|]+ \| ([^|]+) \|$", section("processes"), re.MULTILINE)
    told = {whose: set(re.findall(r"`((?!PANEL_)[A-Z_]+)`", names)) for whose, names in rows}
    numbers = {name for name, value in vars(limits).items() if isinstance(value, int) and name.isupper()}
    of_one_connection = {"HEAD_MAX", "PIPELINED_MAX"}
    in_memory = numbers & {*vars(workers), *vars(wire)} - of_one_connection
    in_database = {name for name, value in vars(limits).items() if isinstance(value, Rate | Backoff)}
    assert told["each process"] == in_memory - {"HASHES_AT_ONCE"}
    assert told["the machine"] == {"HASHES_AT_ONCE", "WORKER_DEATHS"}
    assert told["the panel"] >= in_database - {"WORKER_DEATHS"}
    assert not set.intersection(*told.values())


def test_every_limit_is_on_the_page_with_its_value() -> None:
    told = dict(re.findall(r"^\| `([A-Z_0-9]+)` \| ([^|]+) \|", section("limits"), re.MULTILINE))
    values = {name: in_words(value) for name, value in vars(limits).items() if name.isupper()}
    assert {name: told.get(name) for name in values} == values
    assert set(told) == set(values)


def test_every_door_is_on_the_page_with_what_it_asks() -> None:
    doors = []
    for route in ROUTES:
        demand = demand_of(route)
        assert isinstance(route, Route)
        assert demand
        also = [
            word
            for word, is_so in (("enrolment allowed", demand.allows_enrolment), ("admin only", demand.admin_only))
            if is_so
        ]
        also += [demand.throttle.name] if demand.throttle else []
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        doors.append(f"| {method} `{route.path}` | {demand.door.name} | {', '.join(also)} |")
    assert section("doors").splitlines()[2:] == doors


def test_every_event_is_on_the_page() -> None:
    assert set(re.findall(r"`([a-z_.]+)`", section("events"))) == set(Event)


def test_every_event_of_stderr_alone_is_on_the_page() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "web").rglob("*.py"))
    named = set(re.findall(r'(?:log\.trouble|_logger\.\w+|Diagnosis)\(\s*"([a-z_.]+)"', sources)) | {"server.message"}
    assert {"access.denied", "error.internal", "start.http_allowed"} < named
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE.split("on stderr only")[1].split("##")[0])) == named


def test_settings_and_context_words_on_the_page_match_the_code() -> None:
    settings = Settings()
    assert f"`PANEL_PASSWORD_MIN` ({settings.password_min} code points" in PAGE
    assert f"`PANEL_SESSION_IDLE` ({settings.session_idle // timedelta(minutes=1)} minutes)" in PAGE
    assert f"`PANEL_SESSION_MAX` ({settings.session_max // timedelta(hours=1)} hours" in PAGE
    assert f"`PANEL_LOG_KEEP` ({settings.log_keep.days} days)" in PAGE
    assert f"`PANEL_INSTANCES_MAX` ({settings.instances_max} instances" in PAGE
    assert ", ".join(f"`{word}`" for word in CONTEXT_WORDS) in PAGE


def test_every_decision_is_on_the_page() -> None:
    assert re.findall(r"^- \*\*(D\d+)\*\*", PAGE, re.MULTILINE) == [f"D{number}" for number in range(1, 21)]


def test_every_attack_has_a_test_that_bears_its_number() -> None:
    found: set[str] = set()
    for file in Path(__file__).parent.rglob("test_*.py"):
        for text in re.findall(r'def test_\w+\([^"]*?"""(.*?)"""', file.read_text(), re.DOTALL):
            found |= set(re.findall(r"\bA\d+\b", text))
    rows = dict(re.findall(r"^\| (A\d+) \| (\*(?:not built|open)\*)?", ATTACKS, re.MULTILINE))
    assert list(rows) == [f"A{number}" for number in range(1, len(rows) + 1)]
    assert found == {number for number, mark in rows.items() if not mark}


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
def test_the_readme_leads_to_the_page(name: str) -> None:
    assert "docs/security.md" in (ROOT / name).read_text()
