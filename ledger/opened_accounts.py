"""What the books know of accounts by their codes: as they were opened, or else as the chart says that they will be."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Account
from ledger.chart import ChartRow, row_of
from ledger.database import account_codes, chart

_OF_CHART = ("code", "type", "normal_side", "owner", "guarded", "bill_back_minor", "currencies")


async def by_code(connection: AsyncConnection, codes: Collection[str]) -> dict[str, Account]:
    """Read the accounts of these codes, in whichever currency; those that there cannot be are left out."""
    rows = (await connection.execute(select(account_codes).where(account_codes.c.code.in_(codes)))).mappings()
    found = {row["code"]: Account.model_validate(dict(row)) for row in rows}
    if missing := set(codes) - found.keys():
        charted = await connection.execute(select(*(chart.c[name] for name in _OF_CHART)))
        chart_rows = [ChartRow.model_validate(dict(row)) for row in charted.mappings()]
        for code in missing:
            if row := row_of(chart_rows, code):
                found[code] = Account(code=code, type=row.type, normal_side=row.normal_side)
    return found
