"""The way in: prepares .venv with the standard library alone, then hands over to web/cli/.

This file must parse on old Pythons too, so that they can be told what is missing.
"""

import contextlib
import errno
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
VERSION = "%d.%d" % sys.version_info[:2]
STAMP = VENV / "installed"  # one line per lock file that is in place, written last
LOCK, DEV_LOCK = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
TURN = ROOT / ".venv.lock"  # locked by the one start that prepares
CAUSES = {errno.ENOSPC: "o disco está cheio", errno.EROFS: "o sistema de arquivos só aceita leitura"}
HELD: "list[int]" = []  # its descriptor, which venv and pip inherit: they may outlive a start that is killed


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # neither closed nor of an old Python
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to stop
    if sys.version_info < (3, 11):
        sys.exit("O painel precisa do Python 3.11 ou mais novo; este é o %d.%d." % sys.version_info[:2])
    wants_dev = sys.argv[1:2] in (["test"], ["coverage"], ["check"], ["histories"], ["pictures"])
    prepare([LOCK, DEV_LOCK] if wants_dev else [LOCK])
    command = [str(PYTHON), "-P", "-m", "web.cli"] + sys.argv[1:]
    encoding = os.environ.get("PYTHONIOENCODING", "").split(":")[0]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONIOENCODING=encoding + ":replace")
    if os.name == "nt":  # execve returns to the shell at once there
        import subprocess

        sys.exit(subprocess.call(command, env=environment))
    os.execve(PYTHON, command, environment)


def prepare(locks: "list[Path]") -> None:
    """Install the last of `locks`, which contains the ones before it, unless it is in place."""
    wanted = [digest(lock) for lock in locks]
    if wanted[-1] in installed():
        return
    with alone():
        if wanted[-1] in installed():  # by the start that this one waited for
            return
        if not (installed() and is_usable()):
            say("Preparando o ambiente em .venv (só na primeira vez)…")
            create_venv(VENV)
        STAMP.unlink(missing_ok=True)
        install(locks[-1])
        stamp(wanted)
        say("Pronto.")


def stamp(digests: "list[str]") -> None:
    """At once or not at all."""
    whole = STAMP.with_name("installed.new")
    whole.write_text("\n".join(digests) + "\n", encoding="ascii")
    whole.replace(STAMP)


def installed() -> "list[str]":
    """The digests in the stamp; none after an installation that was interrupted, of which nothing is believed."""
    return STAMP.read_text(encoding="ascii").split() if PYTHON.exists() and STAMP.exists() else []


def digest(lock: Path) -> str:
    """Changes with the file and with the Python that its packages were installed for."""
    return hashlib.sha256(lock.read_bytes() + VERSION.encode()).hexdigest()


@contextlib.contextmanager
def alone() -> "Iterator[None]":
    """One start prepares at a time; the system frees the lock of one that is killed."""
    try:
        turn = TURN.open("a")
    except OSError as refused:
        sys.exit(
            "Não dá para preparar o ambiente em %s (%s). Rode uma vez como dono da pasta." % (VENV, cause(refused))
        )
    with turn:
        if not take(turn):
            say("Outro início está preparando o ambiente; este espera por ele…")
            while not take(turn):
                time.sleep(0.2)
        if os.name != "nt":
            HELD.append(turn.fileno())
        yield
        HELD.clear()


def take(turn: "IO[str]") -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(turn.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_usable() -> bool:
    config = VENV / "pyvenv.cfg"
    is_of_this_python = config.exists() and "version = %s." % VERSION in config.read_text(encoding="utf-8")
    return is_of_this_python and run([str(PYTHON), "-P", "-m", "pip", "--version"])[0] == 0


def create_venv(folder: Path) -> Path:
    """Returns its Python."""
    python = folder / PYTHON.relative_to(VENV)
    status, detail = run([sys.executable, "-P", "-m", "venv", "--clear", "--without-pip", str(folder)])
    if status == 0:  # apart, because venv does not tell why it failed
        status, detail = run([str(python), "-P", "-m", "ensurepip", "--default-pip"])
    if status == 0:
        return python
    if cause_in(detail):
        sys.exit("Não foi possível criar %s: %s." % (folder, cause_in(detail)))
    if re.search("No module named '?(venv|ensurepip)", detail):
        sys.exit(
            "Falta o módulo venv deste Python. No Debian ou Ubuntu: sudo apt install python3-venv. Depois rode de novo."
        )
    sys.exit("Não foi possível criar %s: %s" % (folder, (detail.splitlines() or ["causa desconhecida"])[-1]))


def run(command: "list[str]", **environment: str) -> "tuple[int, str]":
    """Its status and what it said."""
    import subprocess  # slow to load, and of no use once everything is in place

    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=dict(os.environ, **environment),
        pass_fds=HELD,
    )
    return done.returncode, done.stdout.strip()


def install(lock: Path, python: Path = PYTHON) -> None:
    """What a hash-locked file names: ready-made, or, where one is not made for this kind of machine, compiled here.

    PyNaCl is not worth compiling: argon2-cffi makes the same hashes.
    """
    import tempfile

    shown: "list[str]" = []
    status, output = pip_install(lock, python, shown, "--only-binary=:all:")
    if "No matching distribution" in output and not is_offline(output):
        say("  Há pacotes que não vêm prontos para esta máquina: são compilados aqui, o que leva alguns minutos.")
        with tempfile.TemporaryDirectory() as folder:
            needed = Path(folder, lock.name)
            needed.write_text(without("pynacl", lock.read_text(encoding="utf-8")), encoding="utf-8")
            status, output = pip_install(needed, python, shown)
    if status != 0:
        sys.exit(explain(lock, output))


def without(package: str, lock: str) -> str:
    """A lock file without the lines that name one package and its hashes."""
    return re.sub(r"^%s==(?:.*\\\n)*.*\n" % package, "", lock, flags=re.MULTILINE)


def pip_install(lock: Path, python: Path, shown: "list[str]", *more: str) -> "tuple[int, str]":
    """Its status and what it said; each package that is not yet among `shown` is counted aloud."""
    import subprocess

    names = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    # Two tries and 15 s: without a network the answer comes soon.
    flags = ["--require-hashes", "--disable-pip-version-check", "--retries=1", "--timeout=15", "--progress-bar=off"]
    command = [str(python), "-P", "-m", "pip", "install", *flags, *more, "-r", str(lock)]
    lines = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=HELD,
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line.strip())
            name = package_in(line)
            if line.startswith("Ignoring ") and name in names:  # for another kind of machine
                names.remove(name)
            elif line.lstrip().startswith("Building wheel for "):
                if "started" in line:
                    say("  compilando %s…" % name)
            elif name in names and name not in shown:
                shown.append(name)
                say("  %2d de %d  %s" % (len(shown), len(names), name))
            elif line.startswith("Installing collected"):
                say("  instalando…")
    return pip.returncode, "\n".join(lines)


def package_in(line: str) -> str:
    """The package that a line of pip is about, as lock files write it; "" where it is about none."""
    place = r"Processing (?:.*[/\\])?(.+?)-\d"  # …/NAME-VERSION….whl or .tar.gz
    said = r"(?:Collecting|Requirement already satisfied:|Ignoring|Building wheel for) ([\w.-]+)"
    found = re.match(place + "|" + said, line.strip().split(" (from")[0])
    return re.sub(r"[-_.]+", "-", found.group(1) or found.group(2)).lower() if found else ""


def explain(lock: Path, output: str) -> str:
    """The likely cause of a failed installation, from what pip printed."""
    lines = output.splitlines() or ["sem detalhe"]
    last = ([line for line in lines if line.lower().startswith("error: ")] or lines)[-1]
    if cause_in(output):
        return "A instalação dos pacotes falhou: %s." % cause_in(output)
    if "DO NOT MATCH THE HASHES" in output:
        return "Um pacote baixado não confere com o hash de %s; nada foi instalado." % lock.name
    if "CERTIFICATE_VERIFY_FAILED" in output:
        return "O certificado do servidor de pacotes foi recusado. Confira o relógio e os certificados desta máquina."
    if is_offline(output):
        return "Sem acesso à rede para baixar os pacotes. Conecte a máquina e rode de novo."
    if "No matching distribution" in output:
        return "Um dos pacotes não existe para esta máquina: " + last
    if re.search("Failed (to build|building)|metadata-generation-failed|subprocess-exited-with-error", output):
        lacking = missing_tools(output)
        if lacking:
            words, packages = ", ".join(words for words, _ in lacking), " ".join(package for _, package in lacking)
            return "A compilação falhou: falta %s. No Debian ou Ubuntu: sudo apt install %s" % (words, packages)
        return "A compilação falhou: " + last
    return "A instalação dos pacotes falhou: " + last


def cause(refused: OSError) -> str:
    return CAUSES.get(refused.errno or 0) or refused.strerror or str(refused)


def cause_in(output: str) -> str:
    """Of the disk, in what another Python said; "" for anything else."""
    return next((words for number, words in CAUSES.items() if "[Errno %d]" % number in output), "")


def is_offline(output: str) -> bool:
    return "Retrying (" in output or "ConnectionError" in output or "Max retries" in output


def missing_tools(output: str) -> "list[tuple[str, str]]":
    """What this machine lacks of what compiling takes, and Debian's package of each."""
    import shutil
    import sysconfig

    has_compiler = any(shutil.which(name) for name in ("cc", "gcc", "clang", "cl"))
    lacking = [] if has_compiler else [("um compilador C", "gcc")]
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        lacking.append(("Python.h, dos cabeçalhos do Python", "python3-dev"))
    if re.search(r"cryptography-\S+\.tar\.gz", output) and not shutil.which("cargo"):
        lacking.append(("o Rust, para o pacote cryptography", "cargo"))
    return lacking


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads what is said; without the last flush, which would fail again
        os._exit(1)
    except OSError as refused:
        sys.exit("Não foi possível preparar o ambiente em %s (%s)." % (VENV, cause(refused)))
