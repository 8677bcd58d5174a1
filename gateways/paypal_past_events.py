"""PayPal's list of events, newest first: https://developer.paypal.com/docs/api/webhooks/v1/#webhooks-events_list"""

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, Field

from gateways.errors import OutcomeUnknown
from gateways.paypal_errors import NAME
from gateways.paypal_session import PayPalSession
from gateways.webhooks.past_events import EventPage

EVENTS: Final = "/v1/notifications/webhooks-events"


class Link(BaseModel):
    """A link of an answer."""

    rel: str = ""
    href: str = ""


class Listed(BaseModel):
    """One page of the list."""

    events: list[dict[str, Any]] = Field(default_factory=list)
    links: list[Link] = Field(default_factory=list)


async def list_events(
    session: PayPalSession, since: datetime, until: datetime, page: str | None, limit: int
) -> EventPage:
    """Read a page, whose name is the query of the link that the page before it gave."""
    query = page or urlencode({"start_time": _written(since), "end_time": _written(until), "page_size": limit})
    found = await session.get(f"{EVENTS}?{query}", Listed)
    bodies = [json.dumps(event, separators=(",", ":")).encode() for event in found.events]
    return EventPage(bodies, _following(found, query))


def _following(found: Listed, query: str) -> str | None:
    """Take of the link what to ask, and never where: a token goes to PayPal's configured address only."""
    address = next((link.href for link in found.links if link.rel == "next"), None)
    if address is None:
        return None
    try:
        link = urlsplit(address)
    except ValueError:
        link = urlsplit("")
    if link.path.rstrip("/") != EVENTS or link.query == query or not found.events:
        raise OutcomeUnknown(NAME, "links to more events where there are none")
    return link.query


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
