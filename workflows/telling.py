"""Who gets a hint: the process that is open, as a signal; the one that looks for later facts, where none is or it has gone on."""

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows import charge, reconcile, refund
from workflows.hints import GatewayReported
from workflows.reconcile import ReconcileWorkflow


async def tell(
    client: Client,
    task_queue: str,
    charge_id: str,
    refund_id: str | None,
    hint: GatewayReported,
    *,
    is_later: bool = False,
) -> str:
    """Hand a hint to the process that it concerns; returns that process's workflow id.

    What `is_later` concerns nobody but the search for later facts, also while the charge's process is open: that may be
    for weeks. A refund looks for its own. Raises RPCError where Temporal cannot take it now: the hint is then to be kept
    and given again.
    """
    if refund_id is not None or not is_later:
        open_process = charge.workflow_id(charge_id) if refund_id is None else refund.workflow_id(refund_id)
        try:
            await client.get_workflow_handle(open_process).signal("gateway_reported", hint)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            return open_process
    later = reconcile.workflow_id(charge_id)
    await client.start_workflow(
        ReconcileWorkflow.run,
        charge_id,
        id=later,
        task_queue=task_queue,
        start_signal="gateway_reported",
        start_signal_args=[hint],
    )
    return later
