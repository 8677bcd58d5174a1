"""The horizon of a gateway's list of events: one worker at a time reads on, and it never moves back."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import horizons
from ledger.horizons import Turn

LEASE = timedelta(seconds=60)
NONE = timedelta(0)


async def take(engine: AsyncEngine, gateway: str = "stripe", lease: timedelta = LEASE) -> Turn | None:
    """Take the turn."""
    async with engine.begin() as connection:
        return await horizons.take(connection, gateway, lease)


async def move(engine: AsyncEngine, horizon: datetime, after: timedelta = NONE) -> None:
    """Move the horizon."""
    async with engine.begin() as connection:
        await horizons.move(connection, "stripe", horizon, after)


async def test_a_new_gateway_begins_now(engine: AsyncEngine) -> None:
    """What happened before the first start is not fetched: there is no charge yet that it could be about."""
    turn = await take(engine)
    assert turn is not None
    assert abs(datetime.now(UTC) - turn.horizon) < timedelta(minutes=1)
    assert turn.horizon <= turn.now


async def test_of_many_workers_one_has_the_turn(engine: AsyncEngine) -> None:
    """A gateway is not asked by every worker; each gateway has a turn of its own."""
    taken = await asyncio.gather(*(take(engine, gateway) for gateway in ("stripe", "paypal") for _ in range(10)))
    assert sum(turn is not None for turn in taken) == 2


async def test_the_turn_of_a_dead_worker_goes_to_another(engine: AsyncEngine) -> None:
    """It delays the reading by the lease, and loses nothing: the horizon is where it was."""
    first = await take(engine, lease=NONE)
    second = await take(engine)
    assert first is not None
    assert second is not None
    assert second.horizon == first.horizon


async def test_whoever_reads_on_keeps_the_turn(engine: AsyncEngine) -> None:
    """A long list is not read by two only because it is long."""
    await take(engine, lease=NONE)
    async with engine.begin() as connection:
        await horizons.hold(connection, "stripe", LEASE)
    assert await take(engine) is None


async def test_the_horizon_never_moves_back(engine: AsyncEngine) -> None:
    """A worker that stood still and ends late does not undo what another has read since."""
    turn = await take(engine, lease=NONE)
    assert turn is not None
    later = turn.now + timedelta(hours=1)
    await move(engine, later)
    await move(engine, turn.now)
    again = await take(engine)
    assert again is not None
    assert again.horizon == later


async def test_the_list_is_read_again_after_the_interval(engine: AsyncEngine) -> None:
    """Not before, however many workers look."""
    turn = await take(engine)
    assert turn is not None
    await move(engine, turn.now, timedelta(milliseconds=300))
    assert await take(engine) is None
    await asyncio.sleep(0.35)
    assert await take(engine) is not None


async def test_the_application_can_neither_begin_elsewhere_nor_forget(
    engine: AsyncEngine, application: psycopg.Connection
) -> None:
    """A horizon is made where the reading begins, and stays."""
    await take(engine)
    for statement in (
        "INSERT INTO webhook_horizons (gateway, horizon) VALUES ('paypal', now() + interval '1 year')",
        "UPDATE webhook_horizons SET gateway = 'paypal'",
        "DELETE FROM webhook_horizons",
        "TRUNCATE webhook_horizons",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
            application.execute(statement)
