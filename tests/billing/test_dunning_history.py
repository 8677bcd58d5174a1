"""The history that decisions are made from: read from where things happened, in the right order, by the clock of who acts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from billing import methods
from billing.dunning.decide import deadline_of
from billing.dunning.decision import AskCustomer, Purpose, TryAgain, Wait, WaitingFor
from billing.dunning.history import EventKind
from billing.dunning.zones import zone_info
from billing.dunning_clock import Clock, Mark
from billing.tries import CardRests
from ledger import operations, withdrawals
from ledger.charges import ChargeRequest
from ledger.operations import NewOperation
from ledger.withdrawals import TakenBack
from tests.billing.owed_samples import ALICE, usd
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery

ZONE = "Europe/Berlin"


def berlin(text: str) -> datetime:
    """A moment as clocks in Berlin show it."""
    return datetime.fromisoformat(text).replace(tzinfo=zone_info(ZONE)).astimezone(UTC)


@pytest.mark.parametrize(
    ("failed_at", "deadline"),
    [
        ("2031-12-31T23:30", "2032-01-30T23:30"),
        ("2032-01-31T09:00", "2032-03-01T09:00"),
        ("2032-02-29T09:00", "2032-03-30T09:00"),
        ("2032-03-27T02:30", "2032-04-26T02:30"),
        ("2032-03-28T01:30", "2032-04-27T01:30"),
        ("2032-10-30T02:30", "2032-11-29T02:30"),
        ("2032-10-31T01:59", "2032-11-30T01:59"),
    ],
    ids=[
        "new year",
        "month end",
        "leap day",
        "before summer",
        "on the day of summer",
        "before winter",
        "on that of winter",
    ],
)
async def test_the_default_policy_is_played_through_the_books(
    recovery: Recovery, failed_at: str, deadline: str
) -> None:
    """Each try comes at the customer's hours, is granted by the guard, and is read back; then the customer is asked."""
    at = berlin(failed_at)
    await recovery.fail(at=at)
    history, policy = await recovery.history(), await recovery.policy()
    assert deadline_of(history, policy) == berlin(deadline)
    made: list[TryAgain] = []
    now = at
    while isinstance(decided := await recovery.decision(now), TryAgain):
        now = max(now, decided.at)
        request = await recovery.begun(now=now, number=len(made) + 1)
        assert request.charge_id == f"in_1.{len(made) + 1}"
        await recovery.decline(request.charge_id)
        made.append(decided)
    assert isinstance(decided, AskCustomer)
    assert len(made) == policy.most_tries
    for each in made:
        local = each.at.astimezone(zone_info(ZONE))
        assert (10, 30) <= (local.hour, local.minute) <= (12, 0), local
    assert all(later.at - before.at >= DAY for before, later in pairwise(made))
    read = await recovery.history()
    assert [each.at for each in read.tries] == [at, *(each.at for each in made)]
    assert [each.is_rung for each in read.tries] == [False, *[True] * 8]


async def test_two_invoices_on_one_card_share_its_tries(recovery: Recovery) -> None:
    """Each history has the other's tries, so that both decide within one budget, and the guard agrees."""
    await recovery.fail()
    await recovery.issue("in_2", 700)
    request = await recovery.begun("in_2", purpose=Purpose.FIRST, now=FAILED_AT + HOUR)
    await recovery.decline(request.charge_id)
    await recovery.dun("in_2", at=FAILED_AT + HOUR)
    first, second = await recovery.history(), await recovery.history("in_2")
    assert [(each.at, each.amount) for each in first.other_tries] == [(FAILED_AT + HOUR, usd(700))]
    assert [(each.at, each.amount) for each in second.other_tries] == [(FAILED_AT, usd(1900))]
    assert {each.card for each in first.other_tries} == {first.tries[0].card}
    assert len(first.counted) == len(second.counted) == 2
    rests = await recovery.attempt(now=FAILED_AT + DAY)
    assert isinstance(rests, CardRests)
    assert rests.next_at == FAILED_AT + HOUR + DAY
    assert (await recovery.next_try(FAILED_AT + HOUR)).at >= FAILED_AT + HOUR + DAY


async def test_a_try_by_hand_counts_at_the_network_and_is_no_rung(recovery: Recovery) -> None:
    """A person's command: the card was tried, and the policy's tries are all left."""
    await recovery.fail()
    await recovery.note(EventKind.RETRIED_NOW)
    decided = await recovery.next_try(FAILED_AT + HOUR)
    assert (decided.at, decided.is_rung) == (FAILED_AT + HOUR, False)
    request = await recovery.begun(purpose=Purpose.COMMAND, now=decided.at)
    await recovery.decline(request.charge_id)
    history = await recovery.history()
    assert [each.uses_rung for each in history.tries] == [False, False]
    assert len(history.counted) == 2
    assert (await recovery.next_try(FAILED_AT + HOUR)).at >= FAILED_AT + HOUR + DAY


async def test_an_undecided_try_lets_nothing_follow(recovery: Recovery) -> None:
    """Neither one whose charge is under way, nor one whose charge has not begun."""
    await recovery.fail()
    await recovery.attempt(now=FAILED_AT + 3 * DAY)
    decided = await recovery.decision(FAILED_AT + 3 * DAY)
    assert isinstance(decided, Wait)
    assert decided.waiting_for is WaitingFor.OUTCOME


async def test_a_new_card_is_tried_at_once(recovery: Recovery) -> None:
    """Though PostgreSQL's clock is far behind that of the process: it came after the try, and before the next one."""
    await recovery.fail()
    assert (await recovery.next_try(FAILED_AT)).at > FAILED_AT + HOUR
    await recovery.woken()
    await recovery.method("pm_2")
    assert await recovery.woken() == {"dunning/in_1"}
    decided = await recovery.next_try(FAILED_AT + 2 * DAY)
    assert (decided.method, decided.is_rung, decided.at) == ("pm_2", False, FAILED_AT + 2 * DAY)
    request = await recovery.begun(method_id="pm_2", purpose=Purpose.NEW_METHOD, now=decided.at)
    await recovery.decline(request.charge_id)
    after = await recovery.next_try(FAILED_AT + 2 * DAY)
    assert (after.is_rung, after.at > FAILED_AT + 2 * DAY + HOUR) == (True, True)


async def test_what_takes_a_cards_place_is_new(recovery: Recovery) -> None:
    """Also a backup that was declined before: the network's update put the customer's card behind it."""
    await recovery.method("pm_2")
    await recovery.fail()
    request = await recovery.begun(method_id="pm_2", now=FAILED_AT + 2 * DAY)
    await recovery.decline(request.charge_id)
    await recovery.step(lambda books: methods.replace(books, "pm_1", "pm_2"))
    decided = await recovery.next_try(FAILED_AT + 3 * DAY)
    assert (decided.method, decided.is_rung) == ("pm_2", False)
    history = await recovery.history()
    assert [(each.method_id, each.removed_at is None) for each in history.methods] == [("pm_2", True), ("pm_1", False)]


async def test_a_card_that_was_there_before_is_not_new(recovery: Recovery) -> None:
    """A clock of PostgreSQL's that is ahead does not make a card newer than the try that was made with it."""
    past = datetime(2020, 5, 4, 9, tzinfo=UTC)
    clock = Clock([Mark(FAILED_AT, past), Mark(FAILED_AT + HOUR, past + HOUR)])
    assert clock.of(FAILED_AT - HOUR) < past
    assert past < clock.of(FAILED_AT + HOUR / 2) < past + HOUR
    assert clock.of(FAILED_AT + 2 * HOUR) == FAILED_AT + 2 * HOUR
    assert Clock([]).of(past) == past
    await recovery.fail()
    history = await recovery.history()
    assert history.methods[0].added_at < FAILED_AT


async def test_a_removed_card_is_tried_no_more_and_never_is_known(recovery: Recovery) -> None:
    """Its customer took it away; another invoice's answer said never."""
    await recovery.method("pm_2")
    await recovery.fail()
    await recovery.step(lambda books: methods.remove(books, "pm_1", actor=ALICE))
    assert (await recovery.next_try(FAILED_AT + 2 * DAY)).method == "pm_2"
    await recovery.step(lambda books: methods.mark_never(books, "pm_2", "stolen"))
    assert isinstance(await recovery.decision(FAILED_AT + 2 * DAY), AskCustomer)


async def test_a_dispute_of_any_charge_of_the_customers_holds_it(recovery: Recovery) -> None:
    """While one of them lasts; several that overlap are one."""
    await recovery.fail()
    await dispute(recovery, "dp_1", None)
    await dispute(recovery, "dp_2", None)
    held = await recovery.decision(FAILED_AT + 2 * DAY)
    assert isinstance(held, Wait)
    assert held.waiting_for is WaitingFor.DISPUTE
    await closed(recovery, "dp_1")
    assert isinstance(await recovery.decision(FAILED_AT + 2 * DAY), Wait)
    assert [each.kind for each in (await recovery.history()).events] == [EventKind.DISPUTE_OPENED]
    await recovery.woken()
    await closed(recovery, "dp_2")
    assert "dunning/in_1" in await recovery.woken()
    kinds = [each.kind for each in (await recovery.history()).events]
    assert kinds == [EventKind.DISPUTE_OPENED, EventKind.DISPUTE_CLOSED]
    assert isinstance(await recovery.decision(FAILED_AT + 2 * DAY), TryAgain)


async def test_a_dispute_that_was_over_before_holds_nothing(recovery: Recovery) -> None:
    """What was settled before the failure is of the past."""
    await dispute(recovery, "dp_1", None)
    await closed(recovery, "dp_1")
    await recovery.fail()
    assert (await recovery.history()).events == ()


async def test_what_is_left_to_pay_is_tried(recovery: Recovery) -> None:
    """After a part was paid, ceilings of the same amount count the rest."""
    await recovery.fail()
    await recovery.pay(1000)
    assert (await recovery.history()).invoice.amount == usd(900)
    request = await recovery.attempt(now=FAILED_AT + 2 * DAY)
    assert isinstance(request, ChargeRequest)
    assert request.amount == usd(900)
    await recovery.pay(900, "p2")
    assert (await recovery.history()).invoice.amount == usd(1900)


async def test_earlier_payments_tell_the_customers_rhythm(recovery: Recovery) -> None:
    """By charge only, and without those of this invoice; what is taken back is a fact of the invoice again."""
    await recovery.issue("in_0", 500)
    await recovery.charge("ch_0", 500, "in_0")
    await recovery.apply("ch_0")
    await recovery.pay(300)
    await recovery.fail()
    assert len((await recovery.history()).payments) == 1
    await recovery.capture(await recovery.begun(now=FAILED_AT + 2 * DAY))
    history = await recovery.history()
    assert len(history.payments) == 1
    assert [each.kind for each in history.events] == [EventKind.PAID]
    assert history.events[0].at > FAILED_AT + 2 * DAY


async def dispute(recovery: Recovery, reference: str, closed_at: datetime | None, **more: Any) -> None:
    """A captured charge of the customer's, for something else, that they dispute."""
    charge_id = f"ch_{reference}"
    await recovery.charge(charge_id, 500, None)
    operation = NewOperation(
        charge_id=charge_id,
        kind="capture",
        number=1,
        gateway="stripe",
        amount=usd(500),
        actor=ALICE,
        purpose="attempt:1",
    )
    await recovery.step(lambda books: operations.intend(books, operation))
    now = datetime.now(UTC)
    taken = TakenBack(
        gateway="stripe",
        reference=reference,
        charge_id=charge_id,
        operation_id=operation.operation_id,
        kind="dispute",
        state="open",
        currency="USD",
        amount_minor=500,
        fee_currency="USD",
        withdrawn_at=now - timedelta(minutes=1),
        closed_at=closed_at,
        read_at=now,
        **more,
    )
    await recovery.step(lambda books: withdrawals.keep(books, taken))


async def closed(recovery: Recovery, reference: str) -> None:
    """The gateway decides it."""
    [taken] = await recovery.step(lambda books: withdrawals.of_charge(books, f"ch_{reference}"))
    now = datetime.now(UTC)
    won = {"state": "won", "returned_minor": 500, "changes": 1, "closed_at": now, "read_at": now}
    await recovery.step(lambda books: withdrawals.keep(books, taken.model_copy(update=won)))
