"""Reads long answers a chunk at a time, through a cursor in the database, so that neither side has them in memory whole.

SQLAlchemy's own streams leave the cursor open where one stops before the end; these close it.
"""

import itertools
from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

CHUNK = 500
_numbers = itertools.count(1)


async def stream(connection: AsyncConnection, query: TextClause, values: dict[str, Any]) -> AsyncGenerator[RowMapping]:
    """Read the rows of a query one by one; close the generator where you do not read to its end."""
    name = f"stream_{next(_numbers)}"
    await connection.execute(text(f"DECLARE {name} NO SCROLL CURSOR FOR {query.text}"), values)
    fetch = text(f"FETCH FORWARD {CHUNK} FROM {name}")
    try:
        while rows := (await connection.execute(fetch)).mappings().all():
            for row in rows:
                yield row
    except GeneratorExit:
        await connection.execute(text(f"CLOSE {name}"))
        raise
    await connection.execute(text(f"CLOSE {name}"))
