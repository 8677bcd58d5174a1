"""What each outcome means for the charge and the books, as pure functions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities import consequences
from gateways.port import ActionRequired, Declined, Outcome, Pending, RefusalCode, Refused, Succeeded
from ledger.charges import AtExpiry, CaptureMode, Charge, ChargeStatus
from ledger.money import Money
from ledger.operations import Operation

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def charge(**changes: Any) -> Charge:
    fields = {
        "charge_id": "ch_1",
        "request_hash": "x",
        "status": ChargeStatus.PROCESSING,
        "customer": "cus_1",
        "currency": "USD",
        "amount_minor": 10000,
        "capture_method": CaptureMode.AUTOMATIC,
        "at_expiry": AtExpiry.VOID,
        "payment_methods": (),
        "invoice": None,
        "metadata": {},
        "actor": "person:alice",
        "gateway": "stripe",
        "gateway_reason": "the only one",
        "decline_code": None,
        "message": None,
        "action_url": None,
        "authorization_expires_at": None,
        "authorized_minor": 0,
        "captured_minor": 0,
        "refunded_minor": 0,
        "refund_reserved_minor": 0,
        "withdrawn_minor": 0,
        "created_at": NOW,
        "updated_at": NOW,
        "customer_country": None,
        "confirm_by": None,
        "confirmed_at": None,
        "canceled_by": None,
    }
    return Charge.model_validate(fields | changes)


def operation(kind: str, **changes: Any) -> Operation:
    fields = {
        "operation_id": f"ch_1:{kind}:1",
        "charge_id": "ch_1",
        "kind": kind,
        "number": 1,
        "attempt": 1,
        "gateway": "stripe",
        "payment_method": None,
        "amount_minor": 10000,
        "currency": "USD",
        "payment_reference": "pi_1",
        "target_reference": None,
        "gateway_reference": None,
        "outcome": None,
        "decline_code": None,
        "message": None,
        "fee_minor": None,
        "fee_currency": None,
        "fee_status": "none",
        "refund_id": None,
        "reason": None,
        "actor": "person:alice",
        "final": True,
        "requested_at": NOW,
        "decided_at": None,
        "purpose": "attempt:1",
        "compensates": None,
        "excess": False,
        "authenticate": False,
        "times_unknown": 0,
        "routing": None,
    }
    return Operation.model_validate(fields | changes)


def usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


def succeeded(amount_minor: int = 10000, **changes: Any) -> Succeeded:
    return Succeeded(reference="pi_1", amount=usd(amount_minor), occurred_at=NOW, **changes)


AUTHORIZED = {"status": ChargeStatus.AUTHORIZED, "authorized_minor": 10000}
CAPTURED = {"status": ChargeStatus.CAPTURED, "authorized_minor": 10000, "captured_minor": 10000}
ON_AUTHORIZATION = {"target_reference": "pi_1"}

CASES: list[tuple[str, Charge, Operation, Outcome, ChargeStatus, list[str]]] = [
    ("authorized", charge(), operation("authorize"), succeeded(), ChargeStatus.AUTHORIZED, ["authorized"]),
    ("sale", charge(), operation("capture"), succeeded(), ChargeStatus.CAPTURED, ["captured"]),
    (
        "sale with fee",
        charge(),
        operation("capture"),
        succeeded(fee=usd(320)),
        ChargeStatus.CAPTURED,
        ["captured", "fee_charged"],
    ),
    (
        "capture of all",
        charge(**AUTHORIZED),
        operation("capture", **ON_AUTHORIZATION),
        succeeded(),
        ChargeStatus.CAPTURED,
        ["captured", "authorization_released"],
    ),
    (
        "capture of a part",
        charge(**AUTHORIZED),
        operation("capture", **ON_AUTHORIZATION),
        succeeded(4000),
        ChargeStatus.PARTIALLY_CAPTURED,
        ["captured", "authorization_released"],
    ),
    (
        "void",
        charge(**AUTHORIZED),
        operation("void", **ON_AUTHORIZATION),
        succeeded(),
        ChargeStatus.VOIDED,
        ["authorization_released"],
    ),
    (
        "capture declined",
        charge(**AUTHORIZED),
        operation("capture", **ON_AUTHORIZATION),
        Declined(code="generic_decline", message="no"),
        ChargeStatus.AUTHORIZED,
        [],
    ),
    (
        "capture too late",
        charge(**AUTHORIZED),
        operation("capture", **ON_AUTHORIZATION),
        Refused(code=RefusalCode.AUTHORIZATION_EXPIRED, message="expired"),
        ChargeStatus.EXPIRED,
        ["authorization_released"],
    ),
    ("declined", charge(), operation("capture"), Declined(code="x", message="no"), ChargeStatus.DECLINED, []),
    ("refused", charge(), operation("authorize"), Refused(code="x", message="no"), ChargeStatus.DECLINED, []),
    (
        "action",
        charge(),
        operation("capture"),
        ActionRequired(reference="pi_1", action_url="https://x"),
        ChargeStatus.REQUIRES_ACTION,
        [],
    ),
    ("pending", charge(), operation("capture"), Pending(reference="1", reason="x"), ChargeStatus.PENDING, []),
    (
        "abandoned",
        charge(status=ChargeStatus.REQUIRES_ACTION),
        operation("void"),
        succeeded(),
        ChargeStatus.VOIDED,
        [],
    ),
    (
        "abandoned too late",
        charge(status=ChargeStatus.REQUIRES_ACTION),
        operation("void"),
        Refused(code=RefusalCode.ALREADY_CAPTURED, message="captured"),
        ChargeStatus.REQUIRES_ACTION,
        [],
    ),
]


@pytest.mark.parametrize(("name", "before", "of", "outcome", "status", "rules"), CASES, ids=[case[0] for case in CASES])
def test_each_outcome_has_one_state_and_its_entries(
    name: str, before: Charge, of: Operation, outcome: Outcome, status: ChargeStatus, rules: list[str]
) -> None:
    """The whole table of what an answer means, in one place."""
    meaning = consequences.of_outcome(before, of, outcome, NOW, lapsed=False)
    assert meaning.charge["status"] is status
    assert [entry.rule for entry in meaning.entries] == rules


def test_what_a_timer_voids_has_expired() -> None:
    """Operations people can tell a lapse from a decision of a person."""
    meaning = consequences.of_outcome(
        charge(**AUTHORIZED), operation("void", **ON_AUTHORIZATION), succeeded(), NOW, lapsed=True
    )
    assert meaning.charge["status"] is ChargeStatus.EXPIRED


def test_a_refund_that_succeeds_uses_its_reservation_up() -> None:
    """What was promised is paid, and cannot be promised again."""
    before = charge(**CAPTURED, refund_reserved_minor=4000)
    meaning = consequences.of_refund_outcome(before, operation("refund", amount_minor=4000), succeeded(4000), NOW)
    assert meaning.charge == {"refund_reserved_minor": 0, "refunded_minor": 4000}
    assert [entry.rule for entry in meaning.entries] == ["refund_succeeded"]


def test_a_refund_that_fails_gives_its_reservation_back() -> None:
    """The money may be refunded in another way."""
    before = charge(**CAPTURED, refund_reserved_minor=4000)
    refused = Refused(code="x", message="no")
    meaning = consequences.of_refund_outcome(before, operation("refund", amount_minor=4000), refused, NOW)
    assert meaning.charge == {"refund_reserved_minor": 0}
    assert [line.side for line in meaning.entries[0].lines] == ["credit", "debit"]


def test_a_refund_that_fails_days_later_is_taken_back_whole() -> None:
    """The gateway has the money again, and owes it to us again."""
    before = charge(**CAPTURED, refunded_minor=4000)
    failed = Declined(code="expired_or_canceled_card", message="returned")
    late = operation("refund", amount_minor=4000, outcome="succeeded")
    meaning = consequences.of_refund_outcome(before, late, failed, NOW)
    assert meaning.charge == {"refunded_minor": 0}
    assert len(meaning.entries[0].lines) == 4
