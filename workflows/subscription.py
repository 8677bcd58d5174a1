"""The subscription as a Temporal workflow: each period it issues the invoice and collects it; what fails it hands to dunning.

All that it knows is in PostgreSQL; each period is a run of its own, so that it may last for years.
"""

from datetime import datetime, timedelta

from pydantic import ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.dunning_messages import Moment
    from activities.subscription_books import SubscriptionBooks
    from activities.subscription_messages import SubscriptionMoment, SubscriptionView, Turn
    from billing.try_books import COLLECTS
    from workflows import dunning, ledger_steps
    from workflows.collecting import Collecting
    from workflows.sending import Sending
    from workflows.world import TemporalWorld, start_beside

SHORTEST_WAIT = timedelta(seconds=1)


def workflow_id(subscription_id: str) -> str:
    """Name the process of a subscription."""
    return f"subscription/{subscription_id}"


@workflow.defn(name="Subscription", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class SubscriptionWorkflow:
    """One subscription; workflow id `subscription/{subscription_id}`, result and status are a SubscriptionView."""

    @workflow.init
    def __init__(self, subscription_id: str) -> None:
        self._subscription_id = subscription_id
        self._woken = False
        self._view: SubscriptionView | None = None
        self._collecting = Collecting(COLLECTS, self.look_again)
        self._sending = Sending(self.look_again)

    @workflow.run
    async def run(self, subscription_id: str) -> SubscriptionView:
        """Bill and collect, period by period, until it is canceled."""
        while True:
            turn = await self._look()
            if turn.is_over:
                return turn.view
            for notice in turn.expiring:
                self._sending.send(notice)
            if turn.issue is not None:
                await ledger_steps.run(SubscriptionBooks.issue, turn.issue, f"issue invoice {turn.issue}")
                continue
            if turn.collect is not None and await self._collect(turn.collect):
                continue
            await self._wait(turn.wake_at)
            if workflow.now() >= turn.period_ends_at and workflow.all_handlers_finished() and self._sending.is_idle:
                workflow.continue_as_new(subscription_id)

    @workflow.query
    def status(self) -> SubscriptionView | None:
        """How the subscription stands; None before the first look."""
        return self._view

    @workflow.signal
    def look_again(self) -> None:
        """Something has happened: ask the books."""
        self._woken = True

    async def _look(self) -> Turn:
        self._woken = False
        moment = SubscriptionMoment(subscription_id=self._subscription_id, now=workflow.now())
        turn = await ledger_steps.run(SubscriptionBooks.turn, moment, "what is to be done now")
        self._view = turn.view
        workflow.set_current_details(
            f"**{turn.view.state}**: {turn.view.plan}, {turn.view.price}, period {turn.view.period}"
        )
        return turn

    async def _collect(self, invoice_id: str) -> bool:
        """Take the step that an invoice's first collection needs; whether there may be another step at once."""
        moment = Moment(invoice_id=invoice_id, now=workflow.now())
        collected = await ledger_steps.run(SubscriptionBooks.collect, moment, f"collect invoice {invoice_id}")
        if collected.surplus is not None:
            await self._collecting.pay_back(collected.surplus)
        if collected.in_dunning:
            await self._hand_over(invoice_id, collected.why)
        if collected.charge is not None:
            await self._collecting.charge(collected.charge)
        return collected.charge is None

    async def _hand_over(self, invoice_id: str, why: str) -> None:
        """Start the process that recovers the invoice; it goes on when this one ends."""
        await start_beside("Dunning", invoice_id, dunning.workflow_id(invoice_id), f"invoice {invoice_id}: {why}")

    async def _wait(self, until: datetime) -> None:
        """Wait on a durable timer, or for a wake."""
        left = max(until - workflow.now(), SHORTEST_WAIT)
        await TemporalWorld().wait(lambda: self._woken, left, "until the next period begins")
