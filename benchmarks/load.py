"""Starts charges and baseline workflows, one at a time or many in flight, from this process to the running system.

Charges start as the command line starts them: the process and the question for its decision in one request.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from benchmarks import baseline
from benchmarks.baseline import BaselineWorkflow, NothingWorkflow
from benchmarks.baseline_payment import Payment
from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from local.system import System
from settings import Settings
from workflows.charge import ChargeWorkflow, workflow_id
from workflows.charge_commands import AwaitDecision
from workflows.client import connect

GATEWAYS = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}
"""Each gateway's payment method that is never declined."""
AMOUNT = Money(amount_minor=4999, currency="USD")
CUSTOMER = "cus_benchmark"
DECIDED = {CaptureMode.AUTOMATIC: ChargeStatus.CAPTURED, CaptureMode.MANUAL: ChargeStatus.AUTHORIZED}

One = Callable[[], Awaitable[object]]
"""Starts one and returns when it is decided; raises where it is not decided as it should be."""


@dataclass(frozen=True)
class Load:
    """What can be started; made by `connected`."""

    settings: Settings
    ours: Client
    plain: Client
    """Without our data converter, as a bare workflow would have it."""

    async def charge(self, gateway: str, capture: CaptureMode = CaptureMode.AUTOMATIC) -> str:
        """Start a charge and wait for its decision; returns its id."""
        request = ChargeRequest(
            charge_id=_new_id(),
            amount=AMOUNT,
            customer=CUSTOMER,
            payment_methods=(PaymentMethod(gateway=gateway, token=GATEWAYS[gateway]),),
            capture=capture,
            actor="benchmark",
        )
        start = WithStartWorkflowOperation(
            ChargeWorkflow.run,
            request,
            id=workflow_id(request.charge_id),
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{request.amount} from {request.customer}",
        )
        view = await self.ours.execute_update_with_start_workflow(
            ChargeWorkflow.await_decision,
            AwaitDecision(content_hash=request.content_hash()),
            start_workflow_operation=start,
        )
        if view.status is not DECIDED[capture]:
            raise AssertionError(f"charge {view.charge_id} is {view.status}: {view.message}")
        return view.charge_id

    async def baseline(self, gateway: str) -> str:
        """Run the baseline's workflow; returns the charge id that its rows have."""
        payment = Payment(
            charge_id=_new_id(),
            gateway=gateway,
            token=GATEWAYS[gateway],
            amount_minor=AMOUNT.amount_minor,
            currency=AMOUNT.currency,
            customer=CUSTOMER,
        )
        await self.plain.execute_workflow(
            BaselineWorkflow.run, payment, id=f"baseline/{payment.charge_id}", task_queue=baseline.TASK_QUEUE
        )
        return payment.charge_id

    async def nothing(self) -> None:
        """Run the workflow of one activity that does nothing."""
        await self.plain.execute_workflow(
            NothingWorkflow.run, id=f"nothing/{_new_id()}", task_queue=baseline.TASK_QUEUE
        )


async def connected(system: System) -> Load:
    """Connect to the running system, whose gateways send no events: what those cost is a bench of its own."""
    for simulator in (system.stripe, system.paypal):
        simulator.configure(webhooks="drop")
    values = {name.lower(): value for name, value in system.ports.settings().items()}
    settings = Settings.model_validate(values)
    plain = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    return Load(settings, await connect(settings), plain)


async def many(one: One, count: int, in_flight: int) -> float:
    """Do something `count` times with at most `in_flight` at once; returns the seconds that all took."""
    free = asyncio.Semaphore(in_flight)

    async def when_free() -> None:
        async with free:
            await one()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(when_free())
    return time.perf_counter() - started


async def timed(one: One) -> float:
    """Do something once; returns the seconds that it took."""
    started = time.perf_counter()
    await one()
    return time.perf_counter() - started


def _new_id() -> str:
    return f"ch_{uuid.uuid4().hex}"
