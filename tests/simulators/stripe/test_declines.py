"""Declines: the exact answers of Stripe's test cards, and what they leave behind."""

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller

DECLINES = [
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", None, "try_again_later"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", None, "try_again_later"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", None, "do_not_try_again"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", None, "do_not_try_again"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "exp_month", "confirm_card_data"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "cvc", "confirm_card_data"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", None, "try_again_later"),
    ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent", None, None),
    (
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_declined",
        "card_velocity_exceeded",
        None,
        "try_again_later",
    ),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", None, "try_again_later"),
]


@pytest.mark.parametrize(("token", "code", "decline_code", "param", "advice"), DECLINES)
async def test_decline(
    caller: Caller,
    stripe_simulator: SimulatorProcess,
    token: str,
    code: str,
    decline_code: str,
    param: str | None,
    advice: str | None,
) -> None:
    """A decline is a 402 with its codes, leaves a failed charge and an open PaymentIntent, and takes nothing."""
    created = await caller.payment_intent(token)
    answer = await caller.post(f"/v1/payment_intents/{created['id']}/confirm")
    error = answer.error
    assert (answer.status, error["type"], error["code"], error["decline_code"]) == (
        402,
        "card_error",
        code,
        decline_code,
    )
    assert (error.get("param"), error.get("advice_code")) == (param, advice)
    assert error["payment_intent"]["status"] == "requires_payment_method"

    left = (await caller.get(f"/v1/payment_intents/{created['id']}", expand=["latest_charge"])).body
    assert (left["status"], left["payment_method"]) == ("requires_payment_method", None)
    assert left["last_payment_error"]["decline_code"] == decline_code
    assert left["last_payment_error"]["charge"] == left["latest_charge"]["id"] == error["charge"]
    assert (left["latest_charge"]["status"], left["latest_charge"]["paid"]) == ("failed", False)
    assert left["latest_charge"]["outcome"]["type"] == (
        "blocked" if decline_code == "fraudulent" else "issuer_declined"
    )
    assert stripe_simulator.truth()["effects"] == []


async def test_another_card_after_a_decline(caller: Caller) -> None:
    """A declined PaymentIntent can be confirmed with another payment method."""
    created = await caller.payment_intent("pm_card_visa_chargeDeclined", capture_method="automatic")
    path = f"/v1/payment_intents/{created['id']}/confirm"
    assert (await caller.post(path)).status == 402
    paid = await caller.post(path, payment_method="pm_card_mastercard")
    assert (paid.body["status"], paid.body["last_payment_error"]) == ("succeeded", None)


async def test_declined_create_leaves_a_payment_intent(caller: Caller) -> None:
    """A create that confirms and is declined still leaves a PaymentIntent that nobody named."""
    answer = await caller.post(
        "/v1/payment_intents",
        amount=700,
        currency="usd",
        payment_method="pm_card_visa_chargeDeclined",
        confirm=True,
        off_session=True,
    )
    assert answer.status == 402
    left = await caller.get(f"/v1/payment_intents/{answer.error['payment_intent']['id']}")
    assert left.body["status"] == "requires_payment_method"
