"""The command line: serve, demo, test, check and the operator's commands."""

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NoReturn, TypeVar

from web import backups, diagnosis, key_rotation, operator_commands
from web.data_folder import open_panel
from web.operator_commands import CommandRefused
from web.page import ROOT
from web.panel import Panel
from web.settings import Settings, StartRefused, read_env_file

T = TypeVar("T")

ENGINES = "--engines"
EPILOG = """
Sem comando nenhum, o painel é iniciado (o mesmo que "serve"). Os comandos de contas e "doctor" trabalham na pasta de
dados, com o painel ligado ou não, e deixam uma linha na atividade da conta.
"""


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 refused with a reason, 2 wrong use."""
    if arguments[:1] == ["test"]:  # argparse would keep options that are meant for pytest
        return _test(arguments[1:])
    options = _parser().parse_args(arguments or ["serve"])
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except (StartRefused, CommandRefused) as refused:
        print(refused, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class Parser(argparse.ArgumentParser):
    """argparse in Portuguese."""

    WORDS: ClassVar = {
        "usage: ": "uso: ",
        "options:": "opções:",
        "positional arguments:": "argumentos:",
        "show this help message and exit": "mostra esta ajuda e termina",
    }

    def format_help(self) -> str:
        text = super().format_help()
        for theirs, ours in self.WORDS.items():
            text = text.replace(theirs, ours)
        return text

    def error(self, _: str) -> NoReturn:
        self.exit(2, f"Comando ou opção que não existe, ou algo faltando. Veja: python3 {self.prog} --help\n")


class Commands:
    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(title="comandos", metavar="COMANDO", required=True)

    def add(self, name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        command = self._parsers.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        return command

    def add_operator(
        self,
        name: str,
        act: operator_commands.Command,
        words: str,
        *,
        may_create: bool = False,
        needs_key: bool = False,
    ) -> argparse.ArgumentParser:
        """One that works on the data folder, whether or not the panel runs."""

        def operate(options: argparse.Namespace) -> int:
            settings = _settings(options)
            if needs_key and not settings.key_file.exists():  # a new key would be of no use
                raise StartRefused(f"Falta a chave {settings.key_file}. Traga antes a que estava em uso.")
            asyncio.run(_with_panel(settings, lambda panel: act(panel, options), may_create=may_create))
            return 0

        command = self.add(name, operate, words)
        command.add_argument("--data", type=Path, metavar="PASTA", help="pasta de dados (padrão: data)")
        return command


def _parser() -> Parser:
    parser = Parser("run.py", description="Painel com autenticação de dois fatores.", epilog=EPILOG)
    commands = Commands(parser)
    _add_panel(commands)
    _add_tools(commands)
    _add_operator_commands(commands)
    return parser


def _add_panel(commands: Commands) -> None:
    serve = commands.add("serve", _serve, "Inicia o painel.")
    serve.add_argument("--host", metavar="ENDEREÇO", help="endereço em que atende (padrão: 127.0.0.1)")
    serve.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")
    serve.add_argument("--data", metavar="PASTA", help="pasta de dados (padrão: data)")
    demo = commands.add("demo", _demo, "Inicia um painel de demonstração, que some ao terminar.")
    demo.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")


def _add_tools(commands: Commands) -> None:
    test_words = f"Roda todos os testes; com {ENGINES}, só os do Firefox, WebKit e Chromium. O resto vai para o pytest."
    commands.add("test", lambda _: _test([]), test_words)
    pictures = commands.add("pictures", _pictures, "Tira de novo as imagens dos READMEs.")
    pictures.add_argument("--check", action="store_true", help="só diz o que mudou nelas")
    tune = commands.add("tune", _tune, "Mede os hashes de senha nesta máquina e recomenda quanto devem custar.")
    tune.add_argument("--native", action="store_true", help="antes compila o argon2 para este processador")
    bench = commands.add("bench", _bench, "Mede o painel nesta máquina, ao lado dos limites dela.")
    bench.add_argument("names", metavar="MEDIÇÃO", nargs="*", help="uma ou mais; sem nenhuma, todas")
    bench.add_argument("--seconds", metavar="N", type=float, default=5, help="segundos de cada carga (padrão: 5)")
    commands.add("check", _check, "Confere formato, estilo e tipos do código.")


def _add_operator_commands(commands: Commands) -> None:
    add = commands.add_operator
    create = add(
        "create-account", operator_commands.create_account, "Cria uma conta e imprime o convite.", may_create=True
    )
    create.add_argument("name", metavar="NOME")
    create.add_argument("--admin", action="store_true", help="a conta administra o painel")
    reset = add("reset-password", operator_commands.reset_password, "Apaga a senha e imprime um código.")
    reset.add_argument("name", metavar="NOME")
    off = add("reset-two-factor", operator_commands.reset_two_factor, "Desativa os dois fatores de uma conta.")
    off.add_argument("name", metavar="NOME")
    end = add("end-sessions", operator_commands.end_sessions, "Encerra as sessões de uma conta, ou de todas.")
    end.add_argument("name", metavar="NOME", nargs="?")
    unlock = add("unlock", operator_commands.unlock, "Esquece as senhas e os códigos errados de uma conta.")
    unlock.add_argument("name", metavar="NOME")
    resync = add(
        "resync-totp",
        operator_commands.resync_totp,
        "Depois de um relógio adiantado: em um minuto os códigos valem de novo.",
    )
    resync.add_argument("name", metavar="NOME")
    copy = add("backup", backups.backup, "Grava uma cópia do banco de dados, sem a chave.")
    copy.add_argument("file", metavar="ARQUIVO", type=Path)
    back = add("restore", backups.restore, "Volta ao estado de uma cópia.", may_create=True, needs_key=True)
    back.add_argument("file", metavar="ARQUIVO", type=Path)
    add("rotate-key", key_rotation.rotate_key, "Troca a chave que lacra os segredos.")
    add("prune", operator_commands.prune, "Remove sessões, entradas pela metade e códigos vencidos.")
    add("doctor", operator_commands.doctor, "Confere arquivos, permissões, chave, banco de dados e relógio.")


def _serve(options: argparse.Namespace) -> int:
    return _run_server(_settings(options))


def _demo(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder goes then too
    folder = Path(tempfile.mkdtemp(prefix="painel-demo-"))
    try:
        options.data = str(folder)
        settings = _settings(options)
        name, password = "demo", "-".join(secrets.token_hex(2) for _ in range(4))
        asyncio.run(_with_panel(settings, lambda panel: operator_commands.fill_demo(panel, name, password)))
        print(f"Demonstração: usuário {name}, senha {password}. Tudo some ao terminar.", flush=True)
        print(f"Guia de estilo, para quem mexe nas telas: {settings.address}/styleguide", flush=True)
        return _run_server(settings, "demo")
    finally:
        shutil.rmtree(folder)


def _tune(options: argparse.Namespace) -> int:
    """run.py has compiled already, if that was wanted."""
    from web.tune import tune

    tune(_settings(options))
    return 0


def _test(arguments: Sequence[str]) -> int:
    """All but those in every engine, or those alone."""
    if ENGINES in arguments:
        return _run_after("tests.engines.packages", "pytest", "tests/engines", *(a for a in arguments if a != ENGINES))
    return _run_after("tests.chromium", "pytest", "--ignore=tests/engines", *arguments)


def _pictures(options: argparse.Namespace) -> int:
    return _run_after("tests.chromium", "tests.pictures", *(["--check"] if options.check else []))


def _run_after(browsers: str, *module: str) -> int:
    """Run a module, with its arguments, once another has found the browsers that it drives."""
    for command in ([browsers], module):
        if status := subprocess.call([sys.executable, "-m", *command], cwd=ROOT):  # noqa: S603, our own
            return status
    return 0


def _bench(options: argparse.Namespace) -> int:
    command = [sys.executable, "-P", "-m", "bench", *options.names, f"--seconds={options.seconds}"]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def _check(_: argparse.Namespace) -> int:
    commands = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    return max(subprocess.call([sys.executable, "-m", *command], cwd=ROOT) for command in commands)  # noqa: S603


async def _with_panel(settings: Settings, act: Callable[[Panel], Awaitable[T]], *, may_create: bool = True) -> T:
    now = lambda: datetime.now(UTC)  # noqa: E731, the terminal's clock is the machine's
    async with open_panel(settings, now, secrets.token_bytes, may_create=may_create) as panel:
        return await act(panel)


def _settings(options: argparse.Namespace) -> Settings:
    """The environment, .env where it is silent, and the options above both; workers read them from there."""
    for name in ("host", "port", "data"):
        if (value := getattr(options, name, None)) is not None:
            os.environ[f"PANEL_{name.upper()}"] = str(value)
    return Settings.from_environment(read_env_file(ROOT / ".env") | dict(os.environ))


def _run_server(settings: Settings, app: str = "from_environment") -> int:
    from web.server import listen, serve  # uvicorn takes a while to load, and only this command needs it
    from web.setup import offer_code

    with listen(settings) as listener:
        asyncio.run(_with_panel(settings, diagnosis.forget))
        code = asyncio.run(_with_panel(settings, offer_code))
        serve(settings, listener, app, lambda: _announce(settings, code))
    return 0


def _announce(settings: Settings, code: str | None) -> None:
    print(f"Painel em {settings.address} (Ctrl-C termina)", flush=True)
    if code:
        print(f"Código de instalação: {code}", flush=True)
        print(f"Crie a primeira conta em {settings.address}/setup#{code}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
