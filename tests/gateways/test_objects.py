"""Reading the gateways' objects, which come from outside: what is not understood is never taken for an outcome."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateways import paypal_objects, stripe_objects
from gateways.paypal_objects import Movement, Order
from gateways.port import Declined, OperationKind, Pending, RefusalCode, Refused, Succeeded
from gateways.stripe_objects import PaymentIntent, Refund
from tests.gateways.cases import money

NOON = int(datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp())


def intent(**changes: Any) -> PaymentIntent:
    """A PaymentIntent that was authorized."""
    fields = {
        "id": "pi_1",
        "status": "requires_capture",
        "amount": 1000,
        "currency": "usd",
        "latest_charge": {
            "status": "succeeded",
            "amount": 1000,
            "created": NOON,
            "payment_method_details": {"card": {"capture_before": NOON + 60}},
        },
    }
    return PaymentIntent.model_validate(fields | changes)


def movement(**changes: Any) -> Movement:
    """An authorization, capture or refund of PayPal's."""
    fields = {
        "id": "M1",
        "status": "COMPLETED",
        "amount": {"currency_code": "USD", "value": "10.00"},
        "create_time": "2026-11-02T12:00:00Z",
        "update_time": "2026-11-02T12:00:00Z",
    }
    return Movement.model_validate(fields | changes)


@pytest.mark.parametrize(
    "read",
    [
        lambda: stripe_objects.of_authorization(intent(status="frozen", latest_charge=None)),
        lambda: stripe_objects.of_payment(intent(status="frozen")),
        lambda: stripe_objects.of_payment(intent(status="succeeded", latest_charge=None)),
        lambda: stripe_objects.of_payment(intent(status="requires_action", next_action={"type": "use_stripe_sdk"})),
        lambda: stripe_objects.of_refund(
            Refund.model_validate({"id": "re_1", "status": "odd", "amount": 1, "currency": "usd", "created": 1})
        ),
        lambda: paypal_objects.of_authorization(movement(status="FROZEN")),
        lambda: paypal_objects.of_capture(movement(status="FROZEN")),
        lambda: paypal_objects.of_refund(movement(status="FROZEN")),
        lambda: paypal_objects.of_capture(movement(amount=None)),
        lambda: paypal_objects.of_capture(movement(create_time=None)),
        lambda: paypal_objects.of_capture(movement(create_time="2026-11-02T12:00:00")),
        lambda: paypal_objects.of_capture(movement(amount={"currency_code": "USD", "value": "1e3"})),
    ],
)
def test_what_is_not_understood(read: Any) -> None:
    """An unknown status, a success without an amount or a time, or an action at no address is an error, not an outcome."""
    with pytest.raises(ValueError, match=r"unknown status|without|no address|no amount|not an amount"):
        read()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", ""])
def test_action_addresses(url: str) -> None:
    """A customer is sent to a web address only."""
    with pytest.raises(ValueError, match="no address"):
        stripe_objects.of_payment(
            intent(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": {"url": url}})
        )
    order = Order.model_validate({"id": "O1", "status": "CREATED", "links": [{"rel": "payer-action", "href": url}]})
    with pytest.raises(ValueError, match="no address"):
        paypal_objects.action(order)


def test_authorization_that_was_voided_since() -> None:
    """An authorization stays a success after Stripe canceled it: what it was is told, not what became of it."""
    outcome = stripe_objects.of_authorization(intent(status="canceled", canceled_at=NOON))
    assert isinstance(outcome, Succeeded)
    assert outcome.capture_before is not None
    assert outcome.capture_before.timestamp() == NOON + 60


@pytest.mark.parametrize(
    ("reason", "code"),
    [("abandoned", RefusalCode.AUTHORIZATION_VOIDED), (None, RefusalCode.NO_EFFECT)],
)
def test_payment_canceled_before_it_was_made(reason: str | None, code: RefusalCode) -> None:
    """A PaymentIntent canceled before its confirmation refuses the operation for good; one without a reason is our fence."""
    outcome = stripe_objects.of_payment(intent(status="canceled", latest_charge=None, cancellation_reason=reason))
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize("declined_first", [True, False])
def test_decline_beside_a_success(*, declined_first: bool) -> None:
    """Of two movements of one order, or two refunds of one operation, the one that went through is told, in any order."""
    movements = [movement(id="NO", status="DECLINED"), movement(id="YES")]
    refunds = [
        Refund.model_validate({"id": identity, "status": status, "amount": 1, "currency": "usd", "created": NOON})
        for identity, status in (("NO", "failed"), ("YES", "succeeded"))
    ]
    made = movements if declined_first else movements[::-1]
    unit = {"payments": {"captures": [found.model_dump() for found in made]}}
    paid = Order.model_validate({"id": "O1", "status": "COMPLETED", "purchase_units": [unit]})
    found = paid.movement(OperationKind.CAPTURE)
    assert found is not None
    assert found.id == "YES"
    told = max(refunds if declined_first else refunds[::-1], key=stripe_objects.standing)
    assert told.id == "YES"


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({}, OperationKind.CAPTURE, RefusalCode.NO_EFFECT),
        ({}, OperationKind.VOID, RefusalCode.NO_EFFECT),
        ({"status": "canceled"}, OperationKind.CAPTURE, RefusalCode.AUTHORIZATION_VOIDED),
        (
            {"status": "canceled", "cancellation_reason": "expired"},
            OperationKind.CAPTURE,
            RefusalCode.AUTHORIZATION_EXPIRED,
        ),
        ({"status": "succeeded"}, OperationKind.VOID, RefusalCode.ALREADY_CAPTURED),
        (
            {"status": "succeeded", "metadata": {"capture_operation_id": "another"}},
            OperationKind.CAPTURE,
            RefusalCode.ALREADY_CAPTURED,
        ),
        ({"status": "succeeded"}, OperationKind.CAPTURE, None),
        ({"status": "processing"}, OperationKind.CAPTURE, None),
        ({"status": "processing"}, OperationKind.VOID, None),
    ],
)
def test_what_a_broken_off_step_left(changes: dict[str, Any], kind: OperationKind, code: RefusalCode | None) -> None:
    """A step that ended in an error had no effect where the payment shows that; where it does not, nothing is assumed."""
    if code is None:
        with pytest.raises(ValueError, match="does not say by which operation"):
            stripe_objects.of_failure(intent(**changes), kind)
    else:
        assert stripe_objects.of_failure(intent(**changes), kind).code == code


def test_processing_payment() -> None:
    """A payment that Stripe is still processing is pending, before and after a capture."""
    key = stripe_objects.operation_key(OperationKind.CAPTURE)
    processing = intent(status="processing", latest_charge=None, metadata={key: "op"})
    assert isinstance(stripe_objects.of_payment(processing), Pending)
    assert isinstance(stripe_objects.of_capture(processing, "op"), Pending)
    assert stripe_objects.of_capture(processing, "another") is None


def test_fee_that_was_given_back() -> None:
    """A fee that comes back with a refund is a negative fee, at both gateways."""
    refund = Refund.model_validate(
        {
            "id": "re_1",
            "status": "succeeded",
            "amount": 1000,
            "currency": "usd",
            "created": NOON,
            "balance_transaction": {"id": "txn_1", "amount": -1000, "fee": -29, "currency": "usd", "created": NOON},
        }
    )
    at_stripe = stripe_objects.of_refund(refund)
    given_back = {"paypal_fee": {"currency_code": "USD", "value": "0.29"}}
    at_paypal = paypal_objects.of_refund(movement(seller_payable_breakdown=given_back))
    for outcome in (at_stripe, at_paypal):
        assert isinstance(outcome, Succeeded)
        assert outcome.fee is not None
        assert (outcome.fee.amount_minor, outcome.fee.currency) == (-29, "USD")


def test_total_of_refunds_is_not_the_refund() -> None:
    """PayPal's cumulative total is never taken for the amount of one refund."""
    breakdown = {"total_refunded_amount": {"currency_code": "USD", "value": "70.00"}}
    outcome = paypal_objects.of_refund(movement(seller_payable_breakdown=breakdown))
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == money("10.00")


@pytest.mark.parametrize(("status", "fee_pending"), [("COMPLETED", True), ("REFUNDED", True)])
def test_capture_without_its_breakdown(status: str, fee_pending: bool) -> None:  # noqa: FBT001 # a column of a table
    """A capture that PayPal shows without its breakdown succeeded, with a fee still to come."""
    outcome = paypal_objects.of_capture(movement(status=status))
    assert isinstance(outcome, Succeeded)
    assert (outcome.fee, outcome.fee_pending) == (None, fee_pending)


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_refund_that_did_not_go_through(status: str) -> None:
    """A refund that failed or was canceled is declined, with Stripe's reason where it gives one."""
    fields = {"id": "re_1", "status": status, "amount": 1000, "currency": "usd", "created": NOON}
    plain = stripe_objects.of_refund(Refund.model_validate(fields))
    reasoned = stripe_objects.of_refund(Refund.model_validate(fields | {"failure_reason": "lost_or_stolen_card"}))
    assert isinstance(plain, Declined)
    assert isinstance(reasoned, Declined)
    assert (plain.code, reasoned.code) == (status, "lost_or_stolen_card")


def test_lapse_by_the_gateways_own_times() -> None:
    """An authorization lapsed where PayPal voided it at its end, by PayPal's clock and not by ours."""
    end = "2026-12-01T12:00:00Z"
    lapsed = movement(status="VOIDED", expiration_time=end, update_time="2026-12-01T12:00:05Z")
    voided = movement(status="VOIDED", expiration_time=end, update_time="2026-11-20T12:00:00Z")
    assert paypal_objects.has_lapsed(lapsed)
    assert not paypal_objects.has_lapsed(voided)
