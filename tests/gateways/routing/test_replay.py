"""A replay runs a policy over what happened, with what was known at each moment, and adds up what it would have changed."""

from datetime import timedelta

from gateways.routing.replay import replay
from gateways.routing.sliding import Outcome
from gateways.routing.windows import OutcomeClass
from tests.gateways.routing.asks import BOTH, NOW, ask, policy

FEES = "fees: {stripe: {percentage: 3}, paypal: {percentage: 2, fixed_minor: {USD: 10}}}"


def outcome(seconds: int, gateway: str, word: str) -> Outcome:
    return Outcome(NOW + timedelta(seconds=seconds), f"{gateway}:{seconds}", gateway, OutcomeClass(word), "USD")


def test_cost_and_success_of_both_sides_are_added_up() -> None:
    """Whoever changes the policy sees what it would have cost and brought."""
    cheap = policy(
        "- {name: c, then: {least_cost: [stripe, paypal]}}", more=FEES + "\nsuccess_rate: {minimum_outcomes: 2}"
    )
    past = [
        (ask("100", charge_id="ch_1"), "stripe"),
        (ask("1", charge_id="ch_2"), "stripe"),
        (ask("7", "KWD"), "stripe"),
    ]
    outcomes = [outcome(1, "stripe", "approved"), outcome(2, "stripe", "declined"), outcome(3, "paypal", "approved")]
    report = replay(cheap, past, [*outcomes, outcome(4, "paypal", "approved")], BOTH)
    assert (report.charges, report.same, report.different, report.nowhere) == (3, 2, 1, 0)
    assert (report.chosen, report.would_choose) == ({"stripe": 3}, {"paypal": 1, "stripe": 2})
    dollars = report.fees[1]
    assert (dollars.currency, dollars.charges, dollars.amount_minor) == ("USD", 2, 10_100)
    assert (dollars.chosen_fee_minor, dollars.would_fee_minor) == (303, 213)
    assert (report.success_charges, report.chosen_success, report.would_success) == (3, 0.5, 0.6667)


def test_each_charge_is_decided_by_what_was_known_then() -> None:
    """A policy that knew the future would look better than it is."""
    rated = policy(
        "- {name: r, then: {success_rate: [stripe, paypal]}}",
        more="success_rate: {minimum_outcomes: 1, exploration_share: 0}",
    )
    past = [(ask(charge_id=f"ch_{second}", at=NOW + timedelta(seconds=second)), "stripe") for second in (0, 10, 20)]
    outcomes = [outcome(15, "paypal", "approved"), outcome(5, "stripe", "declined")]
    report = replay(rated, past, outcomes, BOTH)
    assert [one.would_choose for one in report.replayed] == ["stripe", "stripe", "paypal"]


def test_a_charge_that_no_gateway_would_take_is_counted_with_the_reason() -> None:
    """A policy that turns customers away shows it."""
    narrow = policy(order="[paypal]")
    report = replay(narrow, [(ask(methods=["stripe"]), "stripe")], [], BOTH)
    assert (report.nowhere, report.same, report.different) == (1, 0, 0)
    assert report.replayed[0].reason.startswith("no gateway can take 10.00 USD: paypal has no payment method")
    assert (report.chosen_success, report.fees) == (None, ())
