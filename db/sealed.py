"""Every value that is sealed with secret.key, to be sealed again when the key changes."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from db import migrate
from db.database import Reader, Transaction


class Sealed(NamedTuple):
    """`purpose` and `owner` are what the value is bound to; `place` is where `put` writes it back."""

    place: str
    purpose: str
    owner: str
    value: bytes


_PLACES = {
    "passwords": (
        "SELECT 'passwords', 'password', id, sealed_password FROM accounts WHERE sealed_password IS NOT NULL",
        "UPDATE accounts SET sealed_password = :value WHERE id = :owner",
    ),
    "apps": (
        "SELECT 'apps', 'totp', account_id, sealed_key FROM totp",
        "UPDATE totp SET sealed_key = :value WHERE account_id = :owner",
    ),
    "enrolments": (
        "SELECT 'enrolments', 'totp', account_id, sealed_key FROM totp_enrolments",
        "UPDATE totp_enrolments SET sealed_key = :value WHERE account_id = :owner",
    ),
    "early codes": (
        "SELECT 'early codes', 'early codes', account_id, sealed_codes FROM totp_enrolments "
        "WHERE sealed_codes IS NOT NULL",
        "UPDATE totp_enrolments SET sealed_codes = :value WHERE account_id = :owner",
    ),
    "replaced apps": (
        "SELECT 'replaced apps', 'totp', account_id, sealed_key FROM totp_replaced",
        "UPDATE totp_replaced SET sealed_key = :value WHERE account_id = :owner",
    ),
    "tokens": (
        "SELECT 'tokens', 'instance', id || ' ' || account_id, sealed_token FROM instances",
        "UPDATE instances SET sealed_token = :value WHERE id = :row",
    ),
    "passkeys": (
        "SELECT 'passkeys', 'passkey', id || ' ' || account_id, sealed_key FROM passkeys",
        "UPDATE passkeys SET sealed_key = :value WHERE id = :row",
    ),
    "recovery sets": (
        "SELECT 'recovery sets', 'recovery', account_id, sealed_key FROM recovery_sets",
        "UPDATE recovery_sets SET sealed_key = :value WHERE account_id = :owner",
    ),
    "sub-keys": (
        "SELECT 'sub-keys', 'sub-key', name, sealed FROM sub_keys",
        "UPDATE sub_keys SET sealed = :value WHERE name = :owner",
    ),
}


_SINCE = {
    "recovery sets": "0022",
    "early codes": "0027",
    "passkeys": "0031",
}  # the migration of the column; 18 reads the rest


async def sub_keys(db: Reader) -> dict[str, bytes]:
    return {key.owner: key.value for key in await db.all(Sealed, _PLACES["sub-keys"][0])}


async def put_sub_key(tx: Transaction, name: str, value: bytes) -> None:
    await tx.run(_PLACES["sub-keys"][1], owner=name, value=value)


async def everything(db: Reader) -> AsyncIterator[Sealed]:
    applied = migrate.MIGRATIONS[await migrate.version(db) - 1].name
    for place, (find, _) in _PLACES.items():
        if applied >= _SINCE.get(place, ""):
            for sealed in await db.all(Sealed, find):
                yield sealed


async def put(tx: Transaction, sealed: Sealed, value: bytes) -> None:
    row = str(sealed.owner).partition(" ")[0]  # where an owner is "row account"
    await tx.run(_PLACES[sealed.place][1], owner=sealed.owner, row=row, value=value)
