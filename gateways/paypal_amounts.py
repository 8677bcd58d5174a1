"""What PayPal takes: currencies, and the decimal strings that it writes amounts in.

HUF, JPY and TWD have no decimals here, although HUF and TWD have two in ISO 4217; everything else has two.
Source: developer.paypal.com/api/rest/reference/currency-codes; BRL, CNY and MYR are for accounts of those countries.
"""

import re
from decimal import Decimal
from typing import Final

from gateways.port import Capabilities
from ledger.money import Money, iso_digits

NO_DECIMALS: Final = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS: Final = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS"),
        *("MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
    }
)
AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
"""At most 15 digits before the point (the documents' own limit), so that arithmetic on it stays exact."""

CAPABILITIES: Final = Capabilities(
    currencies={code: 0 if code in NO_DECIMALS else 2 for code in sorted(NO_DECIMALS | TWO_DECIMALS)},
    key_life_seconds=6 * 3600,
    later_key_life_seconds=45 * 24 * 3600,
)
"""Orders forget a request id after 6 hours; authorizations, captures and refunds after 45 days."""


def to_paypal(money: Money) -> str:
    """Write an amount as PayPal does: "49.99", "500". Raises ValueError if that loses anything."""
    value = money.decimal()
    written = value.quantize(Decimal(1).scaleb(-CAPABILITIES.currencies[money.currency]))
    if written != value:
        raise ValueError(f"PayPal cannot write {money}")
    return str(written)


def from_paypal(value: str, currency: str) -> Money:
    """Read an amount as PayPal writes it. Raises ValueError if it is no ISO amount."""
    if AMOUNT.fullmatch(value) is None:
        raise ValueError(f"{value[:40]!r} is not an amount")
    code = currency.upper()
    minor = Decimal(value).scaleb(iso_digits(code))
    if minor != minor.to_integral_value():
        raise ValueError(f"{value} of {code} is not a whole number of its minor units")
    return Money(amount_minor=int(minor), currency=code)
