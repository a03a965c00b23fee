"""Accounts, at the terminal: create, reset, sign out, unlock."""

import argparse
import sys

from db import accounts
from db.accounts import Account
from web.audit.events import Event
from web.auth import people
from web.auth.people import NameRefusal, read_name
from web.cli.terminal import CommandRefused
from web.http.refusals import name_sentence
from web.limits import INVITATION_TTL, RESET_TTL
from web.panel import Panel
from web.runtime import running
from web.visit.scope import at_terminal
from web.words.storage import reason
from web.words.waits import duration


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
    async with panel.db.transaction() as tx:
        code = await people.reset_password(tx, at_terminal(panel), account, event=Event.CLI_RESET_PASSWORD)
        done = f"A senha de {account.name} foi apagada e as sessões, encerradas. O segundo fator continua o mesmo."
        _disclose(panel, done, code, duration(RESET_TTL))


async def reset_two_factor(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        if not await people.reset_two_factor(tx, at_terminal(panel), account.id, event=Event.CLI_RESET_TWO_FACTOR):
            raise CommandRefused(f"A conta {account.name} não tem autenticação de dois fatores.")
    print(f"Autenticação de dois fatores de {account.name} desativada; as sessões foram encerradas.")


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
    """Print at once, inside the transaction: a code that nobody could read takes back what it was made for."""
    settings = panel.settings
    address = settings.public_url or running.address_in(settings.data) or running.outside_address(settings)
    if sys.stdout is None:
        raise CommandRefused("Não há onde mostrar o código: a saída está fechada. Nada mudou.")
    try:
        print(done)
        print(f"Código de ativação: {code}")
        print(f"Vale uma vez, por {lifetime}, em {address}/activate#{code}", flush=True)
    except OSError as lost:
        raise CommandRefused(
            f"Não foi possível mostrar o código ({reason(lost, settings.data)}). Nada mudou."
        ) from None
