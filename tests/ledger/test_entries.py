"""Entries in Python: what cannot be posted cannot even be made."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger.accounts import clearing, memo_unresolved, memo_unresolved_contra, revenue_sales
from ledger.entries import MAX_LINE_MINOR, MAX_LINES, Entry, Line, credit, debit
from ledger.errors import InvalidEntry, UnbalancedEntry
from ledger.money import Money
from tests.ledger.samples import HAPPENED, capture, two_currencies, usd


def entry(*lines: Line, **changes: Any) -> Entry:
    """Make an entry of these lines."""
    given: dict[str, Any] = {
        "reference": "ref_1",
        "rule": "captured",
        "description": "captured",
        "event_at": HAPPENED,
        "actor": "person:alice",
    }
    return Entry(**(given | changes), lines=lines)


def test_an_entry_that_balances_in_each_currency_is_made() -> None:
    """Currencies are never summed together, so two may stand in one entry."""
    assert len(two_currencies().lines) == 4


@given(amount=st.integers(1, MAX_LINE_MINOR), other=st.integers(1, MAX_LINE_MINOR))
@example(amount=100, other=101)
@example(amount=101, other=100)
def test_an_entry_is_made_only_where_debits_are_credits(amount: int, other: int) -> None:
    """An unbalanced entry would take money from nowhere."""
    lines = debit(clearing("stripe"), usd(amount)), credit(revenue_sales(), usd(other))
    if amount == other:
        assert entry(*lines).lines == lines
    else:
        with pytest.raises(UnbalancedEntry, match="ref_1"):
            entry(*lines)


def test_currencies_do_not_balance_each_other() -> None:
    """Five dollars are not five euros."""
    with pytest.raises(UnbalancedEntry, match=r"has 5\.00 \w+ more"):
        entry(debit(clearing("stripe"), usd(500)), credit(revenue_sales(), Money(amount_minor=500, currency="EUR")))


def test_memo_accounts_do_not_balance_real_ones() -> None:
    """Otherwise the balance sheet would be out by what the memo accounts hold, and the trial balance would not show it."""
    with pytest.raises(UnbalancedEntry, match="debits"):
        entry(debit(memo_unresolved("stripe"), usd(5)), credit(revenue_sales(), usd(5)))
    assert entry(debit(memo_unresolved("stripe"), usd(5)), credit(memo_unresolved_contra(), usd(5)))


@pytest.mark.parametrize("amount_minor", [0, -1, MAX_LINE_MINOR + 1])
def test_an_amount_that_is_not_positive_or_absurd_is_refused(amount_minor: int) -> None:
    """A negative debit is a credit that hides: sides say the direction, amounts are positive."""
    with pytest.raises(InvalidEntry, match="clearing:stripe"):
        entry(debit(clearing("stripe"), usd(amount_minor)), credit(revenue_sales(), usd(amount_minor)))


@pytest.mark.parametrize("count", [0, 1, MAX_LINES + 1])
def test_an_entry_has_at_least_two_lines_and_not_without_end(count: int) -> None:
    """Money comes from somewhere and goes somewhere, and everything has a limit."""
    line = debit(clearing("stripe"), usd(1))
    with pytest.raises(InvalidEntry, match=f"it has {count} lines"):
        entry(*[line] * count)


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": ""},
        {"reference": "with blank"},
        {"reference": "x" * 201},
        {"reference": "ümlaut"},
        {"rule": "Captured!"},
        {"description": ""},
        {"description": "two\nlines"},
        {"description": "nul\x00"},
        {"actor": ""},
        {"event_at": datetime(2026, 1, 1)},  # noqa: DTZ001 # it is what is refused
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_header_that_the_database_would_refuse_is_refused(changes: dict[str, Any]) -> None:
    """What is wrong is said where it is made, before a transaction is spent on it."""
    with pytest.raises(ValidationError, match=next(iter(changes))):
        entry(debit(clearing("stripe"), usd(1)), credit(revenue_sales(), usd(1)), **changes)


def test_an_entry_cannot_be_changed() -> None:
    """What was made right stays right until it is posted."""
    with pytest.raises(ValidationError, match="frozen"):
        capture().reference = "other"  # type: ignore[misc] # it is what is refused
