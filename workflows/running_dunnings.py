"""Tells Prometheus how many recoveries run, by their stage: the work list of the Temporal Web UI, counted.

Each worker that serves metrics tells the same numbers, since all ask the same server: take the greatest, and add none.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from activities.dunning_messages import NextKind
from workflows.search_attributes import DUNNING_STAGE

log = structlog.get_logger()

RUNNING = "quittance_dunnings_running"
DESCRIPTION = "Recoveries of invoices that run, by stage"
PAUSE_SECONDS = 30.0


class Gauge(Protocol):
    """Where a number is told."""

    def set(self, value: int, additional_attributes: Mapping[str, str] | None = None) -> None:
        """Tell it, with its labels."""
        ...


async def follow(client: Client, runtime: Runtime | None) -> None:
    """Count for as long as the worker runs; without metrics there is nobody to tell."""
    if runtime is not None:
        await RunningDunnings(client, runtime.metric_meter.create_gauge(RUNNING, DESCRIPTION)).run()


class RunningDunnings:
    """Counts them every half minute."""

    def __init__(self, client: Client, gauge: Gauge) -> None:
        self._client = client
        self._gauge = gauge

    async def run(self) -> None:
        """Count until cancelled; nothing that the server does ends it."""
        while True:
            try:
                await self.tell()
            except RPCError as error:
                log.warning("dunnings.not_counted", reason=str(error).partition("\n")[0])
            await asyncio.sleep(PAUSE_SECONDS)

    async def tell(self) -> None:
        """Count once."""
        for stage in NextKind:
            query = f"WorkflowType = 'Dunning' AND ExecutionStatus = 'Running' AND {DUNNING_STAGE.name} = '{stage}'"
            found = await self._client.count_workflows(query)
            self._gauge.set(found.count, {"stage": stage})
