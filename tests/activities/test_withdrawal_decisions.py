"""What a reading of withdrawals means for the charge and the books, as pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.charge_decisions import Case
from activities.withdrawal_decisions import Taking, is_given_back, taken_back
from gateways.port import Withdrawal, WithdrawalKind, WithdrawalState
from ledger.charges import ChargeStatus
from ledger.money import Money
from ledger.withdrawals import TakenBack
from tests.activities.test_consequences import charge, operation

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAPTURED = {"authorized_minor": 10000, "captured_minor": 10000, "status": ChargeStatus.CAPTURED}
OPEN, LOST, WON = WithdrawalState.OPEN, WithdrawalState.LOST, WithdrawalState.WON
DISPUTE, REVERSAL = WithdrawalKind.DISPUTE, WithdrawalKind.REVERSAL


def case(*, excess: bool = False, **changes: Any) -> Case:
    """A charge of 100.00 that was captured."""
    capture = operation("capture", outcome="succeeded", gateway_reference="pi_1", excess=excess)
    return Case(charge=charge(**CAPTURED | changes), operations=(capture,))


def usd(amount_minor: int) -> Money:
    """Dollars."""
    return Money(amount_minor=amount_minor, currency="USD")


def seen(
    state: WithdrawalState, kind: WithdrawalKind = DISPUTE, amount: int = 10000, returned: int | None = None
) -> Withdrawal:
    """What the gateway shows."""
    back = None if returned is None else usd(returned)
    return Withdrawal(
        kind=kind, reference="dp_1", state=state, amount=usd(amount), returned=back, fee=usd(1500), withdrawn_at=NOW
    )


def read(of: Case, *shown: Withdrawal, stored: tuple[TakenBack, ...] = (), hours: int = 0) -> Taking | None:
    """Read the capture's withdrawals, so many hours later."""
    at = NOW + timedelta(hours=hours)
    return taken_back(of, "ch_1:capture:1", stored, shown, read_at=at, now=at)


def rows(of: Case, shown: Withdrawal) -> tuple[TakenBack, ...]:
    """The rows after a first reading."""
    taking = read(of, shown)
    assert taking is not None
    return taking.rows


@pytest.mark.parametrize(
    ("shown", "status", "withdrawn"),
    [
        (seen(OPEN), ChargeStatus.DISPUTED, 10000),
        (seen(OPEN, amount=100), ChargeStatus.DISPUTED, 100),
        (seen(LOST), ChargeStatus.REVERSED, 10000),
        (seen(LOST, amount=100), ChargeStatus.CAPTURED, 100),
        (seen(LOST, returned=4000), ChargeStatus.CAPTURED, 6000),
        (seen(WON, returned=10000), ChargeStatus.CAPTURED, 0),
        (seen(LOST, REVERSAL), ChargeStatus.REVERSED, 10000),
    ],
)
def test_a_withdrawal_is_a_new_state_of_the_charge(shown: Withdrawal, status: ChargeStatus, withdrawn: int) -> None:
    """What was captured is disputed or reversed where the gateway keeps it, and captured again where it came back."""
    taking = read(case(), shown)
    assert taking is not None
    assert (taking.charge["status"], taking.charge["withdrawn_minor"]) == (status, withdrawn)
    assert taking.entries


def test_a_partial_capture_is_one_again_when_its_dispute_is_won() -> None:
    """It goes back to the state that it had."""
    of = case(captured_minor=4000, status=ChargeStatus.DISPUTED, withdrawn_minor=4000)
    taking = read(of, seen(WON, amount=4000, returned=4000), stored=rows(of, seen(OPEN, amount=4000)), hours=1)
    assert taking is not None
    assert taking.charge["status"] is ChargeStatus.PARTIALLY_CAPTURED


@pytest.mark.parametrize("status", [ChargeStatus.REFUNDED, ChargeStatus.NEEDS_REVIEW])
def test_a_charge_that_was_called_off_or_waits_for_a_person_stays_so(status: ChargeStatus) -> None:
    """Its amounts change, and the money is booked all the same."""
    taking = read(case(status=status), seen(OPEN))
    assert taking is not None
    assert taking.charge == {"withdrawn_minor": 10000}
    assert taking.entries


def test_a_reading_that_says_what_the_books_say_changes_nothing() -> None:
    """So it can be read again and again."""
    of = case()
    assert read(of, seen(OPEN), stored=rows(of, seen(OPEN)), hours=5) is None
    assert read(of, stored=rows(of, seen(OPEN)), hours=5) is None


def test_an_older_reading_does_not_overwrite_a_newer_one() -> None:
    """A worker that stood still with a dispute that was open comes when it is won."""
    of = case()
    won = read(of, seen(WON, returned=10000), stored=rows(of, seen(OPEN)), hours=48)
    assert won is not None
    assert read(of, seen(OPEN), stored=won.rows, hours=24) is None


def test_what_was_taken_in_excess_does_not_count_for_the_charge() -> None:
    """The charge is what its own payment is."""
    taking = read(case(excess=True), seen(LOST))
    assert taking is not None
    assert (taking.charge["status"], taking.charge["withdrawn_minor"]) == (ChargeStatus.CAPTURED, 0)


def test_the_charge_says_what_was_taken_back() -> None:
    """`status` can explain the state."""
    taking = read(case(), seen(OPEN))
    assert taking is not None
    assert taking.charge["message"] == "dispute dp_1 of 100.00 USD is open"


@pytest.mark.parametrize(
    ("shown", "refunded", "given_back"),
    [
        (seen(LOST), 0, True),
        (seen(OPEN), 0, False),
        (seen(LOST, amount=6000), 4000, True),
        (seen(LOST, amount=6000), 3999, False),
    ],
)
def test_what_the_gateway_has_taken_for_good_is_given_back(
    shown: Withdrawal, refunded: int, *, given_back: bool
) -> None:
    """A charge that is called off is undone by what is gone for good, and not by what may yet come back."""
    of = case(refunded_minor=refunded)
    assert is_given_back(of, rows(of, shown)) is given_back
