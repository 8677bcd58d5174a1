"""Facts and entries that tests of the books start from."""

from datetime import UTC, datetime

from ledger import posting
from ledger.accounts import clearing, gateway_fees, revenue_sales
from ledger.entries import Entry, credit, debit
from ledger.money import Money
from ledger.posting import Fact

HAPPENED = datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=UTC)


def usd(amount_minor: int) -> Money:
    """Dollars, in cents."""
    return Money(amount_minor=amount_minor, currency="USD")


def fact(charge_id: str = "ch_1", amount_minor: int = 4999, kind: str = "capture", invoice: str | None = None) -> Fact:
    """What happened to a charge at Stripe."""
    return Fact(
        operation_id=f"{charge_id}:{kind}:1",
        charge_id=charge_id,
        gateway="stripe",
        money=usd(amount_minor),
        event_at=HAPPENED,
        actor="workflow:charge",
        customer="cus_1",
        invoice=invoice,
    )


def capture(charge_id: str = "ch_1", amount_minor: int = 4999) -> Entry:
    """The entry of a capture."""
    return posting.captured(fact(charge_id, amount_minor))


def fee(charge_id: str = "ch_1", amount_minor: int = 175) -> Entry:
    """The entry of a capture's fee."""
    return posting.fee_charged(fact(charge_id, amount_minor))


def two_currencies(reference: str = "exchange_1") -> Entry:
    """An entry that balances in each of two currencies."""
    yen = Money(amount_minor=800, currency="JPY")
    return Entry(
        reference=reference,
        rule="paid_out",
        description="paid out in two currencies",
        event_at=HAPPENED,
        actor="person:alice",
        lines=(
            debit(clearing("stripe"), usd(500)),
            credit(revenue_sales(), usd(500)),
            debit(clearing("stripe"), yen),
            credit(gateway_fees(), yen),
        ),
    )
