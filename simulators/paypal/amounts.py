"""PayPal's amounts: strings of major units, with decimal places that are PayPal's own and not always ISO 4217's.

Inside the simulator an amount is an integer of the smallest unit that PayPal takes; the truth log has ISO minor units.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from iso4217 import Currency

from simulators.paypal.errors import Problem

NO_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
"""https://developer.paypal.com/api/rest/reference/currency-codes/"""

FIXED_FEES = {
    "AUD": 59, "BRL": 290, "CAD": 59, "CHF": 49, "CNY": 350, "CZK": 900, "DKK": 290, "EUR": 39,
    "GBP": 39, "HKD": 379, "HUF": 149, "ILS": 160, "JPY": 49, "MXN": 900, "MYR": 200, "NOK": 390,
    "NZD": 69, "PHP": 2500, "PLN": 189, "SEK": 409, "SGD": 69, "THB": 1500, "TWD": 14, "USD": 49,
}  # fmt: skip
"""Fixed part of the fee by currency, in units; its keys are the currencies that can be taken."""

FEE_PER_TEN_THOUSAND = 349
VALUE = re.compile(r"-?[0-9]+|-?[0-9]*[.][0-9]+")
MAX_VALUE = Decimal("999999999999999.99")


@dataclass(frozen=True)
class Amount:
    """A sum of one currency, in units of PayPal's smallest step: cents, yen, forints."""

    units: int
    currency: str

    def wire(self) -> dict[str, str]:
        """The amount as it is sent: `{"currency_code": "USD", "value": "49.99"}`."""
        return {"currency_code": self.currency, "value": self.value()}

    def value(self) -> str:
        """Major units as text."""
        if self.currency in NO_DECIMALS:
            return str(self.units)
        sign = "-" if self.units < 0 else ""
        return f"{sign}{abs(self.units) // 100}.{abs(self.units) % 100:02d}"

    def iso_minor(self) -> int:
        """ISO 4217 minor units: a forint has a hundred of them, although PayPal takes whole forints only."""
        return self.units * ISO_MINOR_PER_UNIT[self.currency]

    def fee(self) -> "Amount":
        """What PayPal keeps of a payment of this amount: a percentage, rounded half up, and a fixed part."""
        percentage = (self.units * FEE_PER_TEN_THOUSAND + 5_000) // 10_000
        return self.of(min(percentage + FIXED_FEES[self.currency], self.units))

    def of(self, units: int) -> "Amount":
        """So many units of the same currency."""
        return Amount(units=units, currency=self.currency)

    def minus(self, other: "Amount") -> "Amount":
        """The difference; both must be of one currency."""
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} minus {other.currency}")
        return self.of(self.units - other.units)


def digits(currency: str) -> int:
    """Decimal places that PayPal takes."""
    return 0 if currency in NO_DECIMALS else 2


ISO_MINOR_PER_UNIT: dict[str, int] = {
    code: 10 ** (int(Currency(code).exponent or 0) - digits(code)) for code in FIXED_FEES
}


def from_iso_minor(amount_minor: int, currency: str) -> Amount:
    """The amount of ISO 4217 minor units; raises ValueError where PayPal's step is larger."""
    units, rest = divmod(amount_minor, ISO_MINOR_PER_UNIT[currency])
    if rest:
        raise ValueError(f"{amount_minor} minor units of {currency} are no amount that PayPal takes")
    return Amount(units=units, currency=currency)


def read(wire: dict[str, Any], field: str) -> Amount:
    """The amount that a caller sent under this JSON pointer, whose shape was checked; raises Problem as PayPal would."""
    currency, value = wire["currency_code"], wire["value"]
    if currency not in FIXED_FEES:
        raise Problem("INVALID_CURRENCY_CODE", f"{field}/currency_code", currency)
    if not VALUE.fullmatch(value):
        raise Problem("INVALID_PARAMETER_SYNTAX", f"{field}/value", value)
    decimal_places = len(value.partition(".")[2])
    if decimal_places > digits(currency):
        issue = "DECIMALS_NOT_SUPPORTED" if currency in NO_DECIMALS else "DECIMAL_PRECISION"
        raise Problem(issue, f"{field}/value", value)
    major = Decimal(value)
    if major <= 0:
        raise Problem("CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value", value)
    if major > MAX_VALUE:
        raise Problem("MAX_VALUE_EXCEEDED", f"{field}/value", value)
    return Amount(units=int(major.scaleb(digits(currency))), currency=currency)
