"""How a `ledger` command reads: all that it says is of one state of the books, however many queries it takes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from commands import connections
from commands.connections import Books
from commands.errors import WrongUse
from ledger.errors import TooManyRows, UnknownAccount, UnknownLine
from ledger.money import Money
from settings import Settings

Result = TypeVar("Result")


def read(report: Callable[[Books], Awaitable[Result]]) -> Result:
    """Run a report; what it cannot find, or cannot show whole, is a wrong use."""

    async def run(settings: Settings) -> Result:
        async with connections.snapshot(settings) as books:
            return await report(books)

    try:
        return connections.run(run)
    except (UnknownAccount, UnknownLine, TooManyRows) as error:
        raise WrongUse(str(error)) from None


def money(amount_minor: int, currency: str) -> str:
    """Write an amount for people."""
    return str(Money(amount_minor=amount_minor, currency=currency))


def left_to_undo(amounts: Mapping[str, int] | None) -> list[str]:
    """Write what is left of an entry that others undo, in each currency; nothing where all of it is undone."""
    return [money(minor, currency) for currency, minor in sorted((amounts or {}).items()) if minor]
