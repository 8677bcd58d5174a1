"""Conversions in the books: the rate of the day, the positions and the entry, under a lock, so that no two use the same cost.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal, rates, reports
from ledger.accounts import exchange
from ledger.conversion import Conversion, Quote, converted
from ledger.database import accounts
from ledger.errors import ReferenceConflict
from ledger.exchange_errors import ConversionRefused
from ledger.journal import PostedEntry
from ledger.positions import Position

PREFIX = "exchange:"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:account, 0))")


async def convert(connection: AsyncConnection, wish: Conversion, functional: str) -> PostedEntry:
    """Convert at the rate of the moment when it happened, once: the same wish again returns its entry as it was posted.

    Raises NoRate, ConversionRefused, and ReferenceConflict where the id stands for another conversion.
    """
    given, unit = wish.given.money.currency, wish.unit
    held = await positions(connection, [given, unit], functional)
    present = await reports.entry_by_reference(connection, wish.reference)
    if present is not None:
        if not _is_of(present, wish):
            raise ReferenceConflict(wish.reference)
        return as_posted(present)
    rate = await rates.at(connection, given, unit, wish.event_at)
    value = None
    if functional not in {given, unit}:
        value = await rates.at(connection, given, functional, wish.event_at)
    entry = converted(wish, Quote(rate=rate, value=value), held, functional)
    return (await journal.post(connection, [entry]))[0]


async def positions(connection: AsyncConnection, units: Sequence[str], functional: str) -> Mapping[str, Position]:
    """Read what the exchange holds of these units and at which cost, and keep it so until the transaction ends.

    Raises ConversionRefused where a unit's cost is kept in another currency than the functional one.
    """
    found = {}
    for unit in sorted(set(units) - {functional}):
        code = exchange(unit).code
        await connection.execute(_LOCK, {"account": code})
        held = await reports.balances_of(connection, code)
        stray = sorted(currency for currency in held.keys() - {unit, functional} if held[currency])
        if stray:
            raise ConversionRefused(
                f"{code} was kept in {stray[0]}, and the functional currency is {functional}: set FUNCTIONAL_CURRENCY back"
            )
        found[unit] = Position(held_minor=held.get(unit, 0), cost_minor=-held.get(functional, 0))
    return found


async def units(connection: AsyncConnection) -> list[str]:
    """List the units that the exchange ever held."""
    statement = select(accounts.c.code).where(accounts.c.code.startswith(PREFIX, autoescape=True)).distinct()
    return sorted(code.removeprefix(PREFIX) for (code,) in await connection.execute(statement))


def as_posted(present: reports.EntryRecord) -> PostedEntry:
    """Return an entry that is there as what became of asking for it again."""
    return PostedEntry(
        entry_id=present.entry_id, reference=present.reference, recorded_at=present.recorded_at, is_new=False
    )


def _is_of(present: reports.EntryRecord, wish: Conversion) -> bool:
    """Whether an entry is that of this wish; the rest of it came from the rates and the positions of its day."""
    first, last = present.lines[0], present.lines[-1]
    given = wish.given
    return (
        (first.account, first.side, first.amount_minor) == (given.account.code, given.side, given.money.amount_minor)
        and first.currency == given.money.currency
        and (last.account, last.side, last.currency) == (wish.receiver.code, given.side.other, wish.unit)
        and present.event_at == wish.event_at
    )
