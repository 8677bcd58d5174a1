"""The inbox of webhook events: each kept once, as it came first, by delivery or by polling; what became of it is written beside it.

Functions take a connection and never commit: the caller's transaction is the step.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Literal

from sqlalchemy import Interval, RowMapping, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import webhook_events as events
from ledger.database import webhook_transmissions as transmissions
from ledger.errors import TransmissionConflict
from ledger.record import Record

MAX_LISTED = 1000


class EventState(StrEnum):
    """What became of an event."""

    RECEIVED = "received"
    """Kept, and not handled yet."""
    HANDLED = "handled"
    """The process that it concerns was told, or it said what the books said already, or its payment method was read."""
    UNMATCHED = "unmatched"
    """Nothing in the books is what it speaks of: tried again for a while, then left to people."""
    FAILED = "failed"
    """It could not be handled: tried again for a while, then left to people."""
    IGNORED = "ignored"
    """It speaks of no payment, and of no payment method of ours."""


class CameBy(StrEnum):
    """How an event came first."""

    DELIVERY = "delivery"
    """The gateway sent it, and its signature was verified."""
    POLLING = "polling"
    """The gateway listed it when it was asked; there is no signature."""


class NewEvent(Record):
    """A delivery that was found genuine."""

    gateway: str
    event_id: str
    event_type: str
    transmission_id: str
    headers: dict[str, str]
    body: bytes


class ListedEvent(Record):
    """An event that a gateway listed when it was asked."""

    gateway: str
    event_id: str
    event_type: str
    body: bytes


class InboxEvent(Record):
    """An event's row."""

    sequence: int
    gateway: str
    event_id: str
    event_type: str
    body: bytes
    headers: dict[str, str]
    received_at: datetime
    deliveries: int
    state: EventState
    attempts: int
    next_try_at: datetime | None
    handled_at: datetime | None
    charge_id: str | None
    operation_id: str | None
    result: str | None
    came_by: CameBy


class Settlement(Record):
    """What became of an event in one attempt."""

    sequence: int
    attempts: int
    """The attempt that it is of: a later one's word counts more."""
    state: EventState
    next_try_after: timedelta | None = None
    charge_id: str | None = None
    operation_id: str | None = None
    result: str


# Built once: building a statement costs more than sending it.
# Sorted, and all transmissions before any event: two programs that keep the same events wait for each other in one order.
_KEEP = text("""
WITH given AS (
    SELECT * FROM unnest(
        CAST(:gateways AS text[]), CAST(:event_ids AS text[]), CAST(:event_types AS text[]),
        CAST(:transmission_ids AS text[]), CAST(:headers AS text[]), CAST(:bodies AS bytea[]), CAST(:hashes AS bytea[])
    ) AS g (gateway, event_id, event_type, transmission_id, headers, body, body_hash)
), fresh AS (
    INSERT INTO webhook_transmissions (gateway, transmission_id, event_id, body_hash)
    SELECT gateway, transmission_id, event_id, body_hash FROM given ORDER BY gateway, transmission_id
    ON CONFLICT DO NOTHING
    RETURNING gateway, event_id
)
INSERT INTO webhook_events (gateway, event_id, event_type, headers, body)
SELECT gateway, event_id, event_type, CAST(headers AS jsonb), body
    FROM given JOIN fresh USING (gateway, event_id) ORDER BY gateway, event_id
ON CONFLICT (gateway, event_id) DO UPDATE SET deliveries = webhook_events.deliveries + 1
RETURNING gateway, event_id, deliveries = 1 AND came_by = 'delivery' AS is_new
""")
_KEEP_LISTED = text("""
INSERT INTO webhook_events (gateway, event_id, event_type, headers, body, came_by, deliveries)
SELECT gateway, event_id, event_type, CAST('{}' AS jsonb), body, 'polling', 0
    FROM unnest(
        CAST(:gateways AS text[]), CAST(:event_ids AS text[]), CAST(:event_types AS text[]), CAST(:bodies AS bytea[])
    ) AS g (gateway, event_id, event_type, body) ORDER BY gateway, event_id
ON CONFLICT DO NOTHING
RETURNING event_id
""")
_COUNT_COPY = (
    update(events)
    .where(
        events.c.gateway == bindparam("new_gateway"),
        events.c.event_id == transmissions.c.event_id,
        transmissions.c.gateway == bindparam("new_gateway"),
        transmissions.c.transmission_id == bindparam("new_transmission_id"),
        transmissions.c.event_id == bindparam("new_event_id"),
        transmissions.c.body_hash == bindparam("new_body_hash"),
    )
    .values(deliveries=events.c.deliveries + 1)
    .returning(events.c.deliveries)
)
_DUE = (
    select(events.c.sequence)
    .where(events.c.next_try_at <= func.clock_timestamp())
    .order_by(events.c.next_try_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEASE = {
    "attempts": events.c.attempts + 1,
    "next_try_at": func.clock_timestamp() + bindparam("lease", type_=Interval),
}
_TAKE_DUE = update(events).where(events.c.sequence.in_(_DUE.scalar_subquery())).values(_LEASE).returning(events)
_TAKE_NAMED = (
    update(events).where(events.c.sequence.in_(bindparam("sequences", expanding=True))).values(_LEASE).returning(events)
)
_SETTLE = (
    update(events)
    .where(events.c.sequence == bindparam("the_sequence"), events.c.attempts == bindparam("the_attempts"))
    .values(
        state=bindparam("new_state"),
        next_try_at=func.clock_timestamp() + bindparam("delay", type_=Interval),
        handled_at=bindparam("new_handled_at"),
        charge_id=func.coalesce(bindparam("new_charge_id", type_=events.c.charge_id.type), events.c.charge_id),
        operation_id=func.coalesce(
            bindparam("new_operation_id", type_=events.c.operation_id.type), events.c.operation_id
        ),
        result=bindparam("new_result"),
    )
)


async def keep(connection: AsyncConnection, new: NewEvent) -> bool:
    """Keep an event, or count one more delivery of it; returns whether it is new.

    Raises TransmissionConflict where the transmission came before with another event or another body.
    """
    [kept] = await keep_all(connection, [new])
    if isinstance(kept, TransmissionConflict):
        raise kept
    return kept


async def keep_all(connection: AsyncConnection, news: Sequence[NewEvent]) -> Sequence[bool | TransmissionConflict]:
    """Keep many at once, each event and each transmission at most once among them; returns what became of each.

    One that is refused does not concern the others.
    """
    hashes = [hashlib.sha256(new.body).digest() for new in news]
    values = {
        "gateways": [new.gateway for new in news],
        "event_ids": [new.event_id for new in news],
        "event_types": [new.event_type for new in news],
        "transmission_ids": [new.transmission_id for new in news],
        "headers": [json.dumps(new.headers) for new in news],
        "bodies": [new.body for new in news],
        "hashes": hashes,
    }
    rows = await connection.execute(_KEEP, values)
    results: dict[tuple[str, str], bool | TransmissionConflict] = {
        (row.gateway, row.event_id): row.is_new for row in rows
    }
    for key, new, body_hash in sorted(zip(map(_key, news), news, hashes, strict=True), key=itemgetter(0)):
        if key not in results:
            results[key] = await _count_copy(connection, new, body_hash)
    return [results[_key(new)] for new in news]


async def keep_listed(connection: AsyncConnection, listed: Sequence[ListedEvent]) -> int:
    """Keep those events of a list that never came; returns how many. Of the others nothing changes."""
    values = {
        "gateways": [event.gateway for event in listed],
        "event_ids": [event.event_id for event in listed],
        "event_types": [event.event_type for event in listed],
        "bodies": [event.body for event in listed],
    }
    return len((await connection.execute(_KEEP_LISTED, values)).all())


async def _count_copy(
    connection: AsyncConnection, new: NewEvent, body_hash: bytes
) -> Literal[False] | TransmissionConflict:
    """Count a transmission that was there before, or that another connection has just committed."""
    values = {
        "new_gateway": new.gateway,
        "new_event_id": new.event_id,
        "new_transmission_id": new.transmission_id,
        "new_body_hash": body_hash,
    }
    if await connection.scalar(_COUNT_COPY, values) is None:
        return TransmissionConflict(new.gateway, new.transmission_id)
    return False


def _key(new: NewEvent) -> tuple[str, str]:
    return new.gateway, new.event_id


async def take_due(connection: AsyncConnection, most: int, lease: timedelta) -> Sequence[InboxEvent]:
    """Take events that are due, for the length of the lease: whoever does not settle them by then leaves them to others.

    What another worker is taking is passed over, so that none waits for another.
    """
    rows = (await connection.execute(_TAKE_DUE, {"most": most, "lease": lease})).mappings()
    return sorted((_event(row) for row in rows), key=lambda event: event.sequence)


async def take_named(connection: AsyncConnection, sequences: Sequence[int], lease: timedelta) -> Sequence[InboxEvent]:
    """Take these events, whatever became of them before."""
    rows = (await connection.execute(_TAKE_NAMED, {"sequences": list(sequences), "lease": lease})).mappings()
    return sorted((_event(row) for row in rows), key=lambda event: event.sequence)


async def settle(connection: AsyncConnection, settlements: Sequence[Settlement], now: datetime) -> None:
    """Write what became of events; nothing is written where a later attempt has begun."""
    if not settlements:
        return
    await connection.execute(
        _SETTLE,
        [
            {
                "the_sequence": settlement.sequence,
                "the_attempts": settlement.attempts,
                "new_state": settlement.state,
                "delay": settlement.next_try_after,
                "new_handled_at": now if settlement.state in {EventState.HANDLED, EventState.IGNORED} else None,
                "new_charge_id": settlement.charge_id,
                "new_operation_id": settlement.operation_id,
                "new_result": settlement.result,
            }
            for settlement in sorted(settlements, key=lambda settlement: settlement.sequence)
        ],
    )


async def find(
    connection: AsyncConnection,
    *,
    state: EventState | None = None,
    gateway: str | None = None,
    event_id: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> Sequence[InboxEvent]:
    """List events, newest first, at most `limit` of them and never more than 1,000."""
    statement = select(events).order_by(events.c.sequence.desc()).limit(min(limit, MAX_LISTED))
    if state is not None:
        statement = statement.where(events.c.state == state)
    if gateway is not None:
        statement = statement.where(events.c.gateway == gateway)
    if event_id is not None:
        statement = statement.where(events.c.event_id == event_id)
    if since is not None:
        statement = statement.where(events.c.received_at >= since)
    return [_event(row) for row in (await connection.execute(statement)).mappings()]


async def numbered(connection: AsyncConnection, sequences: Sequence[int]) -> Sequence[InboxEvent]:
    """Read the events of these numbers, oldest first."""
    statement = select(events).where(events.c.sequence.in_(sequences)).order_by(events.c.sequence)
    return [_event(row) for row in (await connection.execute(statement)).mappings()]


def _event(row: RowMapping) -> InboxEvent:
    return InboxEvent.model_validate(dict(row))
