"""A policy whose parts contradict each other is refused, so that no rule stands there without effect."""

from datetime import UTC, datetime, timedelta

import pytest

from gateways.routing import policy_file
from gateways.routing.errors import PolicyFault
from gateways.routing.policy import Policies

GATEWAYS = ("stripe", "paypal")


def edition(version: str, begins: str, rules: str = "") -> str:
    head = f"  - version: {version}\n    effective_from: {begins}\n    fallback_order: [stripe, paypal]\n"
    return head + ("    rules:\n" + rules if rules else "")


def rule(name: str, when: str, then: str = "{gateway: stripe}") -> str:
    return f"      - {{name: {name}, when: {when}, then: {then}}}\n"


def read(*editions: str) -> Policies:
    return policy_file.parse("editions:\n" + "".join(editions), "p.yaml", GATEWAYS)


def refusal(*editions: str) -> list[str]:
    with pytest.raises(PolicyFault) as refused:
        read(*editions)
    return list(refused.value.lines)


def test_the_edition_in_force_is_chosen_by_the_moment() -> None:
    """A new price list takes effect at its date, in a worker that was started weeks before."""
    policies = read(edition("old", "2026-01-01"), edition("new", "2026-11-01T06:00+02:00"))
    change = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert policies.at(change - timedelta(microseconds=1)).version == "old"
    assert policies.at(change).version == "new"
    with pytest.raises(PolicyFault, match=r"no edition .* is in force at 2025-12-31 23:59 UTC: the first one, old,"):
        policies.at(datetime(2025, 12, 31, 23, 59, tzinfo=UTC))


def test_editions_that_begin_at_once_or_out_of_order_are_refused() -> None:
    """At any moment it is beyond doubt which edition is in force."""
    assert refusal(edition("a", "2026-01-01"), edition("b", "2026-01-01T00:00Z")) == [
        "p.yaml line 6: effective_from: editions a and b begin at the same moment: change one"
    ]
    assert refusal(edition("a", "2026-02-01"), edition("b", "2026-01-01")) == [
        "p.yaml line 6: effective_from: edition b begins before a, which stands above it: order them"
    ]
    assert refusal(edition("a", "2026-01-01"), edition("a", "2026-02-01")) == [
        "p.yaml line 5: version: there are two editions a: rename one"
    ]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{}", "{currency: [EUR]}"),
        ("{currency: [EUR, USD]}", "{currency: [EUR]}"),
        ("{currency: [EUR]}", "{amount: {EUR: {max_minor: 100}}}"),
        ("{amount: {EUR: {max_minor: 100}}}", "{amount: {EUR: {min_minor: 10, max_minor: 50}}, card_brand: [visa]}"),
        ("{amount: {EUR: {}}}", "{currency: [EUR]}"),
        ("{metadata: {a: 1}}", "{metadata: {a: 1, b: 2}}"),
        ("{card_country_not: [US]}", "{card_country: [DE]}"),
        ("{card_country_not: [US]}", "{card_country_not: [US, DE]}"),
        ("{card_brand: [visa, amex]}", "{card_brand: [amex], customer_country: [DE]}"),
    ],
)
def test_a_rule_that_an_earlier_one_makes_unreachable_is_refused(earlier: str, later: str) -> None:
    """Whoever wrote the second rule meant something by it, and would never see it happen."""
    rules = rule("first", earlier) + rule("second", later)
    (line,) = refusal(edition("v", "2026-01-01", rules))
    assert line.startswith("p.yaml line 7: rules: rule second is never reached, since rule first above it takes all")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{currency: [EUR]}", "{}"),
        ("{currency: [EUR]}", "{currency: [EUR, USD]}"),
        ("{amount: {EUR: {max_minor: 100}}}", "{currency: [EUR]}"),
        ("{amount: {EUR: {max_minor: 100}}}", "{amount: {EUR: {max_minor: 101}}}"),
        ("{metadata: {a: 1, b: 2}}", "{metadata: {a: 1}}"),
        ("{card_country_not: [US]}", "{}"),
        ("{card_country_not: [US]}", "{card_country: [DE, US]}"),
        ("{card_country: [DE]}", "{card_country_not: [US]}"),
        ("{card_brand: [visa]}", "{customer_country: [DE]}"),
    ],
)
def test_a_rule_that_an_earlier_one_leaves_something_is_used(earlier: str, later: str) -> None:
    """A policy that means something is not refused."""
    assert read(edition("v", "2026-01-01", rule("first", earlier) + rule("second", later)))


def test_rules_of_one_name_are_refused() -> None:
    """A decision names its rule, and the name has to say which."""
    rules = rule("same", "{currency: [EUR]}") + rule("same", "{currency: [USD]}")
    assert refusal(edition("v", "2026-01-01", rules)) == ["p.yaml line 7: name: there are two rules same: rename one"]


def test_least_cost_without_prices_is_refused() -> None:
    """A choice by cost needs the cost."""
    rules = rule("cheap", "{}", "{least_cost: [stripe, paypal]}")
    priced = "    fees: {paypal: {percentage: 3}}\n"
    assert refusal(edition("v", "2026-01-01", rules) + priced) == [
        "p.yaml line 6: least_cost: the fees of stripe are not in this edition, so its cost is not known: add them"
    ]
