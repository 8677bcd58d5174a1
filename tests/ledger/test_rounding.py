"""Rounding by name: exact, and never more than it says."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.rounding import Rounding, rounded


@pytest.mark.parametrize(
    ("value", "half_up", "half_even", "up", "down"),
    [
        ("0.5", 1, 0, 1, 0),
        ("1.5", 2, 2, 2, 1),
        ("2.5", 3, 2, 3, 2),
        ("-0.5", -1, 0, 0, 0),
        ("-1.5", -2, -2, -1, -1),
        ("1.01", 1, 1, 2, 1),
        ("7", 7, 7, 7, 7),
    ],
)
def test_each_rule_does_what_its_name_says(value: str, half_up: int, half_even: int, up: int, down: int) -> None:
    """A contract that says half up is not fulfilled by half even."""
    found = [
        rounded(Fraction(value), rule) for rule in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.UP, Rounding.DOWN)
    ]
    assert found == [half_up, half_even, up, down]


@given(value=st.fractions(), rule=st.sampled_from(Rounding))
def test_no_rule_is_off_by_a_whole(value: Fraction, rule: Rounding) -> None:
    """The nearest ones are at most a half away, the others less than one."""
    distance = abs(rounded(value, rule) - value)
    assert distance <= Fraction(1, 2) if rule in {Rounding.HALF_UP, Rounding.HALF_EVEN} else distance < 1


@given(value=st.fractions(min_value=0), more=st.fractions(min_value=0), rule=st.sampled_from(Rounding))
def test_what_is_larger_is_never_rounded_to_less(value: Fraction, more: Fraction, rule: Rounding) -> None:
    """Nobody pays less for more."""
    assert rounded(value, rule) <= rounded(value + more, rule)
