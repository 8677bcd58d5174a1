"""The posting rule of withdrawals: what a gateway keeps stands on the account of its kind and state, whatever the way there."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entries import Entry
from ledger.excess_posting import Excess
from ledger.posting import Fact
from ledger.withdrawal_posting import withdrawal
from ledger.withdrawals import TakenBack
from tests.ledger.samples import fact
from tests.ledger.test_posting import movements

CLEARING, HELD_BACK = "clearing:stripe", "asset:disputes_receivable"
LOSSES, FEES = "expense:dispute_losses", "expense:dispute_fees"
REFUNDS, RECEIVABLE, PAYABLE = "revenue:refunds", "receivable:cus_1", "liability:refunds_payable"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
EXCESS = Excess(taken_minor=4999, otherwise_back_minor=0)
STATES = ["open", "lost", "won"]


def taken(kind: str = "dispute", state: str = "open", returned: int = 0, fee: int = 0, changes: int = 0) -> TakenBack:
    """A withdrawal of 49.99."""
    return TakenBack(
        gateway="stripe",
        reference="dp_1",
        charge_id="ch_1",
        operation_id="ch_1:capture:1",
        kind=kind,
        state=state,
        currency="USD",
        amount_minor=4999,
        returned_minor=returned,
        fee_minor=fee,
        fee_currency="USD",
        changes=changes,
        withdrawn_at=AT,
        read_at=AT,
    )


def booked(*states: TakenBack, of: Fact | None = None, excess: Excess | None = None) -> list[Entry]:
    """The entries of a withdrawal that goes through these states."""
    entries = []
    before = None
    for after in states:
        entries += withdrawal(of or fact(), before, after, excess=excess)
        before = after
    return entries


@pytest.mark.parametrize(
    ("states", "moved"),
    [
        ([taken()], {HELD_BACK: 4999, CLEARING: -4999}),
        ([taken(), taken(state="won", returned=4999, changes=1)], {}),
        ([taken(), taken(state="lost", changes=1)], {LOSSES: 4999, CLEARING: -4999}),
        ([taken(), taken(state="lost", returned=999, changes=1)], {LOSSES: 4000, CLEARING: -4000}),
        ([taken(state="lost")], {LOSSES: 4999, CLEARING: -4999}),
        ([taken(), taken(state="lost", changes=1), taken(state="won", returned=4999, changes=2)], {}),
        ([taken(fee=1500)], {HELD_BACK: 4999, FEES: 1500, CLEARING: -6499}),
        ([taken(fee=1500), taken(state="won", returned=4999, changes=1)], {}),
        ([taken("reversal", "lost")], {REFUNDS: 4999, CLEARING: -4999}),
        ([taken("reversal", "lost"), taken("reversal", "won", 4999, changes=1)], {}),
        ([taken("reversal", "lost", fee=-29)], {REFUNDS: 4999, "expense:gateway_fees": -29, CLEARING: -4970}),
    ],
    ids=[
        "opened",
        "won",
        "lost",
        "lost in part",
        "lost when first seen",
        "lost, and won all the same",
        "with a fee",
        "won, and the fee given back",
        "reversed",
        "reversal undone",
        "reversed, and a fee given back",
    ],
)
def test_what_is_kept_stands_on_the_account_of_its_state(states: list[TakenBack], moved: dict[str, int]) -> None:
    """A dispute is owed to us until it is decided, then lost or back; a reversal is gone at once."""
    assert movements(*booked(*states)) == moved


def test_a_reversal_of_what_an_invoice_was_paid_with_is_owed_again() -> None:
    """The customer has the money and the goods."""
    assert movements(*booked(taken("reversal", "lost"), of=fact(invoice="in_1"))) == {RECEIVABLE: 4999, CLEARING: -4999}


@pytest.mark.parametrize("kind", ["reversal", "dispute"])
def test_what_was_taken_in_excess_and_is_taken_back_is_owed_no_more(kind: str) -> None:
    """The customer has it again, so nothing is lost and nothing is to be refunded."""
    assert movements(*booked(taken(kind, "lost"), excess=EXCESS)) == {PAYABLE: 4999, CLEARING: -4999}


def test_each_change_has_entries_under_names_of_its_own() -> None:
    """So each is posted once, and what was posted stays."""
    states = [taken(fee=1500), taken(state="won", returned=4999, changes=1)]
    name = "ch_1:capture:1:dispute:dp_1"
    assert [entry.reference for entry in booked(*states)] == [name, f"{name}:fee", f"{name}:1", f"{name}:fee:1"]
    assert [entry.rule for entry in booked(*states)] == ["dispute_opened", "dispute_fee", "dispute_won", "dispute_fee"]


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 4999), st.integers(-50, 2000)), min_size=1, max_size=6)
)
def test_whatever_the_way_the_accounts_end_where_the_last_state_says(way: list[tuple[str, int, int]]) -> None:
    """A gateway that reopens what it closed, or changes its mind, leaves nothing on an account where it stands no more."""
    states = [
        taken(state=state, returned=returned, fee=fee, changes=number)
        for number, (state, returned, fee) in enumerate(way)
    ]
    assert movements(*booked(*states)) == movements(*booked(states[-1].model_copy(update={"changes": 0})))
