"""Snapshots: what one state of the database says, whatever others commit while it is read."""

from ledger.database import Connection


async def begun(connection: Connection) -> Connection:
    """Let a connection, before its first statement, read one state of the database; it writes nothing."""
    return await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
