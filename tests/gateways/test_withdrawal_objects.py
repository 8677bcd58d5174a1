"""Reading what a gateway took back, from outside: the money decides, and what is not understood is never taken for nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateways import paypal_withdrawals, stripe_objects, stripe_withdrawals
from gateways.paypal_objects import Movement
from gateways.port import Declined, Succeeded, Withdrawal, WithdrawalState
from gateways.stripe_objects import PaymentIntent, Refund
from ledger.money import Money
from tests.gateways.cases import money

NOON = int(datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp())
OPEN, LOST, WON = WithdrawalState


def booked(amount: int, fee: int = 0, **changes: Any) -> dict[str, Any]:
    """A balance transaction of Stripe's."""
    return {"id": "txn_1", "amount": amount, "fee": fee, "currency": "usd", "created": NOON, **changes}


def at_stripe(status: str, *moved: dict[str, Any]) -> Withdrawal | None:
    """A dispute over 10.00 USD at Stripe."""
    fields = {"id": "dp_1", "status": status, "amount": 1000, "currency": "usd", "balance_transactions": moved}
    return stripe_withdrawals.of_dispute(stripe_withdrawals.Dispute.model_validate(fields))


def refund_at_stripe(**changes: Any) -> Withdrawal | None:
    """A refund of 10.00 USD at Stripe that is none of ours."""
    fields = {"id": "re_1", "status": "succeeded", "amount": 1000, "currency": "usd", "created": NOON, "metadata": {}}
    return stripe_withdrawals.of_foreign_refund(Refund.model_validate(fields | changes))


def failed_at_stripe(failure: Any, **changes: Any) -> PaymentIntent:
    """A payment of 10.00 USD at Stripe whose charge failed."""
    charge = {"status": "failed", "amount": 1000, "amount_captured": 1000, "created": NOON}
    charge |= {"failure_balance_transaction": failure, "balance_transaction": booked(1000, 59)}
    error = {"status": 402, "type": "card_error", "code": "insufficient_funds", "message": "no"}
    fields = {
        "id": "pi_1",
        "status": "requires_payment_method",
        "amount": 1000,
        "currency": "usd",
        "latest_charge": charge,
        "last_payment_error": error,
    }
    return PaymentIntent.model_validate(fields | changes)


def moved_at_paypal(reason: str, direction: str, value: str, party: str = "SELLER", hour: int = 12) -> dict[str, Any]:
    """A money movement of a dispute at PayPal."""
    return {
        "affected_party": party,
        "amount": {"currency_code": "USD", "value": value},
        "initiated_time": f"2026-11-02T{hour}:00:00Z",
        "type": direction,
        "reason": reason,
    }


def at_paypal(status: str, outcome: str | None, *moved: dict[str, Any]) -> Withdrawal | None:
    """A dispute at PayPal."""
    fields = {
        "dispute_id": "PP-D-1",
        "status": status,
        "update_time": "2026-11-09T12:00:00Z",
        "dispute_outcome": {"outcome_code": outcome} if outcome else None,
        "money_movements": moved,
    }
    return paypal_withdrawals.of_dispute(paypal_withdrawals.Dispute.model_validate(fields))


def refund_at_paypal(**changes: Any) -> Withdrawal | None:
    """A refund at PayPal that is none of ours."""
    fields = {
        "id": "R1",
        "status": "COMPLETED",
        "amount": {"currency_code": "USD", "value": "10.00"},
        "invoice_id": "ch_1:capture:2",
        "create_time": "2026-11-02T12:00:00Z",
    }
    return paypal_withdrawals.of_foreign_refund(Movement.model_validate(fields | changes))


def outcome_of(withdrawal: Withdrawal | None) -> tuple[WithdrawalState, Money, Money | None]:
    """State, amount and what returned."""
    assert withdrawal is not None
    return withdrawal.state, withdrawal.amount, withdrawal.returned


LEFT, BACK = booked(-1000, 1500), booked(1000, id="txn_2", created=NOON + 60)
HELD, RELEASED = moved_at_paypal("HOLD_PLACED", "DEBIT", "10.00"), moved_at_paypal("HOLD_RELEASED", "CREDIT", "10.00")
SETTLED = moved_at_paypal("DISPUTE_SETTLEMENT", "DEBIT", "10.00")


@pytest.mark.parametrize(
    "read",
    [
        lambda: at_stripe("settled", LEFT),
        lambda: at_stripe("lost", LEFT, booked(100, 5, currency="eur")),
        lambda: stripe_withdrawals.of_failed_payment(failed_at_stripe("txn_1")),
        lambda: refund_at_stripe(balance_transaction="txn_1"),
        lambda: at_paypal("SETTLED", None, SETTLED),
        lambda: refund_at_paypal(status="SPLIT"),
        lambda: refund_at_paypal(amount=None),
        lambda: refund_at_paypal(create_time=None),
    ],
)
def test_what_is_not_understood(read: Callable[[], object]) -> None:
    """A status of a later version, or an object that does not show its money, is an error and not a guess."""
    with pytest.raises(ValueError, match=r"."):
        read()


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_closed", "prevented", "under_review", "won"])
def test_a_dispute_that_moved_nothing(status: str) -> None:
    """An inquiry, and a dispute that was kept from being one, took nothing."""
    assert at_stripe(status) is None


@pytest.mark.parametrize(
    ("status", "moved", "expected"),
    [
        ("needs_response", [LEFT], (OPEN, None)),
        ("appeal_under_review", [LEFT], (OPEN, None)),
        ("won", [LEFT], (OPEN, None)),
        ("won", [BACK, LEFT], (WON, "10.00")),
        ("lost", [LEFT], (LOST, None)),
        ("lost", [LEFT, booked(400)], (LOST, "4.00")),
    ],
)
def test_a_dispute_at_stripe(status: str, moved: list[Any], expected: tuple[WithdrawalState, str | None]) -> None:
    """A dispute is won when its money is on the balance again, and not before."""
    state, returned = expected
    assert outcome_of(at_stripe(status, *moved)) == (state, money("10.00"), money(returned) if returned else None)


def test_the_fee_of_a_dispute_is_what_is_left_of_it() -> None:
    """A fee that comes back with the money is no fee."""
    won = at_stripe("won", LEFT, BACK | {"fee": -1500})
    assert won is not None
    assert won.fee is None


def test_the_rest_of_an_authorization_is_no_refund() -> None:
    """What Stripe takes out again after a partial capture was never the merchant's."""
    assert refund_at_stripe(balance_transaction=booked(-1000, reporting_category="partial_capture_reversal")) is None


def test_a_refund_that_has_not_left() -> None:
    """A refund that waits for the balance to suffice, at either gateway, has taken nothing yet."""
    assert refund_at_stripe(status="pending", pending_reason="insufficient_funds") is None
    assert refund_at_paypal(status="PENDING") is None


@pytest.mark.parametrize("name", ["invoice_id", "custom_id"])
def test_a_refund_of_ours_at_paypal(name: str) -> None:
    """A refund that names a refund of ours is ours, and one that names another kind of operation inherited that."""
    assert refund_at_paypal(**{name: "ch_1:refund:1"}) is None
    assert refund_at_paypal(**{name: "ch_1:capture:1"}) is not None


def test_a_payment_that_failed_is_told_by_whether_it_had_the_money() -> None:
    """A bank debit that fails before its money came is declined; one that fails after it succeeded, and was taken back."""
    failure = booked(-1000, 0, id="txn_9")
    succeeded = stripe_objects.of_payment(failed_at_stripe(failure))
    assert isinstance(succeeded, Succeeded)
    assert (succeeded.amount, succeeded.fee) == (money("10.00"), money("0.59"))
    taken = stripe_withdrawals.of_failed_payment(failed_at_stripe(failure))
    assert taken is not None
    assert (taken.reference, taken.state, taken.amount) == ("txn_9", LOST, money("10.00"))
    assert isinstance(stripe_objects.of_payment(failed_at_stripe(None)), Declined)
    assert stripe_withdrawals.of_failed_payment(failed_at_stripe(None)) is None


def test_a_void_does_not_hide_a_payment_that_was_taken_and_failed() -> None:
    """A payment that is canceled after its money came and went was captured all the same."""
    gone = failed_at_stripe(booked(-1000), status="canceled", cancellation_reason="requested_by_customer")
    assert isinstance(stripe_objects.of_payment(gone), Succeeded)
    assert isinstance(stripe_objects.of_authorization(gone), Succeeded)


@pytest.mark.parametrize(
    ("status", "outcome", "moved", "expected"),
    [
        ("UNDER_REVIEW", None, [HELD], (OPEN, None)),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", [HELD], (OPEN, None)),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", [HELD, RELEASED], (WON, "10.00")),
        ("RESOLVED", "CANCELED_BY_BUYER", [HELD, RELEASED], (WON, "10.00")),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", [HELD, SETTLED], (LOST, None)),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", [HELD, RELEASED, SETTLED], (LOST, None)),
        ("RESOLVED", "ACCEPTED", [SETTLED], (LOST, None)),
        (
            "RESOLVED",
            "RESOLVED_BUYER_FAVOUR",
            [HELD, moved_at_paypal("DISPUTE_SETTLEMENT", "DEBIT", "7.50")],
            (LOST, "2.50"),
        ),
    ],
)
def test_a_dispute_at_paypal(
    status: str, outcome: str | None, moved: list[Any], expected: tuple[WithdrawalState, str | None]
) -> None:
    """Money that is held and then taken for good left once, whether PayPal shows the hold's end or not."""
    state, returned = expected
    found = at_paypal(status, outcome, *moved)
    assert outcome_of(found) == (state, money("10.00"), money(returned) if returned else None)


def test_the_money_of_others_is_not_ours() -> None:
    """What a dispute did to the buyer is none of our money; what it cost us is told apart from what it took."""
    fees = [moved_at_paypal("DISPUTE_FEE", "DEBIT", "15.00"), moved_at_paypal("DISPUTE_FEE", "CREDIT", "5.00")]
    to_buyer = moved_at_paypal("DISPUTE_SETTLEMENT", "CREDIT", "10.00", party="BUYER")
    found = at_paypal("RESOLVED", "RESOLVED_BUYER_FAVOUR", SETTLED, to_buyer, *fees)
    assert outcome_of(found) == (LOST, money("10.00"), None)
    assert found is not None
    assert found.fee == money("10.00")
    assert at_paypal("OPEN", None, to_buyer) is None
