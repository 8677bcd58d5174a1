"""Customers, plans, invoices and payments that tests of billing start from."""

from datetime import UTC, date, datetime
from typing import Any

from billing.calendar import Interval, Unit
from billing.invoices import Invoice, InvoiceLine, InvoiceRequest, InvoiceState
from billing.payments import Payment, PaymentKind
from billing.plans import Plan
from billing.subscriptions import Subscription, SubscriptionRequest, beginning
from ledger.money import Money

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ALICE = "person:alice"
HASH = "0" * 64


def usd(amount_minor: int) -> Money:
    """Dollars, in cents."""
    return Money(amount_minor=amount_minor, currency="USD")


def line(amount_minor: int = 1900, earns_to: str = "revenue:subscriptions", **more: Any) -> InvoiceLine:
    """A line of an invoice."""
    return InvoiceLine(description="Pro", amount_minor=amount_minor, earns_to=earns_to, **more)


def asked(*amounts: int, invoice_id: str = "in_1", customer_id: str = "cus_1", **more: Any) -> InvoiceRequest:
    """The wish for an invoice with lines of these amounts."""
    lines = tuple(line(amount) for amount in amounts or (1900,))
    fields: dict[str, Any] = {"invoice_id": invoice_id, "customer_id": customer_id, "currency": "USD", "lines": lines}
    return InvoiceRequest(**fields | {"actor": ALICE} | more)


def invoice(total_minor: int = 1900, applied_minor: int = 0, **changes: Any) -> Invoice:
    """An open invoice's row."""
    fields: dict[str, Any] = dict.fromkeys(Invoice.model_fields)
    fields |= {"invoice_id": "in_1", "customer_id": "cus_1", "currency": "USD", "request_hash": HASH}
    fields |= {"state": InvoiceState.OPEN, "total_minor": total_minor, "applied_minor": applied_minor}
    fields |= {"due_minor": total_minor - applied_minor, "number": "INV-000001", "created_at": NOW, "created_by": ALICE}
    return Invoice.model_validate(fields | {"finalized_at": NOW, "finalized_by": ALICE} | changes)


def payment(amount_minor: int, applied_minor: int = 0, **changes: Any) -> Payment:
    """A payment's row, from outside."""
    fields: dict[str, Any] = {"payment_id": "outside/p1", "kind": PaymentKind.OUTSIDE, "customer_id": "cus_1"}
    fields |= {"currency": "USD", "charge_id": None, "bank": "main", "reference": "R1", "request_hash": HASH}
    fields |= {"amount_minor": amount_minor, "applied_minor": applied_minor, "changes": 1, "received_at": NOW}
    fields |= dict.fromkeys(("returned_at", "returned_by", "returned_because"))
    return Payment.model_validate(fields | {"recorded_at": NOW, "recorded_by": ALICE} | changes)


def plan(amount_minor: int = 1900, *, unit: Unit = Unit.MONTH, trial_days: int = 0, **changes: Any) -> Plan:
    """A plan of 19 dollars a month."""
    fields: dict[str, Any] = {"plan_id": "pro", "name": "Pro", "amount": usd(amount_minor), "version": 1}
    fields |= {"interval": Interval(unit=unit), "trial_days": trial_days, "actor": ALICE, "created_at": NOW}
    return Plan.model_validate(fields | changes)


def subscription(of: Plan | None = None, starts_on: str = "2026-01-31", **changes: Any) -> Subscription:
    """A subscription that has just begun, in UTC."""
    asked_for = SubscriptionRequest(
        subscription_id="sub_1",
        customer_id="cus_1",
        plan_id="pro",
        starts_on=date.fromisoformat(starts_on),
        actor=ALICE,
    )
    fields: dict[str, Any] = dict.fromkeys(Subscription.model_fields)
    fields |= {"subscription_id": "sub_1", "customer_id": "cus_1", "currency": "USD", "request_hash": HASH}
    fields |= {"time_zone": "UTC", "cancel_at_period_end": False, "created_at": NOW, "changed_at": NOW}
    fields |= {"changed_by": ALICE, "because": "started"}
    return Subscription.model_validate(fields | beginning(asked_for, of or plan()) | changes)
