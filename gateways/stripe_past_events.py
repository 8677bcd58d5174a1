"""Stripe's list of events, newest first: https://docs.stripe.com/api/events/list"""

import json
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel
from stripe import EventService
from stripe.params import EventListParams

from gateways.errors import OutcomeUnknown
from gateways.stripe_errors import NAME, StripeFault
from gateways.stripe_sdk import answer_of
from gateways.webhooks.past_events import EventPage
from gateways.webhooks.stripe_events import METHODS

TYPES: Final = [
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.refunded",
    "charge.succeeded",
    "charge.updated",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
]
"""What can be news about a payment. Stripe takes 20 types, so what only the customer's step tells is left to the process, which asks."""
LISTS: Final = {"payments": TYPES, "methods": sorted(METHODS)}
"""Asked for one after the other, since they are more types together than Stripe takes at once."""


class Listed(BaseModel):
    """One page of the list."""

    data: list[dict[str, Any]]
    has_more: bool


async def list_events(
    events: EventService, since: datetime, until: datetime, page: str | None, limit: int
) -> EventPage:
    """Read a page: its name says of which list it is, and the last event of the page before it in that list."""
    kind, _, last = (page or next(iter(LISTS))).partition(" ")
    asked: EventListParams = {
        "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
        "types": LISTS[kind],
        "limit": limit,
    }
    if last:
        asked["starting_after"] = last
    found = await answer_of(events.list_async(asked), Listed)
    if isinstance(found, StripeFault):
        raise OutcomeUnknown(NAME, f"refused to list its events: {found.message}")
    # The SDK reads some fields as decimals, which JSON does not know.
    bodies = [json.dumps(event, separators=(",", ":"), default=str).encode() for event in found.data]
    return EventPage(bodies, _following(found, kind, last))


def _following(found: Listed, kind: str, last: str) -> str | None:
    if not found.has_more:
        kinds = list(LISTS)
        return next(iter(kinds[kinds.index(kind) + 1 :]), None)
    behind = found.data[-1].get("id") if found.data else None
    if not isinstance(behind, str) or behind == last:
        raise OutcomeUnknown(NAME, "says that there are more events, and gives none")
    return f"{kind} {behind}"
