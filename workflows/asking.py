"""How an operation is asked for whose first answer is not known: read before sending, more and more slowly, never with a new key."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateways.port import OperationRequest, Outcome
from workflows.gateway_steps import NotKnown
from workflows.world import Wake, World

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
READ_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60, 60))
"""Pauses before what could not be read is read again; then the next regular look has to do."""
READ_AGAIN_PATCH = "read-again"


async def ask_again(world: World, operation: OperationRequest, until: datetime | None) -> Outcome | NotKnown:
    """Ask for an operation that may have been sent before: read first, and send it again only if it left no trace.

    Past `until` the gateway may have forgotten the key, so that sending again could do it twice: then only reading.
    """
    seen = await world.read(operation)
    if seen is not None:
        return seen
    if until is not None and world.now() > until:
        return NotKnown(
            f"{operation.gateway} shows no trace of {operation.operation_id}, whose key it may have forgotten"
        )
    return await world.ask(operation)


async def ask_until_known(
    world: World, operation: OperationRequest, until: datetime, wake: Wake
) -> Outcome | NotKnown | None:
    """Ask for an unknown outcome more and more slowly, at once when woken; None where it is still unknown at `until`."""
    for pause in _slower_and_slower():
        if world.now() + pause > until:
            return None
        await world.wait(wake, pause, f"ask {operation.gateway} again")
        answer = await ask_again(world, operation, until)
        if not isinstance(answer, NotKnown):
            return answer
    raise AssertionError("the pauses never end")


async def read_patiently(world: World, operation: OperationRequest) -> Outcome | NotKnown | None:
    """Read what became of an operation, for some hours where the gateway cannot be read.

    Whoever reads for an event has been told once: the next regular look may be weeks away.
    """
    seen = await world.read(operation)
    for pause in READ_AGAIN:
        if not isinstance(seen, NotKnown) or not world.patched(READ_AGAIN_PATCH):
            break
        await world.wait(lambda: False, pause, f"read {operation.gateway} again")
        seen = await world.read(operation)
    return seen


def _slower_and_slower() -> Iterator[timedelta]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE)
