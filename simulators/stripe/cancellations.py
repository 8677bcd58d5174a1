"""Canceling a PaymentIntent, and the end of an authorization that nobody captured in time."""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import charges, events, payment_intents
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import unexpected_state
from simulators.stripe.forms import Kind, choice, texts
from simulators.stripe.reply import Reply

CANCEL: Mapping[str, Kind] = {
    "cancellation_reason": choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
    "expand": texts,
}
CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)


def cancel(context: Context, values: dict[str, Any], identity: str) -> Reply:
    """POST /v1/payment_intents/{id}/cancel"""
    payment_intent = payment_intents.get(context, identity)
    status = payment_intent["status"]
    if status not in CANCELABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one "
            f"of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            context.rendered(payment_intent),
        )
    was_authorized = status == "requires_capture"
    if was_authorized:
        _release(context, payment_intent)
    context.effect(
        "void" if was_authorized else "cancel",
        amount=payment_intent["amount"],
        currency=payment_intent["currency"],
        object_id=payment_intent["latest_charge"] if was_authorized else payment_intent["id"],
        payment_id=payment_intent["id"],
    )
    _canceled(context, payment_intent, values.get("cancellation_reason"))
    return Reply(context.rendered(payment_intent))


def lapse(context: Context, details: Document) -> None:
    """The agenda's `lapse_authorization`: nobody captured in time, so the network releases the money."""
    payment_intent = payment_intents.get(context, details["payment_intent"])
    if payment_intent["status"] != "requires_capture":
        return
    charge = _release(context, payment_intent)
    events.record(context, "charge.expired", charge)
    context.effect(
        "expire",
        amount=payment_intent["amount"],
        currency=payment_intent["currency"],
        object_id=charge["id"],
        payment_id=payment_intent["id"],
        cause=Cause(payment_intent["metadata"].get("operation_id"), None),
    )
    _canceled(context, payment_intent, "automatic")


def _release(context: Context, payment_intent: Document) -> Document:
    charge = charges.get(context, payment_intent["latest_charge"])
    charge.update(amount_refunded=charge["amount"], refunded=True)
    charges.save(context, charge)
    return charge


def _canceled(context: Context, payment_intent: Document, reason: str | None) -> None:
    payment_intent.update(
        status="canceled",
        amount_capturable=0,
        canceled_at=context.now,
        cancellation_reason=reason,
        next_action=None,
    )
    payment_intents.save(context, payment_intent)
    events.record(context, "payment_intent.canceled", payment_intent)
