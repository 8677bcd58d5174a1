"""The endpoints: method and path, the parameters that each takes, and what it does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.stripe import (
    balance_transactions,
    cancellations,
    captures,
    charges,
    confirmations,
    creations,
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setups,
)
from simulators.stripe.errors import Refusal
from simulators.stripe.forms import Kind, texts
from simulators.stripe.reply import Reply

RETRIEVE: Mapping[str, Kind] = {"expand": texts}


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the API; `act` gets a Context, the values, and the ids in the path."""

    method: str
    path: str
    act: Callable[..., Reply]
    parameters: Mapping[str, Kind] = field(default_factory=lambda: RETRIEVE)
    required: tuple[str, ...] = ()
    check: Callable[[dict[str, Any]], None] | None = None
    """Looks at the parameters together, before anything is executed."""


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/payment_intents",
        creations.create,
        creations.CREATE,
        ("amount", "currency"),
        creations.check_create,
    ),
    Endpoint("GET", "/v1/payment_intents", payment_intents.list_all, payment_intents.LIST),
    Endpoint("GET", "/v1/payment_intents/{id}", payment_intents.retrieve),
    Endpoint("POST", "/v1/payment_intents/{id}/confirm", confirmations.confirm, confirmations.CONFIRM),
    Endpoint("POST", "/v1/payment_intents/{id}/capture", captures.capture, captures.CAPTURE),
    Endpoint("POST", "/v1/payment_intents/{id}/cancel", cancellations.cancel, cancellations.CANCEL),
    Endpoint("GET", "/v1/charges", charges.list_all, charges.LIST),
    Endpoint("GET", "/v1/charges/{id}", charges.retrieve),
    Endpoint("POST", "/v1/refunds", refunds.create, refunds.CREATE, check=refunds.check_create),
    Endpoint("GET", "/v1/refunds", refunds.list_all, refunds.LIST),
    Endpoint("GET", "/v1/refunds/{id}", refunds.retrieve),
    Endpoint("POST", "/v1/refunds/{id}/cancel", refunds.cancel, refunds.CANCEL),
    Endpoint("GET", "/v1/disputes", disputes.list_all, disputes.LIST),
    Endpoint("GET", "/v1/disputes/{id}", disputes.retrieve),
    Endpoint("GET", "/v1/balance_transactions", balance_transactions.list_all, balance_transactions.LIST),
    Endpoint("GET", "/v1/balance_transactions/{id}", balance_transactions.retrieve),
    Endpoint("POST", "/v1/customers", customers.create, customers.CREATE),
    Endpoint("GET", "/v1/customers/{id}", customers.retrieve),
    Endpoint("GET", "/v1/payment_methods/{id}", payment_methods.retrieve),
    Endpoint("POST", "/v1/payment_methods/{id}/detach", payment_methods.detach),
    Endpoint(
        "POST", "/v1/checkout/sessions", setups.create, setups.CREATE, ("mode", "success_url"), setups.check_create
    ),
    Endpoint("GET", "/v1/checkout/sessions/{id}", setups.retrieve),
    Endpoint("GET", "/v1/setup_intents/{id}", setups.retrieve_intent),
    Endpoint("GET", "/v1/events", events.list_all, events.LIST),
    Endpoint("GET", "/v1/events/{id}", events.retrieve),
)
_COMPILED = [
    (endpoint, re.compile("^" + endpoint.path.replace("{id}", "([A-Za-z0-9_]+)") + "$")) for endpoint in ENDPOINTS
]


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint and the ids in the path; refuses what there is none for."""
    for endpoint, pattern in _COMPILED:
        match = pattern.match(path) if endpoint.method == method else None
        if match is not None:
            return endpoint, match.groups()
    raise Refusal(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
        status=404,
        stored=False,
    )
