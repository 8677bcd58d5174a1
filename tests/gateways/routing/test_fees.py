"""Expected fees are whole minor units, rounded by a named rule, and unknown where a price is missing."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.routing.ask import Method
from gateways.routing.fees import GatewayFees
from ledger.money import Money
from tests.gateways.routing.asks import ask

FOREIGN = {"name": "abroad", "when": {"card_country_not": ["US"]}, "percentage": "1.5"}


def fee(fees: dict[str, Any], amount: str = "49.99", currency: str = "USD", **card: str) -> int | None:
    charge = ask(amount, currency, [Method(gateway="stripe", **card)])
    return GatewayFees.model_validate(fees).expected_fee_minor(charge, "stripe")


@pytest.mark.parametrize(
    ("fees", "amount", "currency", "expected"),
    [
        ({"percentage": "2.9", "fixed_minor": {"USD": 30}}, "49.99", "USD", 175),
        ({"percentage": "2.9", "fixed_minor": {"USD": 30}}, "49.99", "EUR", None),
        ({"percentage": "2.9"}, "49.99", "EUR", 145),
        ({"percentage": "3.6"}, "500", "JPY", 18),
        ({}, "49.99", "USD", 0),
        ({"percentage": "50", "rounding": "half_up"}, "0.01", "USD", 1),
        ({"percentage": "50", "rounding": "half_even"}, "0.01", "USD", 0),
        ({"percentage": "0.01", "rounding": "up"}, "0.01", "USD", 1),
    ],
)
def test_a_fee_is_a_percentage_and_a_fixed_part(
    fees: dict[str, Any], amount: str, currency: str, expected: int | None
) -> None:
    """Costs are compared to the minor unit, and never by a price that nobody has given."""
    assert fee(fees, amount, currency) == expected


@pytest.mark.parametrize(("country", "expected"), [("US", 290), ("DE", 440)])
def test_a_surcharge_applies_where_its_conditions_hold(country: str, expected: int) -> None:
    """A card from abroad costs what it costs."""
    assert fee({"percentage": "2.9", "surcharges": [FOREIGN]}, "100", country=country) == expected


def test_a_card_of_unknown_country_is_charged_no_surcharge() -> None:
    """What is not known is not assumed."""
    assert fee({"percentage": "2.9", "surcharges": [FOREIGN]}, "100") == 290


def test_a_surcharge_without_a_price_in_the_currency_makes_the_fee_unknown() -> None:
    """Half a price is no price."""
    surcharge = {**FOREIGN, "fixed_minor": {"EUR": 10}}
    assert fee({"percentage": "2.9", "surcharges": [surcharge]}, country="DE") is None
    assert fee({"percentage": "2.9", "surcharges": [surcharge]}, country="US") == 145


@given(st.integers(1, 10**11), st.decimals(0, 100, places=4), st.sampled_from(["half_up", "half_even", "up"]))
def test_a_fee_is_off_by_less_than_a_minor_unit(amount_minor: int, percentage: Decimal, rounding: str) -> None:
    """No float and no second rounding comes between the price list and the comparison."""
    charge = ask().model_copy(update={"amount": Money(amount_minor=amount_minor, currency="USD")})
    found = GatewayFees.model_validate({"percentage": percentage, "rounding": rounding}).expected_fee_minor(charge, "x")
    exact = Fraction(percentage) * amount_minor / 100
    assert found is not None
    assert abs(found - exact) < 1 if rounding == "up" else abs(found - exact) <= Fraction(1, 2)
    assert rounding != "up" or found >= exact
