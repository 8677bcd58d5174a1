"""The search for later facts of a charge as a Temporal workflow; `reconcile_process` is what it does.

Started by whoever left an attempt behind, and by webhooks about charges that have ended.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.hints import GatewayReported
    from workflows.reconcile_process import LateFacts
    from workflows.world import TemporalWorld


def workflow_id(charge_id: str) -> str:
    """Name the process that looks for later facts about a charge."""
    return f"reconcile/{charge_id}"


@workflow.defn(name="Reconcile")
class ReconcileWorkflow:
    """Later facts of one charge; workflow id `reconcile/{charge_id}`, the result is how many there were."""

    @workflow.init
    def __init__(self, charge_id: str) -> None:
        self._facts = LateFacts(charge_id, TemporalWorld())
        self._facts.on_fact = self._show  # type: ignore[method-assign] # the place that it keeps for that
        self._facts.on_refusal = self._log_refusal  # type: ignore[method-assign] # as above
        self._facts.on_looked = self._begin_anew_when_full  # type: ignore[method-assign] # as above

    @workflow.signal
    def gateway_reported(self, hint: GatewayReported) -> None:  # noqa: ARG002 # nothing of it is believed
        """Something happened at the gateway: read it again now instead of later."""
        self._facts.hinted = True

    @workflow.run
    async def run(self, charge_id: str) -> int:  # noqa: ARG002 # the initializer has it
        """Look for later facts; see reconcile_process."""
        await self._facts.run()
        return self._facts.count

    def _show(self, words: str) -> None:
        workflow.set_current_details(words)

    def _log_refusal(self, operation_id: str) -> None:
        workflow.logger.error("compensation.refused", extra={"operation_id": operation_id})

    def _begin_anew_when_full(self, charge_id: str) -> None:
        if workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(charge_id)
