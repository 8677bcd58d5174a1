"""What the books know of accounts by their codes: as they were opened, or else as the chart says that they will be."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import charted_rows
from ledger.accounts import Account
from ledger.chart import row_of
from ledger.database import account_codes


async def by_code(connection: AsyncConnection, codes: Collection[str]) -> dict[str, Account]:
    """Read the accounts of these codes, in whichever currency; those that there cannot be are left out."""
    rows = (await connection.execute(select(account_codes).where(account_codes.c.code.in_(codes)))).mappings()
    found = {row["code"]: Account.model_validate(dict(row)) for row in rows}
    if missing := set(codes) - found.keys():
        chart = await charted_rows.listed(connection)
        for code in missing:
            if row := row_of(chart, code):
                found[code] = Account(code=code, type=row.type, normal_side=row.normal_side)
    return found
