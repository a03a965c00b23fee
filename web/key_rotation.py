"""Changing secret.key. Stopped at any point, running it again finishes what was begun."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

from db import activity, sealed
from db import panel as panel_row
from web.limits import SEALING_GRACE
from web.operator_commands import TERMINAL, CommandRefused
from web.panel import Panel
from web.seal import KEY_BYTES, write_keys

if sys.platform != "win32":
    import fcntl


async def rotate_key(panel: Panel, _: argparse.Namespace) -> None:
    """Seal everything anew, while the panel runs or not; afterwards the old key opens nothing any more.

    First the file holds both keys, so that either state of the database can be read; then everything is sealed
    with the new one; then the old one goes. An old key still in the file is a change that was not finished.
    """
    file, seal = panel.settings.key_file, panel.seal
    with _alone(panel):
        seal.reload()
        count = await _rotate(panel)
    print(f"Chave trocada ({seal.fingerprint}); segredos lacrados de novo: {count}.")
    print(f"Guarde uma cópia nova de {file}. Cópias do banco de dados feitas antes precisam da chave antiga.")


@contextlib.contextmanager
def _alone(panel: Panel) -> Iterator[None]:
    """Two changes at once would throw each other's key away; the lock goes with the process that holds it."""
    folder = os.open(panel.settings.data, os.O_RDONLY)
    try:
        if sys.platform != "win32":
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandRefused("Outra troca de chave está em curso.") from None
    finally:
        os.close(folder)


async def _rotate(panel: Panel) -> int:
    file, seal = panel.settings.key_file, panel.seal
    if len(seal.keys) == 1:
        write_keys(file, [panel.token_bytes(KEY_BYTES), seal.keys[0].secret])
        seal.reload()
    count = await _seal_anew(panel)
    # What a running panel had sealed with the old key a moment ago, and wrote only now.
    await asyncio.sleep(SEALING_GRACE.total_seconds())
    await _seal_anew(panel)
    write_keys(file, [seal.keys[0].secret])
    return count


async def _seal_anew(panel: Panel) -> int:
    seal, count = panel.seal, 0
    async with panel.db.transaction() as tx:
        async for secret in sealed.everything(tx):
            plain = seal.open(secret.purpose, secret.owner, secret.value)
            await sealed.put(tx, secret, seal.close(secret.purpose, secret.owner, plain))
            count += 1
        if await panel_row.key_fingerprint(tx) != seal.fingerprint:
            await panel_row.change_key(tx, seal.fingerprint)
            await activity.record(tx, None, "cli.rotate_key", at=panel.now(), network=TERMINAL)
    return count
