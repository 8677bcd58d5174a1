"""How a command reaches what is owed: one step, in one transaction, with what billing refuses turned into lines."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from billing.errors import BillingError, CalendarFault, UnknownId
from commands import connections
from commands.connections import Books
from commands.errors import AnswerIsNo, WrongUse
from ledger.errors import LedgerError, UnknownCharge
from settings import Settings

Result = TypeVar("Result")


def write(step: Callable[[Books], Awaitable[Result]]) -> Result:
    """Do a step and commit it."""

    async def written(settings: Settings) -> Result:
        async with connections.writable_books(settings) as books:
            result = await step(books)
            await books.commit()
            return result

    return answered(lambda: connections.run(written))


def read(step: Callable[[Books], Awaitable[Result]]) -> Result:
    """Read one state of the books."""

    async def found(settings: Settings) -> Result:
        async with connections.snapshot(settings) as books:
            return await step(books)

    return answered(lambda: connections.run(found))


def answered(run: Callable[[], Result]) -> Result:
    """Do what reaches billing, with what that refuses turned into lines."""
    try:
        return run()
    except (UnknownId, UnknownCharge, CalendarFault) as error:
        raise WrongUse(str(error)) from None
    except (BillingError, LedgerError) as error:
        raise AnswerIsNo(str(error)) from None
