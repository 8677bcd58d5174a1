"""`GET /events`: what merchants' systems are told, in an order in which whoever reads on from the last one misses none."""

import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import readings, service_entrance
from billing import events
from billing.errors import UnknownId
from ledger.database import Connection, Database
from ledger.protection.gate import Gate
from ledger.service import Services

USUAL = 100


class EventFeed:
    """Answers services that may read events."""

    def __init__(self, services: Services | None, database: Database, gate: Gate) -> None:
        self._services = services
        self._database = database
        self._gate = gate

    async def read(self, request: Request) -> Response:
        """Answer `GET /events?after=ID&limit=N`: the events after that one, and from where to read on."""
        service_entrance.require_events(service_entrance.service_of(request, self._services))
        after = _number(request, "after", 0, 0, 2**63 - 1)
        limit = _number(request, "limit", USUAL, 1, events.MAX_READ)
        unknown = sorted(set(request.query_params) - {"after", "limit"})
        if unknown:
            raise HTTPException(400, f"there is no {unknown[0][:50]}: ask for /events?after=ID&limit=N")

        async def found(connection: Connection) -> dict[str, Any]:
            try:
                told = await events.read(connection, after=after, limit=limit)
            except UnknownId:
                raise HTTPException(
                    404, f"there is no event {after}: give the next_after of the last answer, or 0"
                ) from None
            documents = [each.model_dump(mode="json") for each in told]
            return {"events": documents, "next_after": told[-1].event_id if told else after}

        return await readings.answer(self._database, self._gate, found)


def _number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return usual
    if not re.fullmatch("[0-9]{1,19}", given) or not least <= int(given) <= most:
        raise HTTPException(400, f"{name} must be a number from {least} to {most}")
    return int(given)
