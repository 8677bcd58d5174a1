"""Creating a PaymentIntent, and confirming it at once where that is asked for."""

from collections.abc import Mapping
from typing import Any

from simulators.stripe import confirmations, currencies, customers, events, payment_intents, payment_methods
from simulators.stripe.context import Context
from simulators.stripe.errors import InvalidParameter
from simulators.stripe.forms import Kind, boolean, choice, fields, integer, metadata, off_session, text, texts
from simulators.stripe.reply import Reply

CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
CREATE: Mapping[str, Kind] = {
    "allowed_payment_method_types": texts,
    "amount": integer,
    "automatic_payment_methods": fields(
        {"enabled": boolean, "allow_redirects": choice("always", "never")}, required=("enabled",)
    ),
    "capture_method": choice(*CAPTURE_METHODS),
    "confirm": boolean,
    "confirmation_method": choice("automatic"),
    "currency": text,
    "customer": text,
    "description": text,
    "error_on_requires_action": boolean,
    "expand": texts,
    "metadata": metadata,
    "off_session": off_session,
    "payment_method": text,
    "receipt_email": text,
    "return_url": text,
    "setup_future_usage": choice("off_session", "on_session"),
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
}
ONLY_WITH_CONFIRM = ("off_session", "error_on_requires_action", "return_url")


def check_create(values: dict[str, Any]) -> None:
    """What is wrong with the parameters before anything is executed."""
    values["currency"] = currencies.check(values["currency"])
    currencies.check_charge(values["amount"], values["currency"])
    if "allowed_payment_method_types" in values and "automatic_payment_methods" in values:
        raise InvalidParameter(
            "You may only specify one of these parameters: allowed_payment_method_types, automatic_payment_methods.",
            param="automatic_payment_methods",
        )
    for name in ONLY_WITH_CONFIRM:
        if name in values and not values.get("confirm", False):
            raise InvalidParameter(f"{name} may only be set when confirm is true.", param=name)


def create(context: Context, values: dict[str, Any]) -> Reply:
    """POST /v1/payment_intents"""
    if "customer" in values:
        customers.get(context, values["customer"], param="customer")
    payment_intent = payment_intents.new(context, values)
    if "payment_method" in values:
        method = payment_methods.take(context, values["payment_method"], customer=payment_intent["customer"])
        payment_intent.update(payment_method=method["id"], status="requires_confirmation")
    payment_intents.save(context, payment_intent)
    events.record(context, "payment_intent.created", payment_intent)
    if values.get("confirm", False):
        return confirmations.confirm_new(context, payment_intent, values)
    return Reply(context.rendered(payment_intent))
