"""The commands, as a person types them."""

import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.commands import RUN, free_port, refused, run, started
from tests.support.steady import HANG, until
from web.http.page import ROOT
from web.runtime.running import outside_address
from web.runtime.server import MADE_OF
from web.settings import Settings


def answers(port: str, host: str = "127.0.0.1") -> bool:
    with urllib.request.urlopen(f"http://{host}:{port}/health") as response:
        return bool(response.read() == b"ok")


def wait_for(port: str, host: str = "127.0.0.1") -> None:
    """Workers take a moment longer than their parent."""
    for _ in range(600):
        with contextlib.suppress(OSError):
            assert answers(port, host)
            return
        time.sleep(0.1)
    assert answers(port, host)


def test_it_starts_tells_the_setup_code_and_ends_quietly(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    with started("serve", "--port", port, "--data", str(data)) as (panel, lines):
        assert panel.stdout
        code = re.search(r"^Código de instalação: (([0-9A-Z]{4}-){5}[0-9A-Z]{4})$", panel.stdout.readline())
        assert code
        assert f"http://localhost:{port}/setup#{code[1]}" in panel.stdout.readline()
        assert f"Painel em http://localhost:{port}" in lines[-1]
        assert answers(port)
        panel.send_signal(signal.SIGINT)
        errors = panel.ended()
        assert "Traceback" not in errors
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.iterdir())}
    assert modes == {"data": 0o700, "panel.db": 0o600, "secret.key": 0o600, "spare": 0o600}


def test_it_answers_as_soon_as_it_says_so(tmp_path: Path) -> None:
    """How long a second start takes is measured by `python3 run.py bench start`."""
    port, data = free_port(), str(tmp_path / "data")
    run("create-account", "ana", "--data", data)
    with started("serve", "--port", port, "--data", data):
        assert answers(port)


def test_a_panel_whose_output_fills_a_pipe_still_answers(tmp_path: Path) -> None:
    """Otherwise a test could wait for a panel that waits for somebody to read its output."""
    port = free_port()
    with started("serve", "--port", port, "--data", str(tmp_path / "data")) as (panel, _):
        line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=HANG)
        for _ in range(600):
            line.request("POST", "/login", headers={"Origin": "http://elsewhere.test"})
            assert line.getresponse().read()
        line.close()
        panel.send_signal(signal.SIGINT)
        said = panel.ended()
    assert said.count('"access.denied"') == 600
    assert len(said) > 1 << 16


def test_a_start_without_https_is_logged(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("serve", "--port", port, "--data", str(tmp_path / "data"))
    with started(*arguments, PANEL_ALLOW_HTTP="1") as (panel, _):
        assert answers(port)
        panel.send_signal(signal.SIGINT)
        errors = panel.ended()
    assert json.loads(errors.splitlines()[0])["event"] == "start.http_allowed"


def test_two_workers_answer_too(tmp_path: Path) -> None:
    port = free_port()
    with started("serve", "--port", port, "--data", str(tmp_path / "data"), PANEL_WORKERS="2") as (panel, _):
        wait_for(port)
        panel.send_signal(signal.SIGINT)
        errors = panel.ended()
        assert "Traceback" not in errors


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_tells_its_password_and_leaves_nothing_behind(how: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with started("demo", "--port", port, TMPDIR=str(tmp_path)) as (panel, lines):
        assert re.search(r"usuário demo, senha \S+", lines[0])
        assert answers(port)
        assert list(tmp_path.iterdir())
        panel.send_signal(how)
        panel.ended()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_reported_with_a_command_that_works(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, data = str(taken.getsockname()[1]), str(tmp_path / "my data")
        answer = run("serve", "--port", port, "--data", data)
        refused(answer, f"atender em 127.0.0.1:{port}: a porta está em uso")
        advice = shlex.split(answer.stderr.partition("Escolha outra: ")[2])
        assert advice[2] == "serve"
        with started(*advice[2:]) as (_, lines):
            assert f"Dados em {data}\n" in lines
    assert (advice[0], Path(advice[1])) == ("python3", ROOT / "run.py")


def test_a_demo_without_a_port_tells_no_password_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = run("demo", "--port", str(taken.getsockname()[1]), TMPDIR=str(tmp_path))
    refused(answer, r"a porta está em uso.*run.py demo --port \d+$")
    assert (answer.stdout, list(tmp_path.iterdir())) == ("", [])


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What the panel is made of, where it may be changed."""
    root = tmp_path / "copied"
    for folder in MADE_OF:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run.py", root)
    for name in ("requirements.txt", ".venv"):
        (root / name).symlink_to(ROOT / name)
    return root


def found(pattern: str, port: str, path: str) -> str:
    """On a page of a panel that may be starting anew."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
            return "".join(re.findall(pattern, response.read().decode()))
    except (OSError, http.client.HTTPException):
        return ""


def test_dev_restarts_when_a_file_changes(copied: Path, tmp_path: Path) -> None:
    port, own, styles = free_port(), tmp_path / "own", r"/static/[0-9a-f]+/app\.css"
    own.mkdir()
    with started("dev", "--port", port, root=str(copied), TMPDIR=str(own)) as (panel, lines):
        assert re.search(r"usuário demo, senha \S+", lines[0])
        wait_for(port)
        for name, before, after, path in (
            ("web/routes.py", '"ok"', '"changed"', "/health"),
            ("templates/login/form.html", "Senha", "changed", "/login"),
        ):
            (copied / name).write_text((copied / name).read_text().replace(before, after))
            until(lambda path=path: found("changed", port, path))  # type: ignore[misc]
        plain = found(styles, port, "/login")
        (copied / "static/new.css").touch()
        until(lambda: found(styles, port, "/login") not in ("", plain))
        panel.send_signal(signal.SIGINT)
        assert "Traceback" not in panel.ended()
    assert list(own.iterdir()) == []


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_localhost_is_ours_at_both_of_its_addresses(tmp_path: Path) -> None:
    """Otherwise a program that has the other one gets passwords from browsers that try it first."""
    data = str(tmp_path / "data")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as theirs:
        port = str(theirs.getsockname()[1])
        refused(run("serve", "--port", port, "--data", data), rf"em \[::1\]:{port}: a porta está em uso")
    for workers in ("1", "2"):
        port = free_port()
        with started("serve", "--port", port, "--data", data, PANEL_WORKERS=workers) as (panel, _):
            for host in ("127.0.0.1", "[::1]"):
                wait_for(port, host)
            panel.send_signal(signal.SIGINT)
            panel.ended()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("no-such-machine.invalid", "este nome não leva a nenhum endereço"),
        ("[::1]", "escreva o endereço sem colchetes: ::1"),
        ("203.0.113.77", "esta máquina não tem esse endereço"),
        ("127.0.0.1:8000", "o valor precisa ser um endereço ou nome desta máquina"),
        ("0.0.0.0", "abre o painel para a rede sem HTTPS"),  # noqa: S104
    ],
)
def test_each_wrong_host_has_a_sentence_of_its_own(host: str, sentence: str, tmp_path: Path) -> None:
    answer = run("serve", "--port", free_port(), "--data", str(tmp_path / "data"), PANEL_HOST=host)
    refused(answer, f"^PANEL_HOST={re.escape(host)}.* {sentence}")
    assert not (tmp_path / "data").exists()


def test_an_address_that_others_reach_takes_a_proxy_or_an_explicit_risk(tmp_path: Path) -> None:
    host = urlsplit(outside_address(Settings(host="0.0.0.0"))).hostname  # noqa: S104
    if host == "localhost":
        pytest.skip("this machine has no network")
    answer = run("serve", "--host", str(host), "--port", free_port(), "--data", str(tmp_path / "data"))
    refused(answer, f"^PANEL_HOST={host} abre o painel para a rede sem HTTPS")


def test_a_panel_on_every_address_prints_one_that_others_can_open(tmp_path: Path) -> None:
    port = free_port()
    told = ("serve", "--host", "0.0.0.0", "--port", port, "--data", str(tmp_path / "data"))  # noqa: S104
    with started(*told, PANEL_ALLOW_HTTP="1") as (_, lines):
        address = re.search(r"Painel em (http://(\S+):\d+)", lines[-1])
        assert address
        assert address[2] != "0.0.0.0"  # noqa: S104
        assert answers(port, address[2])


def test_the_address_of_the_running_panel_is_printed_with_a_code(tmp_path: Path) -> None:
    port, data = free_port(), str(tmp_path / "data")
    with started("--port", port, "--data", data) as (panel, _):
        assert f"em http://localhost:{port}/activate" in run("create-account", "ana", "--data", data).stdout
        public = run("reset-password", "ana", "--data", data, PANEL_PUBLIC_URL="https://painel.test").stdout
        assert "em https://painel.test/activate" in public
        panel.kill()
        panel.wait()
    assert "em http://localhost:8000/activate" in run("reset-password", "ana", "--data", data).stdout
    everywhere = run("reset-password", "ana", "--data", data, PANEL_HOST="0.0.0.0", PANEL_ALLOW_HTTP="1")  # noqa: S104
    assert "0.0.0.0" not in everywhere.stdout  # noqa: S104


def test_only_a_start_makes_a_data_folder(tmp_path: Path) -> None:
    for command in (["doctor"], ["unlock", "ana"], ["reset-two-factor", "ana"]):
        refused(run(*command, "--data", str(tmp_path / "typo")), "Não há painel em")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "missing" / "secret.key")
    answer = run("create-account", "ana", "--data", str(tmp_path / "data"), PANEL_SECRET_KEY_FILE=nowhere)
    refused(answer, "A chave .* não pode ser usada")


def test_a_data_folder_from_old_versions_in_the_current_folder_stops_the_start(data: Path, tmp_path: Path) -> None:
    """It followed the working directory: a panel must not be empty all of a sudden."""
    for options in ([], ["--data", "data"]):
        command = [*RUN, "doctor", *options]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=HANG, cwd=tmp_path)
        refused(answer, f"agora fica em {ROOT}/data, mas há um painel em {data}.*--data {data}$")
    answer = subprocess.run([*RUN, "doctor", "--data", str(data)], capture_output=True, text=True, cwd=tmp_path)
    assert f"Dados em {data}" in answer.stdout


def test_a_folder_is_the_same_from_wherever_it_is_typed(data: Path, tmp_path: Path) -> None:
    relative = os.path.relpath(data, ROOT)
    assert f"Dados em {ROOT / relative}" in run("doctor", "--data", relative).stdout
    assert f"Dados em {data}" in run("doctor", "--data", "~/data", HOME=str(tmp_path)).stdout


def test_copies_are_where_the_command_is_typed(data: Path, tmp_path: Path) -> None:
    command = [*RUN, "backup", "copy.db", "--data", str(data)]
    assert subprocess.run(command, capture_output=True, timeout=HANG, cwd=tmp_path).returncode == 0
    assert (tmp_path / "copy.db").exists()


def test_code_in_the_current_folder_is_not_run(data: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "cli.py").write_text("raise SystemExit('a stranger')")
    command = [*RUN, "doctor", "--data", str(data)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=HANG, cwd=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_copy_and_its_key_are_enough_on_another_machine(data: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "other"
    assert run("backup", str(copy), "--data", str(data)).returncode == 0
    other.mkdir(0o700)
    shutil.copy(data / "secret.key", other)
    altered = tmp_path / "altered.db"
    altered.write_bytes(copy.read_bytes()[:-1] + b"x")
    refused(run("restore", str(altered), "--data", str(other)), "a prova não confere")
    assert "O painel voltou ao estado" in run("restore", str(copy), "--data", str(other)).stdout
    assert run("doctor", "--data", str(other)).returncode == 0
    refused(run("create-account", "ana", "--data", str(other)), "Já existe uma conta ana")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_copy_without_proof_says_what_it_means(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "old copy.db"
    with contextlib.closing(sqlite3.connect(data / "panel.db")) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    refused(run("restore", str(copy), "--data", str(data)), f"--without-proof '{copy}'$")
    assert "não traz prova" in run("restore", "--without-proof", str(copy), "--data", str(data)).stdout


def test_a_restore_without_its_key_makes_nothing(tmp_path: Path) -> None:
    refused(run("restore", str(tmp_path / "copy.db"), "--data", str(tmp_path / "data")), "Traga antes a que estava")
    assert list(tmp_path.iterdir()) == []


def test_options_after_test_go_to_pytest() -> None:
    answer = run("test", "--co", "-q", "tests/test_limits.py", "-k", "strangers")
    assert answer.returncode == 0
    assert "1/6 tests collected" in answer.stdout


def test_coverage_tells_which_branches_no_test_takes(tmp_path: Path) -> None:
    answer = run("coverage", "-q", "tests/test_limits.py", COVERAGE_FILE=str(tmp_path / "found"))
    assert answer.returncode == 0
    assert re.search(r"Stmts +Miss +Branch +BrPart .*\n(.*\n)*web/pages/entry/login\.py .*%  +\d+", answer.stdout)


@pytest.fixture
def small_machine(tmp_path: Path) -> dict[str, str]:
    """A system on which Playwright does not start, with an apt-get that only writes down what it is asked."""
    programs = {
        "node": "echo 'node: error while loading shared libraries: libatomic.so.1: cannot open' >&2; exit 127",
        "apt-get": f'echo "$@" >> {shlex.quote(str(tmp_path))}/asked',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "PLAYWRIGHT_NODEJS_PATH": str(tmp_path / "node"), "PANEL_TEST_INSTALL": "0"}


def test_tests_that_drive_no_browser_ask_for_none(small_machine: dict[str, str]) -> None:
    answer = run(
        "test", "-q", "tests/test_limits.py", "tests/browser/test_looks.py", "-k", "strangers", **small_machine
    )
    assert answer.returncode == 0, answer
    assert "Navegador" not in answer.stdout


def test_tests_side_by_side_look_for_a_browser_once(small_machine: dict[str, str]) -> None:
    answer = run("test", "-q", "-n2", "tests/browser/test_looks.py", **small_machine)
    assert answer.returncode == 1
    assert (answer.stdout + answer.stderr).count("falta libatomic.so.1") == 1


@pytest.mark.parametrize("may_install", ["0", "1"])
def test_packages_that_a_browser_lacks_are_named_and_installed_only_when_asked(
    may_install: str, small_machine: dict[str, str], tmp_path: Path
) -> None:
    answer = run("test", "-q", "tests/browser/test_looks.py", **small_machine | {"PANEL_TEST_INSTALL": may_install})
    assert answer.returncode == 1
    said = answer.stdout + answer.stderr
    assert "O Playwright não inicia: falta libatomic.so.1. No Debian ou Ubuntu: sudo apt install libatomic1" in said
    assert "Traceback" not in said
    assert (tmp_path / "asked").exists() == (may_install == "1" and os.geteuid() == 0)


def test_a_browser_that_does_not_work_is_reported(small_machine: dict[str, str], tmp_path: Path) -> None:
    del small_machine["PLAYWRIGHT_NODEJS_PATH"]
    answer = run("test", "-q", "tests/browser/test_looks.py", CHROMIUM="/bin/false", **small_machine)
    assert answer.returncode == 1
    assert "CHROMIUM=/bin/false: esse navegador não funciona" in answer.stdout
    assert not (tmp_path / "asked").exists()


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    before = tmp_path.stat().st_mode
    refused(run("serve", "--port", free_port(), "--data", str(tmp_path)), "tem outros arquivos")
    assert (tmp_path.stat().st_mode, sorted(path.name for path in tmp_path.iterdir())) == (before, ["holiday.jpg"])


@pytest.mark.parametrize("content", [b"not a database at all, just a longer text", b""])
def test_a_foreign_database_is_left_alone(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "panel.db"
    if content:
        file.write_bytes(content)
    else:
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("CREATE TABLE theirs (x)")
    file.chmod(0o600)
    before = file.read_bytes()
    refused(run("doctor", "--data", str(tmp_path)), "panel.db")
    header = 0 if content else 100  # of SQLite's, which tells when it was opened last
    assert file.read_bytes()[header:] == before[header:]


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    refused(run("create-account", "ana", "--data", str(tmp_path / "data")), "não é uma pasta")


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(run("create-account", "ana", "--data", str(tmp_path / "file" / "data")), "Não foi possível usar a pasta")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used") / "data"
    assert run("create-account", "ana", "--data", str(folder)).returncode == 0
    return folder


@pytest.fixture
def data(used: Path, tmp_path: Path) -> Path:
    """A data folder that was used before."""
    return shutil.copytree(used, tmp_path / "data")


def test_without_its_key_the_panel_does_not_start(data: Path) -> None:
    """A37."""
    (data / "secret.key").unlink()
    refused(run("doctor", "--data", str(data)), "Falta a chave")
    assert not (data / "secret.key").exists()


def test_with_another_key_it_does_not_start(data: Path) -> None:
    """A37."""
    (data / "secret.key").write_text("ab" * 32)
    refused(run("doctor", "--data", str(data)), "não é a deste banco de dados")


@pytest.mark.parametrize("key", ["", "nonsense", "ab" * 31])
def test_a_broken_key_is_reported(key: str, data: Path) -> None:
    (data / "secret.key").write_text(key)
    refused(run("doctor", "--data", str(data)), "não pode ser lida")


@pytest.mark.parametrize("name", ["secret.key", "panel.db"])
def test_a_file_that_others_may_read_stops_the_start(name: str, data: Path) -> None:
    (data / name).chmod(0o644)
    refused(run("doctor", "--data", str(data)), f"chmod 600 .*{name}")


def test_a_folder_that_others_may_use_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    assert run("create-account", "ana", "--data", str(folder)).returncode == 0
    folder.chmod(0o755)
    refused(run("doctor", "--data", str(folder)), f"Corrija com: chmod 700 '{folder}'$")


def test_a_fresh_volume_with_its_lost_and_found_is_taken(tmp_path: Path) -> None:
    (tmp_path / "data/lost+found").mkdir(parents=True)
    assert run("create-account", "ana", "--data", str(tmp_path / "data")).returncode == 0
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


NOBODY, EMPTY_GROUP, OTHERS_GROUP = 65534, 54321, 1  # of Debian: `daemon` is in the group of that name


def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
    """With groups of its own, as containers are given one for their volumes. Its Python may be one for root alone: so
    whatever is imported late is imported before."""
    script = (
        "import encodings.ascii, fcntl, grp, os, pwd, sys; from web.cli.commands import main; "
        f"os.setgroups([{EMPTY_GROUP}, {OTHERS_GROUP}]); os.setegid({NOBODY}); os.seteuid({NOBODY}); "
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, *arguments]
    given = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG, env=given, cwd="/")


@pytest.fixture
def volume() -> Iterator[Path]:
    """A folder that root made for somebody else."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "data").mkdir()
        yield Path(folder) / "data"


needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not all(folder.stat().st_mode & 1 for folder in (ROOT, *ROOT.parents)),
    reason="needs root, and a checkout that others may reach",
)


@needs_root
@pytest.mark.parametrize(
    ("group", "mode", "command"),
    [
        (EMPTY_GROUP, 0o770, ""),
        (EMPTY_GROUP, 0o2770, ""),
        (EMPTY_GROUP, 0o777, "chmod 770 {folder}"),
        (OTHERS_GROUP, 0o770, "chown 65534 {folder} && chmod 700 {folder}"),
    ],
)
def test_a_volume_for_a_group_is_taken_where_nobody_else_is_in_it(
    group: int, mode: int, command: str, volume: Path
) -> None:
    os.chown(volume, 0, group)
    volume.chmod(mode)
    answer = as_nobody("create-account", "ana", "--data", str(volume))
    if command:
        refused(answer, re.escape(f"Corrija com: {command.format(folder=volume)}") + "$")
        subprocess.run(["sh", "-c", command.format(folder=volume)], check=True)
        answer = as_nobody("create-account", "ana", "--data", str(volume))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "ERRADO" not in as_nobody("doctor", "--data", str(volume)).stdout


@needs_root
def test_a_key_for_a_group_is_read_where_nobody_else_is_in_it(data: Path) -> None:
    """As Kubernetes mounts secrets: 0640, of root and the group of the pod."""
    for group, is_fine in ((EMPTY_GROUP, True), (OTHERS_GROUP, False)):
        os.chown(data / "secret.key", 0, group)
        (data / "secret.key").chmod(0o640)
        answer = run("doctor", "--data", str(data))
        assert (answer.returncode == 0) == is_fine
        assert ("chmod 600" in answer.stderr) == (not is_fine)


@needs_root
@pytest.mark.parametrize("command", ["rotate-key", "restore {copy}", "restore --without-proof {copy}", "prune"])
def test_commands_of_root_leave_the_files_to_the_user_of_the_service(command: str, data: Path) -> None:
    copy = data.with_name("copy")
    assert run("backup", str(copy), "--data", str(data)).returncode == 0
    for path in (data, *data.iterdir()):
        os.chown(path, NOBODY, EMPTY_GROUP)
    (data / "secret.key").chmod(0o640)
    answer = run(*command.format(copy=copy).split(), "--data", str(data))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (data, *data.iterdir())} == {(NOBODY, EMPTY_GROUP)}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
    assert modes == {"panel.db": 0o600, "secret.key": 0o640}


@needs_root
def test_a_key_that_would_change_hands_is_not_rotated(volume: Path) -> None:
    """The panel may replace the file, but cannot give the new one to the owner of the old one."""
    os.chown(volume, NOBODY, EMPTY_GROUP)
    assert as_nobody("create-account", "ana", "--data", str(volume)).returncode == 0
    key = volume / "secret.key"
    os.chown(key, 0, EMPTY_GROUP)
    key.chmod(0o640)
    before = key.read_bytes()
    refused(as_nobody("rotate-key", "--data", str(volume)), "com o dono, o grupo e as permissões que tem")
    assert (key.read_bytes(), sorted(path.name for path in volume.iterdir())) == (before, ["panel.db", "secret.key"])
    assert run("rotate-key", "--data", str(volume)).returncode == 0
    assert (key.stat().st_uid, key.stat().st_gid, stat.S_IMODE(key.stat().st_mode)) == (0, EMPTY_GROUP, 0o640)
    assert "ERRADO" not in as_nobody("doctor", "--data", str(volume)).stdout


@needs_root
def test_a_key_of_somebody_else_is_refused_and_both_are_named(data: Path) -> None:
    """Root could open it all the same, and so can its owner."""
    os.chown(data / "secret.key", 65534, -1)
    answer = run("doctor", "--data", str(data))
    refused(answer, f"A chave {data}/secret.key pertence a nobody, e os dados em {data}, a root")
    for file in (data, *data.iterdir()):  # a service's panel, which root works on
        os.chown(file, 65534, -1)
    assert run("doctor", "--data", str(data)).returncode == 0
    os.chown(data / "secret.key", 0, -1)
    assert run("doctor", "--data", str(data)).returncode == 0


def test_a_database_of_a_newer_panel_is_left_alone(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "panel.db")) as database:
        database.execute("PRAGMA user_version = 99")
    refused(run("doctor", "--data", str(data)), "mais novo")


def test_the_doctor_says_what_it_checked(data: Path) -> None:
    answer = run("doctor", "--data", str(data))
    assert answer.stdout.count("certo ") == 8
    assert "certo  O banco de dados tem só as tabelas, índices e gatilhos que este painel faz." in answer.stdout
    for word in ("íntegro", "espaço", "dono", "chave", "versão", "atividade", "relógio"):
        assert word in answer.stdout


def test_the_doctor_names_a_trigger_that_no_panel_makes(data: Path) -> None:
    """A59."""
    with contextlib.closing(sqlite3.connect(data / "panel.db")) as database:
        database.execute("CREATE TRIGGER help BEFORE INSERT ON sessions BEGIN UPDATE accounts SET role = 'admin'; END")
    refused(run("doctor", "--data", str(data)), "tem o gatilho 'help', que nenhum painel faz")


def test_the_doctor_notices_a_clock_that_went_back(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "panel.db")) as database:
        insert = "INSERT INTO activity (at, event, network, user_agent, detail) VALUES (9999999999, 'x', '', '', '')"
        database.execute(insert)
        database.commit()
    answer = run("doctor", "--data", str(data))
    assert answer.returncode == 1
    assert "ERRADO O relógio" in answer.stdout


def test_accounts_are_made_and_reset_from_the_terminal(data: Path) -> None:
    made = run("create-account", "Bruno", "--data", str(data))
    assert re.search(r"^Código de ativação: ([0-9A-Z]{4}-){5}[0-9A-Z]{4}$", made.stdout, re.MULTILINE)
    refused(run("create-account", "bruno", "--data", str(data)), "Já existe uma conta bruno")
    refused(run("create-account", "não", "--data", str(data)), "Sem espaço nem acento")
    assert "Código de ativação" in run("reset-password", "bruno", "--data", str(data)).stdout
    refused(run("reset-password", "carla", "--data", str(data)), "Não existe uma conta carla")
    refused(run("reset-two-factor", "bruno", "--data", str(data)), "não tem autenticação de dois fatores")


def unread(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """A command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command, given = [*RUN, *arguments], os.environ | environment
        return subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=given)
    finally:
        os.close(writing)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("command", "workers"), [("doctor", "1"), ("end-sessions", "1"), ("serve", "1"), ("serve", "2")]
)
def test_output_that_nobody_reads_ends_without_a_traceback(
    command: str, workers: str, unbuffered: str, data: Path
) -> None:
    given = {"PYTHONUNBUFFERED": unbuffered, "PANEL_WORKERS": workers, "PANEL_PORT": free_port()}
    process = unread(command, "--data", str(data), **given)
    _, errors = process.communicate(timeout=HANG)
    assert (process.returncode, errors) == (1, "")
    assert {path.name for path in data.iterdir()} - {"spare"} == {"panel.db", "secret.key"}


def test_help_that_nobody_reads_ends_without_a_traceback() -> None:
    process = unread("--help", PYTHONUNBUFFERED="")
    assert (process.communicate(timeout=HANG)[1], process.returncode) == ("", 1)


def test_a_command_whose_code_nobody_could_read_is_undone(data: Path) -> None:
    for command in (["create-account", "bruno"], ["reset-password", "ana"]):
        process = unread(*command, "--data", str(data), PYTHONUNBUFFERED="")
        _, errors = process.communicate(timeout=HANG)
        assert (process.returncode, errors) == (1, "Não foi possível mostrar o código (Broken pipe). Nada mudou.\n")
        shell = shlex.join([*RUN, *command, "--data", str(data)])
        closed = subprocess.run(["sh", "-c", f"{shell} >&-"], capture_output=True, text=True, timeout=HANG)
        refused(closed, "a saída está fechada. Nada mudou")
    with contextlib.closing(sqlite3.connect(data / "panel.db")) as database:
        assert database.execute("SELECT name FROM accounts").fetchall() == [("ana",)]
        assert database.execute("SELECT event FROM activity").fetchall() == [("cli.create_account",)]


def test_a_full_disk_under_the_output_is_reported(data: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*RUN, "doctor", "--data", str(data)]
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=HANG)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr


def test_a_panel_with_a_closed_output_answers_all_the_same(data: Path) -> None:
    port = free_port()
    command = shlex.join([*RUN, "serve", "--port", port, "--data", str(data)])
    with subprocess.Popen(["sh", "-c", f"exec {command} >&-"], stderr=subprocess.PIPE, text=True) as panel:
        wait_for(port)
        panel.send_signal(signal.SIGINT)
        assert "Traceback" not in panel.communicate(timeout=30)[1]


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "iso-8859-1:strict"])
def test_a_terminal_of_another_locale_gets_readable_text(encoding: str, data: Path) -> None:
    command = [*RUN, "doctor", "--data", str(data)]
    given = os.environ | {"PYTHONIOENCODING": encoding}
    answer = subprocess.run(command, capture_output=True, timeout=HANG, env=given)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert "O banco de dados est".encode(encoding.split(":")[0]) in answer.stdout


def test_wrong_use_ends_with_status_2() -> None:
    for arguments in (["nonsense"], ["create-account"], ["serve", "--nope"]):
        answer = run(*arguments)
        assert answer.returncode == 2
        assert "--help" in answer.stderr


def test_help_is_in_portuguese() -> None:
    text = run("--help").stdout
    for word in ("usage", "options", "show this help", "positional"):
        assert word not in text
    assert "reset-two-factor" in text


def test_a_wrong_setting_is_named() -> None:
    refused(run("serve", PANEL_PORT="x"), "PANEL_PORT=x")


def test_a_benchmark_tells_figures_and_their_limits() -> None:
    answer = run("bench", "wire", "--seconds", "0.1")
    assert answer.returncode == 0, answer
    assert re.search(
        r"^\| first visit to /login \| [\d.]+ KiB \| +\| +\| <= 30 \| yes \|$", answer.stdout, re.MULTILINE
    )
    assert run("bench", "nonsense").returncode == 2
