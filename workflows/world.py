"""What the processes need of the world around them: time, the books, the gateways.

Under Temporal this is `TemporalWorld`; the simulation of a charge brings one of its own, with virtual time.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.gateway_calls import Watched
from gateways.port import OperationRequest, Outcome, Withdrawal
from ledger.charges import ChargeRequest
from ledger.refunds import RefundRequest
from workflows import gateway_steps, ledger_steps
from workflows.gateway_steps import NotKnown, Woken

Input = TypeVar("Input")
Result = TypeVar("Result")
Wake = Callable[[], bool]


class World(Protocol):
    """Time, the books, the gateways. A ledger step that is refused raises ApplicationError."""

    def now(self) -> datetime:
        """Tell the time."""
        ...

    async def wait(self, wake: Wake, timeout: timedelta | None, summary: str) -> bool:
        """Wait until woken; False where the time is over first. None waits for ever."""
        ...

    async def ledger(self, step: Callable[[Any, Input], Awaitable[Result]], message: Input, summary: str) -> Result:
        """Run a ledger step to its end."""
        ...

    async def ask(self, operation: OperationRequest) -> Outcome | NotKnown:
        """Perform an operation at its gateway, under its key, until an answer or the end of the budget."""
        ...

    async def read(self, operation: OperationRequest) -> Outcome | NotKnown | None:
        """Read once what became of an operation; None where the gateway shows no trace of it."""
        ...

    async def withdrawals(self, capture: OperationRequest) -> tuple[Withdrawal, ...] | NotKnown:
        """Read once what the gateway took back of a capture by itself."""
        ...

    async def watch(
        self, operation: OperationRequest, watched: Watched, timeout: timedelta, summary: str, wake: Wake
    ) -> Outcome | NotKnown | Woken | None:
        """Look an operation up until what is watched for has happened; None where it has not in time."""
        ...

    async def start_refund(self, request: RefundRequest) -> None:
        """Start the process of a refund; one that runs already goes on."""
        ...

    async def start_reconcile(self, charge_id: str) -> None:
        """Have somebody look for later facts when this process has ended."""
        ...

    def is_full(self) -> bool:
        """Tell whether the record of this process has grown so long that it should begin anew, and nobody waits for it."""
        ...

    def begin_anew(self, request: ChargeRequest) -> NoReturn:
        """Leave this run for a new one, which finds the charge in the books as it stands."""
        ...

    def patched(self, change: str) -> bool:
        """Tell whether this run began with the code of a change of the command sequence."""
        ...


class TemporalWorld:
    """The world as a workflow sees it."""

    def now(self) -> datetime:
        """Tell the time of the workflow."""
        return workflow.now()

    async def wait(self, wake: Wake, timeout: timedelta | None, summary: str) -> bool:
        """Wait on a durable timer."""
        try:
            await workflow.wait_condition(wake, timeout=timeout, timeout_summary=summary)
        except TimeoutError:
            return False
        return True

    async def ledger(self, step: Callable[[Any, Input], Awaitable[Result]], message: Input, summary: str) -> Result:
        """Run a local activity."""
        return await ledger_steps.run(step, message, summary)

    async def ask(self, operation: OperationRequest) -> Outcome | NotKnown:
        """Run an activity on the gateway's task queue."""
        return await gateway_steps.ask(operation)

    async def read(self, operation: OperationRequest) -> Outcome | NotKnown | None:
        """Run an activity on the gateway's task queue, once."""
        return await gateway_steps.read(operation)

    async def withdrawals(self, capture: OperationRequest) -> tuple[Withdrawal, ...] | NotKnown:
        """Run an activity on the gateway's task queue, once."""
        return await gateway_steps.withdrawals(capture)

    async def watch(
        self, operation: OperationRequest, watched: Watched, timeout: timedelta, summary: str, wake: Wake
    ) -> Outcome | NotKnown | Woken | None:
        """Run an activity whose retries are the poll."""
        return await gateway_steps.watch(operation, watched, timeout, summary, wake)

    async def start_refund(self, request: RefundRequest) -> None:
        """Start a child that outlives this process and signals it."""
        await start_beside("Refund", request, f"refund/{request.refund_id}")

    async def start_reconcile(self, charge_id: str) -> None:
        """Start a child that outlives this process."""
        await start_beside("Reconcile", charge_id, f"reconcile/{charge_id}")

    def is_full(self) -> bool:
        """Ask the server, which counts the events."""
        return workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished()

    def begin_anew(self, request: ChargeRequest) -> NoReturn:
        """Continue as new."""
        workflow.continue_as_new(request)

    def patched(self, change: str) -> bool:
        """Ask the history."""
        return workflow.patched(change)


async def start_beside(
    name: str, message: object, workflow_id: str, summary: str | None = None
) -> "workflow.ChildWorkflowHandle[Any, Any] | None":
    """Start a child that outlives this process; None where somebody has started it before, or an earlier run has."""
    try:
        return await workflow.start_child_workflow(
            name,
            message,
            id=workflow_id,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=summary,
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("process.runs_already", extra={"process": workflow_id})
        return None
