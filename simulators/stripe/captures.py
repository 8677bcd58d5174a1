"""Capturing an authorized PaymentIntent, in full or in part; a part releases the rest."""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import charges, currencies, events, payment_intents
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import Refusal, unexpected_state
from simulators.stripe.forms import Kind, boolean, integer, metadata, text, texts
from simulators.stripe.reply import Reply

CAPTURE: Mapping[str, Kind] = {
    "amount_to_capture": integer,
    "expand": texts,
    "final_capture": boolean,
    "metadata": metadata,
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
}


def capture(context: Context, values: dict[str, Any], identity: str) -> Reply:
    """POST /v1/payment_intents/{id}/capture"""
    payment_intent = payment_intents.get(context, identity)
    _check_status(context, payment_intent)
    amount: int = values.get("amount_to_capture") or payment_intent["amount_capturable"]
    currencies.check_step(values.get("amount_to_capture", amount), payment_intent["currency"], "amount_to_capture")
    if amount > payment_intent["amount_capturable"]:
        raise Refusal(
            "The payment could not be captured because the requested capture amount is greater than the amount you can "
            "capture for this charge.",
            code="amount_too_large",
            param="amount_to_capture",
            payment_intent=context.rendered(payment_intent),
        )
    if not values.get("final_capture", True):
        raise Refusal(
            "This PaymentIntent does not support multiple captures, so final_capture cannot be false.",
            param="final_capture",
        )
    merge_metadata(payment_intent, values.get("metadata"))
    _take(context, payment_intent, amount, values.get("metadata", {}).get("operation_id"))
    return Reply(context.rendered(payment_intent))


def merge_metadata(document: Document, changes: dict[str, str] | None) -> None:
    """Add and change keys; an empty value takes the key away, and so does an empty object all of them."""
    if changes is None:
        return
    merged = {**document["metadata"], **changes} if changes else {}
    document["metadata"] = {name: value for name, value in merged.items() if value}


def _check_status(context: Context, payment_intent: Document) -> None:
    status = payment_intent["status"]
    if status == "requires_capture":
        return
    if status == "succeeded":
        message = "This PaymentIntent could not be captured because it has already been captured."
    else:
        message = (
            f"This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent with "
            "one of the following statuses may be captured: requires_capture."
        )
    raise unexpected_state(message, context.rendered(payment_intent))


def _take(context: Context, payment_intent: Document, amount: int, operation_id: str | None) -> None:
    cause = Cause(operation_id, context.key)
    charge = charges.get(context, payment_intent["latest_charge"])
    context.effect(
        "capture",
        amount=amount,
        currency=payment_intent["currency"],
        object_id=charge["id"],
        payment_id=payment_intent["id"],
        cause=cause,
    )
    charges.captured(context, charge, amount, asynchronously=False, cause=cause)
    payment_intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    payment_intents.save(context, payment_intent)
    events.record(context, "charge.captured", charge)
    events.record(context, "payment_intent.succeeded", payment_intent)
