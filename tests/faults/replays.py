"""I9: every history of a run replays with today's code."""

from collections.abc import AsyncIterator

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import worker
from tests.faults.invariants import Violation
from tests.faults.registry import registered


async def unreplayable(client: Client, task_queue: str | None = None) -> list[Violation]:
    """Replay all histories, or those of one task queue; what does not replay is a violation."""
    query = f"TaskQueue = '{task_queue}'" if task_queue else None

    async def histories() -> AsyncIterator[WorkflowHistory]:
        async for execution in client.list_workflows(query):
            yield await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()

    replayer = Replayer(workflows=registered(worker).workflows, data_converter=pydantic_data_converter)
    results = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    return [Violation("I9", None, f"{run}: {failure}") for run, failure in results.replay_failures.items()]
