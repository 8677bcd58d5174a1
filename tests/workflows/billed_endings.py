"""Every way in which a subscription, or the dunning of an invoice, can end; each returns the id of its process.

Nobody wakes them but what they wait for themselves and what is told here, and the first payment is due at midnight: so their
steps come in one order, at whatever time of the day this is played.
"""

import itertools
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.testing import TimeSkipper

from billing import subscription_books
from billing.invoices import InvoiceState
from tests.workflows.billed import ALICE, MANY_SKIPS, PRICE_MINOR, Billed
from tests.workflows.conftest import Processes
from workflows.dunning import DunningWorkflow
from workflows.dunning_messages import RetryNow, Until, Word
from workflows.subscription import SubscriptionWorkflow

NO_MONEY = "insufficient_funds"
SAID = {"by": "alice", "because": "the customer called"}
_numbers = itertools.count(1)


async def subscription_canceled(processes: Processes) -> str:
    """Its first period was paid, and it was cancelled."""
    story = await _begun(processes, "approved")
    await story.until_state(InvoiceState.PAID)
    return await _canceled(story)


async def subscription_renewed(processes: Processes) -> str:
    """Two periods were paid; this is the run of the second one."""
    story = await _begun(processes, "approved")
    await story.until_state(InvoiceState.PAID)
    await _until_idle(story)
    await story.skip(story.subscription(), days=31)
    await story.until_state(InvoiceState.PAID, story.period(1))
    return await _canceled(story)


async def subscription_handed_over(processes: Processes) -> str:
    """Its payment was declined, so that dunning took over; then it was cancelled."""
    story = await _begun(processes, NO_MONEY)
    await story.until_dunned()
    return await _canceled(story)


async def dunning_recovered(processes: Processes) -> str:
    """Paid by a rung of the policy."""
    return await _over(await _dunned(processes, NO_MONEY, "approved"))


async def dunning_recovered_by_a_new_method(processes: Processes) -> str:
    """Paid by another card, at once."""
    story = await _dunned(processes, NO_MONEY)
    await story.card_method(f"{story.name}_other", "approved")
    await story.dunning().signal(DunningWorkflow.look_again)
    await story.until_state(InvoiceState.PAID)
    return await _over(story)


async def dunning_commanded(processes: Processes) -> str:
    """Paused, resumed, and paid when a person had it tried."""
    story = await _dunned(processes, NO_MONEY, "approved")
    later = datetime.now(UTC) + timedelta(days=3)
    await story.dunning().execute_update(DunningWorkflow.pause, Until(until=later, **SAID))
    await story.dunning().execute_update(DunningWorkflow.resume, Word(**SAID))
    await story.dunning().execute_update(DunningWorkflow.retry_now, RetryNow(**SAID))
    await story.until_state(InvoiceState.PAID)
    return await _over(story)


async def dunning_given_up(processes: Processes) -> str:
    """A person gave it up, so that its end was carried out."""
    story = await _dunned(processes, NO_MONEY)
    await story.dunning().execute_update(DunningWorkflow.give_up, Word(**SAID))
    return await _over(story)


async def dunning_ended_unpaid(processes: Processes) -> str:
    """Declined until the deadline; the subscription was cancelled."""
    return await _over(await _dunned(processes, NO_MONEY))


async def dunning_written_off(processes: Processes) -> str:
    """Declined until the deadline, by the policy that writes it off and pauses the subscription."""
    return await _over(await _dunned(processes, NO_MONEY, type="company"))


async def dunning_paid_from_outside(processes: Processes) -> str:
    """Paid by a transfer."""
    story = await _dunned(processes, NO_MONEY)
    await story.pay(PRICE_MINOR, f"{story.name}_paid")
    await story.dunning().signal(DunningWorkflow.look_again)
    return await _over(story)


async def dunning_of_a_canceled_subscription(processes: Processes) -> str:
    """The customer left."""
    story = await _dunned(processes, NO_MONEY)
    await _cancel(story)
    await story.dunning().signal(DunningWorkflow.look_again)
    return await _over(story)


BILLED_ENDINGS: dict[str, Callable[[Processes], Awaitable[str]]] = {
    story.__name__: story
    for story in (
        subscription_canceled,
        subscription_renewed,
        subscription_handed_over,
        dunning_recovered,
        dunning_recovered_by_a_new_method,
        dunning_commanded,
        dunning_given_up,
        dunning_ended_unpaid,
        dunning_written_off,
        dunning_paid_from_outside,
        dunning_of_a_canceled_subscription,
    )
}


async def _begun(processes: Processes, *answers: str, **customer: Any) -> Billed:
    """A subscription that begins at midnight, and now is midnight."""
    name = f"sub_ending_{os.getpid()}_{next(_numbers)}"
    story = Billed(processes, name, f"cus_{name}")
    await story.customer("UTC", **customer)
    await story.card_method(f"{name}_card", *answers)
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    await story.subscribe(starts_on=midnight.date())
    process = await story.begin()
    await _until_idle(story)
    skipper = TimeSkipper(processes.client, config=MANY_SKIPS)
    await skipper.fast_forward(process, midnight - await skipper.get_current_time(process) + timedelta(seconds=1))
    return story


async def _dunned(processes: Processes, *answers: str, **customer: Any) -> Billed:
    story = await _begun(processes, *answers, **customer)
    await story.until_dunned()
    return story


async def _over(story: Billed) -> str:
    await story.dunning().query(DunningWorkflow.status)  # no day passes before it has done what it was told
    await story.pass_days()
    await story.until_over()
    return str(story.dunning().id)


async def _canceled(story: Billed) -> str:
    await _until_idle(story)
    await _cancel(story)
    await story.subscription().signal(SubscriptionWorkflow.look_again)
    await story.subscription().result()
    return str(story.subscription().id)


async def _cancel(story: Billed) -> None:
    said: dict[str, Any] = {"at_period_end": False, "now": datetime.now(UTC), "actor": ALICE, "because": "they left"}
    await story.step(lambda books: subscription_books.cancel(books, story.name, **said))


async def _until_idle(story: Billed) -> None:
    """A query is answered after the steps that are under way."""
    for _ in range(2):
        await story.subscription().query(SubscriptionWorkflow.status)
