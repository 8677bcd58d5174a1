"""The gateway is chosen by a pure rule whose reason a person can read."""

import pytest

from gateways.port import Capabilities
from gateways.routing import NoGateway, choose
from ledger.money import Money

STRIPE = Capabilities(currencies={"USD": 2, "JPY": 0, "KWD": 2}, minimum_minor={"USD": 50}, key_life_seconds=86_400)
PAYPAL = Capabilities(currencies={"USD": 2, "JPY": 0}, key_life_seconds=21_600)
BOTH = {"stripe": STRIPE, "paypal": PAYPAL}
ORDER = ("stripe", "paypal")


def money(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def test_the_preferred_gateway_wins() -> None:
    """A merchant who names a gateway gets it."""
    assert choose(money("10"), ["stripe", "paypal"], "paypal", BOTH, ORDER).gateway == "paypal"


def test_without_a_preference_the_fallback_order_decides() -> None:
    """The order is the operator's, not the order of the payment methods."""
    choice = choose(money("10"), ["paypal", "stripe"], None, BOTH, ORDER)
    assert choice.gateway == "stripe"
    assert choice.reason == "first in the fallback order"


def test_a_gateway_without_a_payment_method_is_passed_over_and_named() -> None:
    """Nobody wonders why the first gateway was not taken."""
    choice = choose(money("10"), ["paypal"], None, BOTH, ORDER)
    assert choice.gateway == "paypal"
    assert "stripe has no payment method of the customer" in choice.reason


def test_a_preferred_gateway_that_cannot_take_the_currency_is_passed_over() -> None:
    """The customer can still pay."""
    choice = choose(money("10", "KWD"), ["stripe", "paypal"], "paypal", BOTH, ORDER)
    assert choice.gateway == "stripe"
    assert "paypal cannot take KWD" in choice.reason


@pytest.mark.parametrize(
    ("amount", "methods", "why"),
    [
        (money("10", "KWD"), ["paypal"], "paypal cannot take KWD"),
        (money("1.005", "KWD"), ["stripe"], "at most 2 decimal places"),
        (money("0.49"), ["stripe"], "takes no charge under 0.50 USD"),
        (money("10"), ["adyen"], "adyen is not configured here"),
    ],
)
def test_a_charge_that_no_gateway_can_take_is_refused_with_each_reason(
    amount: Money, methods: list[str], why: str
) -> None:
    """The caller learns what to change before anything is sent."""
    with pytest.raises(NoGateway, match=why):
        choose(amount, methods, None, BOTH, ORDER)
