"""Replays recorded histories with today's code: what the proof asks of the processes' code itself, and of nothing else."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import workflows

LONGEST_REASON = 300


async def failures(histories: AsyncIterator[WorkflowHistory]) -> AsyncIterator[tuple[str, str | None]]:
    """Replay each history; tells the id of each process, and why its history did not replay, or None."""
    # Without the sandbox, which loads the processes anew for each history: it holds workers to determinism while they
    # run, and says nothing of whether a history replays.
    replayer = Replayer(
        workflows=process_classes(),
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    with _quiet():
        async with replayer.workflow_replay_iterator(histories) as results:
            async for result in results:
                failure = result.replay_failure
                yield result.history.workflow_id, None if failure is None else _reason(failure)


def process_classes() -> list[type]:
    """Find the class of every process in the `workflows` package."""
    modules = [import_module(f"workflows.{module.name}") for module in iter_modules(workflows.__path__)]
    return [
        value
        for module in modules
        for value in vars(module).values()
        # The SDK keeps what a decorated class is under this name and offers no other way to ask.
        if isinstance(value, type) and value.__module__ == module.__name__ and _is_process(value)
    ]


def _is_process(value: Any) -> bool:
    return workflow._Definition.from_class(value) is not None  # noqa: SLF001


def _reason(failure: BaseException) -> str:
    said = (str(failure).strip() or type(failure).__name__).partition("\n")[0]
    return said[:LONGEST_REASON]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the SDK from logging what is reported as a finding anyway."""
    logger = logging.getLogger("temporalio")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
