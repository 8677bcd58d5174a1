"""Stripe's balance transactions, and the integers in which it writes amounts; pure."""

from datetime import UTC, datetime
from typing import NamedTuple

from gateways.records.reader import Document, RecordUnreadable
from ledger.money import iso_digits

NAME = "stripe"
ZERO_DECIMAL = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
THREE_DECIMAL = {"BHD", "JOD", "KWD", "OMR", "TND"}
"""https://docs.stripe.com/currencies; all others are written with two decimal places, ISK and UGX too."""


class Transaction(NamedTuple):
    """A balance transaction, in the currency that Stripe settles in."""

    reference: str
    category: str
    source: str | None
    amount_minor: int
    fee_minor: int
    currency: str
    occurred_at: datetime


def transaction(document: Document) -> Transaction:
    """Read a balance transaction."""
    currency = document["currency"]
    source = document.get("source")
    return Transaction(
        reference=document["id"],
        category=document["reporting_category"],
        source=source["id"] if isinstance(source, dict) else source,
        amount_minor=amount_minor(document["amount"], currency),
        fee_minor=amount_minor(document["fee"], currency),
        currency=currency.upper(),
        occurred_at=moment(document["created"]),
    )


def amount_minor(amount: int, currency: str) -> int:
    """Turn Stripe's integer into ISO 4217 minor units: 50000 isk are 500, 5 mga are 500."""
    code = currency.upper()
    digits = 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
    scale = iso_digits(code) - digits
    if scale >= 0:
        return int(amount * 10**scale)
    whole, rest = divmod(amount, 10**-scale)
    if rest:
        raise RecordUnreadable(NAME, f"shows {amount} {currency}, which is no whole amount of {code}")
    return int(whole)


def moment(unix: int) -> datetime:
    """Turn Stripe's seconds into a moment."""
    return datetime.fromtimestamp(unix, UTC)
