"""Money is exact: integers, a currency, and no way to mix two of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import MAX_AMOUNT_MINOR, Money, MoneyError, allocate

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "HUF"])


@given(amount=st.integers(1, MAX_AMOUNT_MINOR), currency=CURRENCIES)
def test_what_is_printed_is_read_back_as_the_same_amount(amount: int, currency: str) -> None:
    """No amount changes by being shown."""
    money = Money(amount_minor=amount, currency=currency)
    assert Money.parse(str(money.decimal()), currency) == money


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("0", "USD", "greater than zero"),
        ("-1", "USD", "greater than zero"),
        ("1.234", "USD", "too precise"),
        ("1.5", "JPY", "too precise"),
        ("1" + "0" * 30, "USD", "too large"),
        ("1." + "0" * 40 + "1", "USD", "too precise"),
        ("1e3", "USD", "not a number"),
        ("1_0", "USD", "not a number"),
        ("\u0661\u0660", "USD", "not a number"),
        ("1,000", "USD", "not a number"),
        ("10000000000", "USD", "too large"),
        ("ten", "USD", "not a number"),
        ("NaN", "USD", "not a number"),
        ("Infinity", "USD", "not a number"),
        ("", "USD", "not a number"),
        ("1", "ZZZ", "unknown currency"),
        ("1", "XAU", "no minor unit"),
    ],
)
def test_an_amount_that_cannot_be_charged_is_refused_in_one_line(text: str, currency: str, why: str) -> None:
    """The caller learns what to change."""
    with pytest.raises(MoneyError, match=why) as refusal:
        Money.parse(text, currency)
    assert "\n" not in str(refusal.value)


def test_two_currencies_are_never_added_or_compared() -> None:
    """A sum over currencies is a bug, so it stops the task."""
    dollars, yen = Money.parse("1", "USD"), Money.parse("1", "JPY")
    for combine in (lambda: dollars + yen, lambda: dollars - yen, lambda: dollars < yen, lambda: dollars <= yen):
        with pytest.raises(MoneyError, match="cannot combine"):
            combine()


@given(total=st.integers(0, 10**9), weights=st.lists(st.integers(0, 1000), min_size=1, max_size=20))
def test_the_parts_of_a_split_sum_to_the_whole(total: int, weights: list[int]) -> None:
    """No cent appears or is lost, and no part is more than one minor unit off its exact share."""
    if sum(weights) == 0:
        return
    parts = allocate(Money(amount_minor=total, currency="USD"), weights)
    assert sum(part.amount_minor for part in parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.amount_minor * sum(weights) - total * weight) < sum(weights)
