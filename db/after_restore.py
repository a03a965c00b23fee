"""What a database that was asleep must forget before it is used again (a restored backup)."""

from db.database import Transaction

_GONE = (
    "DELETE FROM sessions",
    "DELETE FROM pending_logins",
    "DELETE FROM totp_enrolments",
    "DELETE FROM totp_replaced",
    "DELETE FROM activations",
    "DELETE FROM setup_codes",
    "DELETE FROM trusted_devices",
)


# What was counted under tags that nobody can make again without their key.
_TAGGED = (
    "DELETE FROM attempts WHERE kind >= 'password' AND kind < 'passwore'",  # the kinds that begin with it
    "DELETE FROM rates",
)


async def forget_tagged(tx: Transaction) -> None:
    for statement in _TAGGED:
        await tx.run(statement)


async def apply(tx: Transaction, *, step: int) -> list[int]:
    """End every session and offer, and close every code up to `step`; returns the accounts, to be told of it."""
    for statement in _GONE:
        await tx.run(statement)
    await tx.run("UPDATE totp SET last_step = :step WHERE last_step < :step", step=step)
    return await tx.all(int, "SELECT id FROM accounts")
