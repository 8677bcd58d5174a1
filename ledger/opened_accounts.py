"""What the books know of accounts by their codes: an account that is named again keeps its type and its normal side."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account
from ledger.database import account_codes


async def by_code(connection: AsyncConnection, codes: Collection[str]) -> dict[str, Account]:
    """Read the accounts of these codes that are open, in whichever currency."""
    rows = (await connection.execute(select(account_codes).where(account_codes.c.code.in_(codes)))).mappings()
    return {row["code"]: Account.model_validate(dict(row)) for row in rows}
