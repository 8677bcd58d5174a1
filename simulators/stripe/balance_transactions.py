"""Balance transactions: what a charge, a refund or its failure did to the balance, with Stripe's fee."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.store import Document
from simulators.stripe import currencies, fees, ids
from simulators.stripe.context import Context
from simulators.stripe.errors import missing
from simulators.stripe.forms import Kind, text
from simulators.stripe.reply import LIST_PARAMETERS, Reply, listed

DAY = 86_400
SETTLEMENT_DAYS = 2
LIST: Mapping[str, Kind] = {**LIST_PARAMETERS, "currency": text, "source": text, "type": text}


def of_charge(context: Context, charge: Document, *, at_once: bool) -> Document:
    """The money of a captured charge came in. After a partial capture, a second one takes the rest out again."""
    settlement = _settlement(context, charge["currency"])
    rate = fees.exchange_rate(charge["currency"], settlement)
    captured = fees.converted(charge["amount_captured"], charge["currency"], settlement, rate)
    whole = fees.converted(charge["amount"], charge["currency"], settlement, rate)
    available_on = context.now if at_once else _available_on(context.now)
    transaction = _new(
        context,
        amount=whole,
        fee=fees.of_charge(captured, settlement),
        currency=settlement,
        rate=rate,
        kind="charge",
        category="charge",
        source=charge["id"],
        available_on=available_on,
    )
    if whole > captured:
        _new(
            context,
            amount=captured - whole,
            fee=0,
            currency=settlement,
            rate=rate,
            kind="refund",
            category="partial_capture_reversal",
            source=charge["id"],
            available_on=available_on,
        )
    return transaction


def of_refund(context: Context, refund: Document, *, failed: bool) -> Document:
    """The money of a refund went out, or, when the refund failed, came back. The fee stays with Stripe."""
    settlement = _settlement(context, refund["currency"])
    rate = fees.exchange_rate(refund["currency"], settlement)
    amount = fees.converted(refund["amount"], refund["currency"], settlement, rate)
    return _new(
        context,
        amount=amount if failed else -amount,
        fee=0,
        currency=settlement,
        rate=rate,
        kind="refund_failure" if failed else "refund",
        category="refund_failure" if failed else "refund",
        source=refund["id"],
        available_on=context.now,
    )


def of_failure(context: Context, charge: Document) -> Document:
    """The money of a charge that failed after all went out again. The fee stays with Stripe."""
    settlement = _settlement(context, charge["currency"])
    rate = fees.exchange_rate(charge["currency"], settlement)
    return _new(
        context,
        amount=-fees.converted(charge["amount_captured"], charge["currency"], settlement, rate),
        fee=0,
        currency=settlement,
        rate=rate,
        kind="payment_failure_refund",
        category="charge_failure",
        source=charge["id"],
        available_on=context.now,
    )


def of_dispute(
    context: Context, dispute: Document, amount: int, *, takes_fee: bool, gives_fee: bool = False
) -> Document:
    """The money of a dispute went out (a negative amount) or came back; what it costs goes and comes with it."""
    settlement = _settlement(context, dispute["currency"])
    rate = fees.exchange_rate(dispute["currency"], settlement)
    fee = fees.of_dispute(settlement)
    return _new(
        context,
        amount=fees.converted(amount, dispute["currency"], settlement, rate),
        fee=fee if takes_fee else -fee if gives_fee else 0,
        currency=settlement,
        rate=rate,
        kind="adjustment",
        category="dispute" if amount < 0 else "dispute_reversal",
        source=dispute["id"],
        available_on=context.now,
        fee_for="Dispute fee",
    )


def retrieve(context: Context, _values: dict[str, Any], identity: str) -> Reply:
    """GET /v1/balance_transactions/{id}"""
    transaction = context.transaction.get("balance_transaction", identity)
    if transaction is None:
        raise missing("balance transaction", identity)
    return Reply(context.rendered(transaction))


def list_all(context: Context, values: dict[str, Any]) -> Reply:
    """GET /v1/balance_transactions"""
    links = {name: values.get(name) for name in ("currency", "source", "type")}
    return listed(context, "balance_transaction", "/v1/balance_transactions", values, links)


def _new(
    context: Context,
    *,
    amount: int,
    fee: int,
    currency: str,
    rate: Decimal | None,
    kind: str,
    category: str,
    source: str,
    available_on: int,
    fee_for: str = "Stripe processing fees",
) -> Document:
    detail = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": fee_for,
        "type": "stripe_fee",
    }
    transaction: Document = {
        "id": ids.new("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": context.now,
        "currency": currency,
        "description": None,
        "exchange_rate": None if rate is None else float(rate),
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "pending",
        "type": kind,
    }
    links = {"source": source, "type": kind, "currency": currency}
    context.transaction.put("balance_transaction", transaction["id"], transaction, links)
    return transaction


def _settlement(context: Context, currency: str) -> str:
    """The balance's currency: the payment's own, or the one set, where there is a rate to it."""
    target: str = context.simulator.settings["settlement"]
    if target == "same_currency" or fees.exchange_rate(currency, target) is None:
        return currency
    return currencies.check(target)


def _available_on(now: int) -> int:
    return (now // DAY + SETTLEMENT_DAYS) * DAY
