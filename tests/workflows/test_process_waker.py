"""Wakes are delivered at least once: what could not be delivered, or applied, is there again."""

import asyncio
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.billed import Billed
from tests.workflows.conftest import Processes
from workflows import process_waker
from workflows.process_waker import ProcessWaker


class Deliveries:
    """A client that takes each start in so many seconds, and fails those that it is told to."""

    def __init__(
        self, fails: str = "", takes_seconds: float = 0.0, status: RPCStatusCode = RPCStatusCode.UNAVAILABLE
    ) -> None:
        self.fails = fails
        self.status = status
        self.takes_seconds = takes_seconds
        self.woken: list[str] = []

    async def start_workflow(self, _name: str, subject: str, **_options: Any) -> None:
        await asyncio.sleep(self.takes_seconds)
        if subject == self.fails:
            raise RPCError("Temporal does not take it", self.status, b"")
        self.woken.append(subject)


@pytest.fixture
async def story(processes: Processes) -> Billed:
    """A customer without a waker."""
    found = Billed(processes, "sub_unwoken")
    await found.customer()
    return found


def _waker(story: Billed, client: Deliveries) -> ProcessWaker:
    return ProcessWaker(story.processes.engine, cast("Client", client), "nobody's queue")


async def _subscribed(story: Billed, count: int) -> list[str]:
    names = [f"sub_unwoken_{number}" for number in range(count)]
    for name in names:
        await story.subscribe(subscription_id=name)
    return names


async def _left(story: Billed) -> int:
    return int((await story.rows("SELECT count(*) FROM process_wakes"))[0][0])


async def test_what_cannot_be_delivered_is_there_again(story: Billed) -> None:
    """Temporal goes away within a batch: nobody stays asleep, and who could be woken is."""
    first, second, third = await _subscribed(story, 3)
    away = Deliveries(fails=first)
    with pytest.raises(RPCError):
        await _waker(story, away).wake_due()
    assert (away.woken, await _left(story)) == ([second, third], 3)
    back = Deliveries()
    assert await _waker(story, back).wake_due() == 3
    assert (sorted(back.woken), await _left(story)) == ([first, second, third], 0)


async def test_what_is_never_taken_stands_in_nobodys_way(story: Billed) -> None:
    """One process that cannot be woken keeps no other asleep."""
    first, second = await _subscribed(story, 2)
    client = Deliveries(fails=first, status=RPCStatusCode.INVALID_ARGUMENT)
    assert await _waker(story, client).wake_due() == 2
    assert (client.woken, await _left(story)) == ([second], 0)


async def test_a_waker_that_dies_within_a_batch_has_taken_nothing(story: Billed) -> None:
    """It ends between the delivery and the commit: another one delivers again, which changes nothing."""
    (name,) = await _subscribed(story, 1)
    hanging = asyncio.create_task(_waker(story, Deliveries(takes_seconds=60)).wake_due())
    await asyncio.sleep(0.5)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    next_one = Deliveries()
    assert await _waker(story, next_one).wake_due() == 1
    assert next_one.woken == [name]


async def test_a_slow_temporal_does_not_keep_a_batch_from_its_end(story: Billed) -> None:
    """A full batch is delivered side by side: one after the other would outlast the transaction, and begin anew for ever."""
    await _subscribed(story, process_waker.BATCH)
    assert await _waker(story, Deliveries(takes_seconds=0.2)).wake_due() == process_waker.BATCH
    assert await _left(story) == 0


async def test_two_wakers_share_the_wakes(story: Billed) -> None:
    """What one is at is passed over by the other."""
    names = await _subscribed(story, process_waker.BATCH + 5)
    slow, quick = Deliveries(takes_seconds=1.0), Deliveries()
    waking = asyncio.create_task(_waker(story, slow).wake_due())
    await asyncio.sleep(0.5)
    assert await _waker(story, quick).wake_due() == 5
    await waking
    assert (sorted(slow.woken + quick.woken), await _left(story)) == (sorted(names), 0)
