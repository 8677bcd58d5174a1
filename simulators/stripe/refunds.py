"""Refunds: create, follow, fail later. What can still be refunded is what was captured, less refunds that stand."""

from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import (
    balance_transactions,
    charges,
    currencies,
    disputes,
    events,
    ids,
    payment_intents,
    payment_methods,
)
from simulators.stripe.cards import RefundCourse
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import Refusal, missing, missing_parameter
from simulators.stripe.forms import Kind, choice, integer, metadata, text, texts
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed

CREATE: Mapping[str, Kind] = {
    "amount": integer,
    "charge": text,
    "expand": texts,
    "metadata": metadata,
    "payment_intent": text,
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
}
LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "charge": text, "payment_intent": text}
BY_HAND = {"refund": "reversal", "refund_failed": "reversal_returned"}
"""What the truth log calls the effects of a refund that the caller did not ask for."""
CANCEL: Mapping[str, Kind] = {"expand": texts}


def check_create(values: dict[str, Any]) -> None:
    """What is wrong with the parameters before anything is executed."""
    if "charge" not in values and "payment_intent" not in values:
        raise missing_parameter("payment_intent")


def create(context: Context, values: dict[str, Any]) -> Reply:
    """POST /v1/refunds"""
    return Reply(context.rendered(_make(context, values)))


def by_hand(context: Context, payment_id: str, amount_minor: int | None) -> str:
    """Make a refund as in the dashboard, without anything of the caller's; returns its id. Raises LookupError, ValueError."""
    payment_intent = context.transaction.get("payment_intent", payment_id)
    if payment_intent is None or payment_intent["status"] != "succeeded":
        raise LookupError(f"{payment_id} is no payment that succeeded")
    values: dict[str, Any] = {"payment_intent": payment_id, "reason": "requested_by_customer"}
    if amount_minor is not None:
        values["amount"] = currencies.from_iso_minor(amount_minor, payment_intent["currency"])
    try:
        return str(_make(context, values, by_hand=True)["id"])
    except Refusal as refusal:
        raise ValueError(str(refusal)) from refusal


def _make(context: Context, values: dict[str, Any], *, by_hand: bool = False) -> Document:
    charge = _charge(context, values)
    disputes.require_refundable(context, charge)
    amount = _amount(context, charge, values.get("amount"))
    card = payment_methods.card_of(context, payment_methods.get(context, charge["payment_method"]))
    pending = card.refund is RefundCourse.PENDING
    refund = _new(context, charge, amount, values, status="pending" if pending else "succeeded")
    refund["balance_transaction"] = balance_transactions.of_refund(context, refund, failed=False)["id"]
    refund["_by_hand"] = by_hand
    refund["_cause"] = Cause(refund["metadata"].get("operation_id"), context.key)
    _save(context, refund)
    _change_charge(context, charge, amount)
    _took_effect(context, "refund", refund)
    if card.refund is not RefundCourse.SUCCEEDS:
        due = context.now + context.simulator.settings["refund_delay_seconds"]
        context.simulator.agenda.add(context.transaction, due, "settle_refund", {"refund": refund["id"]})
    events.record(context, "refund.created", refund)
    events.record(context, "charge.refunded", charge)
    return refund


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/refunds/{id}"""
    return Reply(context.rendered(_get(context, identity)))


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/refunds"""
    links = {name: values.get(name) for name in ("charge", "payment_intent")}
    return listed(context, "refund", "/v1/refunds", values, links)


def cancel(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """POST /v1/refunds/{id}/cancel: only while the customer has to act, which no card's refund ever asks for."""
    refund = _get(context, identity)
    raise Refusal(
        f"This refund cannot be canceled because it has a status of {refund['status']}. "
        "Only a refund with one of the following statuses may be canceled: requires_action."
    )


def settle_later(context: Context, details: Document) -> None:
    """The agenda's `settle_refund`: a pending refund succeeds; one that is bound to fail gives the money back."""
    refund = _get(context, details["refund"])
    if refund["status"] == "pending":
        refund.update(status="succeeded", pending_reason=None)
        refund["destination_details"]["card"].update(reference_status="available", reference=ids.new("x", 15)[2:])
        _save(context, refund)
        events.record(context, "refund.updated", refund, {"status": "pending"})
        return
    returned = balance_transactions.of_refund(context, refund, failed=True)
    refund.update(
        status="failed",
        failure_reason="expired_or_canceled_card",
        failure_balance_transaction=returned["id"],
    )
    _save(context, refund)
    charge = charges.get(context, refund["charge"])
    _change_charge(context, charge, -refund["amount"])
    _took_effect(context, "refund_failed", refund)
    events.record(context, "refund.updated", refund, {"status": "succeeded"})
    events.record(context, "refund.failed", refund)


def _charge(context: Context, values: dict[str, Any]) -> Document:
    if "charge" in values:
        charge = charges.get(context, values["charge"], param="charge")
        captured = charge["captured"]
    else:
        payment_intent = payment_intents.get(context, values["payment_intent"])
        captured = payment_intent["status"] == "succeeded"
        charge = charges.get(context, payment_intent["latest_charge"]) if captured else payment_intent
    if not captured:
        what = "PaymentIntent" if charge["object"] == "payment_intent" else "charge"
        raise Refusal(f"This {what} ({charge['id']}) does not have a successful charge to refund.")
    return charge


def _amount(context: Context, charge: Document, asked: int | None) -> int:
    """How much is refunded: what was asked for, or all that is left."""
    left: int = charge["amount_captured"] - sum(
        refund["amount"]
        for refund in _of_charge(context, charge["id"])
        if refund["status"] not in ("failed", "canceled")
    )
    if left == 0:
        raise Refusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if asked is None:
        return left
    currencies.check_step(asked, charge["currency"], "amount")
    if asked > left:
        wanted, possible = (currencies.shown(amount, charge["currency"]) for amount in (asked, left))
        raise Refusal(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({possible})", param="amount"
        )
    return asked


def _of_charge(context: Context, charge_id: str) -> list[Document]:
    return context.transaction.listing("refund", limit=10_000, links={"charge": charge_id}).documents


def _get(context: Context, identity: str) -> Document:
    refund = context.transaction.get("refund", identity)
    if refund is None:
        raise missing("refund", identity)
    return refund


def _save(context: Context, refund: Document) -> None:
    links = {"charge": refund["charge"], "payment_intent": refund["payment_intent"]}
    context.transaction.put("refund", refund["id"], refund, links)


def _change_charge(context: Context, charge: Document, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    charges.save(context, charge)


def _took_effect(context: Context, kind: str, refund: Document) -> None:
    context.effect(
        BY_HAND[kind] if refund.get("_by_hand") else kind,
        amount=refund["amount"],
        currency=refund["currency"],
        object_id=refund["id"],
        payment_id=refund["payment_intent"],
        cause=Cause(*refund["_cause"]),
    )


def _new(context: Context, charge: Document, amount: int, values: dict[str, Any], *, status: str) -> Document:
    return {
        "id": ids.new("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": context.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": {name: value for name, value in values.get("metadata", {}).items() if value},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": "processing" if status == "pending" else None,
        "reason": values.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
