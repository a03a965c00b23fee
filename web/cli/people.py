"""Accounts, at the terminal: create, reset, sign out, unlock."""

import argparse
import sys

from db import (
    accounts,
    pending_logins,
    recovery_codes,
    sessions,
    totp,
    trusted_devices,
)
from db.accounts import Account
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.passwords import forget_tries
from web.auth.people import name_refusal, read_name
from web.auth.tries import forgive_everything
from web.cli.terminal import CommandRefused
from web.factors.totp import step_at
from web.http.refusals import NAME_SENTENCES
from web.limits import INVITATION_TTL, RESET_TTL, TOTP_WINDOW
from web.pages.entry.activation import offer
from web.panel import Panel
from web.runtime import running
from web.visit.scope import at_terminal
from web.words.storage import reason


async def create_account(panel: Panel, options: argparse.Namespace) -> None:
    name = read_name(options.name)
    if refusal := name_refusal(name):
        raise CommandRefused(f"{options.name}: {NAME_SENTENCES[refusal]}")
    async with panel.db.transaction() as tx:
        account_id = await accounts.create(tx, name, role="admin" if options.admin else "member", at=panel.now())
        if account_id is None:
            raise CommandRefused(f"Já existe uma conta {name}.")
        code = await offer(tx, panel, account_id, INVITATION_TTL)
        await record_event(tx, at_terminal(panel), account_id, Event.CLI_CREATE_ACCOUNT)
        _disclose(panel, f"Conta {name} criada.", code, "24 horas")


async def reset_password(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        code = await offer(tx, panel, account.id, RESET_TTL)
        await record_event(tx, at_terminal(panel), account.id, Event.CLI_RESET_PASSWORD)
        done = f"A senha de {account.name} foi apagada e as sessões, encerradas. O segundo fator continua o mesmo."
        _disclose(panel, done, code, "60 minutos")


async def reset_two_factor(panel: Panel, options: argparse.Namespace) -> None:
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        if not await totp.remove(tx, account.id):
            raise CommandRefused(f"A conta {account.name} não tem autenticação de dois fatores.")
        await recovery_codes.remove(tx, account.id)
        await forgive_everything(tx, account.id)
        await sessions.end_others(tx, account.id)
        await pending_logins.end_all(tx, account.id)
        await trusted_devices.forget_all(tx, account.id)
        await record_event(tx, at_terminal(panel), account.id, Event.CLI_RESET_TWO_FACTOR)
    print(f"Autenticação de dois fatores de {account.name} desativada; as sessões foram encerradas.")


async def end_sessions(panel: Panel, options: argparse.Namespace) -> None:
    """Of one account, or of everybody; half-finished logins too."""
    account = await _find(panel, options.name) if options.name else None
    async with panel.db.transaction() as tx:
        if account:
            ended = [account.id] * await sessions.end_others(tx, account.id)
            await pending_logins.end_all(tx, account.id)
        else:
            ended = await sessions.end_of_everybody(tx)
            await pending_logins.end_of_everybody(tx)
        for account_id in set(ended):
            await record_event(tx, at_terminal(panel), account_id, Event.CLI_END_SESSIONS, str(ended.count(account_id)))
    print("Nenhuma sessão estava aberta." if not ended else f"Sessões encerradas: {len(ended)}.")


async def unlock(panel: Panel, options: argparse.Namespace) -> None:
    """Forget the wrong passwords and codes of an account, so that it need not wait any longer."""
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        await forget_tries(tx, panel, account.name)
        await forgive_everything(tx, account.id)
        await record_event(tx, at_terminal(panel), account.id, Event.CLI_UNLOCK)
    print(f"A conta {account.name} pode tentar de novo agora. Senha e segundo fator continuam os mesmos.")


async def resync_totp(panel: Panel, options: argparse.Namespace) -> None:
    """After a clock that was ahead for a while: codes already accepted for a time still to come block those of now."""
    account = await _find(panel, options.name)
    async with panel.db.transaction() as tx:
        if not await totp.resync(tx, account.id, step_at(panel.now()) + TOTP_WINDOW):  # so that none counts twice
            raise CommandRefused(f"Nenhum código futuro foi aceito na conta {account.name}. Nada mudou.")
        await record_event(tx, at_terminal(panel), account.id, Event.CLI_RESYNC_TOTP)
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
        print(f"Vale uma vez, por {lifetime}, em {address}/activate", flush=True)
    except OSError as lost:
        raise CommandRefused(
            f"Não foi possível mostrar o código ({reason(lost, settings.data)}). Nada mudou."
        ) from None
