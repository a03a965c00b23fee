"""What a restored backup must forget before it is used: sessions, and offers that were open when it was made."""

from datetime import datetime

from db import passkeys
from db.database import Transaction

_GONE = (
    "DELETE FROM sessions",
    "DELETE FROM endings",
    "DELETE FROM pending_logins",
    "DELETE FROM totp_enrolments",
    "DELETE FROM totp_replaced",
    "DELETE FROM activations",
    "DELETE FROM delayed_acts",
    "DELETE FROM setup_codes",
    "DELETE FROM used_challenges",
    "DELETE FROM trusted_devices",
)


# Counters under keyed tags: without that key nobody can look them up any more.
_TAGGED = (
    "DELETE FROM attempts WHERE kind >= 'password' AND kind < 'passwore'",  # every kind that begins with "password"
    "DELETE FROM rates",
)


async def forget_tagged(tx: Transaction) -> None:
    for statement in _TAGGED:
        await tx.run(statement)


async def apply(tx: Transaction, *, step: int, challenges_until: datetime) -> list[int]:
    """End every session and open offer, and refuse app codes up to `step`, and answers to challenges that end by
    `challenges_until`; returns every account, to be notified."""
    for statement in _GONE:
        await tx.run(statement)
    await tx.run("UPDATE totp SET last_step = :step WHERE last_step < :step", step=step)
    await passkeys.spend_challenges(tx, until=challenges_until)
    return await tx.all(int, "SELECT id FROM accounts")
