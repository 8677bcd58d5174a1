"""The inbox keeps each event once, as it came, whatever is delivered how often and by how many at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import inbox
from ledger.errors import TransmissionConflict
from ledger.inbox import CameBy, EventState, InboxEvent, ListedEvent, NewEvent, Settlement

LEASE = timedelta(seconds=60)


def new(event_id: str = "evt_1", transmission_id: str = "t_1", body: bytes = b"{}") -> NewEvent:
    """A delivery."""
    return NewEvent(
        gateway="stripe",
        event_id=event_id,
        event_type="charge.updated",
        transmission_id=transmission_id,
        headers={"stripe-signature": "t=1,v1=ab"},
        body=body,
    )


async def keep(engine: AsyncEngine, event: NewEvent) -> bool:
    """Keep an event in a transaction of its own."""
    async with engine.begin() as connection:
        return await inbox.keep(connection, event)


async def only(engine: AsyncEngine) -> InboxEvent:
    """The one event that there is."""
    async with engine.connect() as connection:
        [event] = await inbox.find(connection)
    return event


async def take(engine: AsyncEngine, most: int = 10, lease: timedelta = LEASE) -> list[InboxEvent]:
    """Take what is due."""
    async with engine.begin() as connection:
        return list(await inbox.take_due(connection, most, lease))


async def settle(engine: AsyncEngine, *settlements: Settlement) -> None:
    """Write what became of events."""
    async with engine.begin() as connection:
        await inbox.settle(connection, settlements, datetime.now(UTC))


async def test_an_event_is_kept_as_it_came(engine: AsyncEngine) -> None:
    """Whoever has to verify it again finds the very bytes that were signed, and what they were signed with."""
    body = b'{"id": "evt_1",\r\n "amount": 1.0, "name": "\xc3\xa9\x00"}'
    assert await keep(engine, new(body=body))
    kept = await only(engine)
    assert kept.body == body
    assert kept.headers == {"stripe-signature": "t=1,v1=ab"}
    assert (kept.state, kept.deliveries, kept.attempts) == (EventState.RECEIVED, 1, 0)


async def test_fifty_copies_at_once_are_one_event(engine: AsyncEngine) -> None:
    """However many copies arrive at the same moment, one is new and the rest are counted."""
    answers = await asyncio.gather(*(keep(engine, new()) for _ in range(50)))
    assert sorted(answers) == [False] * 49 + [True]
    assert (await only(engine)).deliveries == 50


async def test_fifty_transmissions_of_one_event_are_one_event(engine: AsyncEngine) -> None:
    """A gateway that sends again signs again: the event is the same all the same."""
    answers = await asyncio.gather(*(keep(engine, new(transmission_id=f"t_{number}")) for number in range(50)))
    assert sorted(answers) == [False] * 49 + [True]
    assert (await only(engine)).deliveries == 50


@pytest.mark.parametrize("other", [new(body=b"[]"), new(event_id="evt_2")], ids=["body", "event"])
async def test_a_transmission_stands_for_one_body(engine: AsyncEngine, other: NewEvent) -> None:
    """A signature over a checksum cannot be used again under a body that was made to have the same checksum."""
    await keep(engine, new())
    with pytest.raises(TransmissionConflict):
        await keep(engine, other)
    kept = await only(engine)
    assert (kept.body, kept.deliveries) == (b"{}", 1)


async def test_the_application_can_neither_change_nor_delete_what_came(
    engine: AsyncEngine, application: psycopg.Connection
) -> None:
    """What a gateway sent is evidence: nothing of it can be altered, backdated or removed by the programs that use it."""
    await keep(engine, new())
    backdated = "INSERT INTO webhook_events (gateway, event_id, event_type, body, headers, received_at)"
    for statement in (
        f"{backdated} VALUES ('stripe', 'evt_9', 'x', '{{}}', '{{}}', now())",
        "UPDATE webhook_events SET body = 'xx'",
        "UPDATE webhook_events SET came_by = 'delivery'",
        "UPDATE webhook_events SET event_id = 'evt_2'",
        "UPDATE webhook_events SET received_at = now()",
        "DELETE FROM webhook_events",
        "TRUNCATE webhook_events",
        "UPDATE webhook_transmissions SET event_id = 'evt_2'",
        "DELETE FROM webhook_transmissions",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
            application.execute(statement)


async def listed(engine: AsyncEngine, *event_ids: str, body: bytes = b"{}") -> int:
    """Keep events of a gateway's list."""
    events = [
        ListedEvent(gateway="stripe", event_id=event_id, event_type="charge.updated", body=body)
        for event_id in event_ids
    ]
    async with engine.begin() as connection:
        return await inbox.keep_listed(connection, events)


async def test_a_listed_event_that_never_came_is_kept_and_due(engine: AsyncEngine) -> None:
    """What was delivered to nobody is handled as any other, and nobody takes it for signed."""
    assert await listed(engine, "evt_1", "evt_1") == 1
    kept = await only(engine)
    assert (kept.came_by, kept.deliveries, kept.headers, kept.state) == (CameBy.POLLING, 0, {}, EventState.RECEIVED)
    assert [event.event_id for event in await take(engine)] == ["evt_1"]


async def test_an_event_that_is_delivered_and_listed_is_one_event(engine: AsyncEngine) -> None:
    """In either order, and a delivery after the list is counted as one and found to be known already."""
    await keep(engine, new(body=b"[1]"))
    assert await listed(engine, "evt_1", "evt_2", body=b"[2]") == 1
    assert not await keep(engine, new("evt_2", "t_2", body=b"[3]"))
    async with engine.connect() as connection:
        second, first = await inbox.find(connection)
    assert (first.came_by, first.deliveries, first.body) == (CameBy.DELIVERY, 1, b"[1]")
    assert (second.came_by, second.deliveries, second.body) == (CameBy.POLLING, 1, b"[2]")


async def test_deliveries_and_lists_at_once_never_wait_for_each_other_in_a_circle(engine: AsyncEngine) -> None:
    """The service and several workers keep the same events at the same moment, each of them once."""
    names = [f"evt_{number}" for number in range(30)]

    async def delivered(order: list[str]) -> None:
        async with engine.begin() as connection:
            await inbox.keep_all(connection, [new(name, f"t_{name}") for name in order])

    await asyncio.gather(
        *(listed(engine, *order) for order in (names, names[::-1], names[10:] + names[:10])),
        *(delivered(order) for order in (names, names[::-1])),
    )
    async with engine.connect() as connection:
        kept = await inbox.find(connection, limit=1000)
    assert sorted(event.event_id for event in kept) == sorted(names)


async def test_workers_share_what_is_due(engine: AsyncEngine) -> None:
    """Several workers at once: each event is taken by one of them, and none waits for another."""
    for number in range(40):
        await keep(engine, new(f"evt_{number}", f"t_{number}"))
    batches = await asyncio.gather(*(take(engine, most=10) for _ in range(4)))
    taken = [event.event_id for batch in batches for event in batch]
    assert len(taken) == len(set(taken)) == 40
    assert await take(engine) == []


async def test_what_a_dead_worker_had_is_taken_again(engine: AsyncEngine) -> None:
    """A worker that is killed with events in its hands delays them by the lease, and loses none."""
    await keep(engine, new())
    [first] = await take(engine, lease=timedelta(seconds=0))
    [second] = await take(engine)
    assert (first.attempts, second.attempts) == (1, 2)


async def test_the_word_of_an_attempt_that_was_overtaken_does_not_count(engine: AsyncEngine) -> None:
    """A worker that hung past its lease does not overwrite what the next one found."""
    await keep(engine, new())
    [hung] = await take(engine, lease=timedelta(seconds=0))
    [other] = await take(engine)
    await settle(engine, Settlement(sequence=1, attempts=other.attempts, state=EventState.HANDLED, result="told"))
    late = Settlement(
        sequence=1, attempts=hung.attempts, state=EventState.FAILED, next_try_after=timedelta(0), result="no"
    )
    await settle(engine, late)
    kept = await only(engine)
    assert (kept.state, kept.result, kept.next_try_at) == (EventState.HANDLED, "told", None)
    assert kept.handled_at is not None


async def test_an_event_that_is_to_be_tried_again_comes_back_when_it_is_due(engine: AsyncEngine) -> None:
    """It is not tried all the time, and it is not forgotten."""
    await keep(engine, new())
    [event] = await take(engine)
    again = Settlement(
        sequence=event.sequence,
        attempts=1,
        state=EventState.UNMATCHED,
        next_try_after=timedelta(milliseconds=300),
        result="x",
    )
    await settle(engine, again)
    assert await take(engine) == []
    await asyncio.sleep(0.35)
    assert [event.event_id for event in await take(engine)] == ["evt_1"]


async def test_events_are_listed_newest_first_within_what_is_asked(connection: AsyncConnection) -> None:
    """A person finds what they look for by state, gateway, id and time, and never gets more than they asked for."""
    for number in range(5):
        await inbox.keep(connection, new(f"evt_{number}", f"t_{number}"))
    listed = await inbox.find(connection, limit=2)
    assert [event.event_id for event in listed] == ["evt_4", "evt_3"]
    assert len(await inbox.find(connection, state=EventState.RECEIVED, gateway="stripe")) == 5
    assert await inbox.find(connection, state=EventState.UNMATCHED) == []
    assert await inbox.find(connection, gateway="paypal") == []
    assert len(await inbox.find(connection, event_id="evt_3")) == 1
    assert await inbox.find(connection, since=datetime.now(UTC) + timedelta(minutes=1)) == []
