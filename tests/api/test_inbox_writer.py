"""Events that come together share a commit, and nothing else: each is kept or refused for itself."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from api.inbox_writer import MAX_GROUP, InboxWriter
from ledger.database import Database as Engine
from ledger.database import create_engine
from ledger.errors import TransmissionConflict
from ledger.inbox import NewEvent
from tests.conftest import Database


def new(event_id: str, transmission_id: str | None = None, event_type: str = "t", body: bytes = b"{}") -> NewEvent:
    """A delivery."""
    return NewEvent(
        gateway="stripe",
        event_id=event_id,
        event_type=event_type,
        transmission_id=transmission_id or f"t_{event_id}",
        headers={},
        body=body,
    )


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The service's engine over this test's database."""
    engine = create_engine(database.app_url, 5)
    yield engine
    await engine.dispose()


def kept(database: Database) -> dict[str, int]:
    """The events that are kept, each with its number of deliveries."""
    with psycopg.connect(database.superuser_url) as connection:
        return dict(connection.execute("SELECT event_id, deliveries FROM webhook_events").fetchall())


async def test_events_that_come_together_share_a_commit(engine: Engine, database: Database) -> None:
    """A flood costs the disk a few writes, not one for each event; all are there when they are acknowledged."""
    writer = InboxWriter(engine)
    answers = await asyncio.gather(*(writer.keep(new(f"evt_{number}")) for number in range(3 * MAX_GROUP)))
    assert all(answers)
    with psycopg.connect(database.superuser_url) as connection:
        query = "SELECT count(*), count(DISTINCT xmin::text) FROM webhook_events"
        [(events, transactions)] = connection.execute(query).fetchall()
    assert (events, transactions) == (3 * MAX_GROUP, 3)


async def test_copies_in_one_flood_are_counted(engine: Engine, database: Database) -> None:
    """Copies of an event and of a transmission, all at once among others, are each told so and counted."""
    writer = InboxWriter(engine)
    flood = [new("evt_1"), new("evt_1"), new("evt_1", "t_other"), new("evt_2"), new("evt_1")]
    assert await asyncio.gather(*(writer.keep(each) for each in flood)) == [True, False, False, True, False]
    assert kept(database) == {"evt_1": 4, "evt_2": 1}


async def test_what_is_wrong_with_one_is_its_own(engine: Engine, database: Database) -> None:
    """An event that the database refuses, and one that is forged, fail alone; their neighbours are kept."""
    writer = InboxWriter(engine)
    await writer.keep(new("evt_0"))
    forged = new("evt_9", "t_evt_0", body=b"[]")
    bad = new("evt_bad", event_type="no type")
    flood = [new("evt_1"), bad, new("evt_2"), forged, new("evt_3")]
    answers = await asyncio.gather(*(writer.keep(each) for each in flood), return_exceptions=True)
    assert isinstance(answers[1], IntegrityError)
    assert isinstance(answers[3], TransmissionConflict)
    assert [answers[0], answers[2], answers[4]] == [True, True, True]
    assert kept(database).keys() == {"evt_0", "evt_1", "evt_2", "evt_3"}


async def test_rivals_that_keep_the_same_events_in_other_orders_do_not_lock_each_other_out(
    engine: Engine, database: Database
) -> None:
    """Two services that get the same events at the same moment keep each once, and neither fails."""
    events = [new(f"evt_{number}") for number in range(MAX_GROUP)]
    for _ in range(5):
        await asyncio.gather(
            *(
                asyncio.gather(*(writer.keep(each) for each in order))
                for writer, order in ((InboxWriter(engine), events), (InboxWriter(engine), events[::-1]))
            )
        )
    assert set(kept(database).values()) == {10}


async def test_an_outage_is_told_to_all_who_wait(engine: Engine) -> None:
    """Nobody is left waiting when PostgreSQL is away, and the next who come are served when it is back."""
    away = create_engine("postgresql://quittance_app@127.0.0.1:1/quittance", 1)
    writer = InboxWriter(away)
    answers = await asyncio.gather(*(writer.keep(new(f"evt_{number}")) for number in range(20)), return_exceptions=True)
    assert all(isinstance(answer, DBAPIError) for answer in answers)
    await away.dispose()
    writer._database = engine
    assert await writer.keep(new("evt_1"))


async def test_a_sender_that_gave_up_takes_nobody_with_it(engine: Engine, database: Database) -> None:
    """A connection that is closed while its event waits neither loses another's event nor stops the writing."""
    writer = InboxWriter(engine)
    tasks = [asyncio.create_task(writer.keep(new(f"evt_{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[:3] + answers[4:] == [True] * 9
    assert await writer.keep(new("evt_10"))
    assert {f"evt_{number}" for number in range(11)} - kept(database).keys() <= {"evt_3"}
