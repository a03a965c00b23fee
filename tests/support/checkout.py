"""A checkout of its own, with run.py and a few packages made here."""

import hashlib
import io
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.steady import HANG
from web.http.page import ROOT

# What builds the packages (PEP 517); it may wait until somebody opens a gate, and it may need a compiler.
BACKEND = """
import os, pathlib, subprocess, sys, time, zipfile

FILES = {
    "METADATA": f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: 1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    while os.environ.get("GATE") and not os.path.exists(os.environ["GATE"]):
        pathlib.Path(os.environ["GATE"] + ".reached").touch()
        time.sleep(0.05)
    subprocess.check_call([os.environ.get("COMPILER", sys.executable), "--version"])
    name = NAME.replace("-", "_")
    file = f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(f"{name}-1.0.dist-info/{path}", text)
    return file
"""


class Checkout:
    """run.py beside packages of our own and a panel that only says that it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.packages = folder, folder / "packages"
        (folder / "web/cli").mkdir(parents=True, exist_ok=True)
        self.packages.mkdir(exist_ok=True)
        (folder / "web/cli/__main__.py").write_text("print('started')")
        shutil.copy(ROOT / "run.py", folder)

    def need(self, *names: str, ready: bool = True) -> None:
        """Lock these packages, as wheels that fit everywhere or as sources."""
        with (self.folder / "requirements.txt").open("a") as lock:
            for name in names:
                file = self._wheel(name) if ready else self._source(name)
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                lock.write(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n")

    def _wheel(self, name: str) -> Path:
        backend = self.folder / "backend.py"
        backend.write_text(BACKEND)
        build = runpy.run_path(str(backend), {"NAME": name})["build_wheel"]
        return self.packages / str(build(self.packages))

    def _source(self, name: str) -> Path:
        files = {
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": f"NAME = {name!r}\n{BACKEND}",
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        }
        file = self.packages / f"{name}-1.0.tar.gz"
        with tarfile.open(file, "w:gz") as source:
            for path, text in files.items():
                entry = tarfile.TarInfo(f"{name}-1.0/{path}")
                entry.size = len(text)
                source.addfile(entry, io.BytesIO(text.encode()))
        return file

    def begin(self, preparation: str = "pass", **environment: str) -> "subprocess.Popen[str]":
        """A start, after some other truth about this machine was put in place."""
        file = str(self.folder / "run.py")
        script = (
            f"import sys, runpy; sys.argv = [{file!r}]; {preparation}; runpy.run_path({file!r}, run_name='__main__')"
        )
        given: Mapping[str, str] = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.packages),
            "PIP_NO_CACHE_DIR": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | given | environment,
        )

    def start(self, preparation: str = "pass", **environment: str) -> "subprocess.CompletedProcess[str]":
        return ended(self.begin(preparation, **environment))


def ended(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    said, complained = process.communicate(timeout=HANG)
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)
