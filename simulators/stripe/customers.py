"""Customers: just enough to own payments and payment methods."""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import events, ids, payment_methods
from simulators.stripe.context import Context
from simulators.stripe.errors import missing
from simulators.stripe.forms import Kind, metadata, text, texts
from simulators.stripe.reply import Reply

CREATE: Mapping[str, Kind] = {
    "description": text,
    "email": text,
    "expand": texts,
    "metadata": metadata,
    "name": text,
    "payment_method": text,
    "phone": text,
}


def create(context: Context, values: dict[str, Any]) -> Reply:
    """POST /v1/customers"""
    customer = _new(context, values, ids.new("cus", 14))
    if "payment_method" in values:
        payment_methods.attach(context, values["payment_method"], customer["id"])
    context.transaction.put("customer", customer["id"], customer)
    events.record(context, "customer.created", customer)
    return Reply(context.rendered(customer))


def ensure(context: Context, identity: str) -> None:
    """Make the customer of this id, if there is none."""
    if context.transaction.get("customer", identity) is None:
        context.transaction.put("customer", identity, _new(context, {}, identity))


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/customers/{id}"""
    return Reply(context.rendered(get(context, identity)))


def get(context: Context, identity: str, *, param: str = "id") -> Document:
    """The customer; refuses an unknown one."""
    customer = context.transaction.get("customer", identity)
    if customer is None:
        raise missing("customer", identity, param=param)
    return customer


def _new(context: Context, values: dict[str, Any], identity: str) -> Document:
    return {
        "id": identity,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": context.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": values.get("description"),
        "discount": None,
        "email": values.get("email"),
        "invoice_prefix": ids.new("x", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": values.get("metadata", {}),
        "name": values.get("name"),
        "next_invoice_sequence": 1,
        "phone": values.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
