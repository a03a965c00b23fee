"""Random keys, sealed, for the links of the activity, for copies and for tags: they outlive a change of secret.key.
What was there before is linked and sealed anew."""

import hashlib

from db import activity, sealed
from db.activity import Linked
from db.database import Transaction
from db.migrate import TakenBack, Vault

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
    await _seal_anew(tx, vault)
    keys = {name: vault.token_bytes(32) for name in ("chain", "copies", "tags")}
    if await tx.one(int, "SELECT 1 FROM panel"):
        keys["tags"] = vault.first_tag_key  # so that what was counted goes on
    for name, key in keys.items():
        insert = "INSERT INTO sub_keys (name, sealed) VALUES (:name, :sealed)"
        await tx.run(insert, name=name, sealed=vault.close("sub-key", name, key))
    await activity.link_anew(tx, keys["chain"], was=_was, pruned_was=lambda _: True)


def _was(entry: Linked, before: bytes) -> bytes | None:
    """How entries were linked: without a key, and at first not at all."""
    if entry.link is None and not before:
        return None
    return hashlib.sha256(before + entry.said()).digest()


async def _seal_anew(tx: Transaction, vault: Vault) -> None:
    """So that it can be told that this was done: else whoever can write the file could take it back to before, and have
    an activity of their own linked. Tokens are bound to their account too; they were to their instance alone."""
    async for value in sealed.everything(tx):
        if vault.is_current(value.purpose, value.owner, value.value):
            raise TakenBack
        owner = value.owner.partition(" ")[0] if value.purpose == "instance" else value.owner
        await sealed.put(tx, value, vault.renew(value.purpose, owner, value.owner, value.value))
