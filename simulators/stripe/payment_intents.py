"""PaymentIntents as objects: what they consist of, and how they are read and listed."""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import ids
from simulators.stripe.context import Context
from simulators.stripe.errors import missing
from simulators.stripe.forms import Kind, text
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed

LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "customer": text}


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/payment_intents/{id}"""
    return Reply(context.rendered(get(context, identity)))


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/payment_intents"""
    return listed(context, "payment_intent", "/v1/payment_intents", values, {"customer": values.get("customer")})


def get(context: Context, identity: str) -> Document:
    """The PaymentIntent; refuses an unknown one."""
    payment_intent = context.transaction.get("payment_intent", identity)
    if payment_intent is None:
        raise missing("payment_intent", identity, param="intent")
    return payment_intent


def save(context: Context, payment_intent: Document) -> None:
    """Write it, new or changed."""
    links = {"customer": payment_intent["customer"]}
    context.transaction.put("payment_intent", payment_intent["id"], payment_intent, links)


def new(context: Context, values: dict[str, Any]) -> Document:
    """A PaymentIntent from the parameters of its creation, not written yet."""
    identity = ids.new("pi")
    automatic = None
    if "allowed_payment_method_types" not in values:
        automatic = {"allow_redirects": "always", "enabled": True, **values.get("automatic_payment_methods", {})}
    return {
        "id": identity,
        "object": "payment_intent",
        "allowed_payment_method_types": values.get("allowed_payment_method_types"),
        "amount": values["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": values.get("capture_method", "automatic_async"),
        "client_secret": f"{identity}_secret_{ids.new('x')[2:]}",
        "confirmation_method": "automatic",
        "created": context.now,
        "currency": values["currency"],
        "customer": values.get("customer"),
        "customer_account": None,
        "description": values.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {name: value for name, value in values.get("metadata", {}).items() if value},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"installments": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": values.get("allowed_payment_method_types") or ["card", "link"],
        "processing": None,
        "receipt_email": values.get("receipt_email"),
        "review": None,
        "setup_future_usage": values.get("setup_future_usage"),
        "shipping": None,
        "source": None,
        "statement_descriptor": values.get("statement_descriptor"),
        "statement_descriptor_suffix": values.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_return_url": None,
        "_cause": [None, None],
    }
