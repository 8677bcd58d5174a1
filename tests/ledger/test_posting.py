"""Posting rules: which accounts a fact moves, under which reference."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import posting
from ledger.accounts import Side
from ledger.entries import Entry
from ledger.errors import InvalidEntry
from ledger.posting import Fact
from tests.ledger.samples import HAPPENED, fact, usd

CLEARING, SALES, REFUNDS = "clearing:stripe", "revenue:sales", "revenue:refunds"
FEES, PAYABLE, RECEIVABLE = "expense:gateway_fees", "liability:refunds_payable", "receivable:cus_1"
HELD, HELD_CONTRA = "memo:authorizations:stripe", "memo:authorizations:contra"
OPEN, OPEN_CONTRA = "memo:unresolved:stripe", "memo:unresolved:contra"
PAID, REFUND = fact(), fact(kind="refund")
INVOICED, INVOICED_REFUND = fact(invoice="in_1"), fact(kind="refund", invoice="in_1")

# The table of posting rules: entry, reference, debit, credit.
RULES = [
    (posting.authorized(PAID), "ch_1:capture:1", HELD, HELD_CONTRA),
    (posting.authorization_released(PAID, by_void=True), "ch_1:capture:1", HELD_CONTRA, HELD),
    (posting.authorization_released(PAID, by_void=False), "ch_1:capture:1:released", HELD_CONTRA, HELD),
    (posting.captured(PAID), "ch_1:capture:1", CLEARING, SALES),
    (posting.captured(INVOICED), "ch_1:capture:1", CLEARING, RECEIVABLE),
    (posting.fee_charged(PAID), "ch_1:capture:1:fee", FEES, CLEARING),
    (posting.refund_reserved(REFUND), "ch_1:refund:1:reserved", REFUNDS, PAYABLE),
    (posting.refund_reserved(INVOICED_REFUND), "ch_1:refund:1:reserved", RECEIVABLE, PAYABLE),
    (posting.refund_succeeded(REFUND, REFUND.money), "ch_1:refund:1", PAYABLE, CLEARING),
    (posting.refund_failed(REFUND, had_succeeded=False), "ch_1:refund:1:failed", PAYABLE, REFUNDS),
    (posting.outcome_unknown(PAID), "ch_1:capture:1:unknown", OPEN, OPEN_CONTRA),
    (posting.outcome_known(PAID), "ch_1:capture:1:known", OPEN_CONTRA, OPEN),
]


def movements(*entries: Entry) -> Counter[str]:
    """Debits less credits by account, without what came out even."""
    total: Counter[str] = Counter()
    for entry in entries:
        for line in entry.lines:
            sign = 1 if line.side is Side.DEBIT else -1
            total[line.account.code] += sign * line.money.amount_minor
    return Counter({code: amount for code, amount in total.items() if amount})


@pytest.mark.parametrize(
    ("entry", "reference", "debited", "credited"), RULES, ids=[f"{row[0].rule}-{row[3]}" for row in RULES]
)
def test_a_fact_moves_the_accounts_of_the_design(entry: Entry, reference: str, debited: str, credited: str) -> None:
    """A wrong side or account is money in the wrong place, and balanced all the same."""
    assert movements(entry) == {debited: 4999, credited: -4999}
    assert entry.reference == reference


@pytest.mark.parametrize("entry", [row[0] for row in RULES], ids=lambda entry: str(entry.rule))
def test_an_entry_says_what_it_belongs_to(entry: Entry) -> None:
    """Every number can be followed to its operation, its charge and whoever caused it."""
    assert entry.operation_id is not None
    assert entry.reference.startswith(entry.operation_id)
    assert (entry.charge_id, entry.event_at, entry.actor) == ("ch_1", HAPPENED, "workflow:charge")
    assert "49.99 USD at stripe" in entry.description


def test_a_fee_given_back_is_booked_the_other_way_round() -> None:
    """A gateway that returns a fee owes us more, and the expense shrinks."""
    entry = posting.fee_charged(fact(amount_minor=-175))
    assert movements(entry) == {CLEARING: 175, FEES: -175}
    assert "given back 1.75 USD" in entry.description


def test_a_fee_of_nothing_is_no_entry() -> None:
    """An entry that moves nothing is a mistake of whoever asks for it."""
    with pytest.raises(InvalidEntry, match="positive"):
        posting.fee_charged(fact(amount_minor=0))


def test_a_refund_that_failed_after_it_succeeded_leaves_nothing_behind() -> None:
    """The gateway has the money back in our account with it, and the customer is owed nothing that we promised."""
    entries = posting.refund_reserved(REFUND), posting.refund_succeeded(REFUND, REFUND.money)
    failed = posting.refund_failed(REFUND, had_succeeded=True)
    assert not movements(*entries, failed)
    assert movements(failed)[CLEARING] == 4999
    assert failed.reverses is None  # two entries at once, which is no reversal of one


@pytest.mark.parametrize(("invoice", "account"), [(None, REFUNDS), ("in_1", RECEIVABLE)])
@pytest.mark.parametrize("made_minor", [4998, 4999, 5000])
def test_a_refund_uses_up_what_was_reserved_for_it(invoice: str | None, account: str, made_minor: int) -> None:
    """A gateway that gives back another amount than it was asked for leaves nothing owed, and nobody in debt."""
    reserved = fact(kind="refund", invoice=invoice)
    made = fact(kind="refund", amount_minor=made_minor, invoice=invoice)
    entries = posting.refund_reserved(reserved), posting.refund_succeeded(made, reserved.money)
    assert movements(*entries) == {account: made_minor, CLEARING: -made_minor}


@pytest.mark.parametrize("invoice", [None, "in_1"])
@given(amount=st.integers(1, 10**12))
def test_every_pair_of_opposites_leaves_nothing_behind(invoice: str | None, amount: int) -> None:
    """What was reserved, exposed or promised is gone when it ends, for every amount."""
    it: Fact = fact(amount_minor=amount, invoice=invoice)
    assert not movements(posting.authorized(it), posting.authorization_released(it, by_void=True))
    assert not movements(posting.outcome_unknown(it), posting.outcome_known(it))
    assert not movements(posting.refund_reserved(it), posting.refund_failed(it, had_succeeded=False))


def test_a_reversal_names_what_it_undoes() -> None:
    """An auditor sees which entry was taken back."""
    assert posting.outcome_known(PAID).reverses == posting.outcome_unknown(PAID).reference
    assert posting.refund_failed(REFUND, had_succeeded=False).reverses == posting.refund_reserved(REFUND).reference


def test_the_reason_is_kept() -> None:
    """A person's reason for a refund is in the books, in the reason code."""
    assert posting.refund_reserved(REFUND.model_copy(update={"reason_code": "duplicate"})).reason_code == "duplicate"
    assert posting.captured(PAID.model_copy(update={"money": usd(1)})).reason_code is None
