"""Conditions hold or do not; and that one set includes another is true of every charge there is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.conditions import AmountRange, Conditions
from tests.gateways.routing.asks import ask

VISA = Method(gateway="stripe", brand="visa", country="DE", funding="credit")
AMEX = Method(gateway="paypal", brand="amex", country="US", funding="debit")
CHARGE = ask("10", "USD", [VISA, AMEX], customer_country="FR", metadata={"tier": "1", "shop": "a"})


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        ({"currency": ("EUR", "USD")}, True),
        ({"currency": ("EUR",)}, False),
        ({"amount": {"USD": {"min_minor": 1000, "max_minor": 1000}}}, True),
        ({"amount": {"USD": {"min_minor": 1001}}}, False),
        ({"amount": {"USD": {"max_minor": 999}}}, False),
        ({"amount": {"EUR": {"max_minor": 5000}}}, False),
        ({"customer_country": ("FR",)}, True),
        ({"customer_country": ("DE",)}, False),
        ({"card_brand": ("visa",)}, True),
        ({"card_brand": ("jcb",)}, False),
        ({"card_brand": ("visa",), "card_country": ("DE",)}, True),
        ({"card_brand": ("visa",), "card_country": ("US",)}, False),
        ({"card_country_not": ("DE", "US")}, False),
        ({"card_country_not": ("DE",)}, True),
        ({"card_funding": ("prepaid",)}, False),
        ({"metadata": {"tier": "1"}}, True),
        ({"metadata": {"tier": "1", "shop": "b"}}, False),
    ],
)
def test_all_conditions_have_to_hold(conditions: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 # a table's column
    """A charge goes where the operator said, to the last unit of its amount and of one and the same card."""
    assert Conditions.model_validate(conditions).hold(CHARGE) is holds


@pytest.mark.parametrize("condition", ["card_brand", "card_country", "card_country_not", "card_funding"])
def test_what_is_not_known_of_a_card_fulfils_nothing(condition: str) -> None:
    """A card of unknown origin is no card from abroad."""
    value = {"card_brand": ("visa",), "card_funding": ("credit",)}.get(condition, ("DE",))
    assert not Conditions.model_validate({condition: value}).hold(ask(methods=["stripe"]))


def some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)


RANGES = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(
    lambda ends: AmountRange(min_minor=min(ends), max_minor=max(ends))
)
SETS = st.fixed_dictionaries(
    {},
    optional={
        "currency": some(["EUR", "USD"]),
        "amount": st.dictionaries(st.sampled_from(["EUR", "USD"]), RANGES, min_size=1),
        "customer_country": some(["DE", "US"]),
        "card_brand": some(["visa", "amex"]),
        "card_country": some(["DE", "US"]),
        "card_country_not": some(["DE", "US"]),
        "card_funding": some(["credit", "debit"]),
        "metadata": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), min_size=1),
    },
)
METHODS = st.builds(
    Method,
    gateway=st.just("stripe"),
    brand=st.sampled_from([None, "visa", "amex"]),
    country=st.sampled_from([None, "DE", "US", "FR"]),
    funding=st.sampled_from([None, "credit", "debit"]),
)
ASKS = st.builds(
    lambda minor, currency, methods, country, metadata: ask(
        f"0.0{minor}", currency, methods, customer_country=country, metadata=metadata
    ),
    st.integers(1, 4),
    st.sampled_from(["EUR", "USD", "GBP"]),
    st.lists(METHODS, min_size=1, max_size=2),
    st.sampled_from([None, "DE", "US"]),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
)


def possible(fields: dict[str, Any]) -> Conditions | None:
    try:
        return Conditions.model_validate(fields)
    except ValueError:
        return None


@settings(max_examples=500)
@given(SETS.map(possible), SETS.map(possible), ASKS)
def test_included_conditions_never_hold_alone(
    wide: Conditions | None, narrow: Conditions | None, charge: RoutingAsk
) -> None:
    """A rule that is called unreachable is unreachable: no charge fulfils it that the earlier one does not take."""
    if wide is None or narrow is None or not wide.include(narrow):
        return
    assert wide.hold(charge) or not narrow.hold(charge)


@given(SETS.map(possible))
def test_conditions_include_themselves(conditions: Conditions | None) -> None:
    """A rule that stands there twice is seen."""
    assert conditions is None or conditions.include(conditions)
