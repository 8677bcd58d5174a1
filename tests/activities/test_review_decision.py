"""What a person's word is worth against the gateway's: the whole table, for every kind of operation."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities import review_decision
from activities.review_decision import FAILED_BY_REVIEW, Contradicted, Taken
from gateways.port import (
    ActionRequired,
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Succeeded,
)
from ledger.money import Money
from ledger.operations import Operation
from ledger.reviews import Word

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
USD = Money(amount_minor=4999, currency="USD")
SUCCEEDED = Succeeded(reference="pi_1", amount=USD, fee=None, occurred_at=NOW)
DECLINED = Declined(code="insufficient_funds", message="no")
REFUSED = Refused(code="authorization_expired", message="too late")
PENDING = Pending(reference="pi_1", reason="under review")
ACTION = ActionRequired(reference="pi_1", action_url="https://bank.example/3ds")
OUTCOMES: tuple[Outcome | None, ...] = (SUCCEEDED, DECLINED, REFUSED, PENDING, ACTION, None)
BECAUSE = "seen in the gateway's dashboard"

AS_THE_GATEWAY_SAYS, AS_SUCCEEDED, GIVEN_UP, CONTRADICTED = "gateway", "succeeded", "given up", "contradicted"
TABLE: dict[Word, tuple[str, ...]] = {
    Word.SUCCEEDED: (
        AS_THE_GATEWAY_SAYS,
        CONTRADICTED,
        CONTRADICTED,
        AS_SUCCEEDED,
        CONTRADICTED,
        CONTRADICTED,
    ),
    Word.FAILED: (
        CONTRADICTED,
        AS_THE_GATEWAY_SAYS,
        AS_THE_GATEWAY_SAYS,
        GIVEN_UP,
        GIVEN_UP,
        GIVEN_UP,
    ),
}
CELLS = [(word, read, expected) for word, row in TABLE.items() for read, expected in zip(OUTCOMES, row, strict=True)]


def request(kind: str = "capture", target: str | None = None) -> OperationRequest:
    """An operation as its gateway gets it."""
    return OperationRequest(
        operation_id=f"ch_1:{kind}:1",
        charge_id="ch_1",
        kind=OperationKind(kind),
        gateway="stripe",
        amount=USD,
        customer="cus_1",
        payment_reference="pi_1",
        target_reference=target,
    )


def operation(kind: str = "capture", **changes: Any) -> Operation:
    """The row of an operation whose outcome is unknown."""
    fields: dict[str, Any] = dict.fromkeys(Operation.model_fields) | {
        "customer_present": True,
        "operation_id": f"ch_1:{kind}:1",
        "charge_id": "ch_1",
        "kind": kind,
        "number": 1,
        "attempt": 1,
        "gateway": "stripe",
        "amount_minor": USD.amount_minor,
        "currency": USD.currency,
        "outcome": "unknown",
        "message": "no answer in time",
        "fee_status": "none",
        "actor": "person:alice",
        "final": True,
        "requested_at": NOW,
        "purpose": "attempt:1",
        "times_unknown": 1,
        "excess": False,
        "authenticate": False,
    }
    return Operation.model_validate(fields | changes)


def decided(kind: str, word: Word, read: Outcome | None) -> Taken | Contradicted:
    """Decide on an operation of a kind."""
    return review_decision.decide(request(kind), word, BECAUSE, read, NOW)


@pytest.mark.parametrize("kind", list(OperationKind))
@pytest.mark.parametrize(("word", "read", "expected"), CELLS)
def test_each_word_meets_each_answer_of_the_gateway(
    kind: OperationKind, word: Word, read: Outcome | None, expected: str
) -> None:
    """Nothing is booked that the gateway denies, and nothing is written off that it has done."""
    result = decided(kind, word, read)
    match expected:
        case "gateway":
            assert result == Taken(read)  # type: ignore[arg-type]
        case "succeeded":
            [fee_pending] = {kind is OperationKind.CAPTURE}
            assert result == Taken(Succeeded(reference="pi_1", amount=USD, fee_pending=fee_pending, occurred_at=NOW))
        case "given up":
            assert isinstance(result, Taken)
            assert isinstance(result.outcome, Refused)
            assert (result.outcome.code, result.outcome.message) == (FAILED_BY_REVIEW, BECAUSE)
            assert result.outcome.reference == (None if read is None else "pi_1")
        case _:
            assert isinstance(result, Contradicted)


def test_a_persons_word_lets_nothing_be_tried_again() -> None:
    """A customer is not charged at another gateway days later, because somebody closed a case."""
    assert FAILED_BY_REVIEW not in set(RefusalCode)


@pytest.mark.parametrize(
    ("word", "read", "line"),
    [
        (
            Word.FAILED,
            SUCCEEDED,
            "ch_1:capture:1 cannot be resolved as failed: stripe says that it succeeded (pi_1); resolve it as succeeded",
        ),
        (
            Word.SUCCEEDED,
            DECLINED,
            "ch_1:capture:1 cannot be resolved as succeeded: stripe says that it was declined (insufficient_funds: no); resolve it as failed",
        ),
        (
            Word.SUCCEEDED,
            ACTION,
            "ch_1:capture:1 cannot be resolved as succeeded: stripe still waits for the customer to act, and the books hold nothing that no gateway did; resolve it as failed, or wait",
        ),
        (
            Word.SUCCEEDED,
            None,
            "ch_1:capture:1 cannot be resolved as succeeded: stripe shows no trace of it, and the books hold nothing that no gateway did; resolve it as failed, or wait",
        ),
    ],
)
def test_a_contradiction_says_what_the_gateway_says_and_what_to_do(word: Word, read: Outcome | None, line: str) -> None:
    """Whoever is refused knows why, and what is left to them."""
    assert decided("capture", word, read) == Contradicted(line)


@pytest.mark.parametrize(
    ("reviewers", "by", "words"),
    [
        ((), "alice", "there are no reviewers: name them in the worker's setting REVIEWERS"),
        (("alice", "bob"), "eve", "they are not among the reviewers of the worker's setting REVIEWERS"),
        (("alice",), "Alice", "not among"),
        (("alice",), "ali", "not among"),
        (("alice,bob",), "bob", "not among"),
    ],
)
def test_who_is_not_named_may_not_resolve(reviewers: tuple[str, ...], by: str, words: str) -> None:
    """The right is a list of whole names; without a list nobody has it."""
    assert words in str(review_decision.may_resolve(reviewers, by))


def test_who_is_named_may_resolve() -> None:
    """A reviewer is told nothing and let through."""
    assert review_decision.may_resolve(("alice", "bob"), "bob") is None


CONSEQUENCES = [
    ("authorize", {}, "is authorized", "the charge is declined"),
    ("capture", {}, "is captured", "the charge is declined"),
    ("capture", {"target_reference": "pi_1"}, "the authorization is used up", "stays authorized"),
    ("void", {"target_reference": "pi_1"}, "is released", "stays authorized"),
    ("void", {}, "the payment is abandoned", "the payment is not abandoned"),
    ("refund", {"target_reference": "ch_x"}, "is refunded", "the reservation of 49.99 USD is taken back"),
    ("refund", {"target_reference": "ch_x", "compensates": "ch_1:capture:1"}, "is refunded", "still in excess"),
]


@pytest.mark.parametrize(("kind", "changes", "succeeded", "failed"), CONSEQUENCES)
def test_each_choice_says_what_it_does_to_the_books(
    kind: str, changes: dict[str, Any], succeeded: str, failed: str
) -> None:
    """Nobody resolves a case without knowing what will be booked, and that the exposure ends."""
    first, second = review_decision.choices(operation(kind, **changes))
    assert (first.resolution, second.resolution) == (Word.SUCCEEDED, Word.FAILED)
    assert succeeded in first.consequence
    assert failed in second.consequence
    for choice in (first, second):
        assert choice.consequence.endswith("; the exposure leaves memo:unresolved:stripe")
    for choice in review_decision.choices(operation(kind, outcome="pending", **changes)):
        assert "exposure" not in choice.consequence


def test_only_an_unknown_outcome_is_an_exposure() -> None:
    """The evidence shows what stands on the memo account, and no more."""
    assert review_decision.evidence(operation()).exposure_minor == USD.amount_minor
    assert review_decision.evidence(operation(outcome="pending")).exposure_minor == 0
    assert review_decision.evidence(operation()).message == "no answer in time"
