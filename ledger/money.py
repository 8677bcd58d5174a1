"""Money: an integer number of minor units and its currency, or a unit of ours such as CREDIT. No floats, anywhere.

Digits after the point come from the maintained ISO 4217 table of the `iso4217` package, and for units from `ledger.units`; a
gateway's own exponents live with that gateway, because they differ from ISO and from each other.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from iso4217 import Currency as IsoCurrency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ledger import units

MAX_AMOUNT_MINOR = 999_999_999_999  # twelve digits, the most that any supported gateway takes (Stripe, IDR)

_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
MAX_TEXT = 28
"""Characters of an amount; as many digits as Decimal keeps exactly, and far more than any amount has."""


class MoneyError(ValueError):
    """An amount or a currency that cannot be used; the message says why and what to do."""


@lru_cache(maxsize=512)
def minor_digits(code: str) -> int:
    """Digits after the decimal point of a currency or a unit: 2 for USD, 0 for JPY, 3 for KWD, 0 for CREDIT."""
    unit = None if units.is_iso(code) else units.known().get(code)
    return iso_digits(code) if unit is None else unit.digits


@lru_cache(maxsize=512)
def iso_digits(currency: str) -> int:
    """Digits after the decimal point of an ISO 4217 currency, the only kind of which a gateway can speak."""
    if not units.is_iso(currency):
        raise MoneyError(f"unknown currency {currency!r}: give an ISO 4217 code such as USD")
    exponent = IsoCurrency(currency).exponent
    if exponent is None:
        raise MoneyError(f"{currency} has no minor unit, so it cannot be charged")
    return int(exponent)


def _known_currency(code: str) -> str:
    iso_digits(code)
    return code


def _known_unit(code: str) -> str:
    minor_digits(code)
    return code


CurrencyCode = Annotated[str, AfterValidator(_known_currency)]
"""Of ISO 4217."""
UnitCode = Annotated[str, AfterValidator(_known_unit)]
"""Of ISO 4217, or of a unit of ours."""


class Money(BaseModel):
    """An amount in minor units (cents, yen, fils) of one currency or unit; may be negative where a ledger needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount_minor: int = Field(strict=True)
    currency: UnitCode

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a positive amount in major units, such as `49.99`; raises MoneyError with what to do."""
        code = currency.strip().upper()
        digits = minor_digits(code)
        if not _AMOUNT.fullmatch(text):
            raise MoneyError(f"amount {text!r} is not a number: write it like 49.99")
        value = Decimal(text)
        if value <= 0:
            raise MoneyError(f"amount {text} {code} must be greater than zero")
        if value.adjusted() > len(str(MAX_AMOUNT_MINOR)):
            raise MoneyError(f"amount {text} {code} is too large: {_largest(code)} is the most")
        scaled = value.scaleb(digits)
        if len(text) > MAX_TEXT or scaled != scaled.to_integral_value():
            raise MoneyError(f"amount {text} {code} is too precise: {code} has {digits} decimal places")
        if scaled > MAX_AMOUNT_MINOR:
            raise MoneyError(f"amount {text} {code} is too large: {_largest(code)} is the most")
        return cls(amount_minor=int(scaled), currency=code)

    def decimal(self) -> Decimal:
        """The amount in major units, exactly: Decimal('49.99')."""
        return Decimal(self.amount_minor).scaleb(-minor_digits(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal():,.{minor_digits(self.currency)}f} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        return Money(amount_minor=self.amount_minor + self._same(other), currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(amount_minor=self.amount_minor - self._same(other), currency=self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._same(other)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise MoneyError(f"cannot combine {self.currency} with {other.currency}")
        return other.amount_minor


def _largest(currency: str) -> str:
    return str(Money(amount_minor=MAX_AMOUNT_MINOR, currency=currency))


def _of_iso(money: Money) -> Money:
    if not units.is_iso(money.currency):
        raise ValueError(f"{money.currency} is a unit of ours, which no gateway takes: charge a currency such as USD")
    return money


Chargeable = Annotated[Money, AfterValidator(_of_iso)]
"""What a gateway can be asked for: money of ISO 4217, and no unit of ours."""


def allocate(total: Money, weights: Sequence[int]) -> list[Money]:
    """Split `total` by non-negative integer weights so that the parts sum to it exactly (largest remainder).

    Ties go to the earlier part, so the same input always gives the same split.
    """
    if not weights or min(weights) < 0 or sum(weights) == 0:
        raise MoneyError("allocation needs non-negative weights of which at least one is positive")
    whole = sum(weights)
    shares = [divmod(total.amount_minor * weight, whole) for weight in weights]
    left = total.amount_minor - sum(quotient for quotient, _ in shares)
    by_remainder = sorted(range(len(weights)), key=lambda index: (-shares[index][1], index))
    lucky = set(by_remainder[:left])
    return [
        Money(amount_minor=quotient + (1 if index in lucky else 0), currency=total.currency)
        for index, (quotient, _) in enumerate(shares)
    ]
