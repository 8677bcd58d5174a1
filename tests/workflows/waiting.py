"""What tests that wait for processes share: what to say of one that does not go on, and whether the wait was called off."""

import asyncio
from typing import Any

from temporalio.service import RPCError


async def standing(process: Any) -> str:
    """Say its status, its tasks that wait or fail, and how long its history is."""
    try:
        found = await process.describe()
    except RPCError as error:
        return f"nobody knows how it stands: {error}"
    raw = found.raw_description
    said = [f"{found.status.name} with {found.history_length} events"]
    if raw.HasField("pending_workflow_task"):
        said.append(f"its task was tried {raw.pending_workflow_task.attempt} times")
    said += [
        f"{step.activity_type.name} was tried {step.attempt} times: {step.last_failure.message or 'no failure'}"
        for step in raw.pending_activities
    ]
    said += [f"{child.workflow_id} is under way" for child in raw.pending_children]
    return "; ".join(said)


def is_called_off() -> bool:
    """Whether this task is being cancelled: the SDK hides that in an error of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
