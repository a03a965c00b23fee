"""The data folder: made on the first start, checked on every start, and opened as a whole or not at all."""

import contextlib
import os
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from db import identity, schema, sealed
from db.database import Database, Reader, Transaction
from db.errors import Damaged, DatabaseError
from db.migrate import MIGRATIONS, BrokenReference, NewerDatabase, TakenBack, is_ours, migrate, version
from web.crypto.argon2id import Argon2id
from web.crypto.vault import KEY_BYTES, BrokenSeal, Vault, write_keys
from web.crypto.workers import Turns, Workers, hashes_at_once
from web.panel import Panel
from web.runtime import running, spare
from web.settings import Settings, StartRefused
from web.words.storage import Trouble, reason, trouble_of

DATABASE = "panel.db"
SHORT_ID_BYTES = 4
# Files that a folder without a database may hold: of a new panel, or of one whose database is to be restored.
# `lost+found` is at the top of a file system.
MAY_BE_THERE = ("secret.key", "lost+found", running.FILE, spare.FILE)


@asynccontextmanager
async def open_panel(
    settings: Settings,
    now: Callable[[], datetime],
    token_bytes: Callable[[int], bytes],
    *,
    argon2id: Argon2id | None = None,
    may_create: bool = True,
) -> AsyncIterator[Panel]:
    """The panel over its data, closed at the end; raises StartRefused with the cause and the way out."""
    file = settings.data.absolute() / DATABASE
    if not may_create and not file.exists():
        raise StartRefused(f"Não há painel em {settings.data}. Diga a pasta de dados dele com --data.")
    try:
        _prepare(settings.data, file)
        db = await Database.open(file)
    except (OSError, DatabaseError) as refused:
        raise _refusal(settings.data, file, refused) from None
    argon2id, hash_workers, strength_workers = (
        argon2id or Argon2id(),
        Workers(hashes_at_once(settings.workers)),
        Workers(1),
    )
    try:
        vault = await _bring_up_to_date(db, file, settings, token_bytes)
        db.chain_key = vault.sub_keys.chain
        short_id = await _adopt(db, file, vault, token_bytes(SHORT_ID_BYTES).hex())
        yield Panel(settings, now, token_bytes, short_id, db, vault, argon2id, hash_workers, strength_workers, Turns())
    finally:
        await db.close()
        hash_workers.close()
        strength_workers.close()
        argon2id.close()


WAY_OUT = {
    Trouble.FULL: "Libere espaço e tente de novo.",
    Trouble.READ_ONLY: "Monte-o para gravação e veja por que ele mudou, ou diga outra pasta com --data.",
    Trouble.WITHOUT_WAL: "Pastas de rede costumam ser assim: use uma pasta de um disco desta máquina, com --data.",
    Trouble.BUSY: "Tente de novo em alguns segundos.",
    Trouble.DENIED: "Confira de quem são a pasta e os arquivos dela.",
    Trouble.FAULTY: "Veja o que o sistema diz do disco, e guarde uma cópia em outro.",
}


def _refusal(folder: Path, file: Path, error: Exception) -> StartRefused:
    """The cause, and where there is one the way out."""
    if trouble := trouble_of(error, folder):
        return StartRefused(f"Não foi possível usar a pasta de dados {folder}: {trouble.value}. {WAY_OUT[trouble]}")
    if isinstance(error, OSError):
        return StartRefused(f"Não foi possível usar a pasta de dados {folder} ({error.strerror}).")
    if isinstance(error, Damaged):
        return StartRefused(f"{file} não é o banco de dados de um painel, ou está danificado.")
    return StartRefused(f"{file} não pode ser usado: {error}.")


async def _adopt(db: Database, file: Path, vault: Vault, short_id: str) -> str:
    """Bind database and key to each other; returns the panel's short id."""
    try:
        async with db.transaction() as tx:
            return await identity.adopt(tx, vault.fingerprint, short_id=short_id)
    except DatabaseError as refused:
        raise _refusal(file.parent, file, refused) from None


def _prepare(folder: Path, file: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StartRefused(f"{folder} não é uma pasta.")
    is_new = not file.exists()
    if is_new:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_taken = any(entry.name not in MAY_BE_THERE for entry in folder.iterdir())
        if is_taken and not file.exists():  # otherwise another first start made it a moment ago
            raise StartRefused(
                f"A pasta {folder} tem outros arquivos e nenhum {DATABASE}. "
                "Escolha uma pasta só para o painel com --data."
            )
        if is_shared(folder):
            with contextlib.suppress(PermissionError):  # another user's folder, which our group may use
                folder.chmod(0o700)
    _refuse_shared(folder)
    if is_new:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    _refuse_shared(file)


def is_shared(path: Path) -> bool:
    """Whether anybody but the panel's user, the owner of the file and root may use it.

    Volumes of containers come with permissions for a group: they are fine as long as nobody else is in that group.
    """
    if os.name != "posix":
        return False
    found = path.stat()
    return bool(found.st_mode & 0o007 or (found.st_mode & 0o070 and _others_in(found.st_gid, found.st_uid)))


def _others_in(group: int, owner: int) -> set[str]:
    """The names of those in a group who are neither the panel, nor the owner, nor root."""
    import grp
    import pwd

    users = pwd.getpwall()
    allowed = {user.pw_name for user in users if user.pw_uid in (0, owner, os.geteuid())}
    members = {user.pw_name for user in users if user.pw_gid == group}
    with contextlib.suppress(KeyError):  # a container's groups may have no name
        members.update(grp.getgrgid(group).gr_mem)
    return members - allowed


def _refuse_shared(path: Path) -> None:
    if is_shared(path):
        raise StartRefused(f"Outros usuários desta máquina podem usar {path}. Corrija com: {_repair(path)}")


def _refuse_foreign_key(key: Path, folder: Path) -> None:
    """Refuse a key that belongs to anybody but root, the panel's user, or the owner of the data (root may run commands
    on the panel of a service).

    Another owner could read and change the key, and root, who may open any file, would use it all the same.
    """
    owner, ours = key.stat().st_uid, (folder / DATABASE).stat().st_uid
    if os.name == "posix" and owner not in (0, os.geteuid(), folder.stat().st_uid, ours):
        raise StartRefused(
            f"A chave {key} pertence a {_name_of(owner)}, e os dados em {folder}, a {_name_of(ours)}. Se ela é mesmo a "
            f"do painel, corrija com: chown {_name_of(ours)} {shlex.quote(str(key))}"
        )


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # a container's users may have no name
        return str(user)


def _repair(path: Path) -> str:
    """The command after which nobody but the panel can use the path."""
    mode, place, found = 0o700 if path.is_dir() else 0o600, shlex.quote(str(path)), path.stat()
    if os.geteuid() in (0, found.st_uid):
        return f"chmod {mode:o} {place}"
    if _others_in(found.st_gid, found.st_uid):
        return f"chown {os.geteuid()} {place} && chmod {mode:o} {place}"
    return f"chmod {mode | mode >> 3:o} {place}"


async def _bring_up_to_date(db: Database, file: Path, settings: Settings, token_bytes: Callable[[int], bytes]) -> Vault:
    """Check the database, find its key and apply migrations. Nothing is written before the check, because a trigger
    that somebody slipped in would act."""
    try:
        async with db.transaction() as tx:  # another process may be bringing it up to date, or making the key
            await _refuse_unfit(tx, file)
            vault = await _fitting_vault(tx, settings, token_bytes)
        await migrate(db, vault)
        vault.sub_keys = vault.unseal_sub_keys(await sealed.sub_keys(db))
        return vault
    except BrokenSeal:
        raise StartRefused(f"As chaves guardadas em {file} foram alteradas. Volte a uma cópia.") from None
    except TakenBack:
        raise StartRefused(
            f"{file} diz que é de um painel mais antigo do que é. Alguém mexeu nele fora do painel: volte a uma cópia."
        ) from None
    except BrokenReference as broken:
        raise StartRefused(
            f"{file}: linhas da tabela {broken} apontam para outras que não existem. Alguém mexeu nele fora do painel: "
            "volte a uma cópia."
        ) from None
    except NewerDatabase:
        raise StartRefused(f"{file} foi usado por um painel mais novo do que este. Atualize o painel.") from None
    except DatabaseError as refused:
        raise _refusal(settings.data, file, refused) from None


async def _refuse_unfit(db: Reader, file: Path) -> None:
    if not await is_ours(db) and not await schema.is_empty(db):
        raise StartRefused(f"{file} não é o banco de dados de um painel.")
    if await version(db) > len(MIGRATIONS):
        raise NewerDatabase
    if stranger := await what_is_strange(db):
        raise StartRefused(
            f"{file} {stranger}. Alguém mexeu nele fora do painel: leve-o para outra pasta e volte a uma cópia de "
            "antes disso, com python3 run.py restore."
        )


KINDS = {"table": "a tabela", "index": "o índice", "trigger": "o gatilho", "view": "a visão"}
HOW = {
    "more": "tem {kind} {name}, que nenhum painel faz",
    "less": "está sem {kind} {name}",
    "other": "tem {kind} {name} diferente do que um painel faz",
}


async def what_is_strange(db: Reader) -> str:
    """The first difference between the schema and the one that a panel of its version makes, in words; "" when there is
    none."""
    found = await schema.difference(db, await version(db))
    if found is None:
        return ""
    return HOW[found.how].format(kind=KINDS.get(found.kind, "algo chamado"), name=ascii(found.name))


async def _fitting_vault(tx: Transaction, settings: Settings, token_bytes: Callable[[int], bytes]) -> Vault:
    """The vault with the key of this database.

    A new key is made only while nothing was ever sealed, and in the transaction: of two first starts at once the second
    reads the key that the first one made.
    """
    file, bound_to = settings.key_file, await identity.key_fingerprint(tx) if await version(tx) else None
    if bound_to and not file.exists():
        raise StartRefused(
            f"Falta a chave {file}. Sem ela ninguém entra: traga-a de volta de onde você a guardou (a pasta de dados "
            "sozinha não basta)."
        )
    try:
        if not file.exists():
            write_keys(file, [token_bytes(KEY_BYTES)])
        _refuse_shared(file)
        _refuse_foreign_key(file, settings.data)
        vault = Vault(file, token_bytes)
    except OSError as refused:
        raise StartRefused(f"A chave {file} não pode ser usada ({reason(refused, settings.data)}).") from None
    except ValueError:
        raise StartRefused(f"A chave {file} não pode ser lida: ela precisa ter 64 algarismos hexadecimais.") from None
    if bound_to and bound_to not in [key.fingerprint for key in vault.keys]:
        raise StartRefused(
            f"A chave {file} ({vault.fingerprint}) não é a deste banco de dados ({bound_to}). "
            "Traga de volta a chave certa."
        )
    return vault
