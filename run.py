"""The way in: prepares .venv with the standard library alone, then hands over to web/cli.py.

This file must parse on old Pythons too, so that they can be told what is missing.
"""

import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
VERSION = "%d.%d" % sys.version_info[:2]
STAMP = VENV / "installed"  # one line per lock file that is in place, written last
LOCK, DEV_LOCK = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
NATIVE_LOCK = ROOT / "requirements-native.txt"


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("O painel precisa do Python 3.11 ou mais novo; este é o %d.%d." % sys.version_info[:2])
    wants_dev = sys.argv[1:2] in (["test"], ["check"], ["pictures"])
    prepare([LOCK, DEV_LOCK] if wants_dev else [LOCK])
    if sys.argv[1:3] == ["tune", "--native"]:
        build_native()
    command = [str(PYTHON), "-P", "-m", "web.cli"] + sys.argv[1:]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    if os.name == "nt":  # execve returns to the shell at once there
        import subprocess

        sys.exit(subprocess.call(command, env=environment))
    os.execve(PYTHON, command, environment)


def prepare(locks: "list[Path]") -> None:
    """Install the last of `locks`, which contains the ones before it, unless it is in place."""
    wanted = [digest(lock) for lock in locks]
    installed = STAMP.read_text().split() if PYTHON.exists() and STAMP.exists() else []
    if wanted[-1] in installed:
        return
    if not is_of_this_python():
        say("Preparando o ambiente em .venv (só na primeira vez)…")
        create_venv(VENV)
    STAMP.unlink(missing_ok=True)
    install(locks[-1])
    say("Pronto.")
    STAMP.write_text("\n".join(wanted) + "\n")


def is_of_this_python() -> bool:
    config = VENV / "pyvenv.cfg"
    return PYTHON.exists() and config.exists() and "version = %s." % VERSION in config.read_text()


def digest(lock: Path) -> str:
    """Changes with the file and with the Python that its packages were installed for."""
    return hashlib.sha256(lock.read_bytes() + VERSION.encode()).hexdigest()


def create_venv(folder: Path) -> Path:
    """Returns its Python."""
    import subprocess  # slow to load, and of no use once everything is in place

    made = subprocess.run([sys.executable, "-P", "-m", "venv", "--clear", str(folder)], capture_output=True, text=True)
    python = folder / PYTHON.relative_to(VENV)
    if made.returncode == 0 and python.exists():
        return python
    detail = (made.stdout + made.stderr).strip()
    if "ensurepip" in detail or "No module named venv" in detail:
        sys.exit(
            "Falta o módulo venv deste Python. No Debian ou Ubuntu: sudo apt install python3-venv. Depois rode de novo."
        )
    sys.exit("Não foi possível criar %s: %s" % (folder, detail.splitlines()[-1] if detail else "causa desconhecida"))


def install(lock: Path, python: Path = PYTHON) -> None:
    """Run pip on a hash-locked file and count its packages aloud."""
    import subprocess

    total = sum(1 for line in lock.read_text().splitlines() if "==" in line and line[0].isalnum())
    # Two tries and 15 s: without a network the answer comes soon.
    flags = ["--require-hashes", "--only-binary=:all:", "--disable-pip-version-check", "--retries=1", "--timeout=15"]
    command = [str(python), "-P", "-m", "pip", "install", *flags, "--progress-bar=off", "-r", str(lock)]
    lines, seen = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout or ():
            lines.append(line.strip())
            if line.startswith("Ignoring "):  # for another kind of machine
                total -= 1
            elif line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
                seen += 1
                say("  %2d de %d  %s" % (seen, total, package_in(line)))
            elif line.startswith("Installing collected"):
                say("  instalando…")
    if pip.returncode != 0:
        sys.exit(explain(lock, "\n".join(lines)))


def build_native(into: Path = PYTHON) -> None:
    """Install an argon2 that was compiled here, with this processor's instructions, from the pinned source.

    The tools for it, as pinned, live in a folder that goes when it is done.
    """
    import subprocess
    import tempfile

    say("Compilando o argon2 para esta máquina…")
    with tempfile.TemporaryDirectory() as folder:
        python, pin = create_venv(Path(folder, "venv")), Path(folder, "pin.txt")
        install(NATIVE_LOCK, python)
        pin.write_text(pinned(LOCK.read_text(), "argon2-cffi-bindings"))
        command = [str(python), "-P", "-m", "pip", "wheel", "--require-hashes", "--no-deps", "--no-binary=:all:"]
        command += ["--no-build-isolation", "--wheel-dir=" + folder, "-r", str(pin)]
        path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])  # cmake and ninja are there
        environment = dict(os.environ, PATH=path, CFLAGS="-O3 -march=native")
        built = subprocess.run(command, capture_output=True, text=True, env=environment)
        wheels = [str(wheel) for wheel in Path(folder).glob("*.whl")]
        if built.returncode != 0 or not wheels:
            sys.exit("A compilação falhou; falta um compilador C? No Debian ou Ubuntu: sudo apt install gcc.")
        subprocess.run([str(into), "-P", "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", *wheels])
    say("Pronto.")


def pinned(lock: str, package: str) -> str:
    """The lines of a lock file about one package: its version and its hashes."""
    _, found, rest = ("\n" + lock).partition("\n%s==" % package)
    lines = (found + rest).strip().splitlines()
    ends = [number for number, line in enumerate(lines) if not line.endswith("\\")]
    return "\n".join(lines[: ends[0] + 1]) + "\n"


def package_in(line: str) -> str:
    """The package that a progress line of pip names: `Collecting NAME==…`, `Processing …/NAME-VERSION….whl`."""
    return line.split(" (from")[0].split("/")[-1].split("==")[0].split("-")[0].split()[-1]


def explain(lock: Path, output: str) -> str:
    """The likely cause of a failed installation, from what pip printed."""
    if "DO NOT MATCH THE HASHES" in output:
        return "Um pacote baixado não confere com o hash de %s; nada foi instalado." % lock.name
    if "Retrying (" in output or "ConnectionError" in output or "Max retries" in output:
        return "Sem acesso à rede para baixar os pacotes. Conecte a máquina e rode de novo."
    if "No matching distribution" in output:
        return "Um dos pacotes não tem versão pronta para esta máquina: " + output.splitlines()[-1]
    return "A instalação dos pacotes falhou: " + (output.splitlines() or ["sem detalhe"])[-1]


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
