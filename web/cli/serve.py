"""Starting the panel: for people, as a demonstration, and for whoever works on it."""

import argparse
import asyncio
import contextlib
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from web.audit import diagnosis
from web.auth import people
from web.auth.instances import add
from web.auth.passwords import hash_password
from web.cli.terminal import CommandRefused, settings_of, with_panel
from web.http.page import ROOT
from web.panel import Panel
from web.runtime import running, spare
from web.settings import Settings, StartRefused
from web.visit.scope import at_terminal


def serve(options: argparse.Namespace) -> int:
    return _run_server(settings_of(options), options)


def demo(options: argparse.Namespace) -> int:
    for name in ("SIGTERM", "SIGHUP"):  # so that the folder goes then too
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="painel-demo-") as folder:
        settings = settings_of(options, data=folder, workers=1, secret_key_file="")
        return _run_server(settings, options, "demo", _fill_demo, reloads=options.command == "dev")


async def _fill_demo(panel: Panel) -> None:
    """An account with a password, a few instances and some activity, to look at."""
    name, password = "demo", "-".join(secrets.token_hex(2) for _ in range(4))
    phc = await hash_password(panel, password)
    async with panel.db.transaction() as tx:
        account_id = await people.create_administrator(tx, at_terminal(panel), name, phc)
        if account_id is None:
            raise CommandRefused(f"Já existe uma conta {name}.")
        for label in ("Atendimento", "Cobrança", "Loja do Centro"):
            await add(tx, at_terminal(panel), label, owner=account_id)
    print(f"Demonstração: usuário {name}, senha {password}. Tudo some ao terminar.", flush=True)
    print(f"Guia de estilo, para quem mexe nas telas: {panel.settings.address}/styleguide", flush=True)


async def new_setup_code(panel: Panel) -> str | None:
    """With which the first account is made; None once somebody has one."""
    async with panel.db.transaction() as tx:
        return await people.offer_setup_code(tx, at_terminal(panel))


def _run_server(
    settings: Settings,
    options: argparse.Namespace,
    app: str = "from_environment",
    prepare: Callable[[Panel], Awaitable[str | None]] = new_setup_code,
    *,
    reloads: bool = False,
) -> int:
    """Answer until told to stop; `prepare` returns the set-up code, if one is needed."""
    from web.runtime import server

    try:
        listeners = server.listen(settings)
    except server.PortTaken as taken:
        other = _same_command(options, port=server.next_free_port(settings))
        raise StartRefused(f"{taken} Escolha outra: {other}") from None
    try:
        code = asyncio.run(with_panel(settings, lambda panel: _begin(panel, prepare)))
        server.serve(settings, listeners, app, _announced(settings, code), reloads=reloads)
    finally:
        server.close(listeners)
    return 0


async def _begin(panel: Panel, prepare: Callable[[Panel], Awaitable[str | None]]) -> str | None:
    await diagnosis.forget(panel)
    spare.keep(panel.settings.data)
    return await prepare(panel)


def _same_command(options: argparse.Namespace, *, port: int) -> str:
    """What was typed, with another port, from where it was typed."""
    script = "run.py" if Path.cwd() == ROOT else str(ROOT / "run.py")
    given = {name: getattr(options, name, None) for name in ("host", "data")}
    flags = [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]
    return shlex.join(["python3", script, options.command, "--port", str(port), *flags])


@contextlib.contextmanager
def _announced(settings: Settings, code: str | None) -> Iterator[None]:
    """Say where the panel is, and leave it for other commands to read while it runs."""
    address = running.outside_address(settings)
    with running.recorded(settings.data, address):
        print(f"Dados em {settings.data}")
        print(f"Painel em {address} (Ctrl-C termina)")
        if code:
            print(f"Código de instalação: {code}")
            print(f"Crie a primeira conta em {address}/setup#{code}")
        print(end="", flush=True)
        yield
