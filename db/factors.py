"""Which second factors are in force for an account: the one answer, from the view `factors_in_force`."""

from db.database import Reader


async def has_any(db: Reader, account_id: int) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM factors_in_force WHERE account_id = :account_id)"
    return bool(await db.one(int, sql, account_id=account_id))
