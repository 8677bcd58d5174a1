"""Orders: created first, paid with a vaulted payment source, in two steps or in one."""

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, card, dollars, wallet

UNIT = {"amount": dollars("49.99"), "custom_id": "c1:capture:1"}


async def test_order_is_addressable_before_money_moves(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """An order without a payment source exists and can be read, and nothing has happened to money."""
    created = await caller.post("/v2/checkout/orders", {"intent": "CAPTURE", "purchase_units": [UNIT]}, "c1:create")
    assert (created.status, created.body["status"]) == (201, "CREATED")
    read = await caller.get(f"/v2/checkout/orders/{created.body['id']}")
    assert read.body == created.body
    assert read.body["purchase_units"][0]["custom_id"] == "c1:capture:1"
    assert paypal_simulator.truth()["effects"] == []


async def test_capture_of_an_order(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Capturing an order takes the money less a fee, and the truth log has both under the operation."""
    order_id = await caller.order("CAPTURE", "49.99", custom_id="c1:capture:1")
    answer = await caller.pay(order_id, WALLET, "c1:capture:1")
    assert (answer.status, answer.body["status"]) == (201, "COMPLETED")
    capture = answer.body["purchase_units"][0]["payments"]["captures"][0]
    assert (capture["status"], capture["custom_id"]) == ("COMPLETED", "c1:capture:1")
    breakdown = capture["seller_receivable_breakdown"]
    assert breakdown["gross_amount"] == dollars("49.99")
    assert breakdown["paypal_fee"] == dollars("2.23")  # 3.49 % of 49.99 are 1.74, and 0.49
    assert breakdown["net_amount"] == dollars("47.76")
    effects = paypal_simulator.truth()["effects"]
    assert [(effect["kind"], effect["amount_minor"]) for effect in effects] == [("capture", 4999), ("fee", 223)]
    assert {effect["operation_id"] for effect in effects} == {"c1:capture:1"}
    assert {effect["idempotency_key"] for effect in effects} == {"c1:capture:1"}
    assert {(effect["object_id"], effect["payment_id"]) for effect in effects} == {(capture["id"], order_id)}


async def test_single_step(caller: Caller) -> None:
    """An order with a payment source is paid at once, but only under a PayPal-Request-Id."""
    body = {"intent": "AUTHORIZE", "purchase_units": [UNIT], "payment_source": WALLET}
    refused = await caller.post("/v2/checkout/orders", body)
    assert (refused.status, refused.issue) == (400, "PAYPAL_REQUEST_ID_REQUIRED")
    made = await caller.post("/v2/checkout/orders", body, "c1:authorize:1")
    assert (made.status, made.body["status"]) == (201, "COMPLETED")
    assert made.body["purchase_units"][0]["payments"]["authorizations"][0]["status"] == "CREATED"


@pytest.mark.parametrize(("setting", "status"), [("repeat", 200), ("refuse", 422)])
async def test_repeated_single_step(
    caller: Caller, paypal_simulator: SimulatorProcess, setting: str, status: int
) -> None:
    """A repeated single-step order is answered as documented, or refused as seen in the sandbox; never paid twice."""
    paypal_simulator.configure(single_step_repeat=setting)
    body = {"intent": "CAPTURE", "purchase_units": [UNIT], "payment_source": WALLET}
    await caller.post("/v2/checkout/orders", body, "c1:capture:1")
    assert (await caller.post("/v2/checkout/orders", body, "c1:capture:1")).status == status
    assert len([effect for effect in paypal_simulator.truth()["effects"] if effect["kind"] == "capture"]) == 1


async def test_order_is_paid_once(caller: Caller) -> None:
    """A second payment of an order is refused, under whatever request id."""
    captured = await caller.order("CAPTURE")
    await caller.pay(captured, WALLET, "first")
    assert (await caller.pay(captured, WALLET, "second")).issue == "ORDER_ALREADY_CAPTURED"
    authorized = await caller.order("AUTHORIZE")
    await caller.pay(authorized, WALLET, "first", "authorize")
    assert (await caller.pay(authorized, WALLET, "second", "authorize")).issue == "ORDER_ALREADY_AUTHORIZED"


async def test_action_must_match_intent(caller: Caller) -> None:
    """An order is authorized or captured as it was meant when it was created."""
    answer = await caller.pay(await caller.order("CAPTURE"), WALLET, action="authorize")
    assert (answer.status, answer.issue) == (422, "ACTION_DOES_NOT_MATCH_INTENT")
    assert (await caller.pay(await caller.order("AUTHORIZE"), WALLET)).issue == "ACTION_DOES_NOT_MATCH_INTENT"


async def test_nothing_to_pay_with(caller: Caller) -> None:
    """An order without a payment source cannot be paid before its payer approved it."""
    answer = await caller.post(f"/v2/checkout/orders/{await caller.order('CAPTURE')}/capture")
    assert (answer.status, answer.issue) == (422, "ORDER_NOT_APPROVED")


async def test_unpaid_order_expires(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Six hours after its creation an order can no longer be paid."""
    order_id = await caller.order("AUTHORIZE")
    paypal_simulator.advance_clock(6 * 3600 + 1)
    answer = await caller.pay(order_id, WALLET, action="authorize")
    assert (answer.status, answer.issue) == (422, "ORDER_EXPIRED")


async def test_minimal_is_the_default(caller: Caller) -> None:
    """Without a preference the answer has nothing but id, status and links."""
    unit = {"intent": "CAPTURE", "purchase_units": [UNIT]}
    created = await caller.post("/v2/checkout/orders", unit, prefer="")
    assert set(created.body) == {"id", "status", "links"}
    path = f"/v2/checkout/orders/{created.body['id']}/capture"
    captured = await caller.post(path, {"payment_source": WALLET}, prefer="return=minimal")
    assert (captured.status, set(captured.body)) == (201, {"id", "status", "links"})


@pytest.mark.parametrize(
    ("source", "issue"),
    [
        (wallet("wallet_nobody"), "TOKEN_ID_NOT_FOUND"),
        (wallet("card_ok"), "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE"),
        (card("wallet_ok"), "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE"),
        (wallet("wallet_locked"), "PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
        (wallet("wallet_refused"), "TRANSACTION_REFUSED"),
        (wallet("wallet_instrument_declined"), "INSTRUMENT_DECLINED"),
    ],
)
@pytest.mark.parametrize("intent", ["CAPTURE", "AUTHORIZE"])
async def test_refused_payment(
    caller: Caller, paypal_simulator: SimulatorProcess, source: dict[str, object], issue: str, intent: str
) -> None:
    """A refused payment is 422 with its issue, leaves the order unpaid, and another method can pay it."""
    order_id = await caller.order(intent)
    answer = await caller.pay(order_id, source, action=intent.lower())
    assert (answer.status, answer.body["name"], answer.issue) == (422, "UNPROCESSABLE_ENTITY", issue)
    assert answer.body["debug_id"] == answer.headers["paypal-debug-id"]
    assert (await caller.get(f"/v2/checkout/orders/{order_id}")).body["status"] == "CREATED"
    assert paypal_simulator.truth()["effects"] == []
    assert (await caller.pay(order_id, WALLET, action=intent.lower())).status == 201


@pytest.mark.parametrize(
    ("vault_id", "code", "advice"),
    [
        ("card_5120", "5120", None),
        ("card_5400", "5400", "01"),
        ("card_9500", "9500", None),
        ("card_9520", "9520", "03"),
        ("card_5180", "5180", "21"),
        ("card_5650", "5650", None),
        ("card_5920", "5920", "02"),
    ],
)
async def test_declined_card(
    caller: Caller, paypal_simulator: SimulatorProcess, vault_id: str, code: str, advice: str | None
) -> None:
    """A declined card makes the order COMPLETED and the payment DECLINED or DENIED, with the processor's answer."""
    order_id = await caller.order("CAPTURE")
    answer = await caller.pay(order_id, card(vault_id))
    assert (answer.status, answer.body["status"]) == (201, "COMPLETED")
    declined = answer.body["purchase_units"][0]["payments"]["captures"][0]
    denied = await caller.authorized(card(vault_id))
    assert (declined["status"], denied["status"]) == ("DECLINED", "DENIED")
    for payment in (declined, denied):
        assert payment["processor_response"]["response_code"] == code
        assert payment["processor_response"].get("payment_advice_code") == advice
    assert "seller_receivable_breakdown" not in declined
    assert paypal_simulator.truth()["effects"] == []
