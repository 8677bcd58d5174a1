"""What a charge is expected to cost at a gateway, by the price list in the policy.

An expectation for choosing between gateways: the books take the fee that the gateway reports, never this one.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum

from pydantic import Field

from gateways.routing.ask import RoutingAsk
from gateways.routing.conditions import Conditions
from gateways.routing.value import Value
from ledger.money import MAX_AMOUNT_MINOR, CurrencyCode


class Rounding(StrEnum):
    """How a gateway makes a whole number of minor units of its percentage."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"


_MODES = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.HALF_EVEN: ROUND_HALF_EVEN, Rounding.UP: ROUND_CEILING}


class Price(Value):
    """A percentage of the amount and a fixed part in minor units of the charge's currency."""

    percentage: Decimal = Field(default=Decimal(0), ge=0, le=100, max_digits=7, decimal_places=4)
    fixed_minor: Mapping[CurrencyCode, int] = Field(default_factory=dict, max_length=200)
    """By currency. Where it is given at all, it is given for each currency: in others the price is not known."""


class Surcharge(Price):
    """What comes on top for some charges, such as cards from abroad."""

    name: str = Field(min_length=1, max_length=60)
    when: Conditions


class GatewayFees(Price):
    """The price list of one gateway."""

    rounding: Rounding = Rounding.HALF_UP
    """Of the percentages together, once."""
    surcharges: tuple[Surcharge, ...] = Field(default=(), max_length=50)

    def expected_fee_minor(self, ask: RoutingAsk, gateway: str) -> int | None:
        """Return the fee in minor units of the charge's currency; None where a price in that currency is missing."""
        method = ask.method(gateway)
        prices: list[Price] = [self]
        for surcharge in self.surcharges:
            of_card = not surcharge.when.asks_for_the_card or (
                method is not None and surcharge.when.hold_of_card(method)
            )
            if of_card and surcharge.when.hold_of_charge(ask):
                prices.append(surcharge)
        fixed = [_fixed(price, ask.amount.currency) for price in prices]
        known = [part for part in fixed if part is not None]
        if len(known) < len(fixed):
            return None
        share = sum((price.percentage for price in prices), Decimal(0)) * ask.amount.amount_minor / 100
        return min(int(share.to_integral_value(_MODES[self.rounding])) + sum(known), MAX_AMOUNT_MINOR)


def _fixed(price: Price, currency: str) -> int | None:
    return price.fixed_minor.get(currency) if price.fixed_minor else 0
