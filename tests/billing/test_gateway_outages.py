"""Outages of gateways in the books: what a dunning knows of them, whom their end wakes, and what stays as it was."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing import gateway_outages
from billing.dunning.decision import Wait, WaitingFor
from billing.dunning.history import EventKind
from billing.dunning.outages import Begins, Ends, Fails
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery


async def begin(recovery: Recovery, gateway: str = "stripe") -> bool:
    now = datetime.now(UTC)
    news = Begins(now - timedelta(seconds=30), now - timedelta(seconds=5), "5 attempts in a row had no answer")
    return await recovery.step(lambda books: gateway_outages.write(books, gateway, news))


async def end(recovery: Recovery, gateway: str = "stripe") -> bool:
    return await recovery.step(lambda books: gateway_outages.write(books, gateway, Ends("it answers again")))


async def test_a_try_waits_for_the_end_of_an_outage_and_is_spread_after_it(recovery: Recovery) -> None:
    """It is not made while nobody is there, and not in the second in which all others are."""
    await recovery.fail()
    asked_at = FAILED_AT + HOUR
    await recovery.note(EventKind.RETRIED_NOW, asked_at)
    assert await begin(recovery)
    waits = await recovery.decision(asked_at)
    assert isinstance(waits, Wait)
    assert waits.waiting_for is WaitingFor.OUTAGE
    assert await end(recovery)
    planned = await recovery.next_try(asked_at)
    assert asked_at < planned.at < asked_at + 2 * HOUR
    spread_minutes = (await recovery.policy()).outages.spread_minutes
    assert spread_minutes == 120


async def test_the_schedule_goes_on_after_an_outage(recovery: Recovery) -> None:
    """A try that was planned for days after it is not moved, and none is used up."""
    await recovery.fail()
    before = await recovery.next_try(FAILED_AT)
    await begin(recovery)
    assert await recovery.next_try(FAILED_AT) == before
    due = await recovery.decision(before.at)
    assert isinstance(due, Wait)
    assert due.waiting_for is WaitingFor.OUTAGE
    await end(recovery)
    assert await recovery.next_try(before.at) == before


async def test_outages_of_before_and_of_other_gateways_are_none_of_a_dunning(recovery: Recovery) -> None:
    """What it is decided by is what happened to it."""
    await begin(recovery)
    await end(recovery)
    await begin(recovery, "paypal")
    await recovery.fail()
    assert (await recovery.history()).outages == ()
    await begin(recovery)
    (lasts,) = (await recovery.history()).outages
    assert (lasts.gateway, lasts.ended_at) == ("stripe", None)
    await end(recovery)
    (over,) = (await recovery.history()).outages
    assert over.ended_at is not None
    assert over.ended_at >= over.began_at


async def test_the_end_of_an_outage_wakes_the_dunnings_that_could_try_there(recovery: Recovery) -> None:
    """Nobody waits for the next look, and nobody else is woken."""
    await recovery.fail()
    await recovery.customer("cus_2")
    await recovery.method("pm_2", "cus_2", gateway="paypal")
    await recovery.issue("in_2", 1900, customer_id="cus_2")
    await recovery.dun("in_2")
    await recovery.issue("in_3", 1900)
    await recovery.dun("in_3")
    await recovery.end("in_3")
    await recovery.woken()
    await begin(recovery)
    later = Fails(datetime.now(UTC))
    assert await recovery.step(lambda books: gateway_outages.write(books, "stripe", later))
    assert await recovery.woken() == set()
    await end(recovery)
    assert await recovery.woken() == {"dunning/in_1"}


async def test_an_outage_is_begun_and_ended_once(recovery: Recovery) -> None:
    """Whoever writes it down as well changes nothing: neither when it began, nor when tries are spread from."""
    assert await begin(recovery)
    assert not await begin(recovery)
    (row,) = (await recovery.step(gateway_outages.lasting)).values()
    earlier = Fails(row.last_failed_at - DAY)
    assert not await recovery.step(lambda books: gateway_outages.write(books, "stripe", earlier))
    assert await end(recovery)
    assert not await end(recovery)
    assert not await recovery.step(lambda books: gateway_outages.write(books, "stripe", Fails(datetime.now(UTC))))
    assert await begin(recovery)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gateway_outages SET ended_at = NULL, ended_because = NULL",
        "UPDATE gateway_outages SET ended_at = now() + interval '1 day'",
        "UPDATE gateway_outages SET last_failed_at = last_failed_at + interval '1 day'",
    ],
)
async def test_an_outage_that_is_over_stays_so(recovery: Recovery, statement: str) -> None:
    """Tries that were planned by its end do not move."""
    await begin(recovery)
    await end(recovery)
    with pytest.raises(DBAPIError, match="is over"):
        await recovery.step(lambda books: books.execute(text(statement)))
