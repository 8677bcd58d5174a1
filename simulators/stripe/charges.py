"""Charges: what a confirmed PaymentIntent did at the card's issuer, and what came of it."""

import random
from collections.abc import Mapping
from typing import Any

from simulators.store import Document
from simulators.stripe import balance_transactions, events, ids, payment_methods
from simulators.stripe.cards import Card, Decline
from simulators.stripe.context import Cause, Context
from simulators.stripe.errors import missing
from simulators.stripe.forms import Kind, text
from simulators.stripe.payment_methods import card_details
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed

HOUR = 3600
HOLD_SECONDS = 7 * 24 * HOUR
VISA_MERCHANT_INITIATED_HOLD_SECONDS = (4 * 24 + 18) * HOUR
ASYNCHRONOUS_SETTLEMENT_SECONDS = 5
LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "customer": text, "payment_intent": text}


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/charges/{id}"""
    return Reply(context.rendered(get(context, identity)))


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/charges"""
    links = {name: values.get(name) for name in ("customer", "payment_intent")}
    return listed(context, "charge", "/v1/charges", values, links)


def get(context: Context, identity: str, *, param: str = "id") -> Document:
    """The charge; refuses an unknown one."""
    charge = context.transaction.get("charge", identity)
    if charge is None:
        raise missing("charge", identity, param=param)
    return charge


def save(context: Context, charge: Document) -> None:
    """Write it, new or changed."""
    links = {"customer": charge["customer"], "payment_intent": charge["payment_intent"]}
    context.transaction.put("charge", charge["id"], charge, links)


def attempt(context: Context, payment_intent: Document, method: Document, *, authenticated: bool) -> Document:
    """A new charge as the issuer sees it, without its verdict; not written yet."""
    card = payment_methods.card_of(context, method)
    return {
        "id": ids.new("ch"),
        "object": "charge",
        "amount": payment_intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SIMULATED",
        "captured": False,
        "created": context.now,
        "currency": payment_intent["currency"],
        "customer": payment_intent["customer"],
        "description": payment_intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(payment_intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": payment_intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _card_used(card, payment_intent, authenticated), "type": "card"},
        "radar_options": {},
        "receipt_email": payment_intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": payment_intent["statement_descriptor"],
        "statement_descriptor_suffix": payment_intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }


def declined(context: Context, charge: Document, decline: Decline, card: Card) -> None:
    """The issuer, or Stripe's risk check, said no."""
    charge.update(
        status="failed",
        failure_code=decline.code,
        failure_message=decline.message,
        outcome={
            "advice_code": decline.advice_code,
            "network_advice_code": decline.network_advice_code,
            "network_decline_code": decline.network_decline_code,
            "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
            "reason": "highest_risk_level" if decline.blocked else decline.decline_code,
            "risk_level": card.risk_level,
            "risk_score": card.risk_score,
            "seller_message": "Stripe blocked this payment as too risky."
            if decline.blocked
            else "The bank did not return any further details with this decline.",
            "type": "blocked" if decline.blocked else "issuer_declined",
        },
    )
    save(context, charge)
    events.record(context, "charge.failed", charge)


def approved(charge: Document, card: Card, *, capture_before: int | None) -> None:
    """The issuer said yes: the money is reserved, until `capture_before` if it is to be captured later."""
    details = charge["payment_method_details"]["card"]
    details["amount_authorized"] = charge["amount"]
    details["capture_before"] = capture_before
    charge.update(
        status="succeeded",
        paid=True,
        receipt_url=f"https://pay.stripe.com/receipts/{charge['id']}",
        outcome={
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": card.risk_level,
            "risk_score": card.risk_score,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
    )


def hold_seconds(card: Card, *, merchant_initiated: bool) -> int:
    """How long the network keeps an authorization."""
    if card.brand == "visa" and merchant_initiated:
        return VISA_MERCHANT_INITIATED_HOLD_SECONDS
    return HOLD_SECONDS


def captured(context: Context, charge: Document, amount: int, *, asynchronously: bool, cause: Cause) -> None:
    """Take the amount; what is left of the authorization counts as refunded. The balance may follow later."""
    charge.update(amount_captured=amount, captured=True, amount_refunded=charge["amount"] - amount)
    delay: int = context.simulator.settings["balance_transaction_delay_seconds"]
    if asynchronously:
        delay = max(delay, ASYNCHRONOUS_SETTLEMENT_SECONDS)
    if delay:
        save(context, charge)
        details = {"charge": charge["id"], "cause": cause}
        context.simulator.agenda.add(context.transaction, context.now + delay, "settle_charge", details)
    else:
        _settle(context, charge, cause)


def settle_later(context: Context, details: Document) -> None:
    """The agenda's `settle_charge`: the balance transaction arrives, and `charge.updated` tells it."""
    charge = get(context, details["charge"])
    _settle(context, charge, Cause(*details["cause"]))
    events.record(context, "charge.updated", charge, {"balance_transaction": None})


def _settle(context: Context, charge: Document, cause: Cause) -> None:
    card = payment_methods.card_of(context, payment_methods.get(context, charge["payment_method"]))
    transaction = balance_transactions.of_charge(context, charge, at_once=card.available_at_once)
    charge["balance_transaction"] = transaction["id"]
    save(context, charge)
    context.effect(
        "fee",
        amount=transaction["fee"],
        currency=transaction["currency"],
        object_id=transaction["id"],
        payment_id=charge["payment_intent"],
        cause=cause,
    )


def _card_used(card: Card, payment_intent: Document, authenticated: bool) -> Document:  # noqa: FBT001
    three_d_secure = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": ids.new("x", 20)[2:],
        "version": "2.2.0",
    }
    return {
        **card_details(card),
        "amount_authorized": None,
        "authorization_code": None,
        "capture_before": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": card.mandate,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": str(random.randrange(10**14, 10**15)),
        "overcapture": {"maximum_amount_capturable": payment_intent["amount"], "status": "unavailable"},
        "three_d_secure": three_d_secure if authenticated else None,
    }
