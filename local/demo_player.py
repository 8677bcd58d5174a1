"""Plays the demo's scenario against the running processes, as a shop and its customers would, many charges at once."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from ledger.charges import ChargeRequest, ChargeView
from ledger.refunds import RefundRequest, RefundView
from local.demo_customer import act
from local.demo_scenario import PlannedCharge, PlannedStep
from local.demo_stories import Act
from workflows import charge, refund
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import AwaitDecision, CaptureCommand, VoidCommand
from workflows.refund import AwaitRefundDecision, RefundWorkflow

IN_FLIGHT = 20
CHARGE_SECONDS = 60.0
WAREHOUSE = "person:warehouse"
SUPPORT = "person:support"


class Player:
    """Plays charges over one connection to Temporal."""

    def __init__(self, client: Client, task_queue: str) -> None:
        """`task_queue` is that of the workflows."""
        self._client = client
        self._task_queue = task_queue

    async def play(
        self, plan: Sequence[PlannedCharge], on_played: Callable[[PlannedCharge], None] = lambda _: None
    ) -> dict[str, str]:
        """Play all charges, some at a time; returns what went wrong, by charge id."""
        free = asyncio.Semaphore(IN_FLIGHT)
        troubles: dict[str, str] = {}

        async def play_one(planned: PlannedCharge) -> None:
            async with free:
                trouble = await self._trouble(planned)
            if trouble is not None:
                troubles[planned.charge_id] = trouble
            on_played(planned)

        await asyncio.gather(*(play_one(planned) for planned in plan))
        return troubles

    async def _trouble(self, planned: PlannedCharge) -> str | None:
        deadline = asyncio.timeout(CHARGE_SECONDS)
        try:
            async with deadline:
                await self._play(planned)
        except Exception as error:  # noqa: BLE001 # one charge's trouble is shown, and the others go on
            # The SDK makes an error of its own of a request that was given up, so the error does not tell.
            return f"had not come to its end after {CHARGE_SECONDS:g} s" if deadline.expired() else _in_words(error)
        return None

    async def _play(self, planned: PlannedCharge) -> None:
        view = await self._start(planned.request)
        refunds = 0
        for step in planned.steps:
            match step.act:
                case Act.AUTHENTICATE | Act.FAIL_AUTHENTICATION:
                    await self._authenticate(view, succeed=step.act is Act.AUTHENTICATE)
                case Act.CAPTURE:
                    command = CaptureCommand(amount_minor=step.amount_minor, actor=WAREHOUSE)
                    await self._process(planned).execute_update(ChargeWorkflow.capture, command)
                case Act.VOID:
                    await self._process(planned).execute_update(ChargeWorkflow.void, VoidCommand(actor=WAREHOUSE))
                case Act.REFUND:
                    refunds += 1
                    await self._refund(planned, step, f"{planned.charge_id}-refund-{refunds}")

    async def _start(self, request: ChargeRequest) -> ChargeView:
        """Start a charge and wait for its decision, or for the customer's next step, in one request."""
        start = WithStartWorkflowOperation(
            ChargeWorkflow.run,
            request,
            id=charge.workflow_id(request.charge_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{request.amount} from {request.customer}",
        )
        decision = AwaitDecision(content_hash=request.content_hash())
        return await self._client.execute_update_with_start_workflow(
            ChargeWorkflow.await_decision, decision, start_workflow_operation=start
        )

    async def _authenticate(self, view: ChargeView, *, succeed: bool) -> None:
        """Send the customer to the page where they authenticate, and wait for the decision that follows."""
        if view.action_url is None:
            raise LookupError(f"the customer was not asked to authenticate: the charge is {view.status}")
        process: WorkflowHandle[ChargeWorkflow, ChargeView] = self._client.get_workflow_handle_for(
            ChargeWorkflow.run, charge.workflow_id(view.charge_id)
        )
        # Asked before the customer acts: afterwards the process may have ended before the question arrives.
        decision = await process.start_update(
            ChargeWorkflow.await_decision,
            AwaitDecision(through_action=True),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        )
        await asyncio.to_thread(act, view.action_url, succeed=succeed)
        await decision.result()

    async def _refund(self, planned: PlannedCharge, step: PlannedStep, refund_id: str) -> RefundView:
        request = RefundRequest(
            refund_id=refund_id,
            charge_id=planned.charge_id,
            amount_minor=step.amount_minor,
            reason="requested_by_customer",
            actor=SUPPORT,
        )
        start = WithStartWorkflowOperation(
            RefundWorkflow.run,
            request,
            id=refund.workflow_id(refund_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"refund of {planned.charge_id}",
        )
        return await self._client.execute_update_with_start_workflow(
            RefundWorkflow.await_decision, AwaitRefundDecision(), start_workflow_operation=start
        )

    def _process(self, planned: PlannedCharge) -> WorkflowHandle[ChargeWorkflow, ChargeView]:
        return self._client.get_workflow_handle_for(ChargeWorkflow.run, charge.workflow_id(planned.charge_id))


def _in_words(error: BaseException) -> str:
    """Say the innermost reason, without the layers through which it came."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error) or repr(error)).partition("\n")[0]
