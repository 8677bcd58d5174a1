"""Every way in which the recovery of an invoice ends, on real parts, and what becomes of the subscription and the access then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from billing import invoice_books, subscription_books
from billing.invoices import InvoiceState
from tests.workflows.billed import ALICE, PRICE_MINOR, Billed, billed
from tests.workflows.conftest import Processes
from workflows.dunning import DunningWorkflow
from workflows.dunning_messages import RetryNow, Until, Word

WORD = {"by": "alice", "because": "as the customer asked"}
TOLD_FORWARD = """
SELECT access FROM (SELECT *, max(since) OVER (ORDER BY number) AS latest FROM dunning_access) AS told
WHERE since = latest ORDER BY number
"""
"""The states of the access, but for what a late wake tells again: it begins the process anew by this machine's clock, a month earlier."""


@pytest.fixture
async def story(processes: Processes) -> AsyncIterator[Billed]:
    """A renewal that was declined for want of money, and is being recovered."""
    async with billed(processes) as found:
        await found.customer()
        await found.card_method("empty", "insufficient_funds")
        await found.subscribe()
        await found.begin()
        await found.until_dunned()
        yield found


async def ended(story: Billed) -> tuple[str, str | None]:
    """Let the last notices go out, and return why it ended and what brought the money."""
    with suppress(RPCError):  # it may have ended already
        await story.skip(story.dunning(), days=3)
    await story.until_completed()
    assert await story.differences() == []
    (row,) = await story.rows("SELECT reason, recovered_by FROM dunnings")
    return (row[0], row[1])


async def subscription_state(story: Billed) -> str:
    ((state,),) = await story.rows("SELECT state FROM subscriptions")
    return str(state)


async def test_paid_from_outside(story: Billed) -> None:
    """A bank transfer closes the invoice; no try follows, and the subscription goes on."""
    await story.pay(PRICE_MINOR)
    assert await ended(story) == ("paid", "outside")
    assert (await subscription_state(story), (await story.access())[-1]) == ("active", "active")
    assert len(await story.tries()) == 1


async def test_paid_in_part_only_the_rest_is_tried(story: Billed) -> None:
    """What came is not asked for again."""
    await story.pay(2000)
    story.card("pm_empty", "approved")
    await story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**WORD))
    await story.until_state(InvoiceState.PAID)
    assert await ended(story) == ("paid", "retry")
    assert [effect["amount_minor"] for effect in story.processes.effects("stripe", "capture")] == [PRICE_MINOR - 2000]


async def test_voided(story: Billed) -> None:
    """What is owed no more is not recovered, and nothing is taken away for it."""
    await story.step(lambda books: invoice_books.void(books, story.first, actor=ALICE, because="billed by mistake"))
    assert await ended(story) == ("voided", None)
    assert (await subscription_state(story), (await story.access())[-1]) == ("active", "active")


async def test_the_subscription_is_cancelled(story: Billed) -> None:
    """Who leaves is not asked any more."""
    await story.step(
        lambda books: subscription_books.cancel(
            books, story.name, at_period_end=False, now=datetime.now(UTC), actor=ALICE, because="the customer left"
        )
    )
    assert await ended(story) == ("subscription_cancelled", None)
    assert (await story.access())[-1] == "ended"


async def test_given_up(story: Billed) -> None:
    """A person ends it: what the policy has for the end is carried out, and no command is taken any more."""
    await story.dunning().execute_update(DunningWorkflow.give_up, Word(**WORD))
    assert await ended(story) == ("given_up", None)
    assert (await subscription_state(story), (await story.access())[-1]) == ("canceled", "ended")
    with pytest.raises((RPCError, WorkflowUpdateFailedError)):
        await story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**WORD))


async def test_nothing_helps_until_the_deadline(story: Billed) -> None:
    """All rungs are used, access is taken in steps, and at the deadline the subscription ends; the invoice stays open."""
    await story.skip(story.dunning(), days=31)
    assert (await ended(story))[0] in {"tries_used_up", "deadline"}
    assert await story.rows(TOLD_FORWARD) == [("grace",), ("limited",), ("suspended",), ("ended",)]
    assert await subscription_state(story) == "canceled"
    assert (await story.invoice()).state is InvoiceState.OPEN
    made = await story.tries()
    assert made[0] == ("empty", "first", "declined")
    assert 4 < len(made) <= 9
    assert {(purpose, status) for _, purpose, status in made[1:]} == {("rung", "declined")}
    ((counted, at_network),) = await story.rows("SELECT count(*), count(*) FILTER (WHERE at_network) FROM card_tries")
    assert counted == at_network == len(made)


async def test_a_persons_try_counts_at_the_network_and_is_no_rung(story: Billed) -> None:
    """It is made at once, whatever the schedule says; and the rungs are as many as before."""
    for _ in range(2):
        before = len(await story.tries())
        await story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**WORD))

        async def made(more: int = before + 1) -> bool | None:
            tries = await story.tries()
            return (len(tries) == more and tries[-1][2] == "declined") or None

        await story.until(made, "the try that was asked for is declined")
    assert [purpose for _, purpose, _ in await story.tries()] == ["first", "command", "command"]
    assert await story.rows("SELECT count(*) FROM invoice_tries WHERE is_rung") == [(0,)]
    assert await story.rows("SELECT count(*) FROM card_tries WHERE NOT is_approved AND is_decided") == [(3,)]


async def test_paused_and_resumed(story: Billed) -> None:
    """While it is paused nothing is tried and nothing taken away; who pauses and resumes is kept."""
    until = datetime.now(UTC) + timedelta(days=20)
    view = await story.dunning().execute_update(DunningWorkflow.pause, Until(until=until, **WORD))
    assert (view.next.kind, view.next.waiting_for) == ("wait", "pause")
    assert view.commanded is not None
    assert "alice" in view.commanded
    await story.skip(story.dunning(), days=17)
    assert (len(await story.tries()), await story.access()) == (1, ["grace"])
    view = await story.dunning().execute_update(DunningWorkflow.resume, Word(**WORD))
    assert view.next.kind == "try"
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.dunning().execute_update(DunningWorkflow.resume, Word(**WORD | {"because": "once more"}))
    assert "nothing" in str(refused.value.__cause__)
    assert await story.rows("SELECT kind, by FROM dunning_events ORDER BY event_seq") == [
        ("paused", "person:alice"),
        ("resumed", "person:alice"),
    ]


async def test_a_payment_that_arrives_while_a_try_is_in_flight(story: Billed) -> None:
    """Both come in; the customer has paid once, since what was too much is given back, once."""
    story.card("pm_empty", "approved")
    confirm = "/v1/payment_intents/*/confirm"
    story.processes.simulators["stripe"].add_fault(
        method="POST", path=confirm, when="before", action="delay", delay_seconds=1.5
    )
    await story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**WORD))

    async def begun() -> bool | None:
        return len(await story.tries()) == 2 or None

    await story.until(begun, "the try is under way")
    await story.pay(PRICE_MINOR)

    async def given_back() -> bool | None:
        refunds = story.processes.effects("stripe", "refund")
        return (len(refunds) == 1 and refunds[0]["amount_minor"] == PRICE_MINOR) or None

    await story.until(given_back, "the surplus is given back")
    assert (await ended(story))[0] == "paid"
    assert len(story.processes.effects("stripe", "capture")) == 1
    balances = await story.processes.balances()
    assert ("liability:customer_credit:cus_1", "USD") not in balances
    assert (await story.invoice()).state is InvoiceState.PAID


async def test_two_commands_at_once_begin_one_try(story: Billed) -> None:
    """Whoever comes second finds the try under way."""
    asked = [
        story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**WORD | {"because": f"asked by {number}"}))
        for number in range(5)
    ]
    await asyncio.gather(*asked, return_exceptions=True)

    async def decided() -> bool | None:
        made = await story.tries()
        return (len(made) >= 2 and made[-1][2] == "declined") or None

    await story.until(decided, "the try is decided")
    charged = await story.rows("SELECT charge_id, count(*) FROM operations GROUP BY charge_id")
    assert {count for _, count in charged} == {1}
