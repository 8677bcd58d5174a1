"""A dry run: entries are posted one after the other in a transaction that is taken back, and each says what became of it.

So what would be refused, and what accounts would hold, is said by the database itself. An entry that is refused leaves the
others as they are: what comes after it is tried without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import account_standing, journal
from ledger.account_standing import Standing
from ledger.entries import Entry
from ledger.errors import LedgerError, UnknownAccount


@dataclass(frozen=True)
class Tried:
    """What would become of an entry; `is_new` is False where it is posted already."""

    reference: str
    is_new: bool = False
    refusal: LedgerError | None = None


@dataclass(frozen=True)
class DryRun:
    """What would become of entries, and how their accounts would stand then."""

    tried: Sequence[Tried]
    standings: Sequence[Standing]


async def dry_run(connection: AsyncConnection, entries: Sequence[Entry | Tried]) -> DryRun:
    """Try entries in their order; nothing is written. What is tried already, since it could not even be made, is passed on."""
    transaction = await connection.begin()
    try:
        tried = [each if isinstance(each, Tried) else await _try(connection, each) for each in entries]
        accounts = {
            (line.account.code, line.money.currency)
            for entry in entries
            if isinstance(entry, Entry)
            for line in entry.lines
        }
        found = [await _standing(connection, *account) for account in sorted(accounts)]
    finally:
        await transaction.rollback()
    return DryRun(tried, [standing for standing in found if standing is not None])


async def _try(connection: AsyncConnection, entry: Entry) -> Tried:
    try:
        async with connection.begin_nested():
            [posted] = await journal.post(connection, [entry])
    except LedgerError as refusal:
        return Tried(entry.reference, refusal=refusal)
    return Tried(entry.reference, is_new=posted.is_new)


async def _standing(connection: AsyncConnection, code: str, currency: str) -> Standing | None:
    """How an account would stand; None where no entry that is not refused opens it."""
    try:
        [standing] = await account_standing.standings(connection, code, currency)
    except UnknownAccount:
        return None
    return standing
