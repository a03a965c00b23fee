"""The components of the panel as a CycloneDX 1.6 list (ECMA-424), from the lock files and what is vendored."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from web.http.page import ROOT

FILE = ROOT / "docs/components.cdx.json"
RUNS, DOES_NOT_RUN = "required", "excluded"  # CycloneDX's words; the latter for tests
LOCKS = {"requirements.txt": RUNS, "requirements-dev.txt": DOES_NOT_RUN}
Component = dict[str, object]


def text() -> str:
    """The same for the same files: no date, no random number."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = {str(one["bom-ref"]): one for one in reversed([*_vendored(), *_locked()])}  # what runs counts as such
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": project["name"], "version": project["version"]}},
        "components": [every[reference] for reference in sorted(every)],
    }
    return json.dumps(whole, indent=1) + "\n"


def _locked() -> Iterator[Component]:
    for name, scope in LOCKS.items():
        lock = (ROOT / name).read_text(encoding="utf-8")
        for package, version, rest in re.findall(r"^([\w.-]+)==([^\s;]+)((?:.*\\\n)*.*)", lock, re.MULTILINE):
            yield _component("pypi", package, version, scope, re.findall("--hash=sha256:([0-9a-f]{64})", rest))


def _vendored() -> Iterator[Component]:
    for file in sorted((ROOT / "static/vendor").iterdir()):
        name, version = _name_and_version(file)
        yield _component("npm", f"{name}.org", version, RUNS, [_digest(file)])
    drawings = ROOT / "static/icons.svg"
    named = re.match(r"<!-- Lucide (\S+),", drawings.read_text(encoding="utf-8"))
    if named is None:
        raise ValueError(f"{drawings} does not say which version of Lucide it is from")
    yield _component("npm", "lucide-static", named[1], RUNS, [_digest(drawings)])


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _name_and_version(file: Path) -> tuple[str, str]:
    name, _, version = file.name.removesuffix(".min.js").rpartition("-")
    return name, version


def _component(kind: str, name: str, version: str, scope: str, digests: list[str]) -> Component:
    purl = f"pkg:{kind}/{name}@{version}"
    hashes = [{"alg": "SHA-256", "content": digest} for digest in digests]  # of each file that it comes in
    found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": scope}
    return found | {"hashes": hashes, "purl": purl}
