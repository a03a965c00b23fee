"""Copies of the database, and the way back from one. The key is never in them: it is kept apart."""

import argparse
import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

from db import activity, aftermath, migrate, sealed
from db import panel as panel_row
from db.database import Database, Transaction
from web.data_folder import DATABASE, what_is_strange
from web.factors.totp import step_at
from web.operator_commands import TERMINAL, CommandRefused
from web.panel import Panel
from web.seal import SUB_KEY, BrokenSeal


async def backup(panel: Panel, options: argparse.Namespace) -> None:
    """A consistent copy while the panel runs, readable by its owner only; it names the key that it needs."""
    try:
        os.close(os.open(options.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(panel.settings.data / DATABASE, options.file)
    except FileExistsError:
        raise CommandRefused(f"{options.file} já existe. Escolha outro nome.") from None
    except OSError as refused:
        raise CommandRefused(f"Não foi possível gravar {options.file} ({refused.strerror}).") from None
    except sqlite3.Error as refused:
        options.file.unlink(missing_ok=True)
        raise CommandRefused(f"Não foi possível gravar {options.file} ({refused}).") from None
    async with panel.db.transaction() as tx:
        await activity.record(tx, None, "cli.backup", at=panel.now(), network=TERMINAL)
    print(f"Cópia gravada em {options.file}. Para usá-la é preciso a chave {panel.seal.fingerprint}:")
    print(f"guarde {panel.settings.key_file} em outro lugar, longe da cópia.")


async def restore(panel: Panel, options: argparse.Namespace) -> None:
    """Put a backup in place, in one step. Nobody stays signed in, no code of before works again unnoticed."""
    _check(panel, options.file)
    descriptor, name = tempfile.mkstemp(".db", "restoring-", panel.settings.data.absolute())
    os.close(descriptor)
    work = Path(name)
    try:
        _copy(options.file, work)
        made_at = await _prepare(panel, work)
        _copy(work, panel.settings.data / DATABASE)
    except sqlite3.Error as refused:
        raise CommandRefused(f"{options.file} não pôde ser restaurado: {refused}. Nada mudou.") from None
    finally:
        for left in (work, work.with_name(work.name + "-wal"), work.with_name(work.name + "-shm")):
            left.unlink(missing_ok=True)
    print(f"O painel voltou ao estado de {options.file}{made_at}. Todas as sessões foram encerradas.")
    print("Senhas, dois fatores, códigos de recuperação e tokens são os daquela data: cada pessoa é avisada ao entrar.")


def _check(panel: Panel, file: Path) -> None:
    if not file.is_file():
        raise CommandRefused(f"{file} não existe.")
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
        try:
            [owner] = copy.execute("PRAGMA application_id").fetchone()
            [version] = copy.execute("PRAGMA user_version").fetchone()
            found = (
                copy.execute("SELECT key_fingerprint FROM panel").fetchone()
                if owner == migrate.APPLICATION_ID
                else None
            )
        except sqlite3.DatabaseError:
            found = None
    if found is None:
        raise CommandRefused(f"{file} não é uma cópia de um painel.")
    if found[0] not in [key.fingerprint for key in panel.seal.keys]:
        raise CommandRefused(
            f"{file} precisa da chave {found[0]}, e a chave deste painel é {panel.seal.fingerprint}. "
            f"Ponha a chave certa em {panel.settings.key_file}. Nada mudou."
        )
    if version > len(migrate.MIGRATIONS):
        raise CommandRefused(f"{file} foi feito por um painel mais novo do que este. Nada mudou.")


async def _prepare(panel: Panel, work: Path) -> str:
    """Bring the copy up to date and make it safe to be woken up; returns when it was last alive, in words."""
    db = await Database.open(work)
    try:
        if stranger := await what_is_strange(db):
            raise CommandRefused(f"A cópia {stranger}. Nada mudou.")
        if await db.one(str, "PRAGMA integrity_check") != "ok" or await db.all(str, "PRAGMA foreign_key_check"):
            raise CommandRefused("A cópia está danificada. Nada mudou.")
        await migrate.migrate(db, panel.seal)
        latest = await activity.latest_at(db)
        db.chain_key = panel.seal.sub_keys.chain
        async with db.transaction() as tx:
            await _take_our_sub_keys(tx, panel)
            await aftermath.settle(tx, step=step_at(panel.now()) + 1, at=panel.now())
            if not await panel_row.key_fingerprint(tx):
                raise CommandRefused("A cópia está incompleta. Nada mudou.")
            await panel_row.keep_short_id(tx, panel.short_id)
    except BrokenSeal:
        raise CommandRefused("As chaves guardadas na cópia foram alteradas. Nada mudou.") from None
    finally:
        await db.close()
    return f" ({latest:%d/%m/%Y %H:%M} UTC)" if latest else ""


async def _take_our_sub_keys(tx: Transaction, panel: Panel) -> None:
    """A panel that runs goes on with the keys it knows; those of a copy are others when it was made elsewhere, or
    before there were any."""
    ours, theirs = panel.seal.sub_keys, panel.seal.open_sub_keys(await sealed.sub_keys(tx))
    if theirs == ours:
        return
    await activity.link_anew(
        tx,
        ours.chain,
        was=lambda entry, before: entry.link_after(before, theirs.chain),
        pruned_was=lambda end: end.proof == end.proof_by(theirs.chain),
    )
    for name, key in vars(ours).items():
        await sealed.put_sub_key(tx, name, panel.seal.close(SUB_KEY, name, key))
    if theirs.tags != ours.tags:
        await aftermath.forget_tagged(tx)


def _copy(source: Path, target: Path) -> None:
    """SQLite's own copy of a live database: one moment of it, whole; an existing target changes in one transaction."""
    with (
        contextlib.closing(sqlite3.connect(source)) as reading,
        contextlib.closing(sqlite3.connect(target, timeout=10)) as writing,
    ):
        reading.backup(writing)
