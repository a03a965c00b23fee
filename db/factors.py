"""Which second factors are in force for an account: the one answer, from the view `factors_in_force`."""

from db.database import Reader


async def has_any(db: Reader, account_id: int) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM factors_in_force WHERE account_id = :account_id)"
    return bool(await db.one(int, sql, account_id=account_id))


async def in_force(db: Reader, account_id: int) -> list[str]:
    """The kind of each: "totp", and as many "passkey" as there are."""
    sql = "SELECT kind FROM factors_in_force WHERE account_id = :account_id ORDER BY kind"
    return await db.all(str, sql, account_id=account_id)
