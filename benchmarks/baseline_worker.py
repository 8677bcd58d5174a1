"""`python -m benchmarks.baseline_worker`: the baseline's worker, a process like ours, with the settings that ours has.

As in ours, one worker runs the workflows and the local activities, and one for each gateway its requests.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.baseline import TASK_QUEUE, BaselineWorkflow, NothingWorkflow, gateway_queue
from benchmarks.baseline_requests import GatewayRequests, do_nothing, fetch_paypal_token, open_client
from benchmarks.baseline_rows import Rows, create_tables, open_rows
from local import process
from local.system import System
from settings import Settings, load

GATEWAYS = ("stripe", "paypal")


@contextmanager
def running_baseline(system: System) -> Iterator[process.Process]:
    """Run the baseline beside the system for as long as the block runs."""
    create_tables(system.environment["MIGRATION_DATABASE_URL"])
    program = [sys.executable, "-m", "benchmarks.baseline_worker"]
    log = system.path / "logs" / "baseline.log"
    worker = process.start("The baseline's worker", program, log=log, environment=system.environment)
    try:
        yield worker
    finally:
        worker.stop()


def workers_of(settings: Settings, client: Client, requests: GatewayRequests, rows: Rows) -> Sequence[Worker]:
    """Build the workers of the process."""
    workflows = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[BaselineWorkflow, NothingWorkflow],
        activities=[rows.write, do_nothing],
        max_cached_workflows=settings.max_cached_workflows,
    )
    gateways = [
        Worker(
            client,
            task_queue=gateway_queue(gateway),
            activities=[requests.take],
            max_concurrent_activities=settings.gateway_concurrency,
        )
        for gateway in GATEWAYS
    ]
    return [workflows, *gateways]


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    temporal = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(settings))
        requests = GatewayRequests(client, settings, await fetch_paypal_token(client, settings))
        rows = await stack.enter_async_context(open_rows(settings.database_url, settings.database_pool_size))
        for worker in workers_of(settings, temporal, requests, rows):
            await stack.enter_async_context(worker)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run(load()))
