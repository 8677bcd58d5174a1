"""What the first worker of a process loads, loaded once before any is forked: it was two thirds of what a start cost.

Only the process that forks imports this. No thread and no connection comes of it, since those do not live through a fork.
"""

import asyncio

import httpx
from temporalio import workflow
from temporalio.worker._worker import load_default_build_id
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

import worker
from gateways import adapters
from ledger.database import create_engine
from settings import Settings
from tests.faults import nursery, relief
from tests.faults.registry import registered

LOADED = (nursery, relief)
"""What a process of theirs runs."""


async def _load() -> None:
    settings = Settings(_env_file=None)
    create_engine(settings.database_url, 1)
    adapters.of_settings(settings)
    async with httpx.AsyncClient(trust_env=False):
        pass
    for process in registered(worker).workflows:
        SandboxedWorkflowRunner().prepare_workflow(workflow._Definition.must_from_class(process))
    load_default_build_id()  # a hash over all code that is loaded, which the SDK makes once in a process


asyncio.run(_load())
