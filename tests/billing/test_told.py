"""What customers and merchants' systems are told, and what wakes processes: once each, and nothing missed."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import text

from billing import access_books, events, notice_books, wakes
from billing.dunning.entitlement import Access, Entitlement
from billing.dunning.notice_ladder import Channel, Template
from billing.dunning.notices import Notice, notices_due
from billing.errors import UnknownId
from billing.events import Event
from billing.notice_books import Claim
from billing.wakes import Process, Wake
from ledger.charges import ChargeStatus
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery

REMINDER = Notice("reminder.7", Template.REMINDER, Channel.EMAIL, FAILED_AT + 7 * DAY, "7 days after the failure")


def event(key: str = "dunning/in_1:test", kind: str = "dunning.tested") -> Event:
    """Something to tell."""
    return Event(key=key, kind=kind, subject="invoice/in_1", customer_id="cus_1", occurred_at=FAILED_AT, body={"n": 1})


async def test_an_event_is_told_once(recovery: Recovery) -> None:
    """The same key again is the same event, whoever tells it."""
    await asyncio.gather(*(recovery.step(lambda books: events.tell(books, event())) for _ in range(4)))
    [told] = await recovery.step(events.read)
    assert Event.model_validate(told.model_dump(exclude={"event_id", "recorded_at"})) == event()


async def test_no_reader_passes_over_an_event_that_is_still_being_written(recovery: Recovery) -> None:
    """An id that is given and not committed holds back those after it; who reads on from the last id misses none."""
    async with recovery.engine.connect() as slow:
        await events.tell(slow, event("slow"))
        await recovery.step(lambda books: events.tell(books, event("quick")))
        assert await recovery.step(events.read) == []
        await slow.commit()
    seen = await recovery.step(events.read)
    assert [each.key for each in seen] == ["slow", "quick"]
    last = seen[0].event_id
    assert [each.key for each in await recovery.step(lambda books: events.read(books, after=last))] == ["quick"]
    assert len(await recovery.step(lambda books: events.read(books, limit=1))) == 1


async def test_no_reader_passes_over_a_smaller_id_of_a_younger_transaction(recovery: Recovery) -> None:
    """Ids follow the statements, and not the transactions: what is written first may be committed last, and read last."""
    async with recovery.engine.connect() as older, recovery.engine.connect() as younger:
        await older.execute(text("SELECT pg_current_xact_id()"))
        await events.tell(younger, event("smaller"))
        await events.tell(older, event("larger"))
        await older.commit()
        [first] = await recovery.step(events.read)
        assert first.key == "larger"
        await younger.commit()
    [second] = await recovery.step(lambda books: events.read(books, after=first.event_id))
    assert (second.key, second.event_id < first.event_id) == ("smaller", True)
    assert [each.key for each in await recovery.step(events.read)] == ["larger", "smaller"]
    with pytest.raises(UnknownId, match="there is no event 999: check the id with `events list`"):
        await recovery.step(lambda books: events.read(books, after=999))


async def test_an_event_of_a_step_that_failed_is_not_told(recovery: Recovery) -> None:
    """It is written with the fact, or not at all."""
    async with recovery.engine.connect() as failing:
        await events.tell(failing, event())
        await failing.rollback()
    assert await recovery.step(events.read) == []


async def test_wakes_are_taken_once_and_come_back_where_the_worker_dies(recovery: Recovery) -> None:
    """Two workers take different ones; what was not signalled before the commit is there again."""
    await recovery.fail()
    await recovery.woken()
    await recovery.method("pm_2")
    async with recovery.engine.connect() as dying:
        assert await wakes.take(dying, 10) == [Wake(Process.DUNNING, "in_1")]
        assert await recovery.woken() == set()
        await dying.rollback()
    assert await recovery.woken() == {"dunning/in_1"}
    assert await recovery.woken() == set()


async def test_every_fact_wakes_whom_it_concerns(recovery: Recovery) -> None:
    """The invoice's own dunning, and the charge whose money is to be applied; a charge of nobody's invoice wakes nobody."""
    await recovery.fail()
    request = await recovery.begun(now=FAILED_AT + 2 * DAY)
    await recovery.woken()
    await recovery.stand(request.charge_id, {"status": ChargeStatus.PENDING})
    assert await recovery.woken() == {"charge/in_1.1"}
    await recovery.stand(request.charge_id, {"status": ChargeStatus.NEEDS_REVIEW})
    assert await recovery.woken() == {"charge/in_1.1", "dunning/in_1"}
    await recovery.stand(request.charge_id, {"message": "the same state"})
    assert await recovery.woken() == set()
    await recovery.pay(100)
    assert await recovery.woken() == {"dunning/in_1"}
    await recovery.charge("ch_9", 500, "of_somebody_else", is_captured=False)
    await recovery.stand("ch_9", {"status": ChargeStatus.PENDING})
    assert await recovery.woken() == set()


async def test_a_refund_that_is_promised_wakes_the_charge(recovery: Recovery) -> None:
    """What is given back reopens what it had paid: that is to be applied too."""
    await recovery.fail()
    request = await recovery.begun(now=FAILED_AT + 2 * DAY)
    await recovery.capture(request)
    await recovery.woken()
    await recovery.stand(request.charge_id, {"refund_reserved_minor": 1900})
    assert "charge/in_1.1" in await recovery.woken()


async def test_each_change_of_access_is_told_once_and_may_be_taken_back(recovery: Recovery) -> None:
    """One row and one event each, in order; a payment gives all of it back, also one that came before the last step."""
    await recovery.fail()
    grace = Entitlement(Access.GRACE, FAILED_AT, "the payment failed")
    limited = Entitlement(Access.LIMITED, FAILED_AT + 14 * DAY, "unpaid for 14 days")
    active = Entitlement(Access.ACTIVE, FAILED_AT + 13 * DAY, "it was paid")

    async def tell(*changes: Entitlement) -> list[str]:
        told = await recovery.step(lambda books: access_books.tell_access(books, "in_1", changes))
        return [str(each.access) for each in told]

    assert await tell(grace, limited) == ["grace", "limited"]
    assert await tell(grace, limited) == []
    assert await tell(grace, active) == ["active"]
    assert await tell(grace, active) == []
    assert await tell(grace, limited) == ["limited"]
    kinds = [kind for kind, _ in await recovery.told()]
    assert kinds == ["dunning.began", "access.grace", "access.limited", "access.active", "access.limited"]
    told = await recovery.step(lambda books: access_books.told_of(books, "in_1"))
    assert [each.number for each in told] == [1, 2, 3, 4]


async def test_access_that_two_tell_at_once_is_told_once(recovery: Recovery) -> None:
    """Two workers with the same wake."""
    await recovery.fail()
    changes = [Entitlement(Access.GRACE, FAILED_AT, "the payment failed")]
    told = await asyncio.gather(
        *(recovery.step(lambda books: access_books.tell_access(books, "in_1", changes)) for _ in range(4))
    )
    assert sorted(map(len, told)) == [0, 0, 0, 1]


ROW = notice_books.of_invoice("in_1", REMINDER.key)


async def claim(recovery: Recovery, now: datetime = FAILED_AT + 7 * DAY) -> Claim:
    return await recovery.step(
        lambda books: notice_books.claim(
            books, ROW, template=REMINDER.template, channel=REMINDER.channel, due_at=REMINDER.at, now=now
        )
    )


async def test_a_notice_is_claimed_by_one(recovery: Recovery) -> None:
    """Whoever claims it sends it; what is claimed is not due any more, though nobody knows yet whether it went out."""
    await recovery.fail()
    found = await asyncio.gather(*(claim(recovery) for _ in range(5)))
    assert sorted(found) == [Claim.GRANTED] + [Claim.UNDER_WAY] * 4
    assert [each.key for each in (await recovery.history()).notices] == ["reminder.7"]
    assert await claim(recovery, FAILED_AT + 7 * DAY + notice_books.LOST_AFTER) is Claim.LOST
    sent_at = FAILED_AT + 7 * DAY + HOUR
    assert await recovery.step(lambda books: notice_books.sent(books, ROW, now=sent_at))
    assert [each.at for each in (await recovery.history()).notices] == [sent_at]
    assert await claim(recovery) is Claim.SETTLED
    await recovery.step(lambda books: notice_books.release(books, ROW))
    assert await claim(recovery) is Claim.SETTLED


async def test_a_claim_that_is_given_back_may_be_claimed_again(recovery: Recovery) -> None:
    """The mail server refused the connection: nothing left the house."""
    await recovery.fail()
    assert not await recovery.step(lambda books: notice_books.sent(books, ROW, now=FAILED_AT))
    assert await claim(recovery) is Claim.GRANTED
    await recovery.step(lambda books: notice_books.release(books, ROW))
    assert (await recovery.history()).notices == ()
    assert await claim(recovery) is Claim.GRANTED
    failed_at = FAILED_AT + 8 * DAY
    assert await recovery.step(lambda books: notice_books.failed(books, ROW, because="no address", now=failed_at))
    [row] = await recovery.step(lambda books: notice_books.claimed_of(books, "in_1"))
    assert (row.failed_because, row.sent_at) == ("no address", None)
    assert await claim(recovery) is Claim.SETTLED


async def test_the_ladder_goes_on_behind_what_is_claimed(recovery: Recovery) -> None:
    """Read from the books, nothing is due twice."""
    await recovery.fail()
    now = FAILED_AT + 8 * DAY
    history, policy = await recovery.history(), await recovery.policy()
    [due] = notices_due(history, policy, now)
    row = notice_books.of_invoice("in_1", due.key)
    await recovery.step(
        lambda books: notice_books.claim(books, row, template=due.template, channel=due.channel, due_at=due.at, now=now)
    )
    assert notices_due(await recovery.history(), policy, now) == []
