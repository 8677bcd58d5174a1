"""What is owed of money in excess: never less than nothing, whatever refunds of ours and the gateway itself give back."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import posting
from ledger.entries import Entry
from ledger.excess_posting import Excess, excess_refund_returned, excess_refunded
from ledger.withdrawal_posting import withdrawal
from tests.ledger.samples import fact
from tests.ledger.test_posting import CLEARING, PAYABLE, movements
from tests.ledger.test_withdrawal_posting import HELD_BACK, taken

TWICE = "expense:paid_back_twice"
TAKEN = 4999
STATES = st.sampled_from(["open", "lost", "won"])
FACTS = st.one_of(
    st.tuples(st.just("refund"), st.integers(1, TAKEN), st.booleans()),
    st.tuples(st.just("withdrawal"), STATES, st.sampled_from([0, 999, TAKEN])),
)


def excess(otherwise_minor: int) -> Excess:
    """49.99 in excess, of which so much is given back otherwise."""
    return Excess(taken_minor=TAKEN, otherwise_back_minor=otherwise_minor)


@pytest.mark.parametrize(
    ("otherwise", "owed", "twice"), [(0, 4999, 0), (2000, 2999, 2000), (4999, 0, 4999), (9998, 0, 4999)]
)
def test_a_refund_beyond_what_is_owed_is_an_expense(otherwise: int, owed: int, twice: int) -> None:
    """A customer whose bank has given it back already gets it twice: that is lost, and no debt of theirs."""
    entry = excess_refunded(fact(kind="refund"), excess(otherwise))
    assert movements(entry) == Counter({PAYABLE: owed, TWICE: twice, CLEARING: -4999}) - Counter() | {CLEARING: -4999}


def test_a_refund_that_came_back_undoes_its_entry_and_depends_on_none() -> None:
    """It has the lines the other way round; and it says not that it reverses them, or it could be refused for their amount."""
    made = excess_refunded(fact(kind="refund"), excess(0))
    back = excess_refund_returned(fact(kind="refund"), excess(0))
    assert {line.reversed() for line in back.lines} == set(made.lines)
    assert back.reverses is None


@given(st.lists(FACTS, min_size=1, max_size=8))
def test_whatever_the_order_of_facts_the_accounts_say_what_is_owed_and_what_was_lost(
    facts: list[tuple[str, str | int, int]],
) -> None:
    """After each fact: what is owed is what is left, what came back beyond it is an expense, and never both."""
    entries: list[Entry] = [posting.captured_in_excess(fact())]
    refunds: list[int] = []
    seen = None
    for kind, what, how in facts:
        kept = seen.kept_minor if seen is not None and seen.state == "lost" else 0
        if kind == "refund" and how and refunds:
            back = refunds.pop()
            entries.append(excess_refund_returned(fact(kind="refund", amount_minor=back), excess(sum(refunds) + kept)))
        elif kind == "refund":
            entries.append(excess_refunded(fact(kind="refund", amount_minor=int(what)), excess(sum(refunds) + kept)))
            refunds.append(int(what))
        else:
            after = taken(state=str(what), returned=how)
            entries += withdrawal(fact(), seen, after, excess=excess(sum(refunds)))
            seen = after
        back = sum(refunds) + (seen.kept_minor if seen is not None and seen.state == "lost" else 0)
        held = seen.kept_minor if seen is not None and seen.state != "lost" else 0
        moved = movements(*entries)
        assert (moved[PAYABLE], moved[TWICE]) == (-max(0, TAKEN - back), max(0, back - TAKEN))
        assert (moved[HELD_BACK], moved[CLEARING]) == (held, TAKEN - back - held)
