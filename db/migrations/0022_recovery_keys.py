"""A key for each set of recovery codes, sealed for its account: moved to another account, no code of it is right.
Digests of before go on, each under the key of its set."""

import hashlib
import hmac

from db.database import Transaction
from db.migrate import Vault

SCHEMA = """
-- The digest of a code is an HMAC of its hash under this key, which secret.key seals for the account.
ALTER TABLE recovery_sets ADD COLUMN sealed_key BLOB NOT NULL DEFAULT x'';
"""


async def apply(tx: Transaction, vault: Vault) -> None:
    for account_id in await tx.all(int, "SELECT account_id FROM recovery_sets"):
        key = vault.token_bytes(32)
        sql = "UPDATE recovery_sets SET sealed_key = :sealed WHERE account_id = :account_id"
        await tx.run(sql, account_id=account_id, sealed=vault.close("recovery", account_id, key))
        of_set = "SELECT digest FROM recovery_codes WHERE account_id = :account_id"
        for digest in await tx.all(bytes, of_set, account_id=account_id):
            bound = hmac.digest(key, digest, hashlib.sha256)
            sql = "UPDATE recovery_codes SET digest = :bound WHERE account_id = :account_id AND digest = :digest"
            await tx.run(sql, account_id=account_id, digest=digest, bound=bound)
