"""Accounts, at the terminal: create, reset, sign out, unlock, who administers, who is disabled.

Nothing of it is refused because the panel is left without an administrator: it says so instead.
"""

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from db import accounts
from db.accounts import Account
from db.database import Transaction
from web.audit.events import Event
from web.auth import people, roles
from web.auth.people import NameRefusal, PersonRefusal, read_name
from web.cli.terminal import CommandRefused
from web.http.refusals import name_sentence, person_sentence
from web.limits import INVITATION_TTL, RESET_TTL
from web.panel import Panel
from web.runtime import running
from web.visit.scope import at_terminal
from web.visit.visit import Visit
from web.words.storage import reason
from web.words.waits import duration

NONE_LEFT = (
    "Atenção: agora nenhuma conta que administra o painel tem senha e dois fatores. Enquanto for assim, ninguém decide "
    "nada sobre outras pessoas nas páginas."
)
BEGUN_ENDED = "Os convites e links que a conta fez e ninguém usou não valem mais; o que ela tinha marcado não acontece."


async def create_account(panel: Panel, options: argparse.Namespace) -> None:
    name, event = read_name(options.name), Event.CLI_CREATE_ACCOUNT
    async with panel.db.transaction() as tx:
        created = await people.create(tx, at_terminal(panel), name, is_admin=options.admin, event=event)
        if isinstance(created, NameRefusal):
            sentence = name_sentence(created, name)
            raise CommandRefused(sentence if created is NameRefusal.TAKEN else f"{options.name}: {sentence}")
        _disclose(panel, f"Conta {name} criada.", created, duration(INVITATION_TTL))


async def reset_password(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with _saying_what_breaks(panel) as tx:
        code = await people.reset_password(tx, at_terminal(panel), account, event=Event.CLI_RESET_PASSWORD)
        done = f"A senha de {account.name} foi apagada e as sessões, encerradas. O segundo fator continua o mesmo."
        if account.is_disabled:
            done += f"\nA conta está desativada: o código só vale depois de python3 run.py enable {account.name}"
        _disclose(panel, done, code, duration(RESET_TTL))


async def reset_two_factor(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with _saying_what_breaks(panel) as tx:
        if not await people.reset_two_factor(tx, at_terminal(panel), account.id, event=Event.CLI_RESET_TWO_FACTOR):
            raise CommandRefused(f"A conta {account.name} não tem autenticação de dois fatores.")
    print(f"Autenticação de dois fatores de {account.name} desativada; as sessões foram encerradas.")


async def promote(panel: Panel, options: argparse.Namespace) -> None:
    name = await _change(panel, options, roles.promote)
    print(f"{name} administra o painel a partir da próxima entrada; as sessões foram encerradas.")


async def demote(panel: Panel, options: argparse.Namespace) -> None:
    name = await _change(panel, options, roles.demote)
    print(f"{name} não administra mais o painel; as sessões foram encerradas. {BEGUN_ENDED}")


async def disable(panel: Panel, options: argparse.Namespace) -> None:
    name = await _change(panel, options, roles.disable)
    print(f"A conta {name} foi desativada: ninguém entra com ela, e os tokens estão pausados. Nada foi apagado.")
    print(f"{BEGUN_ENDED} Para voltar atrás: python3 run.py enable {name}")


async def enable(panel: Panel, options: argparse.Namespace) -> None:
    name = await _change(panel, options, roles.enable)
    print(f"A conta {name} voltou. Os tokens continuam pausados até a própria pessoa os reabrir.")


Change = Callable[[Transaction, Visit, int], Awaitable[PersonRefusal | None]]


async def _change(panel: Panel, options: argparse.Namespace, change: Change) -> str:
    """The name of the account that was changed."""
    account = await _find(panel, options.name)
    async with _saying_what_breaks(panel) as tx:
        if refusal := await change(tx, at_terminal(panel), account.id):
            raise CommandRefused(f"{account.name}: {person_sentence(refusal)}")
    return account.name


@asynccontextmanager
async def _saying_what_breaks(panel: Panel) -> AsyncIterator[Transaction]:
    """A transaction that says when it leaves the panel without an administrator who has a password and two factors."""
    async with panel.db.transaction() as tx:
        had_one = await accounts.has_administrator(tx)
        yield tx
        if had_one and not await accounts.has_administrator(tx):
            tx.on_commit.append(lambda: print(NONE_LEFT))


async def end_sessions(panel: Panel, options: argparse.Namespace) -> None:
    """Of one account, or of everybody."""
    account, event = await _find(panel, options.name) if options.name else None, Event.CLI_END_SESSIONS
    async with panel.db.transaction() as tx:
        if account:
            ended = await people.end_sessions(tx, at_terminal(panel), account, event=event)
        else:
            ended = await people.end_sessions_of_everybody(tx, at_terminal(panel), event=event)
    print("Nenhuma sessão estava aberta." if not ended else f"Sessões encerradas: {ended}.")


async def unlock(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        await people.unlock(tx, at_terminal(panel), account, event=Event.CLI_UNLOCK)
    print(f"A conta {account.name} pode tentar de novo agora. Senha e segundo fator continuam os mesmos.")


async def resync_totp(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        if not await people.resync_totp(tx, at_terminal(panel), account.id, event=Event.CLI_RESYNC_TOTP):
            raise CommandRefused(f"Nenhum código futuro foi aceito na conta {account.name}. Nada mudou.")
    print(f"Daqui a um minuto os códigos do aplicativo de {account.name} valem de novo.")
    print("Para conferir o relógio: python3 run.py doctor")


async def _find(panel: Panel, name: str) -> Account:
    account = await accounts.find(panel.db, read_name(name))
    if account is None:
        raise CommandRefused(f"Não existe uma conta {name}.")
    return account


def _disclose(panel: Panel, done: str, code: str, lifetime: str) -> None:
    """What was done, and the code with where it is to be used."""
    link = f"{address(panel)}/activate#{code}"
    disclose(panel, done, f"Código de ativação: {code}", f"Vale uma vez, por {lifetime}, em {link}")


def address(panel: Panel) -> str:
    settings = panel.settings
    return settings.public_url or running.address_in(settings.data) or running.outside_address(settings)


def disclose(panel: Panel, *lines: str) -> None:
    """Print at once, inside the transaction: a code that nobody could read takes back what it was made for."""
    if sys.stdout is None:
        raise CommandRefused("Não há onde mostrar o código: a saída está fechada. Nada mudou.")
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as lost:
        raise CommandRefused(
            f"Não foi possível mostrar o código ({reason(lost, panel.settings.data)}). Nada mudou."
        ) from None
