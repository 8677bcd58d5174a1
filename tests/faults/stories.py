"""What customers and merchants do while things go wrong; each story ends with what its callers were told.

A crash of ours never changes how a story ends; a fault of the gateway may make it end as a decline, which is told too.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus, ChargeView
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.refunds import RefundStatus
from tests.faults.evidence import Acknowledged
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CancelCommand, CaptureCommand, ConfirmCommand, VoidCommand

ACTOR = "person:tester"
BOTH = (PaymentMethod(gateway="stripe", token="pm_card_visa"), PaymentMethod(gateway="paypal", token="wallet_ok"))
LATE_SECONDS = 60
MANY_SKIPS = TimeSkippingConfig(max_session_skip_count=10_000)


@dataclass(frozen=True)
class Told:
    """The charge of a story, what its callers were told, and whether everything that they wished was done."""

    answer: Acknowledged
    as_wished: bool
    legs: tuple[Acknowledged, ...] | None = None
    """What they may rely on where a charge was taken in legs, each of which is a charge; None where it was not."""

    @property
    def answers(self) -> tuple[Acknowledged, ...]:
        """What is to be held against the books."""
        return (self.answer,) if self.legs is None else self.legs


Story = Callable[[Processes, str, str, random.Random], Coroutine[Any, Any, Told]]


async def automatic(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Charge at once."""
    request = processes.request(gateway, charge_id=charge_id, amount=amount(chance), invoice=invoice(chance))
    view = await processes.charge(request)
    return told_of(view, view.status is ChargeStatus.CAPTURED)


async def captured_and_refunded(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Authorize, capture a part or all, give a part or all of that back."""
    view = await authorized(processes, gateway, charge_id, chance)
    if view.status is not ChargeStatus.AUTHORIZED:
        return told_of(view, as_wished=False)
    command = CaptureCommand(amount_minor=_part(chance, view.authorized_minor), actor=ACTOR)
    view = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.capture, command)
    if view.status not in {ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED}:
        return told_of(view, as_wished=False)
    given_back = _part(chance, view.captured_minor)
    refund = await processes.refund(view.charge_id, f"re_{view.charge_id}", given_back)
    return told_of(view, refund.status is RefundStatus.SUCCEEDED)


async def voided(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Authorize and release."""
    view = await authorized(processes, gateway, charge_id, chance)
    if view.status is not ChargeStatus.AUTHORIZED:
        return told_of(view, as_wished=False)
    handle = processes.handle(view.charge_id)
    view = await handle.execute_update(ChargeWorkflow.void, VoidCommand(actor=ACTOR))
    return told_of(view, view.status is ChargeStatus.VOIDED)


async def confirmed(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Charge at once, and stand by it within the hour."""
    view = await processes.charge(_to_confirm(processes, gateway, charge_id, chance))
    if view.status is not ChargeStatus.CAPTURED:
        return told_of(view, as_wished=False)
    handle = processes.handle(charge_id)
    view = await handle.execute_update(ChargeWorkflow.confirm, ConfirmCommand(actor=ACTOR))
    return told_of(view, view.confirmed_at is not None)


async def called_off(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Charge at once, and call it off within the hour: everything is given back."""
    view = await processes.charge(_to_confirm(processes, gateway, charge_id, chance))
    if view.status is not ChargeStatus.CAPTURED:
        return told_of(view, as_wished=False)
    view = await processes.handle(charge_id).execute_update(ChargeWorkflow.cancel, CancelCommand(actor=ACTOR))
    return told_of(view, view.status is ChargeStatus.REFUNDED)


async def paid_twice_for_a_while(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Declined at one gateway and paid at another; then the first one has taken the money after all, and gives it back."""
    simulator = processes.simulators[gateway]
    first = f"{charge_id}:capture:1"
    simulator.add_fault(method="POST", operation=first, action="late_success", delay_seconds=LATE_SECONDS, times=1)
    wish: dict[str, Any] = {"charge_id": charge_id, "amount": amount(chance), "payment_methods": BOTH}
    request = processes.request(gateway, **wish).model_copy(update={"gateway": gateway})
    view = await processes.charge(request)
    if view.status is not ChargeStatus.CAPTURED or view.gateway == gateway:
        # A worker that is replaced reads again before it believes a no: it may see the late success, and never move on.
        return told_of(view, view.status is ChargeStatus.CAPTURED)
    if any(each.operation_id == first and each.outcome == "refused" for each in await processes.operations(charge_id)):
        return told_of(view, as_wished=True)  # it was given up before it was sent: nothing is late
    await asyncio.to_thread(simulator.advance_clock, LATE_SECONDS + 1)
    await pass_time(processes, await begun(processes, f"reconcile/{charge_id}"), timedelta(hours=2))
    while not any(each.compensates == first and each.is_decided for each in await processes.operations(charge_id)):
        await asyncio.sleep(0.2)
    return told_of(view, as_wished=True)


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (automatic, captured_and_refunded, voided, confirmed, called_off, paid_twice_for_a_while)
}


def amount(chance: random.Random) -> Money:
    """Draw an amount, in a currency with or without decimal places."""
    currency = chance.choice(["USD", "EUR", "JPY"])
    return Money(amount_minor=chance.randint(500, 500_000), currency=currency)


def invoice(chance: random.Random) -> str | None:
    """Draw whether the charge pays an invoice."""
    return f"in_{chance.randrange(10**6)}" if chance.random() < 0.5 else None


async def authorized(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> ChargeView:
    """Reserve an amount."""
    wish: dict[str, Any] = {"charge_id": charge_id, "amount": amount(chance), "invoice": invoice(chance)}
    request = processes.request(gateway, capture=CaptureMode.MANUAL, **wish)
    return await processes.charge(request)


async def begun(processes: Processes, workflow_id: str) -> WorkflowHandle[Any, Any]:
    """The process of this id, once there is one."""
    handle = processes.client.get_workflow_handle(workflow_id)
    while True:
        try:
            await handle.describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.2)
        else:
            return handle


async def pass_time(processes: Processes, process: WorkflowHandle[Any, Any], duration: timedelta) -> None:
    """Let the clock of a process run ahead."""
    await TimeSkipper(processes.client, config=MANY_SKIPS).fast_forward(process, duration)


def _to_confirm(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> ChargeRequest:
    by = datetime.now(UTC) + timedelta(hours=1)
    return processes.request(
        gateway, charge_id=charge_id, amount=amount(chance), invoice=invoice(chance), confirm_by=by
    )


def _part(chance: random.Random, whole: int) -> int:
    return whole if chance.random() < 0.5 else chance.randint(1, whole)


def told_of(view: ChargeView, as_wished: bool) -> Told:  # noqa: FBT001 # its name is in what is made of it
    """What the caller of a charge was told."""
    return Told(Acknowledged(view.charge_id, view.status.value, view.captured_minor), as_wished)
