"""Disputes: the customer's bank contests a payment. A chargeback takes the money at once, an inquiry asks first.

Nobody answers them here; how one ends is told through the control interface.
"""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import balance_transactions, charges, currencies, events, ids
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import Refusal, missing
from simulators.stripe.forms import Kind, text
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed

CHARGEBACK = "chargeback"
INQUIRY = "inquiry"
DAY = 86_400
ANSWER_SECONDS = 9 * DAY
LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "charge": text, "payment_intent": text}
NO_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
    "uncategorized_text",
)  # fmt: skip


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/disputes/{id}"""
    dispute = context.transaction.get("dispute", identity)
    if dispute is None:
        raise missing("dispute", identity)
    return Reply(context.rendered(dispute))


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/disputes"""
    links = {name: values.get(name) for name in ("charge", "payment_intent")}
    return listed(context, "dispute", "/v1/disputes", values, links)


def of_charge(context: Context, charge_id: str) -> list[Document]:
    """All disputes of a charge."""
    return context.transaction.listing("dispute", limit=10_000, links={"charge": charge_id}).documents


def require_refundable(context: Context, charge: Document) -> None:
    """Refuse the refund of a charge whose money a dispute took, unless it was won."""
    if not all(dispute["is_charge_refundable"] for dispute in of_charge(context, charge["id"])):
        raise Refusal(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )


def open_dispute(context: Context, payment_id: str, amount_minor: int | None) -> str:
    """Contest a captured payment; returns the dispute's id. Raises LookupError, ValueError."""
    payment_intent = context.transaction.get("payment_intent", payment_id)
    if payment_intent is None or payment_intent["status"] != "succeeded":
        raise LookupError(f"{payment_id} is no payment that succeeded")
    charge = charges.get(context, payment_intent["latest_charge"])
    captured: int = charge["amount_captured"]
    given_back = charge["amount_refunded"] - (charge["amount"] - captured)
    # Stripe lets a bank contest all of it even after a part was refunded, so a caller may ask for that.
    amount = captured - given_back
    if amount_minor is not None:
        amount = currencies.from_iso_minor(amount_minor, charge["currency"])
    if not 0 < amount <= captured:
        raise ValueError(f"{payment_id} captured {captured} and has {captured - given_back} left: {amount} is no part")
    dispute = _new(context, charge, amount, case_type=context.simulator.settings["dispute_course"])
    if dispute["_case"] == CHARGEBACK:
        _withdraw(context, dispute)
    _save(context, dispute)
    charge["disputed"] = True
    charges.save(context, charge)
    events.record(context, "charge.dispute.created", dispute)
    if dispute["_case"] == CHARGEBACK:
        events.record(context, "charge.dispute.funds_withdrawn", dispute)
    return str(dispute["id"])


def close_dispute(context: Context, dispute_id: str, *, won: bool, returned_minor: int | None) -> None:
    """Decide it; of one that is lost, a part may come back. Raises LookupError, ValueError."""
    dispute = context.transaction.get("dispute", dispute_id)
    if dispute is None:
        raise LookupError(f"there is no dispute {dispute_id}")
    if dispute["status"] not in ("needs_response", "warning_needs_response"):
        raise ValueError(f"{dispute_id} is {dispute['status']} already")
    was_inquiry = not dispute["balance_transactions"]
    if was_inquiry and not won:
        _withdraw(context, dispute)
    returned = _returned(dispute, won=won, returned_minor=returned_minor)
    if returned:
        _reinstate(context, dispute, returned)
    status = "lost" if not won else "warning_closed" if was_inquiry else "won"
    dispute.update(status=status, is_charge_refundable=won)
    _save(context, dispute)
    if was_inquiry and not won:
        events.record(context, "charge.dispute.funds_withdrawn", dispute)
    events.record(context, "charge.dispute.closed", dispute)
    if returned:
        events.record(context, "charge.dispute.funds_reinstated", dispute)


def _returned(dispute: Document, *, won: bool, returned_minor: int | None) -> int:
    if won:
        if returned_minor is not None:
            raise ValueError("all comes back of a dispute that is won: give no returned_minor")
        return int(dispute["amount"]) if dispute["balance_transactions"] else 0
    returned = currencies.from_iso_minor(returned_minor or 0, dispute["currency"])
    if not 0 <= returned < dispute["amount"]:
        raise ValueError(f"{dispute['id']} is about {dispute['amount']}: {returned} is no part of it")
    return returned


def _withdraw(context: Context, dispute: Document) -> None:
    moved = balance_transactions.of_dispute(context, dispute, -dispute["amount"], takes_fee=True)
    dispute["balance_transactions"].append(moved)
    dispute["is_charge_refundable"] = False
    _took_effect(context, "dispute", dispute, dispute["amount"], dispute["currency"])
    _took_effect(context, "dispute_fee", dispute, moved["fee"], moved["currency"])


def _reinstate(context: Context, dispute: Document, amount: int) -> None:
    gives_fee = amount == dispute["amount"] and context.simulator.settings["dispute_fee"] == "returned"
    moved = balance_transactions.of_dispute(context, dispute, amount, takes_fee=False, gives_fee=gives_fee)
    dispute["balance_transactions"].append(moved)
    _took_effect(context, "dispute_returned", dispute, amount, dispute["currency"])
    if moved["fee"]:
        _took_effect(context, "dispute_fee", dispute, moved["fee"], moved["currency"])


def _took_effect(context: Context, kind: str, dispute: Document, amount: int, currency: str) -> None:
    context.effect(
        kind,
        amount=amount,
        currency=currency,
        object_id=dispute["id"],
        payment_id=dispute["payment_intent"],
        cause=Cause(None, None),
    )


def _save(context: Context, dispute: Document) -> None:
    links = {"charge": dispute["charge"], "payment_intent": dispute["payment_intent"]}
    context.transaction.put("dispute", dispute["id"], dispute, links)


def _new(context: Context, charge: Document, amount: int, *, case_type: str) -> Document:
    brand = charge["payment_method_details"]["card"]["brand"]
    return {
        "id": ids.new("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": context.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(NO_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": context.now + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": True,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": brand, "case_type": case_type, "network": brand, "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "needs_response" if case_type == CHARGEBACK else "warning_needs_response",
        "_case": case_type,
    }
