"""With no more than an order of the gateways, the gateway is chosen by a rule whose reason a person can read."""

import pytest

from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.errors import NoGateway
from gateways.routing.policy import of_order
from gateways.routing.windows import EMPTY
from ledger.money import Money
from tests.gateways.routing.asks import BOTH, NOW, ask, lately

ORDER = of_order(("stripe", "paypal")).at(NOW)


def choose(amount: str, currency: str, methods: list[str], preferred: str | None = None) -> RoutingDecision:
    return decide(ORDER, ask(amount, currency, methods, preferred=preferred), BOTH, EMPTY)


def test_the_preferred_gateway_wins() -> None:
    """A merchant who names a gateway gets it."""
    choice = choose("10", "USD", ["stripe", "paypal"], "paypal")
    assert (choice.gateway, choice.reason) == ("paypal", "the request prefers it")


def test_without_a_preference_the_fallback_order_decides() -> None:
    """The order is the operator's, not the order of the payment methods."""
    choice = choose("10", "USD", ["paypal", "stripe"])
    assert choice.gateway == "stripe"
    assert choice.reason == "first in the fallback order"


def test_a_gateway_without_a_payment_method_is_passed_over_and_named() -> None:
    """Nobody wonders why the first gateway was not taken."""
    choice = choose("10", "USD", ["paypal"])
    assert choice.gateway == "paypal"
    assert choice.reason == "the only one that can take it; stripe has no payment method of the customer"


def test_a_preferred_gateway_that_cannot_take_the_currency_is_passed_over() -> None:
    """The customer can still pay."""
    choice = choose("10", "KWD", ["stripe", "paypal"], "paypal")
    assert choice.gateway == "stripe"
    assert "paypal cannot take KWD" in choice.reason


@pytest.mark.parametrize(
    ("amount", "currency", "methods", "why"),
    [
        ("10", "KWD", ["paypal"], "paypal cannot take KWD"),
        ("1.005", "KWD", ["stripe"], "at most 2 decimal places"),
        ("0.49", "USD", ["stripe"], "takes no charge under 0.50 USD"),
        ("10", "USD", ["adyen"], "adyen is not configured here"),
    ],
)
def test_a_charge_that_no_gateway_can_take_is_refused_with_each_reason(
    amount: str, currency: str, methods: list[str], why: str
) -> None:
    """The caller learns what to change before anything is sent."""
    with pytest.raises(NoGateway, match=f"^no gateway can take {Money.parse(amount, currency)}: .*{why}"):
        choose(amount, currency, methods)


def test_an_order_alone_learns_nothing_from_outcomes() -> None:
    """Whoever has set no policy gets the first gateway, as before there were policies."""
    assert not ORDER.reads_outcomes
    windows = lately(("stripe", "technical", 50))
    assert decide(ORDER, ask(methods=["stripe", "paypal"]), BOTH, windows).gateway == "stripe"
