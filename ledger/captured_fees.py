"""What gateways reported as their fees, capture by capture, with what they had taken before in the same month. Reads only."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import charges, operations
from ledger.fee_rules import Ask
from ledger.money import Money

MAX_READ = 100_000


class ReportedFee(NamedTuple):
    """A capture whose fee the gateway has reported."""

    operation_id: str
    charge_id: str
    decided_at: datetime
    ask: Ask
    """What is known of it, for the rules; its amount is the gross."""
    fee: Money


_METHOD = func.jsonb_path_query_first(
    charges.c.payment_methods,
    text("'$[*] ? (@.gateway == $gateway)'"),
    func.jsonb_build_object("gateway", operations.c.gateway),
)
_MONTH = func.date_trunc("month", operations.c.decided_at, "UTC")
_BEFORE = func.sum(operations.c.amount_minor).over(
    partition_by=[operations.c.gateway, operations.c.currency, _MONTH],
    order_by=[operations.c.decided_at, operations.c.operation_id],
    rows=(None, -1),
)
# The whole month of the first one is read, since tiers are filled by what came before.
_CAPTURES = (
    select(
        operations.c.operation_id,
        operations.c.charge_id,
        operations.c.decided_at,
        operations.c.gateway,
        operations.c.amount_minor,
        operations.c.currency,
        operations.c.fee_minor,
        operations.c.fee_currency,
        operations.c.fee_status,
        func.coalesce(_BEFORE, 0).label("volume_minor"),
        _METHOD.op("->>")("brand").label("card_brand"),
        _METHOD.op("->>")("funding").label("card_funding"),
        charges.c.metadata.op("->>")("plan").label("plan"),
    )
    .join(charges, charges.c.charge_id == operations.c.charge_id)
    .where(
        operations.c.kind == "capture",
        operations.c.outcome == "succeeded",
        operations.c.decided_at
        >= func.date_trunc("month", bindparam("since", type_=operations.c.decided_at.type), "UTC"),
    )
    .subquery()
)
_KNOWN = select(_CAPTURES).where(
    _CAPTURES.c.decided_at >= bindparam("since"),
    _CAPTURES.c.fee_status == "known",
    _CAPTURES.c.fee_minor.is_not(None),
)
_REPORTED = _KNOWN.order_by(_CAPTURES.c.decided_at.desc(), _CAPTURES.c.operation_id).limit(bindparam("most"))
_BETWEEN = _KNOWN.where(_CAPTURES.c.decided_at < bindparam("until")).order_by(
    _CAPTURES.c.decided_at, _CAPTURES.c.operation_id
)
_OF_CHARGE = select(_CAPTURES).where(_CAPTURES.c.charge_id == bindparam("charge_id"))


class Captured(NamedTuple):
    """A charge's capture, whether or not its fee is known yet."""

    decided_at: datetime
    ask: Ask


async def of_charge(connection: AsyncConnection, charge_id: str, made_at: datetime) -> Captured | None:
    """Read the one capture of a charge that was made at this time; None where it has none, or several."""
    rows = (await connection.execute(_OF_CHARGE, {"charge_id": charge_id, "since": made_at})).mappings().all()
    return Captured(rows[0]["decided_at"], _ask(rows[0])) if len(rows) == 1 else None


async def since(connection: AsyncConnection, moment: datetime, limit: int) -> list[ReportedFee]:
    """List captures decided since a moment whose fee is known, newest first, at most `limit`."""
    rows = (await connection.execute(_REPORTED, {"since": moment, "most": min(limit, MAX_READ)})).mappings()
    return [_reported(row) for row in rows]


async def between(connection: AsyncConnection, first: datetime, end: datetime) -> AsyncIterator[ReportedFee]:
    """Read all captures decided in a time whose fee is known, oldest first, in bounded memory."""
    async with connection.stream(_BETWEEN, {"since": first, "until": end}) as rows:
        async for row in rows.mappings():
            yield _reported(row)


def _reported(found: RowMapping) -> ReportedFee:
    fee = Money(amount_minor=found["fee_minor"], currency=found["fee_currency"])
    return ReportedFee(found["operation_id"], found["charge_id"], found["decided_at"], _ask(found), fee)


def _ask(found: RowMapping) -> Ask:
    return Ask(
        amount=Money(amount_minor=found["amount_minor"], currency=found["currency"]),
        gateway=found["gateway"],
        card_brand=found["card_brand"],
        card_funding=found["card_funding"],
        plan=found["plan"],
        volume_minor=int(found["volume_minor"]),
    )
