"""The legs of a split: which charge each is, and what that charge and its operations say at this moment.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, and_, bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.charges import ChargeRequest, ChargeStatus
from ledger.database import charges, operations, split_legs
from ledger.errors import ChargeConflict
from ledger.record import Record


class Leg(Record):
    """A leg as the books have it now, with what its charge and that charge's operations say; amounts in minor units."""

    number: int
    charge_id: str
    amount_minor: int
    started_at: datetime | None = None
    refusal: str | None = None
    """Why there is no charge of this leg, and will be none."""
    status: ChargeStatus | None = None
    """Where its charge stands; None where there is none yet."""
    gateway: str | None = None
    decline_code: str | None = None
    message: str | None = None
    action_url: str | None = None
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    refund_reserved_minor: int = 0
    canceled_by: str | None = None
    capture_refused: bool = False
    """The gateway would not take what was reserved."""
    refund_waits: bool = False
    """A refund of it is pending, or did not succeed."""


# Built once: building a statement costs more than sending it.
_THIS_LEG = and_(split_legs.c.split_id == bindparam("id"), split_legs.c.number == bindparam("leg"))
_BEGIN = (
    update(split_legs).where(_THIS_LEG, split_legs.c.started_at.is_(None)).values(started_at=func.clock_timestamp())
)
_HAS_CHARGE = exists().where(charges.c.charge_id == split_legs.c.charge_id)
_REFUSE = update(split_legs).where(_THIS_LEG, split_legs.c.refusal.is_(None), ~_HAS_CHARGE)
_OF_LEG = operations.c.charge_id == split_legs.c.charge_id
_CAPTURE_REFUSED = exists().where(
    _OF_LEG,
    operations.c.kind == "capture",
    operations.c.target_reference.is_not(None),
    operations.c.outcome.in_(("declined", "refused")),
)
_REFUND_WAITS = exists().where(
    _OF_LEG,
    operations.c.refund_id.is_not(None),
    operations.c.outcome.in_(("pending", "declined", "refused", "failed")),
)
_OF_CHARGE = (
    "status",
    "gateway",
    "decline_code",
    "message",
    "action_url",
    "authorized_minor",
    "captured_minor",
    "refunded_minor",
    "refund_reserved_minor",
    "canceled_by",
)
_LEGS = (
    select(
        split_legs,
        charges.c.request_hash,
        *(charges.c[name] for name in _OF_CHARGE),
        _CAPTURE_REFUSED.label("capture_refused"),
        _REFUND_WAITS.label("refund_waits"),
    )
    .select_from(split_legs.outerjoin(charges, charges.c.charge_id == split_legs.c.charge_id))
    .where(split_legs.c.split_id == bindparam("id"))
    .order_by(split_legs.c.number)
)
_TAKEN_IDS = select(charges.c.charge_id).where(charges.c.charge_id.in_(bindparam("ids", expanding=True))).limit(1)


async def open_legs(connection: AsyncConnection, split_id: str, asked: Sequence[ChargeRequest]) -> None:
    """Write the legs of a new split down; raises ChargeConflict where a leg's id is another charge's."""
    taken = await connection.scalar(_TAKEN_IDS, {"ids": [request.charge_id for request in asked]})
    if taken is not None:
        raise ChargeConflict(taken)
    rows = [
        {"split_id": split_id, "number": number, "charge_id": request.charge_id}
        for number, request in enumerate(asked, start=1)
    ]
    # One statement: psycopg sends several in its pipeline, after which PostgreSQL no longer ends a transaction that stands still.
    await connection.execute(insert(split_legs).values(rows))


async def of_split(connection: AsyncConnection, split_id: str, asked: Sequence[ChargeRequest]) -> list[Leg]:
    """Read a split's legs, first to last, each with its charge as it stands; `asked` is what each charge must be."""
    rows = (await connection.execute(_LEGS, {"id": split_id})).mappings()
    return [_leg(request, row) for request, row in zip(asked, rows, strict=True)]


async def begin(connection: AsyncConnection, split_id: str, number: int) -> None:
    """Write down that a leg's charge is started, before it is."""
    await connection.execute(_BEGIN, {"id": split_id, "leg": number})


async def refuse(connection: AsyncConnection, split_id: str, number: int, why: str) -> None:
    """Write down that there is no charge of a leg; where there is one after all, nothing is written."""
    await connection.execute(_REFUSE.values(refusal=why), {"id": split_id, "leg": number})


def _leg(asked: ChargeRequest, row: RowMapping) -> Leg:
    ours = {name: row[name] for name in ("number", "charge_id", "started_at", "refusal")}
    ours["amount_minor"] = asked.amount.amount_minor
    if row["request_hash"] is None:
        return Leg(**ours)
    if row["request_hash"] != asked.content_hash():
        # Somebody else's charge took the name: it is none of ours, and nothing is asked of it.
        return Leg(**{**ours, "refusal": str(ChargeConflict(row["charge_id"]))})
    return Leg(**ours, **{name: row[name] for name in (*_OF_CHARGE, "capture_refused", "refund_waits")})
