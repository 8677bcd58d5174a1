"""The demo's scenario: what must be in it, and that its amounts and endings are those of its stories."""

from collections import Counter, defaultdict

import pytest

from gateways.paypal_amounts import CAPABILITIES as PAYPAL_TAKES
from gateways.port import Capabilities
from gateways.stripe_amounts import CAPABILITIES as STRIPE_TAKES
from ledger.charges import CaptureMode, ChargeStatus
from ledger.money import Money, minor_digits
from local.demo_scenario import PlannedCharge, most_eventful, plan
from local.demo_stories import Act

TAKES: dict[str, Capabilities] = {"stripe": STRIPE_TAKES, "paypal": PAYPAL_TAKES}
GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])

STRIPE_DECLINES = {
    ("pm_card_visa_chargeDeclined", "generic_decline"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ("pm_card_chargeDeclinedFraudulent", "fraudulent"),
}
PAYPAL_DECLINES = {
    ("wallet_instrument_declined", "INSTRUMENT_DECLINED"),
    ("wallet_locked", "PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
    ("wallet_refused", "TRANSACTION_REFUSED"),
    *((f"card/card_{code}", code) for code in ("5120", "5180", "5400", "5650", "5920", "9500", "9520")),
}


@pytest.fixture(scope="module")
def scenario() -> tuple[PlannedCharge, ...]:
    """The scenario."""
    return plan()


def acts(planned: PlannedCharge) -> list[tuple[Act, bool]]:
    """What is done with a charge, each with whether it is about all that is left."""
    return [(step.act, step.amount_minor is None) for step in planned.steps]


def test_the_scenario_is_200_charges_with_ids_of_their_own(scenario: tuple[PlannedCharge, ...]) -> None:
    """What is promised is what is played."""
    assert len({planned.charge_id for planned in scenario}) == len(scenario) == 200


def test_the_scenario_is_the_same_every_time(scenario: tuple[PlannedCharge, ...]) -> None:
    """A demo that went wrong can be run again and goes wrong at the same charge."""
    assert plan() == scenario


@GATEWAYS
def test_each_gateway_gets_every_kind_of_charge(scenario: tuple[PlannedCharge, ...], gateway: str) -> None:
    """Each gateway shows all of its sides."""
    found = [
        (planned.request.capture, planned.ending.status, acts(planned))
        for planned in scenario
        if planned.ending.gateway == gateway
    ]
    automatic, manual = CaptureMode.AUTOMATIC, CaptureMode.MANUAL
    captured, part = ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED
    for kind in (
        (automatic, captured, []),
        (manual, captured, [(Act.CAPTURE, True)]),
        (manual, part, [(Act.CAPTURE, False)]),
        (manual, ChargeStatus.VOIDED, [(Act.VOID, True)]),
        (automatic, captured, [(Act.REFUND, True)]),
        (automatic, captured, [(Act.REFUND, False)]),
        (automatic, captured, [(Act.REFUND, False), (Act.REFUND, True)]),
        (manual, part, [(Act.CAPTURE, False), (Act.REFUND, False)]),
        (automatic, captured, [(Act.AUTHENTICATE, True)]),
        (manual, captured, [(Act.AUTHENTICATE, True), (Act.CAPTURE, True)]),
        (automatic, ChargeStatus.DECLINED, [(Act.FAIL_AUTHENTICATION, True)]),
        (automatic, ChargeStatus.DECLINED, []),
        (manual, ChargeStatus.DECLINED, []),
    ):
        assert kind in found, kind


@pytest.mark.parametrize(("gateway", "declines"), [("stripe", STRIPE_DECLINES), ("paypal", PAYPAL_DECLINES)])
def test_every_decline_of_the_gateways_contract_is_played(
    scenario: tuple[PlannedCharge, ...], gateway: str, declines: set[tuple[str, str]]
) -> None:
    """A code that an adapter drops or changes is seen."""
    found = {
        (planned.story.token, planned.ending.decline_code)
        for planned in scenario
        if planned.ending.gateway == gateway and planned.ending.status is ChargeStatus.DECLINED
    }
    assert declines <= found


def test_money_without_and_with_three_decimals_takes_every_way(scenario: tuple[PlannedCharge, ...]) -> None:
    """Yen at both gateways and dinars at Stripe are taken in full and in part, given back, and released."""
    ways = defaultdict(set)
    for planned in scenario:
        for operation in planned.ending.operations:
            whole = operation.amount_minor == planned.request.amount.amount_minor
            way = operation.name.split(":")[0], "whole" if whole else "part"
            ways[planned.ending.gateway, minor_digits(planned.request.amount.currency)].add(way)
    wanted = {(kind, size) for kind in ("capture", "refund") for size in ("whole", "part")} | {("void", "whole")}
    assert wanted <= ways["stripe", 0]
    assert wanted <= ways["paypal", 0]
    assert wanted <= ways["stripe", 3]
    assert ways["paypal", 3] == set()


def test_every_amount_can_be_written_by_its_gateway(scenario: tuple[PlannedCharge, ...]) -> None:
    """No charge is refused for an amount that the shop could not ask for."""
    for planned in scenario:
        gateway, currency = TAKES[planned.ending.gateway], planned.request.amount.currency
        assert gateway.refusal(planned.request.amount) is None, planned.charge_id
        for operation in planned.ending.operations:
            amount = Money(amount_minor=operation.amount_minor, currency=currency)
            assert operation.amount_minor > 0, planned.charge_id
            assert gateway.unwritable(amount) is None, planned.charge_id


def test_the_money_of_every_ending_is_that_of_its_operations(scenario: tuple[PlannedCharge, ...]) -> None:
    """The scenario does not contradict itself: what is expected in the charge's row is the sum of its operations."""
    for planned in scenario:
        moved: Counter[str] = Counter()
        for operation in planned.ending.operations:
            if operation.outcome == "succeeded":
                moved[operation.name.split(":")[0]] += operation.amount_minor
        ending = planned.ending
        assert (moved["capture"], moved["refund"]) == (ending.captured_minor, ending.refunded_minor)
        assert ending.authorized_minor == (moved["authorize"] or moved["capture"])
        assert ending.authorized_minor in {0, planned.request.amount.amount_minor}
        assert ending.refunded_minor <= ending.captured_minor <= ending.authorized_minor


def test_a_charge_in_a_currency_that_the_preferred_gateway_does_not_take_goes_to_the_other(
    scenario: tuple[PlannedCharge, ...],
) -> None:
    """Routing is part of the demo: the customer would rather pay with PayPal, which takes no dinars."""
    elsewhere = [planned for planned in scenario if planned.request.gateway not in {None, planned.ending.gateway}]
    sent_on = [planned for planned in elsewhere if not planned.story.declined_first]
    assert 0 < len(sent_on) < len(elsewhere)
    for planned in sent_on:
        assert planned.request.gateway is not None
        assert TAKES[planned.request.gateway].refusal(planned.request.amount) is not None


def test_the_charge_to_look_at_has_much_to_show(scenario: tuple[PlannedCharge, ...]) -> None:
    """Whoever opens the address sees more than one operation."""
    assert len(most_eventful(scenario).ending.operations) >= 3
