"""What the processes of a subscription and of dunning have in common: they collect by charges, and give back what was too much.

Charges and refunds are processes of their own, which go on when the one that started them ends.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError

from activities.dunning_books import DunningBooks, surplus_refund
from activities.dunning_messages import Surplus, WithdrawTry
from ledger.charges import ChargeRequest
from ledger.refunds import RefundRequest
from workflows import ledger_steps
from workflows.world import TemporalWorld, start_beside

SURPLUS = "it was paid twice over: what is owed was paid otherwise meanwhile"


class Collecting:
    """The charges and refunds that one process has started."""

    def __init__(self, actor: str, wake: Callable[[], None]) -> None:
        self._actor = actor
        self._wake = wake
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def follows(self, charge_id: str) -> bool:
        """Whether this run awaits the charge."""
        return charge_id in self._under_way

    async def charge(self, request: ChargeRequest) -> None:
        """Start a charge, or leave it be where it is under way; whoever waits is woken when it has ended."""
        if self.follows(request.charge_id):
            return
        summary = f"{request.amount} of invoice {request.invoice}"
        child = await start_beside("Charge", request, f"charge/{request.charge_id}", summary)
        if child is not None:  # else the books tell when it is decided
            self._under_way[request.charge_id] = asyncio.create_task(self._follow(request.charge_id, child))

    async def _follow(self, charge_id: str, child: "workflow.ChildWorkflowHandle[Any, Any]") -> None:
        try:
            await child
        except ChildWorkflowError as error:
            await self._never_came_to_be(charge_id, error)
        finally:
            del self._under_way[charge_id]
            self._wake()

    async def _never_came_to_be(self, charge_id: str, error: ChildWorkflowError) -> None:
        """A charge fails only before anything of it was written, and no gateway has heard of it then."""
        because = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause or error)
        withdrawn = WithdrawTry(charge_id=charge_id, because=because)
        try:
            await ledger_steps.run(DunningBooks.withdraw_try, withdrawn, f"withdraw the try: {because}"[:200])
        except ApplicationError as refused:
            workflow.logger.warning("collecting.not_withdrawn", extra={"charge_id": charge_id, "why": refused.message})

    async def pay_back(self, surplus: Surplus) -> None:
        """Start the refund of what a charge collected too much."""
        request = RefundRequest(
            refund_id=surplus_refund(surplus.charge_id),
            charge_id=surplus.charge_id,
            amount_minor=surplus.money.amount_minor,
            reason=SURPLUS,
            actor=self._actor,
        )
        await TemporalWorld().start_refund(request)
