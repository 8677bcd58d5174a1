"""What is kept of a gateway's answer: what it told, small enough for a row, and the card across a payment's operations."""

from datetime import UTC, datetime

import pytest

from activities import charge_decisions, consequences
from activities.gateway_answers import answer_of
from gateways.cards import CardFacts
from gateways.port import ActionRequired, Declined, Outcome, Pending, Refused, Succeeded
from ledger.answers import GatewayAnswer
from ledger.money import Money
from tests.activities.test_consequences import AUTHORIZED, NOW, ON_AUTHORIZATION, charge, operation

CARD = CardFacts(fingerprint="print1", brand="visa", expires="2030-02")
DECLINED = Declined(
    code="insufficient_funds",
    message="no",
    advice="try_again_later",
    network="visa",
    network_code="51",
    network_advice="02",
    gateway_code="card_declined",
    reached_issuer=False,
    card=CARD,
)
PAID = Succeeded(
    reference="pi_1",
    amount=Money.parse("100", "USD"),
    occurred_at=datetime(2026, 11, 25, tzinfo=UTC),
    card=CARD,
)
KEPT = {"fingerprint": "print1", "brand": "visa", "expires": "2030-02"}


def test_all_codes_of_a_decline_are_kept() -> None:
    """None is lost on the way to the books: each may be the one that forbids another try. False is an answer too."""
    assert answer_of(DECLINED) == {
        "network": "visa",
        "network_code": "51",
        "network_advice": "02",
        "advice": "try_again_later",
        "gateway_code": "card_declined",
        "reached_issuer": False,
        "card": KEPT,
    }


@pytest.mark.parametrize(
    "outcome",
    [
        Declined(code="x", message="no", advice="", card=CardFacts()),
        PAID.model_copy(update={"card": None}),
        Refused(code="x", message="no"),
        Pending(reference="pi_1", reason="review"),
        ActionRequired(reference="pi_1", action_url="https://example.com"),
    ],
)
def test_nothing_is_kept_where_nothing_was_told(outcome: Outcome) -> None:
    """An answer is there only where a gateway gave one."""
    assert answer_of(outcome) is None


def test_what_a_gateway_sends_is_clipped() -> None:
    """A code as long as a page does not keep its decline from being written."""
    told = answer_of(DECLINED.model_copy(update={"network_code": "5" * 9000, "card": CardFacts(brand="b" * 9000)}))
    assert told is not None
    assert (len(told["network_code"]), len(told["card"]["brand"])) == (200, 200)


def test_the_operation_and_the_charge_keep_it() -> None:
    """Who asks later, and who waits for the charge, read the same."""
    assert charge_decisions.operation_changes(DECLINED)["answer"] == answer_of(DECLINED)
    said = consequences.of_outcome(charge(), operation("capture"), DECLINED, NOW, lapsed=False)
    assert said.charge["answer"] == answer_of(DECLINED)


def test_the_codes_of_a_decline_go_when_the_charge_is_paid() -> None:
    """A charge that was paid at the second attempt shows the card that paid, and no reason against it."""
    declined = charge(answer=GatewayAnswer.model_validate(answer_of(DECLINED)))
    paid = consequences.of_outcome(
        declined, operation("capture"), PAID.model_copy(update={"card": None}), NOW, lapsed=False
    )
    assert paid.charge["answer"] is None


def test_the_card_of_an_authorization_is_known_after_its_capture() -> None:
    """PayPal tells the card with the order only; what was told stays told, and no code with it."""
    held = charge(**AUTHORIZED, answer=GatewayAnswer.model_validate(answer_of(DECLINED)))
    captured = operation("capture", **ON_AUTHORIZATION)
    without = PAID.model_copy(update={"card": None})
    assert consequences.of_outcome(held, captured, without, NOW, lapsed=False).charge["answer"] == {"card": KEPT}
    refused = Declined(code="5120", message="no", reached_issuer=True)
    said = consequences.of_outcome(held, captured, refused, NOW, lapsed=False).charge["answer"]
    assert said == {"reached_issuer": True, "card": KEPT}
