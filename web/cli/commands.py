"""The command line: which commands there are, and how they end."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from web.cli import backups, doctor, key_rotation, people, roster, serve, tools
from web.cli.arguments import DATA_HELP, Commands, Parser
from web.cli.terminal import CommandRefused
from web.http.page import ROOT
from web.settings import StartRefused
from web.words.storage import reason

EPILOG = """
Sem comando nenhum, o painel é iniciado (o mesmo que "serve", e com as mesmas opções). Os comandos de contas e "doctor"
trabalham na pasta de dados, com o painel ligado ou não; os de contas deixam uma linha na atividade da conta.
"""


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 refused with a reason, 2 wrong use."""
    if arguments[:1] == ["test"]:  # argparse would keep options that are meant for pytest
        return tools.test(arguments[1:])
    if arguments[:1] == ["coverage"]:
        return tools.coverage(arguments[1:])
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


def _parser() -> Parser:
    parser = Parser("run.py", description="Painel com autenticação de dois fatores.", epilog=EPILOG)
    commands = Commands(parser)
    _add_panel(commands)
    _add_tools(commands)
    _add_people(commands)
    _add_data_folder(commands)
    return parser


def _add_panel(commands: Commands) -> None:
    panel = commands.add("serve", serve.serve, "Inicia o painel.")
    panel.add_argument("--host", metavar="ENDEREÇO", help="endereço em que atende (padrão: 127.0.0.1)")
    panel.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")
    panel.add_argument("--data", metavar="PASTA", help=DATA_HELP)
    demo = commands.add("demo", serve.demo, "Inicia um painel de demonstração, que some ao terminar.")
    demo.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")
    dev_words = "A demonstração para quem mexe no código: recomeça quando muda um arquivo dela."
    dev = commands.add("dev", serve.demo, dev_words)
    dev.add_argument("--port", metavar="PORTA", help="porta em que atende (padrão: 8000)")


def _add_tools(commands: Commands) -> None:
    test_words = (
        f"Roda todos os testes; com {tools.ENGINES}, só os do Firefox, WebKit e Chromium. O resto vai para o pytest."
    )
    commands.add("test", lambda _: tools.test([]), test_words)
    coverage_words = "Roda os testes sem navegador e diz que desvios nenhum percorre. O resto vai para o pytest."
    commands.add("coverage", lambda _: tools.coverage([]), coverage_words)
    histories = commands.add("histories", tools.histories, "Inventa histórias de uso e de ataque e confere cada passo.")
    histories.add_argument("number", metavar="N", nargs="?", type=int, default=1000, help="quantas (padrão: 1000)")
    pictures = commands.add("pictures", tools.pictures, "Tira de novo as imagens dos READMEs.")
    pictures.add_argument("--check", action="store_true", help="só diz o que mudou nelas")
    commands.add("tune", tools.tune, "Mede os hashes de senha nesta máquina e recomenda quanto devem custar.")
    bench = commands.add("bench", tools.bench, "Mede o painel nesta máquina, ao lado dos limites dela.")
    bench.add_argument("names", metavar="MEDIÇÃO", nargs="*", help="uma ou mais; sem nenhuma, todas")
    bench.add_argument("--seconds", metavar="N", type=float, default=5, help="segundos de cada carga (padrão: 5)")
    inventory = commands.add("inventory", tools.inventory, "Lista os componentes do painel, em CycloneDX.")
    inventory.add_argument("file", metavar="ARQUIVO", nargs="?", type=Path, help="padrão: docs/components.cdx.json")
    inventory.add_argument("--check", action="store_true", help="só diz se a lista está em dia")
    commands.add("check", tools.check, "Confere formato, estilo e tipos do código.")


def _add_people(commands: Commands) -> None:
    add = commands.add_operator
    create = add("create-account", people.create_account, "Cria uma conta e imprime o convite.", may_create=True)
    create.add_argument("name", metavar="NOME")
    create.add_argument("--admin", action="store_true", help="a conta administra o painel")
    reset = add("reset-password", people.reset_password, "Apaga a senha e imprime um código.")
    reset.add_argument("name", metavar="NOME")
    off = add("reset-two-factor", people.reset_two_factor, "Desativa os dois fatores de uma conta.")
    off.add_argument("name", metavar="NOME")
    end = add("end-sessions", people.end_sessions, "Encerra as sessões de uma conta, ou de todas.")
    end.add_argument("name", metavar="NOME", nargs="?")
    unlock = add("unlock", people.unlock, "Esquece as senhas e os códigos errados de uma conta.")
    unlock.add_argument("name", metavar="NOME")
    _add_roles(add)
    resync = add(
        "resync-totp",
        people.resync_totp,
        "Depois de um relógio adiantado: em um minuto os códigos valem de novo.",
    )
    resync.add_argument("name", metavar="NOME")


def _add_roles(add: Callable[..., argparse.ArgumentParser]) -> None:
    roles = {
        "promote": (people.promote, "A conta passa a administrar o painel."),
        "demote": (people.demote, "A conta deixa de administrar o painel."),
        "disable": (people.disable, "Desativa uma conta; nada é apagado."),
        "enable": (people.enable, "Reativa uma conta desativada."),
    }
    for name, (act, words) in roles.items():
        add(name, act, words).add_argument("name", metavar="NOME")
    everybody = add("people", roster.list_people, "Lista as pessoas, com papel, fatores e última entrada.")
    everybody.add_argument("--json", action="store_true", help="em JSON")
    many = add("invite-csv", roster.invite_csv, "Convida as pessoas de um arquivo CSV: todas, ou nenhuma.")
    many.add_argument("file", metavar="ARQUIVO", type=Path, help="uma linha por pessoa: nome, ou nome,admin")


def _add_data_folder(commands: Commands) -> None:
    add = commands.add_operator
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
    add("prune", doctor.prune, "Remove sessões, entradas pela metade e códigos vencidos.")
    doctor_words = "Confere arquivos, permissões, espaço, chave, banco de dados e relógio."
    add("doctor", doctor.doctor, doctor_words, spends_spare=False)
