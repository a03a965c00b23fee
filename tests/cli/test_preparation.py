"""What run.py does before there is a .venv, in a checkout of its own with a few packages made here."""

import http.server
import shutil
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.certificate import write_certificate
from tests.support.checkout import Checkout, ended
from tests.support.commands import refused

pytestmark = pytest.mark.xdist_group("preparation")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "checkout").mkdir()
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Checkout, subprocess.CompletedProcess[str]]":
    """It takes seconds: other tests go on in copies of what it made."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    checkout.need(*PACKAGES)
    return checkout, checkout.start()


@pytest.fixture
def prepared(first_start: "tuple[Checkout, subprocess.CompletedProcess[str]]", tmp_path: Path) -> Checkout:
    shutil.copytree(first_start[0].folder, tmp_path / "prepared", symlinks=True)
    return Checkout(tmp_path / "prepared")


PACKAGES = ("girafa-azul", "pato")
FIRST = "Preparando o ambiente em .venv (só na primeira vez)…"
COUNTED = ["   1 de 2  girafa-azul", "   2 de 2  pato", "  instalando…", "Pronto.", "started"]


def test_each_package_is_counted_once_under_its_name(
    first_start: "tuple[Checkout, subprocess.CompletedProcess[str]]",
) -> None:
    _, answer = first_start
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == [FIRST, *COUNTED]


def test_a_prepared_environment_is_used_without_writing_anything(prepared: Checkout) -> None:
    """Also from a checkout that cannot be written to."""
    (prepared.folder / ".venv.lock").unlink()
    before = sorted(prepared.folder.iterdir())
    assert prepared.start().stdout == "started\n"
    assert sorted(prepared.folder.iterdir()) == before


def test_a_changed_lock_file_is_installed_beside_what_was_there(prepared: Checkout) -> None:
    prepared.need("tatu")
    lines = ["   1 de 3  girafa-azul", "   2 de 3  pato", "   3 de 3  tatu", *COUNTED[2:]]
    assert prepared.start().stdout.splitlines() == lines


@pytest.mark.parametrize("left", ["no pip", "half a package"])
def test_a_half_made_environment_is_made_anew(left: str, prepared: Checkout) -> None:
    """As a start without python3-venv leaves it, and one that was interrupted at any moment."""
    venv = prepared.folder / ".venv"
    if left == "no pip":
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], check=True)
    else:
        (venv / "installed").unlink()
        next(venv.glob("lib/*/site-packages/pato*/RECORD")).unlink()
    answer = prepared.start()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == [FIRST, *COUNTED]


def test_an_environment_that_lost_its_pip_is_made_anew_when_it_is_needed(prepared: Checkout) -> None:
    shutil.rmtree(next((prepared.folder / ".venv").glob("lib/*/site-packages/pip")))
    assert prepared.start().stdout == "started\n"
    prepared.need("tatu")
    assert prepared.start().stdout.splitlines()[:2] == [FIRST, "   1 de 3  girafa-azul"]


def begun_and_waiting(checkout: Checkout, gate: Path) -> "subprocess.Popen[str]":
    """A start that is in the middle of an installation until `gate` is there."""
    checkout.need("tatu", ready=False)
    process = checkout.begin(GATE=str(gate))
    while not gate.with_name("gate.reached").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def test_of_two_starts_at_once_one_prepares_and_the_other_waits(prepared: Checkout, tmp_path: Path) -> None:
    first = begun_and_waiting(prepared, tmp_path / "gate")
    second = prepared.begin()
    assert second.stdout
    assert "Outro início está preparando o ambiente" in second.stdout.readline()
    (tmp_path / "gate").touch()
    assert "started" in ended(first).stdout
    assert ended(second).stdout == "started\n"


def test_a_start_after_a_killed_one_waits_for_what_that_left_running(prepared: Checkout, tmp_path: Path) -> None:
    first = begun_and_waiting(prepared, tmp_path / "gate")
    first.kill()
    first.wait()
    second = prepared.begin()
    assert second.stdout
    assert "Outro início está preparando o ambiente" in second.stdout.readline()
    (tmp_path / "gate").touch()
    assert [line for line in ended(second).stdout.splitlines() if "tatu" in line or "started" in line] == [
        "   3 de 3  tatu",
        "  compilando tatu…",
        "started",
    ]
    first.communicate()


def test_a_package_without_a_wheel_is_compiled_from_the_pinned_source(prepared: Checkout) -> None:
    prepared.need("tatu", ready=False)
    lines = prepared.start().stdout.splitlines()
    assert lines[:2] == ["   1 de 3  girafa-azul", "   2 de 3  pato"]
    assert "compilados aqui, o que leva alguns minutos" in lines[2]
    assert lines[3:] == ["   3 de 3  tatu", "  compilando tatu…", *COUNTED[2:]]


def test_a_machine_without_a_wheel_of_libsodium_does_without_it(prepared: Checkout) -> None:
    """Compiling it would take make besides a compiler, and argon2-cffi makes the same hashes."""
    prepared.need("pynacl", ready=False)
    prepared.need("tatu")
    lines = prepared.start(PATH=str(prepared.packages), COMPILER="cc").stdout.splitlines()
    assert "compilando" not in "".join(lines)
    assert lines[-4:] == ["   3 de 3  tatu", *COUNTED[2:]]


def test_a_source_that_is_not_the_pinned_one_is_not_compiled(prepared: Checkout) -> None:
    prepared.need("tatu", ready=False)
    source = prepared.packages / "tatu-1.0.tar.gz"
    source.write_bytes(source.read_bytes() + b"\0")
    refused(prepared.start(), "não confere com o hash de requirements.txt; nada foi instalado")


@pytest.mark.parametrize(
    ("package", "missing"),
    [("tatu", "gcc"), ("cryptography", "gcc .*cargo")],  # Rust is of no use to the others
)
def test_the_compiler_that_is_missing_is_named(package: str, missing: str, prepared: Checkout) -> None:
    prepared.need(package, ready=False)
    answer = prepared.start(PATH=str(prepared.packages), COMPILER="cc")
    refused(answer, f"A compilação falhou: falta um compilador C.* sudo apt install (python3-dev )?{missing}$")


def test_a_machine_with_a_compiler_is_told_what_went_wrong(prepared: Checkout) -> None:
    prepared.need("tatu", ready=False)
    (prepared.packages / "cc").symlink_to(sys.executable)
    answer = prepared.start(PATH=str(prepared.packages), COMPILER="no-such-thing")
    refused(answer, "A compilação falhou: ")
    assert "um compilador C" not in answer.stderr


def test_a_missing_network_is_reported_and_the_next_try_starts_again(prepared: Checkout) -> None:
    prepared.need("tatu")
    nowhere = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": ""}
    refused(prepared.start(**nowhere), "Sem acesso à rede")
    assert not (prepared.folder / ".venv" / "installed").exists()
    assert prepared.start().stdout.endswith("started\n")


def test_a_certificate_that_is_refused_is_not_reported_as_a_missing_network(prepared: Checkout, tmp_path: Path) -> None:
    """As on a machine whose clock begins in 1970."""
    write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        prepared.need("tatu")
        index = f"https://127.0.0.1:{server.server_address[1]}/"
        answer = prepared.start(PIP_NO_INDEX="0", PIP_INDEX_URL=index, PIP_FIND_LINKS="")
        server.shutdown()
    refused(answer, "O certificado do servidor de pacotes foi recusado. Confira o relógio")


def test_an_old_python_is_reported(checkout: Checkout) -> None:
    answer = checkout.start("sys.version_info = (3, 10, 4, 'final', 0)")
    refused(answer, "precisa do Python 3.11 .* este é o 3.10")
    assert not (checkout.folder / ".venv").exists()


def test_a_python_without_venv_is_reported(checkout: Checkout, tmp_path: Path) -> None:
    checkout.need("pato")
    lacking = tmp_path / "python3"
    lacking.write_text("#!/bin/sh\necho 'No module named venv' >&2\nexit 1\n")
    lacking.chmod(0o755)
    refused(checkout.start(f"sys.executable = {str(lacking)!r}"), "sudo apt install python3-venv")


@pytest.mark.parametrize(
    ("file", "code", "sentence"),
    [
        ("__init__.py", "", "sudo apt install python3-venv"),
        ("__main__.py", "raise SystemExit('a wheel is broken')", "Não foi possível criar .*: a wheel is broken$"),
    ],
)
def test_a_missing_ensurepip_is_distinguished_from_one_that_fails(
    file: str, code: str, sentence: str, checkout: Checkout, tmp_path: Path
) -> None:
    checkout.need("pato")
    theirs = tmp_path / "theirs/ensurepip"
    theirs.mkdir(parents=True)
    (theirs / "__init__.py").touch()
    (theirs / file).write_text(code)
    refused(checkout.start(PYTHONPATH=str(theirs.parent)), sentence)


def test_a_terminal_that_lacks_a_character_is_no_reason_to_stop(prepared: Checkout) -> None:
    prepared.need("tatu")
    (prepared.folder / "web/cli/__main__.py").write_text("print('código…')")
    answer = prepared.start(PYTHONIOENCODING="ascii")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines()[-2:] == ["Pronto.", "c?digo?"]


def test_a_preparation_whose_output_nobody_reads_ends_quietly(checkout: Checkout) -> None:
    checkout.need("pato")
    with checkout.begin() as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == ("", 1)
