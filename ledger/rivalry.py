"""Steps that lost to a rival, and are taken again: a deadlock, a lost race or a lock that was not to be had is nobody's fault."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from ledger.database import Connection, Database

Result = TypeVar("Result")

log = structlog.get_logger()

TRIES = 6
FIRST_PAUSE_SECONDS = 0.01
"""Before a step that lost to a rival is tried again; doubled each time, and drawn by chance."""
LOST_TO_A_RIVAL = {"40001", "40P01", "55P03"}
"""Serialization failure, deadlock, lock not to be had in time: nothing was written, and the same may go well now."""


async def repeated(engine: Database, step: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Take a step in a transaction of its own, and again where it lost to a rival; after `TRIES`, raises what stopped it."""
    for number in itertools.count(1):
        try:
            async with engine.begin() as connection:
                return await step(connection)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in LOST_TO_A_RIVAL or number == TRIES:
                raise
            log.info("ledger.step_repeated", sqlstate=state, attempt=number)
            pause = FIRST_PAUSE_SECONDS * 2 ** (number - 1)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 # no secret
    raise AssertionError("the last try returns or raises")
