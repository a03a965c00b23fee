"""The order of instances: by name as Portuguese sorts it, or by when their tokens came to be."""

from dataclasses import dataclass

from db.database import Transaction
from db.instances import sort_name
from db.migrate import Vault

SCHEMA = """
-- The name as it is sorted: without accents and capitals, numbers by their size.
ALTER TABLE instances ADD COLUMN sort_name TEXT NOT NULL DEFAULT '';
DROP INDEX instances_by_account;
CREATE INDEX instances_by_name ON instances (account_id, sort_name, id);
CREATE INDEX instances_by_age ON instances (account_id, token_changed_at, id);
"""


@dataclass(frozen=True)
class Named:
    id: str
    name: str


async def apply(tx: Transaction, _: Vault) -> None:
    for one in await tx.all(Named, "SELECT id, name FROM instances"):
        sql = "UPDATE instances SET sort_name = :sort_name WHERE id = :id"
        await tx.run(sql, id=one.id, sort_name=sort_name(one.name))
