"""Events: a snapshot of an object at a change, readable by API and sent to the webhook address, signed."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import ids
from simulators.stripe.context import Context
from simulators.stripe.errors import InvalidParameter, missing
from simulators.stripe.forms import Kind, text, texts
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed
from simulators.stripe.version import API_VERSION
from simulators.webhooks import Sign

LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "type": text, "types": texts}
MOST_TYPES = 20
KEPT_SECONDS = 30 * 24 * 3600
"""How far back Stripe shows events."""


def record(context: Context, kind: str, document: Document, previous: Document | None = None) -> None:
    """Something changed. With the setting `twin_events`, two events tell of the one change, as Stripe sometimes does."""
    settings = context.simulator.settings
    for _ in range(2 if settings["twin_events"] else 1):
        data: Document = {"object": context.rendered(document)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Document = {
            "id": ids.new("evt"),
            "object": "event",
            # Events are rendered at the endpoint's or account's version, not at the request's.
            "api_version": settings["event_api_version"] or API_VERSION,
            "created": context.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0 if context.simulator.webhooks.url is None else 1,
            "request": {"id": context.request_id, "idempotency_key": context.key},
            "type": kind,
        }
        context.transaction.put("event", event["id"], event, {"type": kind})
        if context.simulator.webhooks.url is not None:
            body = json.dumps(event, indent=2).encode()
            context.simulator.webhooks.add(context.transaction, event["id"], kind, body)


def signing(secret: str) -> Sign:
    """Stripe's signature: HMAC-SHA256 of `t.body` under the endpoint's secret, made anew for each attempt."""

    def sign(body: bytes, at: int) -> Mapping[str, str]:
        digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={at},v1={digest}"}

    return sign


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/events/{id}"""
    event = context.transaction.get("event", identity)
    if event is None or event["created"] < context.now - KEPT_SECONDS:
        raise missing("event", identity)
    return Reply(event)


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/events"""
    types = values.get("types", [])
    if "type" in values and types:
        raise InvalidParameter("You may only specify one of these parameters: type, types.", param="types")
    if len(types) > MOST_TYPES:
        raise InvalidParameter(f"You may only specify up to {MOST_TYPES} types.", param="types")
    created = values.get("created", {})
    kept = {**created, "gte": max(created.get("gte", 0), context.now - KEPT_SECONDS)}
    return listed(
        context, "event", "/v1/events", {**values, "created": kept}, {"type": values.get("type") or types or None}
    )
