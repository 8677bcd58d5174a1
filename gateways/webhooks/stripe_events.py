"""Stripe's events: snapshots of an object at a change, with the idempotency key of the request that caused it."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateways.port import OperationKind
from gateways.webhooks.events import (
    TAKEN_BACK,
    Claim,
    WebhookEvent,
    document,
    identified,
    operation_ids,
    part,
    references,
)

NAME = "stripe"
PAYMENTS = frozenset({"payment_intent", "charge", "refund", "dispute", "review"})
"""Objects that belong to a payment; an event about another kind of object concerns no operation."""

_FIRST = frozenset({OperationKind.AUTHORIZE, OperationKind.CAPTURE})
CREATED = "created"
"""The outcome of what is only made: no operation ever has it, and it tells nothing that its maker does not know."""
FEE_KNOWN = "fee_known"
DISPUTES = "charge.dispute."
METHODS = frozenset({"payment_method.automatically_updated", "payment_method.updated", "payment_method.detached"})
"""What can change of a payment method that is kept: by its network, by a request, and for good."""

_CLAIMS: Mapping[str, Claim] = {
    "payment_intent.created": Claim(_FIRST, CREATED),
    "payment_intent.requires_action": Claim(_FIRST, "action_required"),
    "payment_intent.processing": Claim(_FIRST, "pending"),
    "payment_intent.amount_capturable_updated": Claim(frozenset({OperationKind.AUTHORIZE}), "succeeded"),
    "payment_intent.succeeded": Claim(frozenset({OperationKind.CAPTURE}), "succeeded"),
    "payment_intent.payment_failed": Claim(_FIRST, "declined"),
    "payment_intent.canceled": Claim(frozenset({OperationKind.VOID}), "succeeded"),
    "charge.succeeded": Claim(_FIRST, "succeeded"),
    "charge.captured": Claim(frozenset({OperationKind.CAPTURE}), "succeeded"),
    "charge.failed": Claim(_FIRST, "declined"),
    "charge.refunded": Claim(frozenset({OperationKind.REFUND}), "succeeded"),
}
_OF_REFUND = {
    "succeeded": "succeeded",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}


def read(body: bytes) -> WebhookEvent:
    """Read an event; raises DeliveryRefused for what is none."""
    event = document(body)
    event_id, event_type = identified(event, "type")
    thing = part(event, "data", "object")
    key = part(event, "request", "idempotency_key")
    concerns_payment = part(thing, "object") in PAYMENTS
    return WebhookEvent(
        gateway=NAME,
        event_id=event_id,
        event_type=event_type,
        operation_ids=operation_ids([key, *_left_by_us(thing)]) if concerns_payment else (),
        references=references(_named(thing)) if concerns_payment else (),
        claim=_claim(event_type, event),
        tokens=references([part(thing, "id")]) if event_type in METHODS else (),
    )


def _left_by_us(thing: Any) -> Iterable[Any]:
    metadata = part(thing, "metadata")
    return metadata.values() if isinstance(metadata, dict) else ()


def _named(thing: Any) -> Iterable[Any]:
    yield part(thing, "id")
    for name in ("payment_intent", "charge", "latest_charge"):
        # Expanded, a field holds the object in place of its id.
        value = part(thing, name)
        yield part(value, "id") if isinstance(value, dict) else value


def _claim(event_type: str, event: dict[str, Any]) -> Claim | None:
    if event_type in {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}:
        outcome = _OF_REFUND.get(str(part(event, "data", "object", "status")))
        return Claim(frozenset({OperationKind.REFUND}), outcome) if outcome else None
    if event_type == "charge.updated" and set(part(event, "data", "previous_attributes") or {"?"}) == {
        "balance_transaction"
    }:
        return Claim(frozenset({OperationKind.CAPTURE}), FEE_KNOWN)
    if event_type.startswith(DISPUTES):
        return Claim(frozenset({OperationKind.CAPTURE}), TAKEN_BACK)
    return _CLAIMS.get(event_type)
