"""The official SDK drives the simulator: what it sends is understood, what it gets it understands."""

import pytest
import stripe

from local.simulators import SimulatorProcess


async def test_authorize_capture_refund(sdk: stripe.StripeClient) -> None:
    """A payment's whole way through the SDK."""
    created = await sdk.v1.payment_intents.create_async(
        {
            "amount": 2000,
            "currency": "eur",
            "capture_method": "manual",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"operation_id": "c1:authorize:1"},
        },
        {"idempotency_key": "c1:authorize:1:create"},
    )
    confirmed = await sdk.v1.payment_intents.confirm_async(
        created.id, {"expand": ["latest_charge"]}, {"idempotency_key": "c1:authorize:1"}
    )
    assert confirmed.status == "requires_capture"
    captured = await sdk.v1.payment_intents.capture_async(
        created.id, {"amount_to_capture": 1500, "expand": ["latest_charge.balance_transaction"]}
    )
    charge = captured.latest_charge
    assert isinstance(charge, stripe.Charge)
    moved = charge.balance_transaction
    assert isinstance(moved, stripe.BalanceTransaction)
    assert moved.fee == 69
    refund = await sdk.v1.refunds.create_async({"payment_intent": created.id, "amount": 500})
    assert refund.status == "succeeded"
    listed = await sdk.v1.refunds.list_async({"payment_intent": created.id})
    assert [entry.id async for entry in listed.auto_paging_iter()] == [refund.id]


async def test_replayed_answer(sdk: stripe.StripeClient) -> None:
    """The SDK shows that an answer was given before."""
    form: stripe.params.PaymentIntentCreateParams = {"amount": 700, "currency": "usd"}
    first = await sdk.v1.payment_intents.create_async(form, {"idempotency_key": "k"})
    again = await sdk.v1.payment_intents.create_async(form, {"idempotency_key": "k"})
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"


async def test_errors_by_class(sdk: stripe.StripeClient, stripe_simulator: SimulatorProcess) -> None:
    """Each kind of answer becomes the exception that the SDK documents for it."""
    payment_intents = sdk.v1.payment_intents
    with pytest.raises(stripe.CardError) as declined:
        await payment_intents.create_async(
            {
                "amount": 700,
                "currency": "usd",
                "confirm": True,
                "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            }
        )
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "insufficient_funds"
    with pytest.raises(stripe.InvalidRequestError):
        await payment_intents.retrieve_async("pi_unknown")
    for action, expected in (
        ("rate_limit", stripe.RateLimitError),
        ("conflict", stripe.APIError),
        ("html", stripe.APIError),
        ("truncate", stripe.APIError),
        ("status", stripe.APIError),
        ("drop", stripe.APIConnectionError),
    ):
        stripe_simulator.add_fault(action=action)
        with pytest.raises(expected):
            await payment_intents.list_async()
