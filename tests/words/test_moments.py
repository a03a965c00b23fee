"""Moments in words, as they stand where no script runs: in the panel's zone, which is named."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.people import Person, begin_enrolment, code_for, proof, protect, sign_in
from web.http.page import ROOT
from web.settings import Settings, StartRefused
from web.words.moments import day, full, rendered
from web.words.zones import machine_zone

NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
TELL = """
from datetime import UTC, datetime
from web.words.zones import zone_name
print(zone_name(None, datetime(2026, 11, 24, tzinfo=UTC)))
"""
RECIFE = ZoneInfo("America/Recife")


@pytest.mark.parametrize(
    "name", ["Brasil", "UTC-3", "../etc/passwd", "/etc/localtime", "America", "x" * 300, "zone.tab"]
)
def test_an_unknown_time_zone_stops_the_start(name: str) -> None:
    with pytest.raises(StartRefused, match=r"PANEL_TIME_ZONE=.*: o valor precisa ser o nome de um fuso horário"):
        Settings.from_environment({"PANEL_TIME_ZONE": name})


def test_the_chosen_zone_is_used_whatever_the_machine_says() -> None:
    environment = {"PANEL_TIME_ZONE": "America/Recife", "TZ": "Asia/Tokyo"}
    assert Settings.from_environment(environment).time_zone == RECIFE
    assert Settings.from_environment({"TZ": "Asia/Tokyo"}).time_zone == ZoneInfo("Asia/Tokyo")


def test_the_machine_tells_its_zone_by_variable_or_link(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("../usr/share/zoneinfo/America/Recife")
    assert machine_zone({}, link) == machine_zone({"TZ": ":America/Recife"}) == RECIFE
    assert machine_zone({"TZ": ""}, link) == ZoneInfo("UTC")  # as the C library reads it


def test_a_machine_that_does_not_tell_a_name_is_not_guessed_at(tmp_path: Path) -> None:
    file = tmp_path / "localtime"
    assert machine_zone({}, file) is None
    file.write_bytes(b"TZif2")
    assert machine_zone({}, file) is None
    assert machine_zone({"TZ": "BRT3"}, file) is None


def test_without_a_name_of_the_zone_its_offset_is_shown() -> None:
    """In a process of its own: what the C library makes of TZ is settled for a whole process."""
    for tz, name in {"XYZ3": "UTC−3", "XYZ-5:30": "UTC+5:30", "XYZ0": "UTC", "XYZ3:30": "UTC−3:30"}.items():
        environment = os.environ | {"TZ": tz, "PYTHONUTF8": "1"}
        command = [sys.executable, "-c", TELL]
        told = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
        assert told.stdout.strip() == name


def test_days_and_times_are_those_of_the_zone() -> None:
    late = NOON.replace(hour=23, minute=30)
    assert full(late, RECIFE) == "24 de novembro de 2026 às 20:30, horário de America/Recife"
    assert full(late, ZoneInfo("Asia/Tokyo")) == "25 de novembro de 2026 às 08:30, horário de Asia/Tokyo"
    assert full(NOON, ZoneInfo("Etc/UTC")) == "24 de novembro de 2026 às 12:00, UTC"
    assert day(datetime(2026, 12, 1, 2, tzinfo=UTC), ZoneInfo("UTC")) == "1º de dezembro de 2026"


def test_moments_of_one_minute_share_their_words_and_keep_their_seconds() -> None:
    title = 'title="24 de novembro de 2026 às 09:00, horário de America/Recife"'
    for at, second in ((NOON, "05"), (NOON.replace(second=59, microsecond=7), "59")):
        stamp = f'<time datetime="2026-11-24T12:00:{second}Z"'
        assert rendered("hour", at, RECIFE) == f'{stamp} data-as="hour" {title}>9h00</time>'
        assert rendered("minutes", at, RECIFE) == f'{stamp} data-as="minutes" {title}>00:{second}</time>'


def test_pages_name_the_zone_where_a_time_of_day_is_shown(alice: Person, client: TestClient, clock: Clock) -> None:
    protect(client, alice, clock())
    new = begin_enrolment(client, **proof(alice, clock.forward(seconds=30)))
    client.post("/security/totp/confirm", data={"code": code_for(new, clock())})
    page = client.get("/security").text
    assert re.search("Desfazer até <time [^>]*>09:10 \\(horário de America/Sao_Paulo\\)</time></summary>", page)
    assert 'title="24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo">24 de novembro de 2026<' in page
    client.post("/policy/require", data={"days": "7"})
    begins = "1º de dezembro de 2026 às 09:00, horário de America/Sao_Paulo</time> (faltam 7 dias)"
    assert begins in client.get("/policy").text
    assert begins in client.get("/security").text
    assert (
        'no fuso <span data-zone="America/Sao_Paulo">Brasília, São Paulo (UTC−3)</span>' in client.get("/activity").text
    )
    near = '<span class="unseen">, 24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo</span>'
    assert near in client.get("/security/sessions").text


def test_the_days_of_the_activity_are_those_of_the_zone(alice: Person, client: TestClient, clock: Clock) -> None:
    clock.forward(hours=13)  # the next day, but not yet in São Paulo
    sign_in(client, alice)
    days = re.findall(r'<li class="day"><h2>(.*?)</h2>', client.get("/activity").text)
    assert days == ["<strong>Hoje</strong> <small>terça, 24 de novembro</small>"]


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Asia/Tokyo", "24 de novembro de 2026 às 21:00, horário de Asia/Tokyo"),
        ("", "24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo"),
        ("../../etc/passwd", "24 de novembro de 2026 às 09:00, horário de America/Sao_Paulo"),
    ],
)
def test_the_file_of_codes_is_dated_in_the_zone_of_the_browser(
    zone: str, told: str, protected: Person, client: TestClient
) -> None:
    codes = protected.recovery_codes
    answer = client.post("/security/recovery-codes/file", data={"codes": " ".join(codes), "fuso": zone})
    assert answer.text.splitlines()[1].startswith(f"{told} · conjunto nº ")
