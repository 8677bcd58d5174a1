"""The notifications API: webhook events that were sent, sent again, and the check of a signature.

PayPal does not publish what a link to the next page holds: here, a word that nobody is to understand.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from simulators.paypal import events, moments, signing
from simulators.paypal.errors import Problem
from simulators.paypal.signing import Signer
from simulators.paypal.turn import Turn
from simulators.store import Document

PAGE_SIZE = 10
LARGEST_PAGE = 300
LINKS = frozenset({"event_type", "transaction_id"})
MOMENTS = {"start_time": "gte", "end_time": "lte"}
PAGE_TOKEN = "page_token"
PARAMETERS = frozenset({*LINKS, *MOMENTS, "page_size", PAGE_TOKEN})
PATH = "/v1/notifications/webhooks-events"


def listing(turn: Turn, query: Mapping[str, str]) -> dict[str, Any]:
    """Events, newest first."""
    size = query.get("page_size", str(PAGE_SIZE))
    if not size.isdecimal() or not 1 <= int(size) <= LARGEST_PAGE:
        raise Problem("INVALID_PARAMETER_VALUE", "page_size", size, location="query")
    page = turn.transaction.listing(
        events.KIND,
        limit=int(size),
        links={name: query[name] for name in LINKS & query.keys()},
        created={comparison: _moment(query, name) for name, comparison in MOMENTS.items() if name in query},
        after=_last_of_page(turn, query[PAGE_TOKEN]) if PAGE_TOKEN in query else None,
    )
    links = [_link(turn, "self", query)]
    if page.has_more:
        token = urlsafe_b64encode(page.documents[-1]["id"].encode()).decode()
        links.append(_link(turn, "next", {**query, PAGE_TOKEN: token}))
    return {"events": page.documents, "count": len(page.documents), "links": links}


def resend(turn: Turn, event_id: str) -> Document:
    """Send an event once more; it keeps its id."""
    event = turn.find(events.KIND, event_id)
    events.send(turn, event)
    return event


def verify(signer: Signer, asked: dict[str, Any], raw: bytes) -> dict[str, str]:
    """Whether this event was transmitted from here just so; the event is checked byte by byte, as it was sent."""
    verified = signer.verify(asked, signing.raw_value(raw, "webhook_event"))
    return {"verification_status": "SUCCESS" if verified else "FAILURE"}


def _link(turn: Turn, rel: str, query: Mapping[str, str]) -> dict[str, str]:
    asked = f"?{urlencode(query)}" if query else ""
    return {"href": f"{turn.base_url}{PATH}{asked}", "rel": rel, "method": "GET"}


def _last_of_page(turn: Turn, token: str) -> str:
    try:
        event_id = urlsafe_b64decode(token).decode()
    except ValueError:
        event_id = ""
    if turn.transaction.get(events.KIND, event_id) is None:
        raise Problem("INVALID_PARAMETER_VALUE", PAGE_TOKEN, token, location="query")
    return event_id


def _moment(query: Mapping[str, str], name: str) -> int:
    try:
        return int(moments.read(query[name]))
    except ValueError:
        raise Problem("INVALID_PARAMETER_SYNTAX", name, query[name], location="query") from None
