"""The command line: serve, demo, test, check and the operator's commands."""

import argparse
import asyncio
import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from db.errors import Unavailable
from web.audit import diagnosis
from web.cli import backups, key_rotation, operator
from web.cli.operator import CommandRefused
from web.http.page import ROOT
from web.pages.entry.setup import offer_code
from web.panel import Panel
from web.runtime import running, spare
from web.runtime.data_folder import DATABASE, open_panel
from web.settings import Settings, StartRefused, read_env_file
from web.words.storage import reason, trouble_of

T = TypeVar("T")

DATA_HELP = "pasta de dados (padrão: data, ao lado do run.py, como toda pasta que não é dita por inteiro)"
ENGINES = "--engines"
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadgroup")  # of pytest-xdist
EPILOG = """
Sem comando nenhum, o painel é iniciado (o mesmo que "serve", e com as mesmas opções). Os comandos de contas e "doctor"
trabalham na pasta de dados, com o painel ligado ou não; os de contas deixam uma linha na atividade da conta.
"""


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 refused with a reason, 2 wrong use."""
    if arguments[:1] == ["test"]:  # argparse would keep options that are meant for pytest
        return _test(arguments[1:])
    if arguments[:1] == ["coverage"]:
        return _coverage(arguments[1:])
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    try:
        options = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = options.run
        status = run(options)
    except SystemExit as ended:  # --help, wrong use, a signal
        status = ended.code if isinstance(ended.code, int) else 0
    except (StartRefused, CommandRefused) as refused:
        status = _complain(str(refused))
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # whoever read what we say has gone
        status = 1
    except OSError as refused:
        status = _complain(f"Não foi possível concluir ({reason(refused, ROOT)}).")
    return _finish(status)


def _complain(sentence: str) -> int:
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr)
    return 1


def _finish(status: int) -> int:
    """The status, or 1 where what was said cannot be delivered; Python's own last flush then has nothing to fail at."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or 1
    return status


class HelpFormatter(argparse.HelpFormatter):
    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "uso: " if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """argparse in Portuguese."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, formatter_class=HelpFormatter, add_help=False, **options)
        self._optionals.title, self._positionals.title = "opções", "argumentos"
        self.add_argument("-h", "--help", action="help", help="mostra esta ajuda e termina")

    def error(self, _: str) -> NoReturn:
        self.exit(2, f"Comando ou opção que não existe, ou algo faltando. Veja: python3 {self.prog} --help\n")


class Commands:
    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(title="comandos", metavar="COMANDO", required=True)

    def add(self, name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        command = self._parsers.add_parser(name, help=words, description=words)
        command.set_defaults(run=run, command=name)
        return command

    def add_operator(
        self,
        name: str,
        act: operator.Command,
        words: str,
        *,
        may_create: bool = False,
        needs_key: bool = False,
        spends_spare: bool = True,
    ) -> argparse.ArgumentParser:
        """One that works on the data folder, whether or not the panel runs."""

        def operate(options: argparse.Namespace) -> int:
            settings = _settings(options)
            if needs_key and not settings.key_file.exists():  # a new key would be of no use
                raise StartRefused(f"Falta a chave {settings.key_file}. Traga antes a que estava em uso.")
            if spends_spare and spare.give_up(settings.data):
                print(f"O disco de {settings.data} está cheio: a reserva do painel deu lugar a este comando.")
            asyncio.run(_with_panel(settings, lambda panel: act(panel, options), may_create=may_create))
            return 0

        command = self.add(name, operate, words)
        command.add_argument("--data", metavar="PASTA", help=DATA_HELP)
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
    serve.add_argument("--data", metavar="PASTA", help=DATA_HELP)
    demo = commands.add("demo", _demo, "Inicia um painel de demonstração, que some ao terminar.")
    demo.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")
    dev_words = "A demonstração para quem mexe no código: recomeça quando muda um arquivo dela."
    dev = commands.add("dev", _demo, dev_words)
    dev.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")


def _add_tools(commands: Commands) -> None:
    test_words = f"Roda todos os testes; com {ENGINES}, só os do Firefox, WebKit e Chromium. O resto vai para o pytest."
    commands.add("test", lambda _: _test([]), test_words)
    coverage_words = "Roda os testes sem navegador e diz que desvios nenhum percorre. O resto vai para o pytest."
    commands.add("coverage", lambda _: _coverage([]), coverage_words)
    histories = commands.add("histories", _histories, "Inventa histórias de uso e de ataque e confere cada passo.")
    histories.add_argument("number", metavar="N", nargs="?", type=int, default=1000, help="quantas (padrão: 1000)")
    pictures = commands.add("pictures", _pictures, "Tira de novo as imagens dos READMEs.")
    pictures.add_argument("--check", action="store_true", help="só diz o que mudou nelas")
    commands.add("tune", _tune, "Mede os hashes de senha nesta máquina e recomenda quanto devem custar.")
    bench = commands.add("bench", _bench, "Mede o painel nesta máquina, ao lado dos limites dela.")
    bench.add_argument("names", metavar="MEDIÇÃO", nargs="*", help="uma ou mais; sem nenhuma, todas")
    bench.add_argument("--seconds", metavar="N", type=float, default=5, help="segundos de cada carga (padrão: 5)")
    inventory = commands.add("inventory", _inventory, "Lista os componentes do painel, em CycloneDX.")
    inventory.add_argument("file", metavar="ARQUIVO", nargs="?", type=Path, help="padrão: docs/components.cdx.json")
    inventory.add_argument("--check", action="store_true", help="só diz se a lista está em dia")
    commands.add("check", _check, "Confere formato, estilo e tipos do código.")


def _add_operator_commands(commands: Commands) -> None:
    add = commands.add_operator
    create = add("create-account", operator.create_account, "Cria uma conta e imprime o convite.", may_create=True)
    create.add_argument("name", metavar="NOME")
    create.add_argument("--admin", action="store_true", help="a conta administra o painel")
    reset = add("reset-password", operator.reset_password, "Apaga a senha e imprime um código.")
    reset.add_argument("name", metavar="NOME")
    off = add("reset-two-factor", operator.reset_two_factor, "Desativa os dois fatores de uma conta.")
    off.add_argument("name", metavar="NOME")
    end = add("end-sessions", operator.end_sessions, "Encerra as sessões de uma conta, ou de todas.")
    end.add_argument("name", metavar="NOME", nargs="?")
    unlock = add("unlock", operator.unlock, "Esquece as senhas e os códigos errados de uma conta.")
    unlock.add_argument("name", metavar="NOME")
    resync = add(
        "resync-totp",
        operator.resync_totp,
        "Depois de um relógio adiantado: em um minuto os códigos valem de novo.",
    )
    resync.add_argument("name", metavar="NOME")
    copy = add("backup", backups.backup, "Grava uma cópia do banco de dados, sem a chave.")
    copy.add_argument("file", metavar="ARQUIVO", type=Path)
    back = add("restore", backups.restore, "Volta ao estado de uma cópia.", may_create=True, needs_key=True)
    back.add_argument("file", metavar="ARQUIVO", type=Path)
    back.add_argument(
        "--without-proof",
        action="store_true",
        help="aceita uma cópia feita antes de haver provas: quem pôde gravar nela pode ter mudado o que ela diz",
    )
    add("rotate-key", key_rotation.rotate_key, "Troca a chave que lacra os segredos.")
    add("prune", operator.prune, "Remove sessões, entradas pela metade e códigos vencidos.")
    doctor_words = "Confere arquivos, permissões, espaço, chave, banco de dados e relógio."
    add("doctor", operator.doctor, doctor_words, spends_spare=False)


def _serve(options: argparse.Namespace) -> int:
    return _run_server(_settings(options), options)


def _demo(options: argparse.Namespace) -> int:
    for name in ("SIGTERM", "SIGHUP"):  # so that the folder goes then too
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="painel-demo-") as folder:
        settings = _settings(options, data=folder, workers=1, secret_key_file="")
        return _run_server(settings, options, "demo", _fill_demo, reloads=options.command == "dev")


async def _fill_demo(panel: Panel) -> None:
    name, password = "demo", "-".join(secrets.token_hex(2) for _ in range(4))
    await operator.fill_demo(panel, name, password)
    print(f"Demonstração: usuário {name}, senha {password}. Tudo some ao terminar.", flush=True)
    print(f"Guia de estilo, para quem mexe nas telas: {panel.settings.address}/styleguide", flush=True)


def _tune(options: argparse.Namespace) -> int:
    from web.cli.tune import tune

    tune(_settings(options))
    return 0


def _test(arguments: Sequence[str]) -> int:
    """All but those in every engine, or those alone; side by side unless some are named."""
    if ENGINES in arguments:
        return _run_after("tests.engines.packages", "pytest", "tests/engines", *(a for a in arguments if a != ENGINES))
    together = SIDE_BY_SIDE if all(argument.startswith("-") for argument in arguments) else ()
    command = [sys.executable, "-m", "pytest", "--ignore=tests/engines", *together, *arguments]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def _coverage(arguments: Sequence[str]) -> int:
    """Of the tests without a browser, in their own processes: panels that they start beside are not measured."""
    return _test(["--cov", "--cov-report=term-missing:skip-covered", "--ignore=tests/browser", *arguments])


def _histories(options: argparse.Namespace) -> int:
    """As many as wished, other ones each time; those that break something are told as short as they can be."""
    command = [sys.executable, "-m", "tests.histories.play", str(options.number)]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def _pictures(options: argparse.Namespace) -> int:
    return _run_after("tests.support.chromium", "tests.support.pictures", *(["--check"] if options.check else []))


def _run_after(browsers: str, *module: str) -> int:
    """Run a module, with its arguments, once another has found the browsers that it drives."""
    for command in ([browsers], module):
        if status := subprocess.call([sys.executable, "-m", *command], cwd=ROOT):  # noqa: S603, our own
            return status
    return 0


def _bench(options: argparse.Namespace) -> int:
    command = [sys.executable, "-P", "-m", "bench", *options.names, f"--seconds={options.seconds}"]
    return subprocess.call(command, cwd=ROOT)  # noqa: S603, our own


def _inventory(options: argparse.Namespace) -> int:
    from web.cli import inventory

    file = options.file or inventory.FILE
    if options.check:
        if not file.exists() or file.read_text(encoding="utf-8") != inventory.text():
            raise CommandRefused(f"{file} não está em dia. Rode sem --check.")
        print(f"{file} está em dia.")
    else:
        file.write_text(inventory.text(), encoding="utf-8")
        print(f"Componentes listados em {file}.")
    return 0


def _check(_: argparse.Namespace) -> int:
    commands = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    return max(subprocess.call([sys.executable, "-m", *command], cwd=ROOT) for command in commands)  # noqa: S603


async def _with_panel(settings: Settings, act: Callable[[Panel], Awaitable[T]], *, may_create: bool = True) -> T:
    now = lambda: datetime.now(UTC)  # noqa: E731, the terminal's clock is the machine's
    async with open_panel(settings, now, secrets.token_bytes, may_create=may_create) as panel:
        try:
            return await act(panel)
        except Unavailable as refused:
            if trouble := trouble_of(refused, settings.data):
                raise CommandRefused(f"Não foi possível gravar em {settings.data}: {trouble.value}.") from None
            raise


def _settings(options: argparse.Namespace, **ours: object) -> Settings:
    """The environment, .env where it is silent, and the options above both; workers read them from there."""
    typed = {name: value for name in ("host", "port", "data") if (value := getattr(options, name, None)) is not None}
    os.environ.update({f"PANEL_{name.upper()}": str(value) for name, value in (typed | ours).items()})
    environment = read_env_file(ROOT / ".env") | dict(os.environ)
    settings = Settings.from_environment(environment)
    _refuse_old_place(settings.data, Path(environment.get("PANEL_DATA", "").strip() or "data").expanduser())
    return settings


def _refuse_old_place(folder: Path, said: Path) -> None:
    """Of old a folder that was not said in full was looked for where the command was typed."""
    old = said.absolute()
    if old != said and (old / DATABASE).exists() and old.resolve() != folder.resolve():
        raise StartRefused(
            f"A pasta {said} agora fica em {folder}, mas há um painel em {old}. Leve essa pasta para lá, ou diga qual "
            f"usar com o caminho completo: --data {shlex.quote(str(old))}"
        )


def _run_server(
    settings: Settings,
    options: argparse.Namespace,
    app: str = "from_environment",
    prepare: Callable[[Panel], Awaitable[str | None]] = offer_code,
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
        code = asyncio.run(_with_panel(settings, lambda panel: _begin(panel, prepare)))
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
    with running.told(settings.data, address):
        print(f"Dados em {settings.data}")
        print(f"Painel em {address} (Ctrl-C termina)")
        if code:
            print(f"Código de instalação: {code}")
            print(f"Crie a primeira conta em {address}/setup#{code}")
        print(end="", flush=True)
        yield
