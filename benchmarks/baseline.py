"""What a charge is measured against: a bare workflow of one ordinary and one local activity, and one that does nothing.

It has no states, limits, messages or rules: what is left is what any payment over Temporal and PostgreSQL costs.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.baseline_payment import Payment, Taken
    from benchmarks.baseline_requests import GatewayRequests, do_nothing
    from benchmarks.baseline_rows import Rows

TASK_QUEUE = "baseline"
STEP_TIMEOUT = timedelta(seconds=30)


def gateway_queue(gateway: str) -> str:
    """Name the task queue of one gateway's requests: a charge's are on a queue of their own too."""
    return f"{TASK_QUEUE}-{gateway}"


@workflow.defn(name="Baseline")
class BaselineWorkflow:
    """The gateway requests of a charge with automatic capture, and its rows."""

    @workflow.run
    async def run(self, payment: Payment) -> Taken:
        """Take the money, then write it down."""
        taken = await workflow.execute_activity_method(
            GatewayRequests.take,
            payment,
            task_queue=gateway_queue(payment.gateway),
            start_to_close_timeout=STEP_TIMEOUT,
        )
        await workflow.execute_local_activity_method(
            Rows.write, args=(payment, taken), start_to_close_timeout=STEP_TIMEOUT
        )
        return taken


@workflow.defn(name="Nothing")
class NothingWorkflow:
    """The least that a workflow can do."""

    @workflow.run
    async def run(self) -> None:
        """Run one activity that does nothing."""
        await workflow.execute_activity(do_nothing, start_to_close_timeout=STEP_TIMEOUT)
