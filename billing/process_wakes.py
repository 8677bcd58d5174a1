"""The outbox of wakes: which process has something to look at, written by triggers in the transaction of the fact."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning_tables import process_wakes


class Woken(StrEnum):
    """What is woken."""

    SUBSCRIPTION = "subscription"
    DUNNING = "dunning"
    CHARGE = "charge"
    """No process: what the charge collected is to be applied to its invoice."""


class Wake(NamedTuple):
    """One of them; the subject is the id of the subscription, the invoice or the charge."""

    wake_id: int
    process: Woken
    subject: str
    age: timedelta


async def take(connection: AsyncConnection, limit: int) -> Sequence[Wake]:
    """Lock the oldest wakes that nobody else is at, for as long as the transaction lasts."""
    age = func.clock_timestamp() - process_wakes.c.noted_at
    statement = select(process_wakes.c.wake_id, process_wakes.c.process, process_wakes.c.subject, age)
    statement = statement.order_by(process_wakes.c.wake_id).limit(limit).with_for_update(skip_locked=True)
    return [
        Wake(wake_id, Woken(process), subject, passed)
        for wake_id, process, subject, passed in await connection.execute(statement)
    ]


async def done(connection: AsyncConnection, wakes: Sequence[int]) -> None:
    """Take wakes away that were delivered."""
    if wakes:
        await connection.execute(delete(process_wakes).where(process_wakes.c.wake_id.in_(wakes)))
