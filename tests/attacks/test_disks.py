"""Disks that are full, read-only or lack what SQLite needs: real file systems, mounted for the test alone."""

import contextlib
import shlex
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from starlette.testclient import TestClient

from tests.support.checkout import Checkout
from tests.support.clock import Clock
from tests.support.commands import RUN, free_port, run, started
from tests.support.people import ORIGIN, PASSWORD, Person, cookie_of, give_password, sign_in
from tests.support.server import Server, serving, status
from tests.support.steady import HANG, HeldHashes, StillLoop, until
from web.app import create_app
from web.limits import DISK_FREE_MIN, HOUSEKEEPING, SPARE_BYTES
from web.runtime import spare
from web.settings import Settings

PAGES = ("/instances", "/security", "/activity", "/security/sessions")
FULL, READ_ONLY = "o disco está cheio", "só aceita leitura"
Rows = Callable[..., list[tuple[Any, ...]]]


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=HANG)


@contextlib.contextmanager
def mounted(place: Path, *how: object) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    if not shutil.which("mount") or command("mount", *how, place).returncode:
        pytest.skip("nothing of this kind can be mounted here")
    try:
        yield place
    finally:
        assert command("umount", place).returncode == 0


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small disk for the test alone, in memory or (`ext4`) with a file system that can fail."""
    place = tmp_path / "disk"
    if getattr(request, "param", "tmpfs") == "tmpfs":
        how: list[object] = ["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs"]
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(48 * 2**20)
        if not shutil.which("mkfs.ext4") or command("mkfs.ext4", "-q", image).returncode:
            pytest.skip("no file system can be made here")
        how = ["-o", "loop,errors=remount-ro", image]
    with mounted(place, *how):
        yield place


@pytest.fixture
def settings(settings: Settings, disk: Path) -> Settings:
    return replace(settings, data=disk / "data")


@pytest.fixture
def data(disk: Path) -> Path:
    """A panel that was used before, with an account."""
    assert run("create-account", "ana", "--data", str(disk / "data")).returncode == 0
    return disk / "data"


def fill(disk: Path) -> Path:
    """Fill the disk to the last byte; returns the file to remove."""
    filling = disk / "filling"
    with contextlib.suppress(OSError), filling.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    return filling


def refused(answer: subprocess.CompletedProcess[str], *words: str) -> None:
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert all(word in answer.stderr for word in words), answer.stderr


@pytest.fixture
def stranger(new_client: Callable[..., TestClient]) -> TestClient:
    """A browser that sees the panel's faults as people do."""
    return new_client(raise_server_exceptions=False, client=("10.1.1.1", 1))


def test_a_full_disk_serves_pages_and_judges_no_login_until_there_is_room(
    protected: Person,
    client: TestClient,
    hashes: HeldHashes,
    stranger: TestClient,
    disk: Path,
    clock: Clock,
    rows: Rows,
) -> None:
    """A66."""
    assert give_password(stranger, protected).headers["location"] == "/login/code"
    hashes.begun.clear()
    filling = fill(disk)
    clock.forward(minutes=2)  # so that it is time to write that the session is in use
    assert [client.get(path).status_code for path in PAGES] == [200] * 4
    before = rows("SELECT kind, failures FROM attempts")
    for password in (PASSWORD, "girafa verde"):
        answer = give_password(stranger, Person("alice", password))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "O disco do servidor está cheio" in answer.text
    for code in (protected.code_at(clock()), protected.wrong_code_at(clock())):
        assert stranger.post("/login/code", data={"code": code}).status_code == 503
    assert hashes.begun == []
    assert rows("SELECT kind, failures FROM attempts") == before
    assert rows("SELECT count(*) FROM sessions") == [(1,)]
    filling.unlink()
    assert stranger.post("/login/code", data={"code": protected.code_at(clock())}).status_code == 303
    assert cookie_of(stranger)


def test_signing_out_on_a_full_disk_deletes_the_cookie_and_says_what_failed(
    alice: Person, client: TestClient, disk: Path, rows: Rows
) -> None:
    """A66."""
    filling = fill(disk)
    answer = client.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?motivo=gravar")
    assert not cookie_of(client)
    assert "não conseguiu registrar o fim da sessão" in client.get("/login?motivo=gravar").text
    assert client.get("/instances").headers["location"].startswith("/login")
    assert rows("SELECT count(*) FROM sessions") == [(1,)]
    filling.unlink()
    assert sign_in(client, alice).status_code == 303
    assert client.post("/logout").headers["location"] == "/login"
    assert rows("SELECT count(*) FROM sessions") == [(1,)]


@pytest.mark.parametrize("disk", ["ext4"], indirect=True)
def test_a_disk_that_turns_read_only_is_reported_and_pages_are_served(
    alice: Person, client: TestClient, hashes: HeldHashes, stranger: TestClient, disk: Path, clock: Clock
) -> None:
    """A66: ext4 does so by itself when it finds a fault."""
    if command("mount", "-o", "remount,abort", disk).returncode:
        pytest.skip("this file system cannot be made to fail")
    clock.forward(minutes=2)
    assert [client.get(path).status_code for path in PAGES] == [200] * 4
    answer = give_password(stranger, alice)
    assert answer.status_code == 503
    assert "O disco do servidor só aceita leitura agora" in answer.text
    assert hashes.begun == []
    assert client.post("/logout").headers["location"] == "/login?motivo=gravar"
    assert not cookie_of(client)


@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["doctor"], ["end-sessions"], ["backup", "copy"]])
def test_a_read_only_disk_at_the_start_is_reported(words: list[str], data: Path, disk: Path) -> None:
    """A66."""
    words = [free_port() if word == "0" else word for word in words]
    assert command("mount", "-o", "remount,ro", disk).returncode == 0
    refused(run(*words, "--data", str(data)), f"a pasta de dados {data}: o sistema de arquivos {READ_ONLY}. Monte-o")


def test_a_read_only_disk_is_reported_to_a_new_panel(disk: Path) -> None:
    assert command("mount", "-o", "remount,ro", disk).returncode == 0
    refused(run("create-account", "ana", "--data", str(disk / "data")), READ_ONLY)


def test_a_disk_without_shared_memory_is_reported(data: Path) -> None:
    """A66: a device in place of the file that SQLite maps answers as such file systems do."""
    if not shutil.which("mknod") or command("mknod", "-m", "600", data / "panel.db-shm", "c", 1, 3).returncode:
        pytest.skip("no device can be made here")
    for words in (["serve", "--port", free_port()], ["doctor"]):
        refused(run(*words, "--data", str(data)), "(WAL). Pastas de rede costumam ser assim")


def test_a_database_that_another_process_writes_to_is_reported_as_busy(data: Path) -> None:
    """A66."""
    with contextlib.closing(sqlite3.connect(data / "panel.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(run("doctor", "--data", str(data)), "outro programa está gravando no banco de dados. Tente de novo")


def test_a_full_disk_under_the_log_stops_no_page(disk: Path) -> None:
    """A66."""
    port, data = free_port(), disk / "data"
    shell = shlex.join([*RUN, "serve", "--port", port, "--data", str(data)])
    with subprocess.Popen(["sh", "-c", f"exec {shell} 2>{disk}/log >/dev/null"]) as panel:
        server = Server(port, data, panel.pid)
        try:
            until(server.answers)
            fill(disk)
            for _ in range(20):
                assert status(server.guess("nobody")) == 503
                assert status(server.say(server.head("GET", "/login"))) == 200
            (disk / "filling").unlink()
            assert status(server.guess("nobody")) == 422
        finally:
            panel.send_signal(signal.SIGINT)
    assert "login.password_failed" in (disk / "log").read_text().splitlines()[-1]


def test_a_full_disk_is_reported_during_the_preparation(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as place:
        checkout = Checkout(place)
        checkout.need("pato")
        refused(checkout.start(), f"{FULL}.")
        assert command("mount", "-o", "remount,ro", place).returncode == 0
        refused(checkout.start(), READ_ONLY)


def serve_once(data: Path) -> None:
    with started("serve", "--port", free_port(), "--data", str(data)) as (panel, _):
        panel.send_signal(signal.SIGINT)
        panel.communicate(timeout=HANG)


def test_commands_work_on_a_full_disk_while_the_panel_runs(disk: Path, tmp_path: Path) -> None:
    """A66."""
    data, copy = disk / "data", tmp_path / "copy"
    code = run("create-account", "ana", "--data", str(data)).stdout.split("ativação: ")[1].split()[0]
    typed = quote_plus(PASSWORD)
    with serving(disk) as server:
        chosen = server.post("/activate", f"activation_code={code}&password={typed}&repeated={typed}")
        assert status(chosen) == 303
        fill(disk)
        ended = run("end-sessions", "--data", str(data))
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "a reserva do painel deu lugar a este comando" in ended.stdout
        assert "Sessões encerradas: 1." in ended.stdout
        made = run("backup", str(copy), "--data", str(data))
        assert (made.returncode, made.stderr) == (0, "")
        assert "Cópia gravada" in made.stdout
    (disk / "filling").unlink()
    assert run("restore", str(copy), "--data", str(data)).returncode == 0
    serve_once(data)
    assert (data / spare.FILE).stat().st_size == SPARE_BYTES
    assert (data / spare.FILE).stat().st_mode & 0o777 == 0o600


def test_commands_work_on_a_full_disk_while_no_panel_runs(data: Path, disk: Path, tmp_path: Path) -> None:
    """A66."""
    serve_once(data)
    fill(disk)
    refused(run("serve", "--port", free_port(), "--data", str(data)), f"{data}: {FULL}. Libere espaço")
    refused(run("doctor", "--data", str(data)), f"{data}: {FULL}. Libere espaço")
    assert (data / spare.FILE).exists()
    assert run("end-sessions", "--data", str(data)).stdout.endswith("Nenhuma sessão estava aberta.\n")
    assert not (data / spare.FILE).exists()
    assert run("backup", str(tmp_path / "copy"), "--data", str(data)).returncode == 0


def test_a_full_disk_without_the_spare_file_allows_a_backup_elsewhere_and_nothing_else(
    disk: Path, tmp_path: Path
) -> None:
    """A66."""
    data, copy = disk / "data", tmp_path / "copy"
    run("create-account", "ana", "--data", str(data))
    with serving(disk) as server:
        server.guess("nobody")
        (data / spare.FILE).unlink()
        fill(disk)
        doctor = run("doctor", "--data", str(data))
        refused(doctor, "marcadas com ERRADO")
        assert "ERRADO O disco dos dados está cheio, ou quase: 0 MiB livres. Libere pelo menos 16 MiB." in doctor.stdout
        made = run("backup", str(copy), "--data", str(data))
        assert (made.returncode, made.stderr) == (0, "")
        assert f"Não deu para anotar a cópia na atividade ({FULL})" in made.stdout
        refused(run("unlock", "ana", "--data", str(data)), f"Não foi possível gravar em {data}: {FULL}.")
        refused(run("rotate-key", "--data", str(data)), f"({FULL})")
        other = disk / "copy"
        refused(run("backup", str(other), "--data", str(data)), f"Não foi possível gravar {other} ({FULL})")
        refused(run("restore", str(copy), "--data", str(data)), FULL)
    left = {"panel.db", "secret.key"}
    assert {path.name for path in data.iterdir()} - {"panel.db-wal", "panel.db-shm"} == left
    assert not other.exists()


def test_the_spare_file_is_made_again_once_there_is_room(
    disk: Path, settings: Settings, clock: Clock, still_loop: StillLoop
) -> None:
    (disk / "data").mkdir(0o700)
    file = disk / "data" / spare.FILE
    filling = disk / "filling"
    filling.write_bytes(bytes(spare.free(disk) - DISK_FREE_MIN + 4096))
    spare.keep(disk / "data")
    assert not file.exists()
    filling.unlink()
    file.touch(0o600)  # as a start that was killed leaves it

    def made_an_hour_later() -> bool:
        still_loop.forward(HOUSEKEEPING)
        return file.exists() and file.stat().st_size == SPARE_BYTES

    app, still = create_app(settings, now=clock), {"loop_factory": lambda: still_loop}
    with TestClient(app, backend_options=still, base_url=ORIGIN):
        until(made_an_hour_later)
    assert not spare.give_up(disk / "data")
    fill(disk)
    assert spare.give_up(disk / "data")
    assert not spare.give_up(disk / "data")
