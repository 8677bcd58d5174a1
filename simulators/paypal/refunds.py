"""Refunds: money given back, of a capture that was paid; some are pending at first, some fail in the end."""

from typing import Any

from simulators.paypal import captures, events, identifiers, invoices, merchant, moments, vault
from simulators.paypal.amounts import FIXED_FEES, Amount, read
from simulators.paypal.errors import Problem
from simulators.paypal.settings import DAY
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "refund"
SETTLE = "refund.settle"
REFUNDABLE_SECONDS = 180 * DAY


BY_HAND = {"refund": "reversal", "refund_failed": "reversal_returned"}
"""What the truth log calls the effects of a refund that the caller did not ask for."""


def refund(turn: Turn, capture: Document, body: dict[str, Any], *, by_hand: bool = False) -> Document:
    """Give back some of a capture, or what is left of it."""
    _require_refundable(turn, capture)
    amount = _amount_to_refund(capture, body)
    invoices.require_unused(turn, body.get("invoice_id"), "/invoice_id")
    if turn.setting("merchant_balance") == "empty":
        raise Problem("REFUND_FAILED_INSUFFICIENT_FUNDS")
    course = vault.of(turn, capture["vault_id"]).refund
    status = turn.setting("failing_refund_starts") if course == "FAILED" else course
    document = _new(turn, capture, amount, body, status=status, by_hand=by_hand)
    invoices.use(turn, body.get("invoice_id"), document["id"])
    _begin(turn, document, capture)
    if course != "COMPLETED":
        ends_as = "FAILED" if course == "FAILED" else "COMPLETED"
        turn.later(turn.now + turn.setting("refund_delay_seconds"), SETTLE, id=document["id"], status=ends_as)
    return document


def reverse(turn: Turn, capture: Document, amount: Amount) -> Document:
    """PayPal itself takes back some of a capture: looks like a refund that nobody asked for, and is announced as what it is."""
    document = _new(turn, capture, amount, {}, status="COMPLETED")
    turn.change(KIND, document, was_completed=True, is_reversal=True)
    _effects(turn, "reversal", document, sign=1)
    _set_refunded(turn, capture, capture["refunded_units"] + amount.units)
    events.announce(turn, "PAYMENT.CAPTURE.REVERSED", view(turn, document))
    return document


def settle(turn: Turn, refund_id: str, status: str) -> None:
    """A refund was decided: a pending one completed, or one that looked well failed."""
    document = turn.find(KIND, refund_id)
    capture = turn.find(captures.KIND, document["capture_id"])
    if status == "COMPLETED":
        turn.change(KIND, document, status=status)
        _complete(turn, document, capture)
        return
    if document["was_completed"]:
        _effects(turn, "refund_failed", document, sign=-1)
        _set_refunded(turn, capture, capture["refunded_units"] - document["units"])
    turn.change(KIND, document, status="FAILED")
    turn.change(captures.KIND, capture, reserved_units=capture["reserved_units"] - document["units"])
    events.announce(turn, "PAYMENT.REFUND.FAILED", view(turn, document))


def amount_of(document: Document) -> Amount:
    """What was refunded."""
    return Amount(document["units"], document["currency"])


def view(turn: Turn, document: Document) -> dict[str, Any]:
    """The refund as PayPal shows it."""
    path = f"{turn.base_url}/v2/payments/refunds/{document['id']}"
    up = f"{turn.base_url}/v2/payments/captures/{document['capture_id']}"
    shown = {
        "id": document["id"],
        "status": document["status"],
        "status_details": {"reason": "ECHECK"} if document["status"] in {"PENDING", "FAILED"} else None,
        "amount": amount_of(document).wire(),
        "invoice_id": document["invoice_id"],
        "custom_id": document["custom_id"],
        "note_to_payer": document["note_to_payer"],
        "seller_payable_breakdown": _breakdown(document),
        "payer": merchant.PAYEE,
        "create_time": moments.write(document["created"]),
        "update_time": moments.write(document["updated"]),
        "links": [{"href": path, "rel": "self", "method": "GET"}, {"href": up, "rel": "up", "method": "GET"}],
    }
    return {name: value for name, value in shown.items() if value is not None}


def _breakdown(document: Document) -> dict[str, Any]:
    amount = amount_of(document)
    fee = amount.of(document["fee_units"])
    return {
        "gross_amount": amount.wire(),
        "paypal_fee": fee.wire(),
        "net_amount": amount.minus(fee).wire(),
        "total_refunded_amount": amount.of(document["total_units"]).wire(),
    }


def _require_refundable(turn: Turn, capture: Document) -> None:
    if capture["status"] == "PENDING":
        raise Problem("PENDING_CAPTURE")
    if capture["status"] not in captures.PAID:
        raise Problem("REFUND_NOT_ALLOWED")
    if capture.get("open_disputes"):
        raise Problem("TRANSACTION_DISPUTED")
    if captures.left_of(capture).units <= 0:
        raise Problem("CAPTURE_FULLY_REFUNDED")
    if turn.now > capture["created"] + REFUNDABLE_SECONDS:
        raise Problem("REFUND_TIME_LIMIT_EXCEEDED")


def _amount_to_refund(capture: Document, body: dict[str, Any]) -> Amount:
    left = captures.left_of(capture)
    if "amount" not in body:
        return left
    asked = read(body["amount"], "/amount")
    if asked.currency != left.currency:
        raise Problem("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code", asked.currency)
    if asked.units > left.units:
        raise Problem("REFUND_AMOUNT_EXCEEDED", "/amount/value", asked.value())
    return asked


def _fee_returned(turn: Turn, capture: Document, reserved_units: int) -> int:
    """PayPal keeps the percentage of what is refunded; some accounts get the fixed part back with the last refund."""
    if reserved_units < capture["units"] or not turn.setting("refund_returns_fixed_fee"):
        return 0
    return min(FIXED_FEES[capture["currency"]], int(capture["fee_units"]))


def _new(
    turn: Turn, capture: Document, amount: Amount, body: dict[str, Any], *, status: str, by_hand: bool = False
) -> Document:
    """A refund that its capture knows of."""
    reserved = capture["reserved_units"] + amount.units
    document: Document = {
        "id": identifiers.money_object(),
        "order_id": capture["order_id"],
        "capture_id": capture["id"],
        "status": status,
        "units": amount.units,
        "currency": amount.currency,
        "fee_units": _fee_returned(turn, capture, reserved),
        "total_units": reserved,
        "invoice_id": body.get("invoice_id") or capture["invoice_id"],
        "custom_id": body.get("custom_id"),
        "capture_custom_id": capture["custom_id"],
        "note_to_payer": body.get("note_to_payer"),
        "operation_id": body.get("invoice_id") or body.get("custom_id"),
        "request_id": turn.request_id,
        "was_completed": False,
        "is_reversal": False,
        "by_hand": by_hand,
        "created": turn.now,
        "updated": turn.now,
    }
    turn.change(captures.KIND, capture, reserved_units=reserved, refunds=[*capture["refunds"], document["id"]])
    turn.save(KIND, document)
    return document


def _begin(turn: Turn, document: Document, capture: Document) -> None:
    if document["status"] == "COMPLETED":
        _complete(turn, document, capture)
    else:
        events.announce(turn, "PAYMENT.REFUND.PENDING", view(turn, document))


def _complete(turn: Turn, document: Document, capture: Document) -> None:
    turn.change(KIND, document, was_completed=True)
    _effects(turn, "refund", document, sign=1)
    _set_refunded(turn, capture, capture["refunded_units"] + document["units"])
    events.announce(turn, "PAYMENT.CAPTURE.REFUNDED", view(turn, document))


def _set_refunded(turn: Turn, capture: Document, refunded_units: int) -> None:
    if refunded_units >= capture["units"]:
        status = "REFUNDED"
    else:
        status = "PARTIALLY_REFUNDED" if refunded_units else "COMPLETED"
    turn.change(captures.KIND, capture, refunded_units=refunded_units, status=status)


def _effects(turn: Turn, kind: str, document: Document, *, sign: int) -> None:
    names = {"operation_id": document["operation_id"], "request_id": document["request_id"]}
    amount = amount_of(document)
    turn.effect(BY_HAND[kind] if document.get("by_hand") else kind, amount, document, **names)
    if document["fee_units"]:
        # Given back with a refund, so negative; taken again when the refund fails.
        turn.effect("fee", amount.of(-sign * document["fee_units"]), document, **names)
