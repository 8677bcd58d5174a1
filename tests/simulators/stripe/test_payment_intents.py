"""PaymentIntents: create, confirm, capture, cancel, expire, and the guards between them."""

from typing import Any

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import CARD_ONLY, Caller

DAY = 86_400
ENDED: dict[str, dict[str, Any]] = {
    "succeeded": {"capture_method": "automatic"},
    "requires_capture": {"capture_method": "manual"},
}


async def test_create_moves_no_money(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """An unconfirmed PaymentIntent is addressable and has no effect."""
    created = await caller.payment_intent(metadata={"operation_id": "c1:capture:1"})
    read = await caller.get(f"/v1/payment_intents/{created['id']}")
    assert created["status"] == "requires_confirmation"
    assert read.body == created
    assert read.body["metadata"] == {"operation_id": "c1:capture:1"}
    assert stripe_simulator.truth()["effects"] == []


async def test_without_payment_method(caller: Caller) -> None:
    """Without a payment method there is nothing to confirm, and the refusal says so."""
    created = await caller.post("/v1/payment_intents", amount=500, currency="usd", **CARD_ONLY)
    assert created.body["status"] == "requires_payment_method"
    refused = await caller.post(f"/v1/payment_intents/{created.body['id']}/confirm")
    assert (refused.status, refused.error["code"]) == (400, "payment_intent_unexpected_state")


async def test_automatic_capture(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Confirming with automatic capture takes the money, and the fee is on the balance transaction."""
    paid = await caller.confirmed(metadata={"operation_id": "c1:capture:1"})
    charge = await caller.charge_of(paid)
    assert (paid["status"], paid["amount_received"], paid["amount_capturable"]) == ("succeeded", 2000, 0)
    assert (charge["paid"], charge["captured"], charge["amount_captured"]) == (True, True, 2000)
    assert charge["balance_transaction"]["fee"] == 88
    assert charge["balance_transaction"]["net"] == 1912
    assert charge["balance_transaction"]["reporting_category"] == "charge"
    told = [(effect["kind"], effect["amount_minor"], effect["operation_id"]) for effect in _effects(stripe_simulator)]
    assert told == [("capture", 2000, "c1:capture:1"), ("fee", 88, "c1:capture:1")]


async def test_authorize_then_capture_all(caller: Caller) -> None:
    """A manual capture reserves first and takes later."""
    authorized = await caller.authorized()
    assert (authorized["status"], authorized["amount_capturable"]) == ("requires_capture", 2000)
    assert (await caller.charge_of(authorized))["balance_transaction"] is None
    captured = await caller.post(f"/v1/payment_intents/{authorized['id']}/capture", metadata={"operation_id": "x"})
    assert (captured.body["status"], captured.body["amount_received"]) == ("succeeded", 2000)
    assert captured.body["metadata"] == {"operation_id": "x"}


async def test_partial_capture_releases_the_rest(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A partial capture is two balance transactions that sum to what was captured, and its fee is on that part."""
    authorized = await caller.authorized()
    captured = await caller.post(f"/v1/payment_intents/{authorized['id']}/capture", amount_to_capture=1500)
    assert (captured.body["amount_received"], captured.body["amount_capturable"]) == (1500, 0)
    moved = await caller.get("/v1/balance_transactions", source=captured.body["latest_charge"])
    by_category = {entry["reporting_category"]: entry for entry in moved.body["data"]}
    assert by_category["charge"]["amount"] == 2000
    assert by_category["partial_capture_reversal"]["amount"] == -500
    assert by_category["charge"]["fee"] == 74
    assert [effect["amount_minor"] for effect in _effects(stripe_simulator)] == [2000, 1500, 74]


async def test_capture_more_than_authorized(caller: Caller) -> None:
    """Nothing is captured beyond the authorization."""
    authorized = await caller.authorized()
    refused = await caller.post(f"/v1/payment_intents/{authorized['id']}/capture", amount_to_capture=2001)
    assert (refused.status, refused.error["code"]) == (400, "amount_too_large")
    assert refused.error["payment_intent"]["status"] == "requires_capture"


async def test_second_capture_is_refused(caller: Caller) -> None:
    """What was captured cannot be captured again."""
    paid = await caller.confirmed()
    refused = await caller.post(f"/v1/payment_intents/{paid['id']}/capture")
    assert refused.error["code"] == "payment_intent_unexpected_state"
    assert refused.error["message"].endswith("because it has already been captured.")


async def test_capture_before_confirmation_is_refused(caller: Caller) -> None:
    """An unconfirmed PaymentIntent has nothing to capture, in Stripe's own words."""
    created = await caller.payment_intent(capture_method="manual")
    refused = await caller.post(f"/v1/payment_intents/{created['id']}/capture")
    assert refused.error["message"] == (
        "This PaymentIntent could not be captured because it has a status of requires_confirmation. "
        "Only a PaymentIntent with one of the following statuses may be captured: requires_capture."
    )


async def test_void(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Canceling an authorization releases it; nothing can be captured any more."""
    authorized = await caller.authorized()
    canceled = await caller.post(
        f"/v1/payment_intents/{authorized['id']}/cancel", "c1:void:1", cancellation_reason="requested_by_customer"
    )
    assert (canceled.body["status"], canceled.body["amount_capturable"]) == ("canceled", 0)
    assert canceled.body["cancellation_reason"] == "requested_by_customer"
    refused = await caller.post(f"/v1/payment_intents/{authorized['id']}/capture")
    assert refused.error["code"] == "payment_intent_unexpected_state"
    effect = _effects(stripe_simulator)[-1]
    assert (effect["kind"], effect["amount_minor"], effect["idempotency_key"]) == ("void", 2000, "c1:void:1")


@pytest.mark.parametrize("status", ["succeeded", "canceled"])
async def test_cancel_of_what_ended_is_refused(caller: Caller, status: str) -> None:
    """A PaymentIntent that ended cannot be canceled."""
    payment_intent = await caller.confirmed() if status == "succeeded" else await caller.payment_intent()
    path = f"/v1/payment_intents/{payment_intent['id']}/cancel"
    if status == "canceled":
        assert (await caller.post(path)).status == 200
    refused = await caller.post(path)
    assert (refused.status, refused.error["code"]) == (400, "payment_intent_unexpected_state")
    assert f"has a status of {status}" in refused.error["message"]


@pytest.mark.parametrize("status", ENDED)
async def test_second_confirmation_is_refused(caller: Caller, stripe_simulator: SimulatorProcess, status: str) -> None:
    """A confirmation under a second key never takes the money a second time."""
    confirmed = await caller.confirmed(**ENDED[status])
    before = len(_effects(stripe_simulator))
    refused = await caller.post(f"/v1/payment_intents/{confirmed['id']}/confirm", "another-key")
    assert confirmed["status"] == status
    assert refused.error["code"] == "payment_intent_unexpected_state"
    assert len(_effects(stripe_simulator)) == before


@pytest.mark.parametrize(
    ("token", "off_session", "seconds"),
    [
        ("pm_card_visa", True, 4 * DAY + 18 * 3600),
        ("pm_card_visa", False, 7 * DAY),
        ("pm_card_mastercard", True, 7 * DAY),
    ],
)
async def test_authorization_lapses(
    caller: Caller,
    stripe_simulator: SimulatorProcess,
    token: str,
    off_session: bool,  # noqa: FBT001
    seconds: int,
) -> None:
    """An authorization lapses at the moment that `capture_before` names, by the card network's window."""
    created = await caller.payment_intent(token, capture_method="manual")
    path = f"/v1/payment_intents/{created['id']}"
    confirmed = await caller.post(f"{path}/confirm", off_session=off_session, expand=["latest_charge"])
    charge = confirmed.body["latest_charge"]
    assert charge["payment_method_details"]["card"]["capture_before"] - charge["created"] == seconds

    stripe_simulator.advance_clock(seconds - 60)
    assert (await caller.get(path)).body["status"] == "requires_capture"
    stripe_simulator.advance_clock(61)
    lapsed = (await caller.get(path, expand=["latest_charge"])).body
    assert (lapsed["status"], lapsed["cancellation_reason"]) == ("canceled", "automatic")
    assert (lapsed["latest_charge"]["captured"], lapsed["latest_charge"]["refunded"]) == (False, True)
    refused = await caller.post(f"{path}/capture")
    assert refused.error["code"] == "payment_intent_unexpected_state"
    assert [effect["kind"] for effect in _effects(stripe_simulator)] == ["authorize", "expire"]
    kinds = [event["type"] for event in (await caller.get("/v1/events")).body["data"]]
    assert kinds[:2] == ["payment_intent.canceled", "charge.expired"]


async def test_captured_authorization_does_not_lapse(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """What was captured in time stays captured."""
    authorized = await caller.authorized()
    await caller.post(f"/v1/payment_intents/{authorized['id']}/capture")
    stripe_simulator.advance_clock(30 * DAY)
    assert (await caller.get(f"/v1/payment_intents/{authorized['id']}")).body["status"] == "succeeded"


async def test_redirects_need_a_return_url(caller: Caller) -> None:
    """Where redirecting payment methods are allowed, a confirmation without return_url is refused."""
    created = await caller.post("/v1/payment_intents", amount=500, currency="usd", payment_method="pm_card_visa")
    path = f"/v1/payment_intents/{created.body['id']}/confirm"
    refused = await caller.post(path)
    assert "you must provide a `return_url`" in refused.error["message"]
    assert (await caller.post(path, return_url="https://shop.example/back")).status == 200


async def test_unknown_ids(caller: Caller) -> None:
    """Unknown objects are 404 resource_missing; unknown ones in parameters are refused under their name."""
    unknown = await caller.get("/v1/payment_intents/pi_unknown")
    assert (unknown.status, unknown.error["code"]) == (404, "resource_missing")
    refused = await caller.post(
        "/v1/payment_intents", amount=500, currency="usd", payment_method="pm_card_nobody", **CARD_ONLY
    )
    assert (refused.error["code"], refused.error["param"]) == ("resource_missing", "payment_method")
    refused = await caller.post("/v1/payment_intents", amount=500, currency="usd", customer="cus_1", **CARD_ONLY)
    assert (refused.error["code"], refused.error["param"]) == ("resource_missing", "customer")


async def test_used_payment_method_without_customer(caller: Caller) -> None:
    """A payment method that no customer owns pays once."""
    paid = await caller.confirmed()
    refused = await caller.post(
        "/v1/payment_intents", amount=500, currency="usd", payment_method=paid["payment_method"], **CARD_ONLY
    )
    assert "It may not be used again" in refused.error["message"]


def _effects(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    effects: list[dict[str, Any]] = simulator.truth()["effects"]
    return effects
