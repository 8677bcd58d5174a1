"""How a payment is spread: never more than there is or than is due, and nothing kept back while something is due."""

from hypothesis import given
from hypothesis import strategies as st

from billing.settlement import Share, moves

SHARES = st.lists(st.integers(0, 100), max_size=5)


def shares(*amounts: int, name: str = "in") -> list[Share]:
    return [Share(f"{name}_{number}", amount) for number, amount in enumerate(amounts)]


def test_the_first_is_paid_first_and_the_last_in_part() -> None:
    """One payment closes several invoices in their order."""
    assert moves(100, [], shares(60, 0, 30, 40)) == [Share("in_0", 60), Share("in_2", 30), Share("in_3", 10)]


def test_what_is_given_back_is_taken_from_the_last_first() -> None:
    """A refund reopens what was closed last; below zero, everything."""
    assert moves(70, shares(60, 30, 10), []) == [Share("in_2", -10), Share("in_1", -20)]
    assert moves(-5, shares(60, 30), shares(7, name="other")) == [Share("in_1", -30), Share("in_0", -60)]


def test_what_fits_is_left_alone() -> None:
    """The same fact again moves nothing."""
    assert moves(90, shares(60, 30), shares(5, name="other")) == []


@given(st.integers(-50, 400), SHARES, SHARES)
def test_no_more_is_applied_than_there_is_or_is_due(amount: int, applied: list[int], due: list[int]) -> None:
    """Money that is not there pays nothing, and an invoice takes no more than it asks for."""
    before, open_ = shares(*applied), shares(*due, name="due")
    made = moves(amount, before, open_)
    after = sum(applied) + sum(move.amount_minor for move in made)
    room = dict(open_)
    assert all(move.amount_minor <= room[move.invoice_id] for move in made if move.amount_minor > 0)
    assert all(-move.amount_minor <= dict(before)[move.invoice_id] for move in made if move.amount_minor < 0)
    assert 0 <= after <= max(amount, 0, sum(applied))
    if sum(applied) > max(amount, 0):
        assert after == max(amount, 0)
    else:
        assert after == min(max(amount, 0), sum(applied) + sum(due))
    assert 0 not in [move.amount_minor for move in made]
