"""Finds the operations that webhook events speak of, many names in one query."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import operations
from ledger.operations import Operation

MAX_FOUND = 5000
"""Operations of one batch of events; more would mean that a name stands for thousands of operations."""

_NAMES = any_(bindparam("names", type_=ARRAY(Text)))
_NAMED = (
    select(operations)
    .where(
        operations.c.gateway == bindparam("gateway"),
        or_(
            operations.c.operation_id == _NAMES,
            operations.c.payment_reference == _NAMES,
            operations.c.gateway_reference == _NAMES,
        ),
    )
    .order_by(operations.c.requested_at.desc(), operations.c.operation_id)
    .limit(MAX_FOUND)
)


async def operations_named(connection: AsyncConnection, gateway: str, names: Collection[str]) -> Sequence[Operation]:
    """Read the operations at a gateway that go by one of these names, newest first.

    A name is an operation's id, or the gateway's id of its object or of its payment.
    """
    if not names:
        return []
    rows = (await connection.execute(_NAMED, {"gateway": gateway, "names": sorted(names)})).mappings()
    return [Operation.model_validate(dict(row)) for row in rows]
