"""The chart as the database has it: what `worker.py --migrate` has loaded."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.chart import ChartRow
from ledger.database import chart

_ALL = select(*(chart.c[name] for name in ChartRow.model_fields)).order_by(chart.c.code)


async def listed(connection: AsyncConnection) -> Sequence[ChartRow]:
    """List its rows by their codes."""
    return [ChartRow.model_validate(dict(row)) for row in (await connection.execute(_ALL)).mappings()]
