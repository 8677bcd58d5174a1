"""Which processes have something to look at: rows that triggers write in the transaction of the fact."""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TAKE = text("SELECT process, subject FROM take_wakes(:most)")


class Process(StrEnum):
    """What is woken."""

    SUBSCRIPTION = "subscription"
    DUNNING = "dunning"
    CHARGE = "charge"
    """Nothing of its own: what the charge collected is applied."""


class Wake(NamedTuple):
    """A process that has something to look at."""

    process: Process
    subject: str
    """The id of its subscription, invoice or charge."""


async def take(connection: AsyncConnection, most: int) -> list[Wake]:
    """Take up to `most` rows away and return whom they wake, each once, the one that waits longest first.

    Tell the processes before the transaction is committed: what fails before that is there again for the next worker.
    """
    return [Wake(Process(process), subject) for process, subject in await connection.execute(_TAKE, {"most": most})]
