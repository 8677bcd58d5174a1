"""Webhook events: made when something happens, kept for the listing, and sent to the webhook address."""

import json
from typing import Any

from simulators.paypal import identifiers, moments
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "event"

SUMMARIES = {
    "CHECKOUT.ORDER.APPROVED": "An order has been approved by buyer",
    "CHECKOUT.ORDER.COMPLETED": "Checkout Order Completed",
    "PAYMENT.AUTHORIZATION.CREATED": "A payment authorization was created",
    "PAYMENT.AUTHORIZATION.VOIDED": "A payment authorization was voided",
    "PAYMENT.CAPTURE.COMPLETED": "Payment completed",
    "PAYMENT.CAPTURE.PENDING": "Payment pending",
    "PAYMENT.CAPTURE.DECLINED": "A payment capture was declined",
    "PAYMENT.CAPTURE.REFUNDED": "A payment capture was refunded",
    "PAYMENT.CAPTURE.REVERSED": "A payment capture was reversed",
    "PAYMENT.REFUND.PENDING": "A refund is pending",
    "PAYMENT.REFUND.FAILED": "A refund failed",
    "VAULT.PAYMENT-TOKEN.DELETED": "A payment token has been deleted.",
    "VAULT.PAYMENT-TOKEN.CREATED": "A payment token has been created",
    "CUSTOMER.DISPUTE.CREATED": "A new dispute was opened",
    "CUSTOMER.DISPUTE.UPDATED": "A dispute was updated",
    "CUSTOMER.DISPUTE.RESOLVED": "A dispute was resolved",
}
OF_REFUNDS = {
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
}
RESOURCE_TYPES = {
    "CHECKOUT.ORDER": "checkout-order",
    "CUSTOMER.DISPUTE": "dispute",
    "VAULT.PAYMENT-TOKEN": "payment_token",
    "PAYMENT.AUTHORIZATION": "authorization",
}


def announce(turn: Turn, event_type: str, resource: dict[str, Any]) -> None:
    """Something happened; `resource` is the object as it is now."""
    event: Document = {
        "id": identifiers.event(),
        "event_version": "1.0",
        "create_time": moments.write(turn.now),
        "resource_type": _resource_type(event_type),
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": SUMMARIES[event_type],
        "resource": resource,
    }
    path = f"{turn.base_url}/v1/notifications/webhooks-events/{event['id']}"
    event["links"] = [
        {"href": path, "rel": "self", "method": "GET"},
        {"href": f"{path}/resend", "rel": "resend", "method": "POST"},
    ]
    turn.save(KIND, event, {"event_type": event_type, "transaction_id": resource.get("id") or resource["dispute_id"]})
    send(turn, event)


def send(turn: Turn, event: Document) -> None:
    """Put an event in the queue to the webhook address, for the first time or again."""
    body = json.dumps(event, separators=(",", ":")).encode()
    turn.simulator.webhooks.add(turn.transaction, event["id"], event["event_type"], body)


def _resource_type(event_type: str) -> str:
    if event_type in OF_REFUNDS:
        return "refund"
    return RESOURCE_TYPES.get(event_type.rpartition(".")[0], "capture")
