"""Authorizations: captured in full and in part, voided, lapsed by the clock, and held anew."""

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller, card, dollars

DAY = 24 * 3600


async def advance(caller: Caller, simulator: SimulatorProcess, seconds: int) -> None:
    """Move the clock, and take a token that is valid then."""
    simulator.advance_clock(seconds)
    form = {"grant_type": "client_credentials"}
    token = (await caller.client.post("/v1/oauth2/token", auth=("client", "secret"), data=form)).json()
    caller.client.headers["Authorization"] = f"Bearer {token['access_token']}"


def kinds(simulator: SimulatorProcess) -> list[tuple[str, int]]:
    """Kinds and amounts of the effects."""
    return [(effect["kind"], effect["amount_minor"]) for effect in simulator.truth()["effects"]]


async def test_authorization(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """An authorization holds the amount for 29 days."""
    authorization = await caller.authorized(custom_id="c1:authorize:1")
    read = await caller.read("authorizations", authorization["id"])
    assert (read["status"], read["amount"], read["custom_id"]) == ("CREATED", dollars("100.00"), "c1:authorize:1")
    assert read["expiration_time"] > read["create_time"]
    assert kinds(paypal_simulator) == [("authorize", 10000)]


async def test_full_capture(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A capture without an amount takes all; its invoice id names the operation in the truth log."""
    authorization = await caller.authorized()
    captured = await caller.capture(authorization["id"], "c1:capture:1", invoice_id="c1:capture:1", final_capture=True)
    assert (captured.status, captured.body["status"]) == (201, "COMPLETED")
    assert captured.body["amount"] == dollars("100.00")
    assert captured.body["supplementary_data"]["related_ids"]["authorization_id"] == authorization["id"]
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CAPTURED"
    assert paypal_simulator.truth()["effects"][1]["operation_id"] == "c1:capture:1"
    assert (await caller.capture(authorization["id"])).issue == "AUTHORIZATION_ALREADY_CAPTURED"


async def test_partial_captures(caller: Caller) -> None:
    """Parts can be captured until a final one, or until all is captured."""
    authorization = await caller.authorized()
    first = await caller.capture(authorization["id"], value="30.00")
    assert first.body["final_capture"] is False
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "PARTIALLY_CAPTURED"
    await caller.capture(authorization["id"], value="20.00", final_capture=True)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CAPTURED"
    order_id = first.body["supplementary_data"]["related_ids"]["order_id"]
    payments = (await caller.get(f"/v2/checkout/orders/{order_id}")).body["purchase_units"][0]["payments"]
    assert [capture["amount"]["value"] for capture in payments["captures"]] == ["30.00", "20.00"]


async def test_capture_limit(caller: Caller) -> None:
    """All captures together take 115 % of the authorization at most."""
    authorization = await caller.authorized()
    await caller.capture(authorization["id"], value="50.00")
    refused = await caller.capture(authorization["id"], value="65.01")
    assert (refused.status, refused.issue) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    assert (await caller.capture(authorization["id"], value="65.00")).status == 201


async def test_capture_in_another_currency(caller: Caller) -> None:
    """A capture has the currency of its authorization."""
    authorization = await caller.authorized()
    refused = await caller.capture(authorization["id"], amount={"currency_code": "EUR", "value": "1.00"})
    assert refused.issue == "AUTH_CAPTURE_CURRENCY_MISMATCH"


@pytest.mark.parametrize("prefer", ["return=representation", "return=minimal"])
async def test_void(caller: Caller, paypal_simulator: SimulatorProcess, prefer: str) -> None:
    """A void releases what is held; a second one, or a capture afterwards, is refused."""
    authorization = await caller.authorized()
    path = f"/v2/payments/authorizations/{authorization['id']}/void"
    voided = await caller.post(path, request_id="c1:void:1", prefer=prefer)
    if prefer == "return=minimal":
        assert (voided.status, voided.body) == (204, {})
    else:
        assert (voided.status, voided.body["status"]) == (200, "VOIDED")
    assert (await caller.post(path, request_id="c1:void:1", prefer=prefer)).status == voided.status
    assert (await caller.post(path, request_id="c1:void:2")).issue == "PREVIOUSLY_VOIDED"
    assert (await caller.capture(authorization["id"])).issue == "AUTHORIZATION_VOIDED"
    assert kinds(paypal_simulator) == [("authorize", 10000), ("void", 10000)]


async def test_void_after_captures(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A void after a partial capture releases the rest; after a full one there is nothing to void."""
    partly = await caller.authorized()
    await caller.capture(partly["id"], value="30.00")
    voided = await caller.post(f"/v2/payments/authorizations/{partly['id']}/void")
    assert voided.body["status"] == "VOIDED"
    assert kinds(paypal_simulator)[-1] == ("void", 7000)
    wholly = await caller.authorized()
    await caller.capture(wholly["id"])
    assert (await caller.post(f"/v2/payments/authorizations/{wholly['id']}/void")).issue == "PREVIOUSLY_CAPTURED"


async def test_capture_that_the_processor_declines(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A capture may be declined although the authorization went well: 201, DECLINED, and still listed in its order."""
    authorization = await caller.authorized(card("card_authorize_ok_capture_declined"))
    declined = await caller.capture(authorization["id"], "c1:capture:1", invoice_id="c1:capture:1")
    assert (declined.status, declined.body["status"]) == (201, "DECLINED")
    assert declined.body["processor_response"]["response_code"] == "5120"
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CREATED"
    order = (
        await caller.get(f"/v2/checkout/orders/{declined.body['supplementary_data']['related_ids']['order_id']}")
    ).body
    assert order["purchase_units"][0]["payments"]["captures"][0]["id"] == declined.body["id"]
    assert kinds(paypal_simulator) == [("authorize", 10000)]


async def test_lapse(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """After 29 days what was not captured is released, an event says so, and a capture is refused."""
    authorization = await caller.authorized()
    await caller.capture(authorization["id"], value="30.00")
    await advance(caller, paypal_simulator, 29 * DAY - 60)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "PARTIALLY_CAPTURED"
    await advance(caller, paypal_simulator, 61)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "VOIDED"
    assert kinds(paypal_simulator)[-1] == ("expire", 7000)
    assert (await caller.capture(authorization["id"])).issue == "AUTHORIZATION_EXPIRED"
    events = (await caller.get("/v1/notifications/webhooks-events", event_type="PAYMENT.AUTHORIZATION.VOIDED")).body
    assert [event["resource"]["id"] for event in events["events"]] == [authorization["id"]]


async def test_lapse_reported_late(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Where PayPal reports the lapse a day later, the status still looks open but nothing can be captured."""
    paypal_simulator.configure(lapse_report_delay_seconds=DAY)
    authorization = await caller.authorized()
    await advance(caller, paypal_simulator, 29 * DAY + 1)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CREATED"
    assert (await caller.capture(authorization["id"])).issue == "AUTHORIZATION_EXPIRED"
    await advance(caller, paypal_simulator, DAY)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "VOIDED"


async def test_honor_period(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """After three days the payer's money may be gone."""
    paypal_simulator.configure(capture_after_honor_period="refuse")
    authorization = await caller.authorized()
    await advance(caller, paypal_simulator, 3 * DAY + 1)
    assert (await caller.capture(authorization["id"])).issue == "PAYER_CANNOT_PAY"


async def test_reauthorization(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """From the fourth day on a wallet can be held anew, once, under a new id and until the same last day."""
    authorization = await caller.authorized()
    path = f"/v2/payments/authorizations/{authorization['id']}/reauthorize"
    assert (await caller.post(path)).issue == "REAUTHORIZATION_TOO_SOON"
    await advance(caller, paypal_simulator, 4 * DAY)
    assert (await caller.post(path, {"amount": dollars("115.01")})).issue == "TRANSACTION_REFUSED"
    renewed = await caller.post(path, {"amount": dollars("115.00")}, "c1:reauthorize:1")
    assert (renewed.status, renewed.body["status"]) == (201, "CREATED")
    assert renewed.body["id"] != authorization["id"]
    assert renewed.body["expiration_time"] == authorization["expiration_time"]
    assert (await caller.post(path)).issue == "REAUTHORIZATION_NOT_SUPPORTED"
    again = f"/v2/payments/authorizations/{renewed.body['id']}"
    assert (await caller.post(f"{again}/reauthorize")).issue == "REAUTHORIZATION_NOT_SUPPORTED"
    assert (await caller.post(f"{again}/void")).issue == "CANNOT_BE_VOIDED"
    assert (await caller.capture(authorization["id"])).issue == "AUTHORIZATION_VOIDED"
    assert (await caller.capture(renewed.body["id"], value="115.00")).status == 201
    assert kinds(paypal_simulator)[:3] == [("authorize", 10000), ("void", 10000), ("authorize", 11500)]


async def test_void_after_reauthorization(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Voiding the first authorization releases the one that took its place."""
    authorization = await caller.authorized()
    await advance(caller, paypal_simulator, 4 * DAY)
    renewed = (await caller.post(f"/v2/payments/authorizations/{authorization['id']}/reauthorize")).body
    assert (await caller.post(f"/v2/payments/authorizations/{authorization['id']}/void")).status == 200
    assert (await caller.read("authorizations", renewed["id"]))["status"] == "VOIDED"
    assert kinds(paypal_simulator)[-1] == ("void", 10000)


async def test_card_is_not_reauthorized(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Only a wallet can be held anew."""
    authorization = await caller.authorized(card("card_ok"))
    await advance(caller, paypal_simulator, 4 * DAY)
    refused = await caller.post(f"/v2/payments/authorizations/{authorization['id']}/reauthorize")
    assert refused.issue == "REAUTHORIZATION_NOT_SUPPORTED"
