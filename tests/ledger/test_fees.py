"""Whatever the rule: gross is net and fee, the customer's part is what the gross has more than the price, and limits hold."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger import fees
from ledger.exchange_errors import FeeUnknown
from ledger.fee_posting import lines_of
from ledger.fee_rules import Ask, Basis, Bearer, FeeRule, FeeRules, Settlement, TiersBy
from ledger.money import MAX_AMOUNT_MINOR
from ledger.rounding import Rounding
from tests.ledger.exchange_samples import DAY, balances, money, surplus
from tests.ledger.fee_samples import ask, edition, rule

PERCENTAGES = st.integers(0, 400_000).map(lambda number: f"{number / 10_000:.4f}")
AMOUNTS = st.integers(1, 10**8)
VOLUMES = st.integers(0, 10**8)
USD = st.integers(0, 10**4).map(lambda minor: {"USD": minor})


@st.composite
def tiers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw some contiguous tiers."""
    ends = sorted(draw(st.sets(st.integers(1, 10**8), min_size=1, max_size=5)))
    steps: list[dict[str, Any]] = [{"up_to_minor": {"USD": end}, "percentage": draw(PERCENTAGES)} for end in ends]
    return {"by": draw(st.sampled_from(TiersBy)), "steps": [*steps, {"percentage": draw(PERCENTAGES)}]}


@st.composite
def rules(draw: st.DrawFn) -> FeeRule:
    """Draw any rule in dollars."""
    fields: dict[str, Any] = {
        "fixed_minor": draw(USD),
        "borne_by": draw(st.sampled_from(Bearer)),
        "percentage_of": draw(st.sampled_from(Basis)),
        "settled": draw(st.sampled_from(Settlement)),
        "rounding": draw(st.sampled_from(Rounding)),
    }
    fields |= {"tiers": draw(tiers())} if draw(st.booleans()) else {"percentage": draw(PERCENTAGES)}
    if fields["borne_by"] is Bearer.SHARED:
        fields["customer_share"] = draw(st.integers(1, 99))
    least, most = sorted((draw(st.integers(0, 10**5)), draw(st.integers(0, 10**5))))
    if draw(st.booleans()):
        fields["minimum_minor"] = {"USD": least}
    if draw(st.booleans()):
        fields["maximum_minor"] = {"USD": most}
    return FeeRule.model_validate({"name": "drawn", **fields})


@given(one=rules(), amount=AMOUNTS, volume=VOLUMES)
def test_gross_is_net_and_fee_and_the_lines_say_the_same(one: FeeRule, amount: int, volume: int) -> None:
    """No cent appears or is lost between what a customer pays, what a gateway keeps and what we get."""
    found = fees.of_purchase(edition(one), one, ask(amount, volume_minor=volume))
    price, gross, fee = found.price.amount_minor, found.gross.amount_minor, found.fee.amount_minor
    assert (price, gross, found.net.amount_minor) == (amount, found.net.amount_minor + fee, gross - fee)
    assert found.of_customer.amount_minor + found.of_merchant.amount_minor == fee
    assert abs(found.of_customer.amount_minor - fee * Fraction(one.share_of_customer) / 100) <= Fraction(1, 2)
    lines = lines_of(found)
    assert surplus(lines) == {"USD": price}
    moved = balances(lines)
    withheld = fee if found.settled is Settlement.NET else 0
    assert moved["clearing:stripe", "USD"] == gross - withheld
    assert moved["expense:gateway_fees", "USD"] == fee
    assert moved["liability:gateway_fees.stripe", "USD"] == withheld - fee
    assert moved["revenue:fees_charged", "USD"] == price - gross


@given(one=rules(), amount=AMOUNTS, volume=VOLUMES)
def test_minimum_and_maximum_hold(one: FeeRule, amount: int, volume: int) -> None:
    """No fee is below the one or above the other, and whichever decided is named."""
    found = fees.of_purchase(edition(one), one, ask(amount, volume_minor=volume))
    fee = found.fee.amount_minor
    assert (one.minimum_minor or {}).get("USD", 0) <= fee <= (one.maximum_minor or {}).get("USD", fee)
    if found.bound is fees.Bound.MINIMUM:
        assert fee == (one.minimum_minor or {})["USD"]
    if found.bound is fees.Bound.MAXIMUM:
        assert fee == (one.maximum_minor or {})["USD"]


@given(one=rules(), amount=AMOUNTS, volume=VOLUMES)
def test_a_capture_comes_to_what_its_purchase_came_to(one: FeeRule, amount: int, volume: int) -> None:
    """From the amount that was taken, the fee is found again that was expected of the price."""
    bought = fees.of_purchase(edition(one), one, ask(amount, volume_minor=volume))
    taken = fees.of_capture(edition(one), one, ask(bought.gross.amount_minor, volume_minor=volume))
    assert (taken.gross, taken.fee, taken.price) == (bought.gross, bought.fee, bought.price)


@given(drawn=tiers(), amount=st.integers(1, 10**8), volume=VOLUMES)
def test_tiers_are_continuous(drawn: dict[str, Any], amount: int, volume: int) -> None:
    """A cent more never makes a fee jump, at no border; each cent is in exactly one tier."""
    one = rule(tiers=drawn, fixed_minor={"USD": 0})
    parts = one.parts(amount, "USD", volume)
    assert parts is not None
    assert sum(part.amount_minor for part in parts) == amount
    borders = [step.up_to_minor["USD"] for step in (one.tiers.steps if one.tiers else ()) if step.up_to_minor]
    for border in (*borders, amount):
        before, after = (fees.computed(one, base, "USD", volume).fee_minor for base in (border, border + 1))
        assert before <= after <= before + 1


@given(drawn=tiers(), first=AMOUNTS, second=AMOUNTS, volume=VOLUMES)
def test_two_purchases_fill_the_tiers_as_one_would(drawn: dict[str, Any], first: int, second: int, volume: int) -> None:
    """Tiers by volume do not care how the volume came together."""
    one = rule(tiers={**drawn, "by": "volume"})

    def cost(amount: int, before: int) -> Fraction:
        parts = one.parts(amount, "USD", before) or ()
        return sum((part.amount_minor * Fraction(part.percentage) for part in parts), Fraction(0))

    assert cost(first, volume) + cost(second, volume + first) == cost(first + second, volume)


@given(one=rules(), amount=AMOUNTS, reported=st.integers(-(10**5), 10**6))
def test_what_the_gateway_reports_wins(one: FeeRule, amount: int, reported: int) -> None:
    """The books hold the reported fee, what the customer paid stays, and the difference is shown."""
    expected = fees.of_purchase(edition(one), one, ask(amount))
    told = expected.gross.model_copy(update={"amount_minor": reported})
    found = expected.reported(told)
    assert (found.gross, found.price, found.fee, found.expected) == (expected.gross, expected.price, told, expected.fee)
    assert found.difference == told - expected.fee
    assert found.gross == found.net + found.fee
    assert balances(lines_of(found))["expense:gateway_fees", "USD"] == reported
    again = found.reported(expected.fee)
    assert (again.expected, again.fee) == (expected.fee, expected.fee)


@pytest.mark.parametrize(
    ("fields", "amount", "known", "fee", "gross"),
    [
        ({}, 1000, {}, 59, 1000),
        ({"borne_by": "customer"}, 1000, {}, 61, 1061),
        ({"borne_by": "customer", "percentage_of": "net"}, 1000, {}, 59, 1059),
        ({"borne_by": "shared", "customer_share": 50}, 10000, {}, 325, 10162),
        ({"minimum_minor": {"USD": 100}}, 1000, {}, 100, 1000),
        ({"maximum_minor": {"USD": 50}}, 1000, {}, 50, 1000),
        ({"percentage": "2.95", "fixed_minor": {}, "rounding": "half_even"}, 1000, {}, 30, 1000),
        ({"percentage": "2.95", "fixed_minor": {}, "rounding": "down"}, 1000, {}, 29, 1000),
        ({"tiers": {"by": "amount", "steps": [{"up_to_minor": {"USD": 1000}, "percentage": 3}, {"percentage": 1}]}}, 2000, {}, 40, 2000),
        ({"tiers": {"by": "volume", "steps": [{"up_to_minor": {"USD": 1000}, "percentage": 3}, {"percentage": 1}]}}, 1000, {"volume_minor": 500}, 20, 1000),
    ],
)  # fmt: skip
def test_worked_examples(fields: dict[str, Any], amount: int, known: dict[str, Any], fee: int, gross: int) -> None:
    """By hand, to the cent."""
    one = rule(**fields)
    found = fees.of_purchase(edition(one), one, ask(amount, **known))
    assert (found.fee.amount_minor, found.gross.amount_minor) == (fee, gross)


def test_the_first_rule_that_matches_decides() -> None:
    """By gateway, brand, type, plan and currency; what is not known of a card fulfils nothing."""
    conditions: list[dict[str, Any]] = [
        {"card_brand": ["amex"], "card_funding": ["credit"]},
        {"plan": ["large"]},
        {"currency": ["EUR"]},
        {"gateway": ["stripe"]},
    ]
    current = edition(*(rule(name=f"rule-{number}", when=when) for number, when in enumerate(conditions)))
    asks = [
        ask(1, card_brand="amex", card_funding="credit"),
        ask(1, card_brand="amex", plan="large"),
        ask(1, "EUR", card_brand="visa"),
        ask(1),
    ]
    found = [current.rule_for(one) for one in asks]
    assert [one.name if one else None for one in found] == ["rule-0", "rule-1", "rule-2", "rule-3"]
    assert current.rule_for(ask(1, gateway="paypal")) is None


def test_the_edition_of_the_day_decides() -> None:
    """A fee of last month is expected by last month's rules."""
    first, second = rule(name="first"), rule(name="second", percentage="1")
    later = edition(second).model_copy(update={"version": "later", "effective_from": DAY + timedelta(days=1)})
    both = FeeRules(editions=(edition(first), later))
    assert fees.rule_at(both, DAY, ask(1))[1] == first
    assert fees.rule_at(both, DAY + timedelta(days=1), ask(1))[1] == second
    with pytest.raises(
        FeeUnknown, match="no edition of the fee rules is in force at 2026-11-01: the first begins at 2026-11-02"
    ):
        fees.rule_at(both, DAY - timedelta(seconds=1), ask(1))


def test_a_fee_that_no_rule_says_is_unknown_and_never_zero() -> None:
    """Half a price is no price."""
    tiered = {"by": "amount", "steps": [{"up_to_minor": {"USD": 1000}, "percentage": 3}, {"percentage": 1}]}
    for fields in (
        {},
        {"fixed_minor": {}, "minimum_minor": {"USD": 1}},
        {"fixed_minor": {}, "maximum_minor": {"USD": 1}},
        {"tiers": tiered},
    ):
        with pytest.raises(FeeUnknown, match="rule one has no price in EUR: add it"):
            fees.computed(rule(**fields), 100, "EUR")
    only = edition(rule(when={"gateway": ["paypal"]}))
    with pytest.raises(FeeUnknown, match="no fee rule of edition 2026-11 is for such a purchase at stripe: add one"):
        fees.rule_at(FeeRules(editions=(only,)), DAY, ask(1))
    with pytest.raises(FeeUnknown, match="is in another currency than"):
        fees.of_purchase(only, rule(), ask(1000)).reported(money("1", "EUR"))
    with pytest.raises(ValidationError, match="CREDIT is a unit of ours"):
        Ask(amount=money("1", "CREDIT"), gateway="stripe")


def test_a_fee_that_eats_every_amount_is_refused() -> None:
    """A customer who bears a fee of all of it could never pay enough."""
    greedy = rule(percentage="100", borne_by="customer")
    with pytest.raises(
        FeeUnknown, match=r"rule one leaves no amount from which 1\.00 USD remains: lower its percentage"
    ):
        fees.of_purchase(edition(greedy), greedy, ask(100))
    with pytest.raises(FeeUnknown, match="leaves no amount"):
        fees.of_purchase(edition(rule(borne_by="customer")), rule(borne_by="customer"), ask(MAX_AMOUNT_MINOR))
