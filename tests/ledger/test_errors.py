"""What the books refuse is said in one line, with what it concerns and what to do."""

import pytest

from ledger.errors import (
    AccountConflict,
    ChargeConflict,
    InvalidEntry,
    LedgerError,
    LimitExceeded,
    NotAReviewer,
    NotInReview,
    OperationConflict,
    ReferenceConflict,
    ReviewClosed,
    TooManyRows,
    UnbalancedEntry,
    UnknownAccount,
    UnknownCharge,
)

POSTGRES_SAYS = 'new row for relation "charges" violates check constraint "{}"'
REFUSALS = [
    (InvalidEntry("ref_1", "it has 1 lines"), "entry ref_1 cannot be posted: it has 1 lines"),
    (ReferenceConflict("ref_1"), "ref_1 is already posted with other content: entries never change"),
    (ChargeConflict("ch_1"), "charge ch_1 exists with other content: use another id"),
    (OperationConflict("ch_1:capture:1"), "operation ch_1:capture:1 exists with other content"),
    (UnknownCharge("ch_1"), "there is no charge ch_1: check"),
    (UnknownAccount("clearing:x", None), "there is no account clearing:x: see"),
    (UnknownAccount("clearing:x", "EUR"), "there is no account clearing:x in EUR: see"),
    (TooManyRows("trial balance", 10_000), "trial balance has more than 10,000 rows: ask for"),
    (LimitExceeded("ch_1", POSTGRES_SAYS.format("authorized_within_amount")), "ch_1: no more can be authorized than"),
    (LimitExceeded("ch_1", POSTGRES_SAYS.format("captured_within_authorized")), "ch_1: no more can be captured than"),
    (LimitExceeded("ch_1", POSTGRES_SAYS.format("refunded_within_captured")), "ch_1: no more can be refunded than"),
    (LimitExceeded("ch_1", "something else"), "ch_1: something else"),
    (NotInReview("ch_1", None), "charge ch_1 is not in review: `review list`"),
    (NotInReview("ch_1", "re_1"), "refund re_1 of charge ch_1 is not in review"),
    (
        ReviewClosed("ch_1", None, resolution="failed", resolved_by="person:alice"),
        "the review of charge ch_1 is closed already, as failed by person:alice",
    ),
    (
        ReviewClosed("ch_1", "re_1", resolution="settled_by_gateway", resolved_by="workflow:x"),
        "the review of refund re_1 of charge ch_1 is closed already, by the gateway's own word",
    ),
    (NotAReviewer("eve", "ask one"), "eve may not resolve a review: ask one"),
]


@pytest.mark.parametrize(("error", "words"), REFUSALS, ids=[type(row[0]).__name__ for row in REFUSALS])
def test_a_refusal_is_one_line_that_says_what_to_do(error: LedgerError, words: str) -> None:
    """People read these at a prompt, and in a workflow's failure."""
    assert words in str(error)
    assert "\n" not in str(error)


def test_refusals_of_an_entry_are_told_apart_and_caught_together() -> None:
    """Whoever posts handles one kind of fault: this entry never will be posted as it is."""
    for kind in (UnbalancedEntry, AccountConflict):
        assert isinstance(kind("ref_1", "fault"), InvalidEntry)
