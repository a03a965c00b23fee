"""Changing secret.key. Stopped at any point, running it again finishes what was begun."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from db import identity, sealed
from db.sealed import Sealed
from web.audit.events import Event
from web.audit.record import record_event
from web.cli.terminal import CommandRefused
from web.crypto.vault import KEY_BYTES, BrokenSeal, write_keys
from web.limits import OPENING_GRACE
from web.panel import Panel
from web.visit.scope import at_terminal

if sys.platform != "win32":
    import fcntl

WORDS = {
    "passwords": "a senha da conta de número {}",
    "apps": "o aplicativo da conta de número {}",
    "enrolments": "o aplicativo que a conta de número {} está configurando",
    "early codes": "os códigos que a conta de número {} ainda não recebeu",
    "replaced apps": "o aplicativo anterior da conta de número {}",
    "tokens": "o token da instância {}",
    "passkeys": "uma chave de acesso ({}) da conta de número {}",
    "recovery sets": "os códigos de recuperação da conta de número {}",
    "sub-keys": "a subchave {}",
}


async def rotate_key(panel: Panel, _: argparse.Namespace) -> None:
    """Seal everything anew, while the panel runs or not; afterwards the old key opens nothing any more.

    First the file holds both keys, so that either state of the database can be read; then everything is sealed
    with the new one; then the old one goes. An old key still in the file is a change that was not finished.
    What no key opens is named and left as it is; as long as it may need the old key, that one stays.
    """
    file, vault = panel.settings.key_file, panel.vault
    with _alone(panel):
        vault.reload()
        count, broken = await _rotate(panel)
    print(f"Chave trocada ({vault.fingerprint}); segredos lacrados de novo: {count}.")
    print(f"Guarde uma cópia nova de {file}. Cópias do banco de dados feitas antes precisam da chave antiga.")
    if broken:
        raise CommandRefused(_in_words(broken, keeps_old=len(vault.keys) > 1))


@contextlib.contextmanager
def _alone(panel: Panel) -> Iterator[None]:
    """Two changes at once would throw each other's key away; the lock goes with the process that holds it."""
    if sys.platform == "win32":  # no such locks, and a folder cannot be opened
        yield
        return
    folder = os.open(panel.settings.data, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandRefused("Outra troca de chave está em curso.") from None
    finally:
        os.close(folder)


def _in_words(broken: list[Sealed], *, keeps_old: bool) -> str:
    rows = "\n".join(f"  {WORDS[one.place].format(*str(one.owner).split())}" for one in broken)
    again = "reset-password, reset-two-factor, Gerar novos códigos, Trocar token"
    way_out = f"Escolha-os de novo ({again}) ou traga-os de volta de uma cópia."
    kept = " A chave antiga fica no arquivo até lá; depois, rode rotate-key outra vez." if keeps_old else ""
    return f"Não abrem com nenhuma chave e ficaram como estavam:\n{rows}\n{way_out}{kept}"


async def _rotate(panel: Panel) -> tuple[int, list[Sealed]]:
    file, vault = panel.settings.key_file, panel.vault
    if len(vault.keys) == 1:
        _write(file, [panel.token_bytes(KEY_BYTES), vault.keys[0].secret])
        vault.reload()
    count, broken = await _seal_anew(panel)
    await asyncio.sleep(OPENING_GRACE.total_seconds())  # a running panel may be about to open what it has just read
    old = [key for key in vault.keys[1:] if any(one.value.startswith(key.head) for one in broken)]
    _write(file, [key.secret for key in (vault.keys[0], *old)])
    vault.reload()
    return count, broken


def _write(file: Path, secrets: list[bytes]) -> None:
    try:
        write_keys(file, secrets)
    except PermissionError as refused:
        raise CommandRefused(
            f"Não foi possível gravar {file} com o dono, o grupo e as permissões que tem ({refused.strerror}). "
            "O arquivo ficou como estava e tudo abre com ele: rode rotate-key outra vez como o dono dele, ou como root."
        ) from None


async def _seal_anew(panel: Panel) -> tuple[int, list[Sealed]]:
    """Everything, in one transaction: whoever writes after it seals with the new key. Returns what did not open too."""
    vault, count, broken = panel.vault, 0, list[Sealed]()
    async with panel.db.transaction() as tx:
        async for secret in sealed.everything(tx):
            try:
                plain = vault.unseal(secret.purpose, secret.owner, secret.value)
            except BrokenSeal:
                broken.append(secret)
                continue
            await sealed.put(tx, secret, vault.seal(secret.purpose, secret.owner, plain))
            count += 1
        if await identity.key_fingerprint(tx) != vault.fingerprint:
            await identity.change_key(tx, vault.fingerprint)
            await record_event(tx, at_terminal(panel), None, Event.CLI_ROTATE_KEY)
    return count, broken
