"""`history`: events and bytes that Temporal keeps of one charge with automatic capture, started as the command line does."""

from collections.abc import AsyncIterator

from benchmarks import load
from benchmarks.figures import Figure, at_most
from local.system import System
from workflows.charge import workflow_id

MOST_EVENTS = 30
MOST_BYTES = 20_000


async def measure(system: System) -> AsyncIterator[Figure]:
    """Make one charge at each gateway; the size is the server's own count."""
    driver = await load.connected(system)
    for gateway in load.GATEWAYS:
        handle = driver.ours.get_workflow_handle(workflow_id(await driver.charge(gateway)))
        await handle.result()
        described = await handle.describe()
        yield Figure(f"{gateway}_events", described.history_length, at_most(MOST_EVENTS))
        size_bytes = described.raw_description.workflow_execution_info.history_size_bytes
        yield Figure(f"{gateway}_bytes", size_bytes, at_most(MOST_BYTES))
