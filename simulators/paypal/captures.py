"""Captures: money that was taken, or is about to be. A capture may be pending or declined although it was created."""

from dataclasses import dataclass
from typing import Any

from simulators.paypal import events, identifiers, merchant, moments, vault
from simulators.paypal.amounts import Amount
from simulators.paypal.turn import Turn
from simulators.paypal.vault import ProcessorResponse
from simulators.store import Document

KIND = "capture"
SETTLE = "capture.settle"
PAID = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})


@dataclass(frozen=True)
class Taking:
    """What is to be taken, from an order in one step or from an authorization."""

    order_id: str
    authorization_id: str | None
    amount: Amount
    final: bool
    invoice_id: str | None
    custom_id: str | None
    operation_id: str | None
    """What the caller named this very operation: the `invoice_id` of the capture, or the `custom_id` of the order."""
    vault_id: str
    processor: ProcessorResponse | None


def take(turn: Turn, taking: Taking) -> Document:
    """Take the money, unless the processor declines, or what the payer pays with needs a review first."""
    review = vault.of(turn, taking.vault_id).review
    declined = taking.processor not in (None, vault.APPROVED)
    capture: Document = {
        "id": identifiers.money_object(),
        "order_id": taking.order_id,
        "authorization_id": taking.authorization_id,
        "status": "DECLINED" if declined else "PENDING" if review else "COMPLETED",
        "reason": review.reason if review else None,
        "units": taking.amount.units,
        "currency": taking.amount.currency,
        "fee_units": taking.amount.fee().units,
        "final": taking.final,
        "invoice_id": taking.invoice_id,
        "custom_id": taking.custom_id,
        "operation_id": taking.operation_id,
        "request_id": turn.request_id,
        "vault_id": taking.vault_id,
        "processor": taking.processor.wire() if taking.processor else None,
        "refunds": [],
        "reserved_units": 0,
        "refunded_units": 0,
        "disputed_units": 0,
        "open_disputes": 0,
        "created": turn.now,
        "updated": turn.now,
    }
    turn.save(KIND, capture)
    if capture["status"] == "COMPLETED":
        _note_effects(turn, capture)
    if review and not declined:
        turn.later(turn.now + review.after_seconds, SETTLE, id=capture["id"], status=review.ends_as)
    events.announce(turn, f"PAYMENT.CAPTURE.{capture['status']}", view(turn, capture))
    return capture


def settle(turn: Turn, capture: Document, status: str) -> None:
    """A pending capture was decided."""
    turn.change(KIND, capture, status=status, reason=None)
    if status == "COMPLETED":
        _note_effects(turn, capture)
    events.announce(turn, f"PAYMENT.CAPTURE.{status}", view(turn, capture))


def amount_of(capture: Document) -> Amount:
    """What was captured."""
    return Amount(capture["units"], capture["currency"])


def left_of(capture: Document) -> Amount:
    """What is neither given back, nor about to be, nor disputed or lost to a dispute."""
    gone = capture["reserved_units"] + capture.get("disputed_units", 0)
    return Amount(capture["units"] - gone, capture["currency"])


def fee_of(capture: Document) -> Amount:
    """What PayPal kept of it."""
    return Amount(capture["fee_units"], capture["currency"])


def view(turn: Turn, capture: Document) -> dict[str, Any]:
    """The capture as PayPal shows it by itself."""
    related = {"order_id": capture["order_id"], "authorization_id": capture["authorization_id"]}
    alone = {
        "supplementary_data": {"related_ids": {name: value for name, value in related.items() if value}},
        "payee": merchant.PAYEE,
    }
    return view_in_order(turn, capture) | alone


def view_in_order(turn: Turn, capture: Document) -> dict[str, Any]:
    """The capture as PayPal shows it in its order."""
    shown = {
        "id": capture["id"],
        "status": capture["status"],
        "status_details": {"reason": capture["reason"]} if capture["status"] == "PENDING" else None,
        "amount": amount_of(capture).wire(),
        "final_capture": capture["final"],
        "invoice_id": capture["invoice_id"],
        "custom_id": capture["custom_id"],
        "seller_protection": merchant.protection(vault.of(turn, capture["vault_id"])),
        "seller_receivable_breakdown": _breakdown(capture) if capture["status"] in PAID else None,
        "processor_response": capture["processor"],
        "create_time": moments.write(capture["created"]),
        "update_time": moments.write(capture["updated"]),
        "links": _links(turn, capture),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _breakdown(capture: Document) -> dict[str, Any]:
    amount, fee = amount_of(capture), fee_of(capture)
    return {
        "gross_amount": amount.wire(),
        "paypal_fee": fee.wire(),
        "net_amount": amount.minus(fee).wire(),
    }


def _links(turn: Turn, capture: Document) -> list[dict[str, str]]:
    path = f"{turn.base_url}/v2/payments/captures/{capture['id']}"
    if capture["authorization_id"]:
        up = f"{turn.base_url}/v2/payments/authorizations/{capture['authorization_id']}"
    else:
        up = f"{turn.base_url}/v2/checkout/orders/{capture['order_id']}"
    return [
        {"href": path, "rel": "self", "method": "GET"},
        {"href": f"{path}/refund", "rel": "refund", "method": "POST"},
        {"href": up, "rel": "up", "method": "GET"},
    ]


def _note_effects(turn: Turn, capture: Document) -> None:
    for kind, amount in (("capture", amount_of(capture)), ("fee", fee_of(capture))):
        turn.effect(kind, amount, capture, operation_id=capture["operation_id"], request_id=capture["request_id"])
