"""Charges as they were when their first gateway was chosen, for asking what another policy would have chosen."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import charges, operations
from ledger.money import Money
from ledger.outcomes import IS_FIRST
from ledger.payment_methods import PaymentMethod

MAX_READ = 100_000


class PastCharge(NamedTuple):
    """A charge, and what became of its first attempt."""

    charge_id: str
    amount: Money
    customer: str
    payment_methods: tuple[PaymentMethod, ...]
    customer_country: str | None
    metadata: dict[str, str]
    created_at: datetime
    preferred: str | None
    """The gateway that the request named, where it got it."""
    gateway: str
    outcome: str | None
    code: str | None
    fee: Money | None
    """As the gateway reported it."""


PREFERRED_REASON = "the request prefers it"
_PREFERRED = func.coalesce(
    operations.c.routing.op("->>")("strategy") == "preferred", charges.c.gateway_reason == PREFERRED_REASON
)
_FIELDS = (
    *("charge_id", "amount_minor", "currency", "customer", "payment_methods"),
    *("customer_country", "metadata", "created_at"),
)
_SINCE = (
    select(
        *(charges.c[name] for name in _FIELDS),
        _PREFERRED.label("preferred"),
        operations.c.gateway,
        operations.c.outcome,
        operations.c.decline_code,
        operations.c.fee_minor,
        operations.c.fee_currency,
    )
    .join(operations, operations.c.charge_id == charges.c.charge_id)
    .where(text(IS_FIRST), operations.c.attempt == 1, charges.c.created_at >= bindparam("since"))
    .order_by(charges.c.created_at.desc(), charges.c.charge_id)
    .limit(bindparam("most"))
)


async def since(connection: AsyncConnection, moment: datetime, limit: int) -> list[PastCharge]:
    """List the newest charges made since a moment, oldest first, at most `limit` and never more than 100,000 of them."""
    rows = await connection.execute(_SINCE, {"since": moment, "most": min(limit, MAX_READ)})
    return [_past(row) for row in rows][::-1]


def _past(row: Any) -> PastCharge:
    fee = None if row.fee_minor is None else Money(amount_minor=row.fee_minor, currency=row.fee_currency)
    return PastCharge(
        charge_id=row.charge_id,
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
        customer=row.customer,
        payment_methods=tuple(PaymentMethod.model_validate(method) for method in row.payment_methods),
        customer_country=row.customer_country,
        metadata=row.metadata,
        created_at=row.created_at,
        preferred=row.gateway if row.preferred else None,
        gateway=row.gateway,
        outcome=row.outcome,
        code=row.decline_code,
        fee=fee,
    )
