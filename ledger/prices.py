"""A price in its simplest form: a percentage of an amount and a fixed part. Routing and fee rules are both made of it."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from ledger.money import CurrencyCode
from ledger.record import Record

Percentage = Annotated[Decimal, Field(ge=0, le=100, max_digits=7, decimal_places=4)]


class Price(Record):
    """A percentage of the amount and a fixed part in minor units of its currency."""

    percentage: Percentage = Decimal(0)
    fixed_minor: Mapping[CurrencyCode, int] = Field(default_factory=dict, max_length=200)
    """By currency. Where it is given at all, it is given for each currency: in others the price is not known."""

    def fixed_in(self, currency: str) -> int | None:
        """Return the fixed part in a currency; None where it is not known."""
        return self.fixed_minor.get(currency) if self.fixed_minor else 0


def share(amount_minor: int, percentage: Decimal) -> Fraction:
    """Return a percentage of an amount, exactly."""
    return amount_minor * Fraction(percentage) / 100
