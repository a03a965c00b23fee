"""Copies of the database, and the way back from one. The key is never in them: it is kept apart."""

import argparse
import os
import shlex
from pathlib import Path

from db import accounts, activity, after_restore, identity, maintenance, migrate, sealed
from db.accounts import Account
from db.database import Database, Transaction
from db.errors import DatabaseError, Unavailable
from web.audit.events import Event
from web.audit.record import record_event
from web.auth import roles
from web.cli.terminal import CommandRefused
from web.crypto import copies
from web.crypto.vault import SUB_KEY, BrokenSeal
from web.factors.totp import step_at
from web.limits import PASSKEY_CHALLENGE_TTL
from web.panel import Panel
from web.runtime.data_folder import DATABASE, what_is_strange
from web.runtime.work_files import work_file
from web.visit.scope import at_terminal
from web.words.storage import reason


async def backup(panel: Panel, options: argparse.Namespace) -> None:
    """A consistent copy while the panel runs, readable by its owner only; it names the key that it needs."""
    needed = _write(panel, options.file)
    await _note(panel)
    print(f"Cópia gravada em {options.file}. Para usá-la é preciso a chave {needed}:")
    print(f"guarde {panel.settings.key_file} em outro lugar, longe da cópia.")


async def _note(panel: Panel) -> None:
    """The copy is whole, so that this cannot be written is told, and no reason to fail."""
    try:
        async with panel.db.transaction() as tx:
            await record_event(tx, at_terminal(panel), None, Event.CLI_BACKUP)
    except Unavailable as refused:
        print(f"Não deu para anotar a cópia na atividade ({reason(refused, panel.settings.data)}).")


def _write(panel: Panel, file: Path) -> str:
    """Returns the fingerprint of the key that opens what is in it: until a change of keys is done, the one before."""
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise CommandRefused(f"{file} já existe. Escolha outro nome.") from None
    except OSError as refused:
        raise CommandRefused(f"Não foi possível gravar {file} ({reason(refused, file.absolute().parent)}).") from None
    try:
        with os.fdopen(descriptor, "wb") as out, work_file("copying-", file.absolute().parent, panel.now()) as work:
            maintenance.copy(panel.settings.data / DATABASE, work)
            needed = maintenance.key_fingerprint(work)
            copies.write(work, out, panel.vault, needed)
    except BrokenSeal:
        file.unlink(missing_ok=True)
        raise CommandRefused(
            "A chave foi trocada enquanto a cópia era feita. Nada foi gravado: tente de novo."
        ) from None
    except (OSError, DatabaseError) as refused:
        file.unlink(missing_ok=True)
        raise CommandRefused(f"Não foi possível gravar {file} ({reason(refused, file.absolute().parent)}).") from None
    return needed


async def restore(panel: Panel, options: argparse.Namespace) -> None:
    """Put a backup in place, in one step. Nobody stays signed in, no code of before works again unnoticed."""
    with work_file("restoring-", panel.settings.data.absolute(), panel.now()) as work:
        try:
            is_proven = _take(panel, options.file, work, without_proof=options.without_proof)
            disabled = await _disabled(panel)
            made_at, kept = await _prepare(panel, options.file, work, disabled or [])
            maintenance.copy(work, panel.settings.data / DATABASE)
        except DatabaseError as refused:
            why = reason(refused, panel.settings.data)
            raise CommandRefused(f"{options.file} não pôde ser restaurado: {why}. Nada mudou.") from None
    print(f"O painel voltou ao estado de {options.file}{made_at}. Todas as sessões foram encerradas.")
    print("Senhas, dois fatores, códigos de recuperação e tokens são os daquela data: cada pessoa é avisada ao entrar.")
    if kept:
        print(f"Estas contas estavam desativadas antes e continuam assim: {', '.join(kept)}.")
    if disabled is None:
        print("Não deu para ler quem estava desativado antes: confira as contas.")
    if not is_proven:
        print("Esta cópia não traz prova: confira as contas, quem administra o painel e a atividade.")


def _take(panel: Panel, file: Path, work: Path, *, without_proof: bool) -> bool:
    """Put the database of a copy into `work`; False when nothing proves that nobody altered it."""
    if not file.is_file():
        raise CommandRefused(f"{file} não existe.")
    try:
        copies.extract(file, work, panel.vault)
    except copies.Altered:
        raise CommandRefused(f"{file} foi alterado, ou está incompleto: a prova não confere. Nada mudou.") from None
    except copies.OtherKey as other:
        raise _other_key(panel, file, str(other)) from None
    except copies.NoProof:
        if not maintenance.is_database(file):
            raise CommandRefused(f"{file} não é uma cópia de um painel.") from None
        if not without_proof:
            raise CommandRefused(
                f"{file} não traz prova de que ninguém mexeu nele: foi feito por um painel de antes, ou a prova foi "
                "tirada. Quem pôde gravar nele pode ter decidido quem administra o painel. Se você sabe que ninguém "
                f"pôde: python3 run.py restore --without-proof {shlex.quote(str(file))}"
            ) from None
        maintenance.copy(file, work)
        return False
    return True


async def _disabled(panel: Panel) -> list[Account] | None:
    """Whose account is disabled in the database that is replaced; None where it cannot be read."""
    try:
        return await accounts.disabled(panel.db)
    except DatabaseError:
        return None


async def _prepare(panel: Panel, file: Path, work: Path, disabled: list[Account]) -> tuple[str, list[str]]:
    """Bring the copy up to date and make it safe to be woken up; returns when it was last alive, in words, and the
    names of whoever stays disabled."""
    db = await Database.open(work)
    try:
        await _refuse_unfit(panel, file, db)
        await migrate.migrate(db, panel.vault)
        latest = await activity.latest_at(db)
        db.chain_key = panel.vault.sub_keys.chain
        async with db.transaction() as tx:
            await _take_our_sub_keys(tx, panel)
            until = panel.now() + PASSKEY_CHALLENGE_TTL
            for account_id in await after_restore.apply(tx, step=step_at(panel.now()) + 1, challenges_until=until):
                await record_event(tx, at_terminal(panel), account_id, Event.CLI_RESTORE)
            kept = [one.name for one in disabled if await _disable_again(tx, panel, one)]
            await identity.keep_short_id(tx, panel.short_id)
    except migrate.TakenBack:
        raise CommandRefused(f"{file} diz que é mais antigo do que é. Nada mudou.") from None
    except migrate.BrokenReference as broken:
        raise CommandRefused(
            f"{file}: linhas da tabela {broken} apontam para outras que não existem. Nada mudou."
        ) from None
    except BrokenSeal:
        raise CommandRefused("As chaves guardadas na cópia foram alteradas. Nada mudou.") from None
    finally:
        await db.close()
    return f" ({latest:%d/%m/%Y %H:%M} UTC)" if latest else "", kept


async def _disable_again(tx: Transaction, panel: Panel, disabled: Account) -> bool:
    """False where the copy does not have this account, or has it disabled too."""
    found = await accounts.get(tx, disabled.id)
    is_theirs = found is not None and found.name == disabled.name
    return is_theirs and await roles.disable(tx, at_terminal(panel), disabled.id) is None


async def _refuse_unfit(panel: Panel, file: Path, db: Database) -> None:
    """Before anything is written: a trigger of somebody else's would act."""
    if not await migrate.is_ours(db):
        raise CommandRefused(f"{file} não é uma cópia de um painel.")
    if await migrate.version(db) > len(migrate.MIGRATIONS):
        raise CommandRefused(f"{file} foi feito por um painel mais novo do que este. Nada mudou.")
    if stranger := await what_is_strange(db):
        raise CommandRefused(f"{file} {stranger}. Nada mudou.")
    needed = await identity.key_fingerprint(db)
    if needed is None:
        raise CommandRefused(f"{file} está incompleto. Nada mudou.")
    if needed not in [key.fingerprint for key in panel.vault.keys]:
        raise _other_key(panel, file, needed)
    if not await maintenance.is_sound(db) or await maintenance.broken_reference(db):
        raise CommandRefused(f"{file} está danificado. Nada mudou.")


def _other_key(panel: Panel, file: Path, needed: str) -> CommandRefused:
    return CommandRefused(
        f"{file} precisa da chave {ascii(needed)[1:-1]}, e a chave deste painel é {panel.vault.fingerprint}. "
        f"Ponha a chave certa em {panel.settings.key_file}; depois de um rotate-key, a antiga como segunda linha. "
        "Nada mudou."
    )


async def _take_our_sub_keys(tx: Transaction, panel: Panel) -> None:
    """A panel that runs goes on with the keys it knows; those of a copy are others when it was made elsewhere, or
    before there were any."""
    ours, theirs = panel.vault.sub_keys, panel.vault.unseal_sub_keys(await sealed.sub_keys(tx))
    if theirs == ours:
        return
    await activity.link_anew(
        tx,
        ours.chain,
        was=lambda entry, before: entry.link_after(before, theirs.chain),
        pruned_was=lambda end: end.proof == end.proof_by(theirs.chain),
    )
    for name, key in vars(ours).items():
        await sealed.put_sub_key(tx, name, panel.vault.seal(SUB_KEY, name, key))
    if theirs.tags != ours.tags:
        await after_restore.forget_tagged(tx)
