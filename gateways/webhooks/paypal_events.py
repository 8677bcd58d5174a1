"""PayPal's events: the resource as it was at a change, with what we left on it: `custom_id` and `invoice_id`."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateways.paypal_sources import CARD_PREFIX
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

NAME = "paypal"
DISPUTES = "CUSTOMER.DISPUTE."
PAYMENTS = ("PAYMENT.", "CHECKOUT.", DISPUTES)
"""What the types of events begin with that belong to a payment."""
TOKENS_GONE = frozenset({"VAULT.PAYMENT-TOKEN.DELETED", "VAULT.PAYMENT-TOKEN.DELETION-INITIATED"})
"""All that PayPal tells of a payment method later: no event says that a network has renewed a card."""
LEFT_BY_US = ("invoice_id", "custom_id")

_FIRST = frozenset({OperationKind.AUTHORIZE, OperationKind.CAPTURE})
_CAPTURE = frozenset({OperationKind.CAPTURE})
_REFUND = frozenset({OperationKind.REFUND})
_CLAIMS: Mapping[str, Claim] = {
    "CHECKOUT.ORDER.COMPLETED": Claim(_FIRST, "succeeded"),
    "PAYMENT.AUTHORIZATION.CREATED": Claim(frozenset({OperationKind.AUTHORIZE}), "succeeded"),
    "PAYMENT.AUTHORIZATION.VOIDED": Claim(frozenset({OperationKind.VOID}), "succeeded"),
    "PAYMENT.CAPTURE.COMPLETED": Claim(_CAPTURE, "succeeded"),
    "PAYMENT.CAPTURE.PENDING": Claim(_CAPTURE, "pending"),
    "PAYMENT.CAPTURE.DECLINED": Claim(_CAPTURE, "declined"),
    "PAYMENT.CAPTURE.DENIED": Claim(_CAPTURE, "declined"),
    "PAYMENT.CAPTURE.REVERSED": Claim(_CAPTURE, TAKEN_BACK),
    "PAYMENT.CAPTURE.REFUNDED": Claim(_REFUND, "succeeded"),
    "PAYMENT.REFUND.PENDING": Claim(_REFUND, "pending"),
    "PAYMENT.REFUND.FAILED": Claim(_REFUND, "failed"),
}


def read(body: bytes) -> WebhookEvent:
    """Read an event; raises DeliveryRefused for what is none."""
    event = document(body)
    event_id, event_type = identified(event, "event_type")
    resource = part(event, "resource")
    concerns_payment = event_type.startswith(PAYMENTS)
    return WebhookEvent(
        gateway=NAME,
        event_id=event_id,
        event_type=event_type,
        operation_ids=operation_ids(_left_by_us(resource)) if concerns_payment else (),
        references=references(_named(resource)) if concerns_payment else (),
        claim=Claim(_CAPTURE, TAKEN_BACK) if event_type.startswith(DISPUTES) else _CLAIMS.get(event_type),
        tokens=references(_tokens(resource)) if event_type in TOKENS_GONE else (),
    )


def _tokens(resource: Any) -> Iterable[Any]:
    """The id of the vault, as a wallet's and as a card's token: which of both it is the event need not say."""
    identity = part(resource, "id")
    if isinstance(identity, str):
        yield from (identity, f"{CARD_PREFIX}{identity}")


def _left_by_us(resource: Any) -> Iterable[Any]:
    for holder in (resource, *_objects(part(resource, "purchase_units"))):
        for name in LEFT_BY_US:
            yield part(holder, name)


def _named(resource: Any) -> Iterable[Any]:
    yield part(resource, "id")
    yield part(resource, "dispute_id")
    related = part(resource, "supplementary_data", "related_ids")
    yield from related.values() if isinstance(related, dict) else ()
    for unit in _objects(part(resource, "purchase_units")):
        for movements in ("captures", "authorizations", "refunds"):
            yield from (part(made, "id") for made in _objects(part(unit, "payments", movements)))
    for link in _objects(part(resource, "links")):
        # What it was made from: the capture of a refund, the authorization of a capture.
        if part(link, "rel") == "up" and isinstance(part(link, "href"), str):
            yield str(part(link, "href")).rpartition("/")[2]
    for transaction in _objects(part(resource, "disputed_transactions")):
        yield part(transaction, "seller_transaction_id")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
