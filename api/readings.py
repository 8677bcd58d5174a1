"""What a service may read: how its accounts stand, so that it can make a condition of it, and the entries that it posted."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import posting_answers, service_entrance
from api.posting_answers import AWAY
from api.postings import ANSWER_SECONDS
from ledger import account_standing, reports
from ledger.accounts import CODE_PATTERN
from ledger.database import Connection, Database
from ledger.errors import UnknownAccount
from ledger.protection.gate import Gate
from ledger.service import Services

CURRENCY = "[A-Z][A-Z0-9]{2,11}"
REFERENCE = "[!-~]{1,200}"
Reading = Callable[[Connection], Awaitable[dict[str, Any]]]


class Readings:
    """Answers what services ask."""

    def __init__(self, services: Services | None, database: Database, gate: Gate) -> None:
        self._services = services
        self._database = database
        self._gate = gate

    async def account(self, request: Request) -> Response:
        """Answer `GET /ledger/accounts/{code}/{currency}`: posted, pending, available, and the version."""
        service = service_entrance.service_of(request, self._services)
        code, currency = request.path_params["code"], request.path_params["currency"]
        if not (re.fullmatch(CODE_PATTERN, code) and re.fullmatch(CURRENCY, currency)):
            raise HTTPException(404, "there is no such account: ask for /ledger/accounts/CODE/CURRENCY")
        service_entrance.require_accounts(service, {code})

        async def read(connection: Connection) -> dict[str, Any]:
            try:
                [found] = await account_standing.standings(connection, code, currency)
            except UnknownAccount:
                raise HTTPException(
                    404, f"there is no account {code} in {currency}: the first entry that names it opens it"
                ) from None
            return found.model_dump(mode="json") | {"available_minor": found.available_minor}

        return await self._answer(read)

    async def entry(self, request: Request) -> Response:
        """Answer `GET /ledger/entries/{reference}`, of an entry that the service posted."""
        service = service_entrance.service_of(request, self._services)
        reference = request.path_params["reference"]
        if not re.fullmatch(REFERENCE, reference):
            raise HTTPException(404, "there is no such entry: ask for /ledger/entries/REFERENCE")

        async def read(connection: Connection) -> dict[str, Any]:
            found = await reports.entry_by_reference(connection, reference)
            if found is None or found.actor != service.actor:
                raise HTTPException(404, f"service {service.name} has posted no entry {reference}")
            return {"entry_reference": reference} | found.model_dump(mode="json", exclude={"reference"})

        return await self._answer(read)

    async def _answer(self, read: Reading) -> Response:
        return await answer(self._database, self._gate, read)


async def answer(database: Database, gate: Gate, read: Reading) -> Response:
    """Read from the books for a service, in a time that it can wait for."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await gate.passed()
            async with database.connect() as connection:
                return JSONResponse(await read(connection))
    except AWAY as error:
        return posting_answers.of_outage(error)
