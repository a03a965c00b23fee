"""argparse in Portuguese, and how a command is added."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

from web.cli.terminal import Command, settings_of, with_panel
from web.runtime import spare
from web.settings import StartRefused

DATA_HELP = "pasta de dados (padrão: data, ao lado do run.py, como toda pasta que não é dita por inteiro)"


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
        act: Command,
        words: str,
        *,
        may_create: bool = False,
        needs_key: bool = False,
        spends_spare: bool = True,
    ) -> argparse.ArgumentParser:
        """One that works on the data folder, whether or not the panel runs."""

        def operate(options: argparse.Namespace) -> int:
            settings = settings_of(options)
            if needs_key and not settings.key_file.exists():  # a new key would be of no use
                raise StartRefused(f"Falta a chave {settings.key_file}. Traga antes a que estava em uso.")
            if spends_spare and spare.give_up(settings.data):
                print(f"O disco de {settings.data} está cheio: a reserva do painel deu lugar a este comando.")
            asyncio.run(with_panel(settings, lambda panel: act(panel, options), may_create=may_create))
            return 0

        command = self.add(name, operate, words)
        command.add_argument("--data", metavar="PASTA", help=DATA_HELP)
        return command
