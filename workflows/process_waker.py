"""Wakes processes: what happened to what they follow was written down in the same transaction, so that nothing is missed.

A process that is not there is started. What a charge collected is applied to its invoice here, whoever started the charge.
"""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from billing import payment_books, wakes
from billing.errors import BillingError
from billing.wakes import Process, Wake
from ledger.database import OUTAGES, Database, outage_reason
from ledger.errors import LedgerError
from workflows import dunning, subscription

log = structlog.get_logger()

ACTOR = "process:waker"
BATCH = 50
"""Delivered side by side, and soon over: while they are, a transaction is open that PostgreSQL ends after five idle seconds."""
DELIVERED_WITHIN = timedelta(seconds=3)
IDLE_SECONDS = 0.5
OUTAGE_SECONDS = 5.0
NEVER_TAKEN = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.OUT_OF_RANGE})
"""What Temporal says of a wake that it will not take however often it is asked."""
PROCESSES = {
    Process.SUBSCRIPTION: ("Subscription", subscription.workflow_id),
    Process.DUNNING: ("Dunning", dunning.workflow_id),
}


class ProcessWaker:
    """Takes wakes from the outbox; any number of wakers may run beside each other."""

    def __init__(self, database: Database, client: Client, task_queue: str) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue

    async def run(self) -> None:
        """Wake whom there is to wake, until cancelled; nothing that a server does ends it."""
        while True:
            pause_seconds = 0.0
            try:
                if not await self.wake_due():
                    pause_seconds = IDLE_SECONDS
            except OUTAGES as error:
                pause_seconds = OUTAGE_SECONDS
                log.warning("waker.database_away", reason=outage_reason(error))
            except RPCError as error:
                pause_seconds = OUTAGE_SECONDS
                log.warning("waker.temporal_away", reason=str(error))
            except Exception:
                pause_seconds = OUTAGE_SECONDS
                log.exception("waker.defect")
            await asyncio.sleep(pause_seconds)

    async def wake_due(self) -> int:
        """Wake a batch; returns how many that were. Wakes are gone only after they were delivered, all of them."""
        async with self._database.begin() as connection:
            taken = await wakes.take(connection, BATCH)
            delivered = await asyncio.gather(*(self._deliver(wake) for wake in taken), return_exceptions=True)
            for error in delivered:
                if error is not None:
                    raise error
        return len(taken)

    async def _deliver(self, wake: Wake) -> None:
        if wake.process is Process.CHARGE:
            await self._apply(wake.subject)
            return
        name, workflow_id = PROCESSES[wake.process]
        try:
            await self._client.start_workflow(
                name,
                wake.subject,
                id=workflow_id(wake.subject),
                task_queue=self._task_queue,
                start_signal="look_again",
                rpc_timeout=DELIVERED_WITHIN,
            )
        except RPCError as error:
            if error.status not in NEVER_TAKEN:
                raise
            # It would stand in the way of all others for ever; the process looks again at its own next moment.
            log.exception("waker.not_taken", process=wake.process, subject=wake.subject)

    async def _apply(self, charge_id: str) -> None:
        """Apply what a charge collected, in a transaction of its own; what is refused is told, and not tried again."""
        try:
            async with self._database.begin() as connection:
                await payment_books.apply_charge(connection, charge_id, actor=ACTOR)
        except (BillingError, LedgerError) as error:
            log.warning("waker.not_applied", charge_id=charge_id, reason=str(error))
