"""One transaction in place of a database: the steps that are given it run as they always do, and nothing of it stays.

So what a step would post can be shown before it is posted, by the step itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from ledger.database import Connection, Database


class _OneTransaction:
    """What steps use of a database; each step's transaction is a savepoint, its commit keeps nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        async with self._connection.begin_nested():
            yield self._connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        yield self._connection


@asynccontextmanager
async def rehearsal(database: Database) -> AsyncIterator[tuple[Database, Connection]]:
    """Give a database whose changes are taken back in the end, and the connection that sees them meanwhile."""
    async with database.connect() as connection:
        transaction = await connection.begin()
        try:
            yield cast("Database", _OneTransaction(connection)), connection
        finally:
            await transaction.rollback()
