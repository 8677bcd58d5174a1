"""What the simulation has found, each as a story of its own: what the charge did wrong once, and does right."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from gateways.port import OperationKind, RefusalCode
from ledger.charges import AtExpiry, CaptureMode, ChargeRequest, ChargeStatus
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.refunds import RefundRequest
from ledger.reviews import Word
from tests.simulation import verdict
from tests.simulation.chance import Chance
from tests.simulation.payments import Habits
from tests.simulation.people import MERCHANT, People
from tests.simulation.system import Conditions, System
from tests.simulation.timeline import BEGINNING
from tests.simulation.weather import Weather
from tests.simulation.world import Troubles
from workflows.review_messages import ResolveReview

AMOUNT = 4999
CALM = Habits(0, 0, 0, 0, 0, 0, 0, 0, 0)
"""Every call succeeds at once."""


def stage(capture: CaptureMode = CaptureMode.AUTOMATIC, at_expiry: AtExpiry = AtExpiry.VOID, **habits: float) -> System:
    """Set a charge up in fine weather; habits can be changed while it goes on."""
    request = ChargeRequest(
        charge_id="ch_1",
        amount=Money(amount_minor=AMOUNT, currency="USD"),
        customer="cus_1",
        payment_methods=(PaymentMethod(gateway="stripe", token="stripe_token"),),
        capture=capture,
        at_expiry=at_expiry,
        actor="program:checkout",
    )
    weather = {"stripe": Weather(), "paypal": Weather()}
    own = Habits(**{**vars(CALM), **habits})
    system = System(Conditions(request, own, weather, Troubles(), hints_lost=1.0), Chance(1))
    until(system, lambda: system.books.charge is not None)
    return system


def until(system: System, happened: Callable[[], bool], *, days: float = 60) -> None:
    """Let time pass until something has happened."""
    while not happened():
        hurried = system.timeline.now < BEGINNING + timedelta(minutes=5)
        system.timeline.run(system.timeline.now + timedelta(seconds=0.01 if hurried else 60))
        assert system.timeline.now < BEGINNING + timedelta(days=days), "\n".join(system.trace)


def status(system: System) -> ChargeStatus:
    """Where the charge stands in the books."""
    return system.books.known().status


def is_captured(system: System) -> bool:
    """Whether the books say that the money is taken."""
    return status(system) is ChargeStatus.CAPTURED


def end(system: System) -> bool:
    """Let the charge end, and judge it; tell whether its process is still open."""
    system.timeline.run(BEGINNING + timedelta(days=75))
    found, is_open = list(verdict.violations(system)), not system.process.is_over
    system.timeline.close()
    assert not found, "\n".join([*system.trace, *found])
    return is_open


def in_review(system: System) -> bool:
    """Whether a person is asked."""
    return status(system) is ChargeStatus.NEEDS_REVIEW


def test_what_the_books_refuse_in_a_review_leaves_the_process_open() -> None:
    """A gateway that took more than it was asked for says so again and again: the charge stays in review, with its process."""
    system = stage(overcharges=1.0)
    until(system, lambda: in_review(system))
    assert end(system)
    assert len(system.trace) < 400


@pytest.mark.parametrize("at_expiry", [AtExpiry.CAPTURE, AtExpiry.VOID])
def test_a_cancellation_that_is_written_down_outlives_its_run(at_expiry: AtExpiry) -> None:
    """Whoever starts the process of a canceled charge anew does not have it captured days later."""
    system = stage(CaptureMode.MANUAL, at_expiry)
    People(system, Chance(1)).cancel()
    until(system, lambda: status(system) is ChargeStatus.AUTHORIZED)
    assert system.books.known().canceled_by == MERCHANT
    system.reset(with_wishes=False)
    end(system)
    assert status(system) is ChargeStatus.VOIDED


def test_a_cancellation_that_a_review_could_not_carry_out_is_not_forgotten() -> None:
    """An authorization that could not be voided is not captured at its end, since its charge is canceled."""
    system = stage(CaptureMode.MANUAL, AtExpiry.CAPTURE)
    until(system, lambda: status(system) is ChargeStatus.AUTHORIZED)
    system.calls["stripe"].road.weather = Weather(error_before=1.0)
    People(system, Chance(1)).cancel()
    until(system, lambda: in_review(system))
    People(system, Chance(1)).cancel()
    until(system, lambda: in_review(system) and system.charge.cancellation is None)
    system.calls["stripe"].road.weather = Weather()
    system.reset(with_wishes=False)
    end(system)
    assert status(system) is ChargeStatus.VOIDED


def test_the_fee_of_a_charge_that_was_given_back_is_booked() -> None:
    """A fee that comes after everything was refunded, and after a run that began anew, is in the books all the same."""
    system = stage(fee_comes_late=1.0)
    until(system, lambda: is_captured(system))
    People(system, Chance(1)).cancel()
    until(system, lambda: status(system) is ChargeStatus.REFUNDED)
    system.reset(with_wishes=True)
    end(system)
    assert any(reference.endswith(":fee") for reference in system.books.entries)


def test_a_refund_beside_another_that_fails_is_not_waited_for_for_ever() -> None:
    """Everything is given back, also what somebody else's refund was under way for."""
    system = stage(takes_time=0.0, fee_comes_late=1.0)
    until(system, lambda: is_captured(system))
    system.conditions.habits.takes_time = 1.0
    system.start_refund(RefundRequest(refund_id="re_1", charge_id="ch_1", amount_minor=1000, actor=MERCHANT))
    until(system, lambda: bool(system.gateways["stripe"].payments["stripe_pay_1"].refunds))
    system.conditions.habits.takes_time = 0.0
    People(system, Chance(1)).cancel()
    system.gateways["stripe"].payments["stripe_pay_1"].refunds[0].status = "failed"
    end(system)
    assert status(system) is ChargeStatus.REFUNDED


def test_a_case_is_closed_once_everything_is_given_back() -> None:
    """What a person was asked about is settled by what they did."""
    system = stage(refunds_fail=1.0)
    until(system, lambda: is_captured(system) or system.process.is_over)
    People(system, Chance(1)).cancel()
    until(system, lambda: in_review(system))
    system.conditions.habits.refunds_fail = 0.0
    People(system, Chance(1)).cancel()
    end(system)
    assert (status(system), system.books.open_review()) == (ChargeStatus.REFUNDED, None)


def test_an_operation_that_a_command_opens_in_a_review_is_read_on() -> None:
    """While the outcome of one command is open, no other one is carried out, and the gateway settles it."""
    system = stage(CaptureMode.MANUAL)
    until(system, lambda: status(system) is ChargeStatus.AUTHORIZED)
    system.calls["stripe"].road.weather = Weather(error_before=1.0)
    People(system, Chance(1)).cancel()
    until(system, lambda: in_review(system))
    system.calls["stripe"].road.weather = Weather(lost_after=1.0)
    People(system, Chance(1)).cancel()
    until(system, lambda: status(system) is ChargeStatus.UNKNOWN)
    until(system, lambda: in_review(system))
    system.calls["stripe"].road.weather = Weather()
    end(system)
    assert status(system) is ChargeStatus.VOIDED


def test_a_void_that_a_person_calls_failed_leaves_the_charge_waiting_for_its_customer() -> None:
    """A review that is closed leaves no charge in review."""
    system = stage(asks_customer=1.0)
    until(system, lambda: status(system) is ChargeStatus.REQUIRES_ACTION)
    system.calls["stripe"].road.weather = Weather(lost_before=1.0)
    until(system, lambda: in_review(system))
    assert system.books.operations["ch_1:void:1"].kind == OperationKind.VOID
    system.calls["stripe"].road.weather = Weather()
    system.charge.desk.word = ResolveReview(as_=Word.FAILED, because="nothing to be seen", by="alice")
    until(system, lambda: status(system) is ChargeStatus.REQUIRES_ACTION)
    end(system)
    assert status(system) is ChargeStatus.EXPIRED


def test_a_cancellation_in_the_last_moment_is_carried_out() -> None:
    """While the process starts the search for later facts, it still takes what people wish."""
    conditions = stage().conditions

    class Late(System):
        def start_reconcile(self) -> None:
            if not self.cancellations:
                People(self, Chance(1)).cancel()

    late = Late(conditions, Chance(1))
    late.charge.left_behind = True
    end(late)
    assert (len(late.cancellations), status(late)) == (1, ChargeStatus.REFUNDED)


def test_what_was_reserved_in_excess_and_has_lapsed_is_not_voided_for_ever() -> None:
    """A late authorization that is found when it has lapsed already holds nothing any more: the books say so, and that is all."""
    system = stage(CaptureMode.MANUAL, declines=1.0, succeeds_late=1.0)
    until(system, lambda: status(system) is ChargeStatus.DECLINED)
    system.calls["stripe"].road.weather = Weather(lost_before=1.0)
    payments = system.gateways["stripe"].payments.values()
    until(system, lambda: all(payment.status == "lapsed" for payment in payments))
    system.calls["stripe"].road.weather = Weather()
    system.start_reconcile()
    end(system)
    voids = [each for each in system.books.operations.values() if each.kind == OperationKind.VOID]
    assert [each.decline_code for each in voids] == [RefusalCode.AUTHORIZATION_EXPIRED] * len(payments)
    assert verdict.balance(system, "memo:authorizations:stripe") == 0


def test_a_late_success_that_could_not_be_read_when_it_was_reported_is_read_soon() -> None:
    """An event comes once: while the gateway lets nobody read, it is asked again, and not only weeks later."""
    system = stage(declines=1.0, succeeds_late=1.0)
    until(system, lambda: status(system) is ChargeStatus.DECLINED)
    system.calls["stripe"].road.weather = Weather(rate_limited=1.0)
    payments = system.gateways["stripe"].payments.values()
    until(system, lambda: all(payment.status == "taken" for payment in payments))
    system.hint("ch_1:capture:1")
    system.timeline.run(system.timeline.now + timedelta(minutes=5))
    system.calls["stripe"].road.weather = Weather()
    system.timeline.run(system.timeline.now + timedelta(hours=1))
    assert {entry.rule for entry in system.books.entries.values()} >= {"captured_in_excess", "refund_succeeded"}
    end(system)


def test_a_refund_that_comes_back_while_nobody_can_read_is_read_soon() -> None:
    """As above, for a refund that is followed."""
    system = stage(refunds_return=1.0)
    until(system, lambda: is_captured(system))
    system.start_refund(RefundRequest(refund_id="re_1", charge_id="ch_1", amount_minor=1000, actor=MERCHANT))
    until(system, lambda: "ch_1:refund:1" in system.books.entries)
    system.calls["stripe"].road.weather = Weather(rate_limited=1.0)
    (refund,) = system.gateways["stripe"].payments["stripe_pay_1"].refunds
    until(system, lambda: refund.status == "failed")
    system.hint("ch_1:refund:1")
    system.timeline.run(system.timeline.now + timedelta(minutes=5))
    system.calls["stripe"].road.weather = Weather()
    system.timeline.run(system.timeline.now + timedelta(hours=1))
    assert system.books.known().refunded_minor == 0
    end(system)
