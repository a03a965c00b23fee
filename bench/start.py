"""Point 5: from the start of the process to the first answer, and the memory it takes then."""

import asyncio
import sys
import time
from pathlib import Path

from bench import people, servers
from bench.population import Population
from bench.report import Row, median

ROUNDS = 9


def run(data: Path, there: Population, _: float) -> list[Row]:
    found: dict[str, list[float]] = {"hello": [], "panel": [], "run.py": []}
    for _ in range(ROUNDS):
        port = servers.free_port()
        command = [sys.executable, "run.py", "serve", "--port", str(port), "--data", str(data)]
        for what, server in (
            ("hello", servers.hello()),
            ("panel", servers.panel(data)),
            ("run.py", servers.running(command, port=port, path="/health")),
        ):
            with server as started:
                found[what].append(started.seconds_to_first_answer * 1000)
    hello = median(found["hello"])
    return [
        Row("start to first 200", median(found["panel"]), "ms", "bare Starlette and uvicorn", hello, "<= 2"),
        Row("the same through run.py", median(found["run.py"]), "ms", "bare Starlette and uvicorn", hello, "<= 2"),
        Row("the same", median(found["run.py"]), "ms", wanted="<= 1000"),
        *memory(data, there),
    ]


def memory(data: Path, there: Population) -> list[Row]:
    with servers.hello() as hello, servers.panel(data) as panel:
        time.sleep(2)
        bare, rest = hello.memory(), panel.memory()
        asyncio.run(people.sign_in(panel.port, there.names[-1]))
        after = panel.memory()
    return [
        Row("memory at rest, one process", rest, "MiB PSS", "bare Starlette and uvicorn", bare),
        Row("the same", rest, "MiB PSS", wanted="<= 45"),
        Row("the first login adds", after - rest, "MiB PSS", wanted="<= 20"),
    ]
