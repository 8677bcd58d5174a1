"""What a charge is expected to cost at a gateway, by the price list in the policy.

An expectation for choosing between gateways: the books take the fee that the gateway reports, never this one.
"""

from decimal import Decimal

from pydantic import Field

from gateways.routing.ask import RoutingAsk
from gateways.routing.conditions import Conditions
from ledger.money import MAX_AMOUNT_MINOR
from ledger.prices import Price, share
from ledger.rounding import Rounding, rounded


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
        fixed = [price.fixed_in(ask.amount.currency) for price in prices]
        known = [part for part in fixed if part is not None]
        if len(known) < len(fixed):
            return None
        percentage = sum((price.percentage for price in prices), Decimal(0))
        fee = rounded(share(ask.amount.amount_minor, percentage), self.rounding) + sum(known)
        return min(fee, MAX_AMOUNT_MINOR)
