"""Least cost picks the largest expected net, and never by a price that is not known."""

from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.strategies import least_cost
from gateways.routing.windows import EMPTY
from tests.gateways.routing.asks import THREE, ask, policy

PRICED = policy(
    "- {name: cheap, then: {least_cost: [adyen, paypal, stripe]}}",
    more="""fees:
  stripe: {percentage: 2.9, fixed_minor: {USD: 30}}
  paypal: {percentage: 1, fixed_minor: {USD: 100}}
  adyen: {percentage: 2.9, fixed_minor: {USD: 30, EUR: 10}}""",
)


def chosen(amount: str, currency: str = "USD", methods: tuple[str, ...] = tuple(THREE)) -> RoutingDecision:
    return decide(PRICED, ask(amount, currency, methods), THREE, EMPTY)


def test_the_cheapest_depends_on_the_amount() -> None:
    """A fixed fee weighs on small amounts, a percentage on large ones; the scores show by how much."""
    small, large = chosen("10"), chosen("1000")
    assert (small.gateway, large.gateway) == ("adyen", "paypal")
    assert small.reason == "by rule cheap: the least expected fee, 0.59 USD"
    nets = {one.gateway: one.scores["expected_net_minor"] for one in large.candidates}
    assert nets == {"paypal": 98_900, "stripe": 97_070, "adyen": 97_070}


def test_among_equals_the_first_in_the_rule_is_picked() -> None:
    """The same question has one answer."""
    assert chosen("10", methods=("stripe", "adyen")).gateway == "adyen"


def test_a_gateway_whose_price_is_not_known_comes_last() -> None:
    """An unknown price is not a low one."""
    euro = chosen("10", "EUR")
    assert euro.gateway == "adyen"
    assert [one.gateway for one in euro.candidates if one.scores] == ["adyen"]


def test_where_no_price_is_known_the_order_decides_and_says_so() -> None:
    """The customer can still pay, and the operator sees what is missing."""
    decision = chosen("10", "EUR", ("stripe", "paypal"))
    assert decision.gateway == "paypal"
    assert "no price in EUR is known" in decision.reason


def test_a_gateway_without_a_price_list_comes_last() -> None:
    """Nothing known is not nothing to pay."""
    found = least_cost.pick(ask("10"), ["paypal", "stripe"], {"stripe": PRICED.fees["stripe"]})
    assert (found.gateway, found.scores) == ("stripe", {"stripe": {"expected_net_minor": 941}})
