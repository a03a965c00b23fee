"""What handlers need from outside is handed to them here: none reads a clock, a global or the environment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db import identity
from db.database import Database, Transaction
from web.crypto.argon2id import Argon2id
from web.crypto.vault import Vault
from web.crypto.workers import Turns, Workers
from web.settings import Settings


@dataclass(frozen=True)
class Panel:
    settings: Settings
    now: Callable[[], datetime]  # aware, UTC
    token_bytes: Callable[[int], bytes]
    short_id: str  # in the names of its cookies
    db: Database
    vault: Vault
    argon2id: Argon2id
    hash_workers: Workers
    strength_workers: Workers  # judge new passwords
    turns: Turns  # of accounts

    async def seal_in(self, tx: Transaction, purpose: str, owner: int | str, secret: bytes) -> bytes:
        """Seal a value for a row of this transaction with the key in force: a change of keys is over, or waits."""
        return self.vault.seal(purpose, owner, secret, fingerprint=await identity.key_fingerprint(tx) or "")
