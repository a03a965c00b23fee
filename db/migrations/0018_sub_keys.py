"""Random keys, sealed, for the links of the activity, for copies and for tags: they outlive a change of secret.key.
What was there before is linked and sealed anew."""

import hashlib

from db import activity, sealed
from db.activity import Linked
from db.database import Transaction
from db.migrate import Vault

SCHEMA = """
-- Keys that outlive secret.key, which seals them.
CREATE TABLE sub_keys (
    name   TEXT PRIMARY KEY CHECK (name IN ('chain', 'copies', 'tags')),
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Shows that the panel itself removed what is missing at the beginning of the activity.
ALTER TABLE activity_pruned ADD COLUMN proof BLOB;
"""


async def apply(tx: Transaction, vault: Vault) -> None:
    keys = {name: vault.token_bytes(32) for name in ("chain", "copies", "tags")}
    if await tx.one(int, "SELECT 1 FROM panel"):
        keys["tags"] = vault.first_tag_key  # so that what was counted goes on
    for name, key in keys.items():
        insert = "INSERT INTO sub_keys (name, sealed) VALUES (:name, :sealed)"
        await tx.run(insert, name=name, sealed=vault.close("sub-key", name, key))
    await activity.link_anew(tx, keys["chain"], was=_was, pruned_was=lambda _: True)
    await _bind_tokens(tx, vault)


def _was(entry: Linked, before: bytes) -> bytes | None:
    """How entries were linked: without a key, and at first not at all."""
    if entry.link is None and not before:
        return None
    return hashlib.sha256(before + entry.said()).digest()


async def _bind_tokens(tx: Transaction, vault: Vault) -> None:
    """To their account too: they were bound to their instance alone."""
    tokens = "SELECT 'tokens', 'instance', id || ' ' || account_id, sealed_token FROM instances"
    for token in await tx.all(sealed.Sealed, tokens):
        instance_id = token.owner.partition(" ")[0]
        value = vault.rebind(token.purpose, instance_id, token.owner, token.value)
        await tx.run("UPDATE instances SET sealed_token = :value WHERE id = :id", value=value, id=instance_id)
