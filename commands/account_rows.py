"""Reads and changes accounts in the books: PostgreSQL alone decides what may be changed."""

from collections.abc import Awaitable, Callable

from commands import account_documents, connections
from commands.account_documents import AccountStandingDocument
from commands.errors import AnswerIsNo, WrongUse
from ledger import account_standing
from ledger.database import Connection
from ledger.errors import AccountChangeRefused, UnknownAccount
from settings import Settings

Change = Callable[[Connection], Awaitable[object]]


async def whole(settings: Settings, code: str, currency: str | None = None) -> AccountStandingDocument:
    """Read an account; raises WrongUse where there is none."""
    async with connections.books(settings) as connection:
        try:
            standings = await account_standing.standings(connection, code, currency)
        except UnknownAccount as error:
            raise WrongUse(str(error)) from None
        changes = [
            (standing.currency, change)
            for standing in standings
            for change in await account_standing.changes(connection, code, standing.currency)
        ]
    return account_documents.of_account(code, standings, changes)


async def changed(settings: Settings, code: str, currency: str, change: Change) -> AccountStandingDocument:
    """Change an account and read it; raises AnswerIsNo where that is refused, WrongUse where there is none."""
    async with connections.books(settings) as connection:
        try:
            await change(connection)
        except UnknownAccount as error:
            raise WrongUse(str(error)) from None
        except AccountChangeRefused as error:
            raise AnswerIsNo(str(error)) from None
        await connection.commit()
    return await whole(settings, code, currency)
