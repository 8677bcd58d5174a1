"""What PayPal does not take: malformed bodies, unknown fields, amounts and currencies, callers without a token."""

from typing import Any

import httpx
import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, card, dollars
from tests.simulators.paypal.test_authorizations import kinds


def order(amount: Any, **fields: Any) -> dict[str, Any]:
    """The body of an order over this amount."""
    return {"intent": "CAPTURE", "purchase_units": [{"amount": amount, **fields}]}


@pytest.mark.parametrize(
    ("body", "status", "issue", "field"),
    [
        ({}, 400, "MISSING_REQUIRED_PARAMETER", "/intent"),
        ([], 400, "MALFORMED_REQUEST_JSON", "/"),
        ({"intent": "SELL", "purchase_units": []}, 400, "INVALID_PARAMETER_VALUE", "/intent"),
        ({"intent": "CAPTURE", "purchase_units": []}, 400, "INVALID_ARRAY_MIN_ITEMS", "/purchase_units"),
        ({"intent": "CAPTURE", "purchase_units": {}}, 400, "MALFORMED_REQUEST_JSON", "/purchase_units"),
        (order(dollars("1.00")) | {"intent_": 1}, 400, "MALFORMED_REQUEST_JSON", "/intent_"),
        (order(dollars("1.00"), customid="x"), 400, "MALFORMED_REQUEST_JSON", "/purchase_units/0/customid"),
        (order(dollars("1.00"), custom_id="x" * 128), 400, "INVALID_STRING_LENGTH", "/purchase_units/0/custom_id"),
        (order({"value": "1.00"}), 400, "MISSING_REQUIRED_PARAMETER", "/purchase_units/0/amount/currency_code"),
        (order(dollars("1,00")), 400, "INVALID_PARAMETER_SYNTAX", None),
        (order({"currency_code": "USD", "value": 1.0}), 400, "INVALID_PARAMETER_SYNTAX", None),
        (order(dollars("0.00")), 422, "CANNOT_BE_ZERO_OR_NEGATIVE", None),
        (order(dollars("-1.00")), 422, "CANNOT_BE_ZERO_OR_NEGATIVE", None),
        (order(dollars("1.001")), 422, "DECIMAL_PRECISION", None),
        (order(dollars("1000000000000000.00")), 422, "MAX_VALUE_EXCEEDED", None),
        (order({"currency_code": "JPY", "value": "100.00"}), 422, "DECIMAL_PRECISION", None),
        (order({"currency_code": "KWD", "value": "1.000"}), 422, "INVALID_CURRENCY_CODE", None),
        (order({"currency_code": "usd", "value": "1.00"}), 422, "INVALID_CURRENCY_CODE", None),
    ],
)
async def test_refused_order(caller: Caller, body: Any, status: int, issue: str, field: str | None) -> None:
    """An order that PayPal cannot take is refused with the issue, and the field where it lies."""
    refused = await caller.post("/v2/checkout/orders", body)
    assert (refused.status, refused.issue) == (status, issue)
    if field is not None:
        assert refused.body["details"][0]["field"] == field


@pytest.mark.parametrize(
    ("value", "issue"),
    [
        ({"currency_code": "HUF", "value": "10.5"}, "DECIMALS_NOT_SUPPORTED"),
        ({"currency_code": "BHD", "value": "1.000"}, "INVALID_CURRENCY_CODE"),
        ({"currency_code": "USD", "value": "1.001"}, "DECIMAL_PRECISION"),
        ({"currency_code": "USD", "value": "x"}, "INVALID_PARAMETER_SYNTAX"),
    ],
)
async def test_refused_amount_of_a_capture_and_a_refund(caller: Caller, value: dict[str, str], issue: str) -> None:
    """The payments endpoints check amounts too, in words of their own."""
    authorization, capture = await caller.authorized(), await caller.captured()
    assert (await caller.capture(authorization["id"], amount=value)).issue == issue
    assert (await caller.refund(capture["id"], amount=value)).issue == issue


async def test_unknown_field_of_a_payment(caller: Caller) -> None:
    """A misspelled field is refused, not ignored: it may be the one that makes a refund partial."""
    capture = await caller.captured()
    refused = await caller.refund(capture["id"], amonut=dollars("1.00"))
    assert (refused.status, refused.issue, refused.body["details"][0]["field"]) == (
        400,
        "INVALID_PARAMETER_SYNTAX",
        "/amonut",
    )


async def test_card_number_is_refused_and_not_repeated(caller: Caller) -> None:
    """A card number is not taken, and not in the answer."""
    number = "4111111111111111"
    order_id = await caller.order()
    refused = await caller.pay(order_id, {"card": {"number": number}})
    assert refused.status == 400
    assert number not in str(refused.body)
    assert (await caller.pay(order_id, {"card": {}})).issue == "MISSING_REQUIRED_PARAMETER"
    assert (await caller.pay(order_id, WALLET | card("card_ok"))).issue == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("currency", ["JPY", "HUF", "TWD"])
async def test_currency_without_decimals(caller: Caller, paypal_simulator: SimulatorProcess, currency: str) -> None:
    """Yen, forints and Taiwan dollars are whole numbers here; the truth log has them in ISO minor units."""
    capture = await caller.captured(value="2000", currency=currency)
    assert capture["amount"] == {"currency_code": currency, "value": "2000"}
    assert "." not in capture["seller_receivable_breakdown"]["paypal_fee"]["value"]
    effect = paypal_simulator.truth()["effects"][0]
    assert (effect["currency"], effect["amount_minor"]) == (currency, 2000 if currency == "JPY" else 200000)


async def test_amounts_are_written_with_their_decimals(caller: Caller) -> None:
    """An amount comes back with all its decimals, however short it was sent."""
    assert (await caller.captured(value="7"))["amount"] == dollars("7.00")
    assert (await caller.captured(value=".5"))["amount"] == dollars("0.50")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/checkout/orders/5O190127TN364715T",
        "/v2/payments/authorizations/5O190127TN364715T",
        "/v2/payments/captures/5O190127TN364715T",
        "/v2/payments/refunds/5O190127TN364715T",
    ],
)
async def test_unknown_object(caller: Caller, path: str) -> None:
    """What does not exist is 404, also where it is acted on."""
    read = await caller.get(path)
    assert (read.status, read.body["name"], read.issue) == (404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
    if path.startswith("/v2/payments/captures"):
        assert (await caller.post(f"{path}/refund")).status == 404


async def test_body_that_is_not_json(caller: Caller) -> None:
    """A body that cannot be read is 400, one that does not say it is JSON 415; neither has an effect."""
    json_type = {"Content-Type": "application/json"}
    broken = await caller.client.post("/v2/checkout/orders", content=b'{"intent":', headers=json_type)
    assert (broken.status_code, broken.json()["details"][0]["issue"]) == (400, "MALFORMED_REQUEST_JSON")
    form = await caller.client.post("/v2/checkout/orders", data={"intent": "CAPTURE"})
    assert (form.status_code, form.json()["name"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_unknown_endpoint(caller: Caller) -> None:
    """An address that PayPal does not have is 404; a method that it does not have there 405."""
    assert (await caller.client.get("/v2/checkout/baskets")).status_code == 404
    assert (await caller.client.delete("/v2/checkout/orders")).status_code == 405


async def test_mock_response(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The sandbox's header for negative tests provokes an issue, and nothing happens."""
    mocked = await caller.post(
        f"/v2/checkout/orders/{await caller.order()}/capture",
        {"payment_source": WALLET},
        PayPal_Mock_Response='{"mock_application_codes": "INSTRUMENT_DECLINED"}',
    )
    assert (mocked.status, mocked.issue) == (422, "INSTRUMENT_DECLINED")
    assert kinds(paypal_simulator) == []


async def test_caller_without_a_token(http: httpx.AsyncClient) -> None:
    """Nobody without a token is answered, nor one with a token that is not ours."""
    for token in ("", "Bearer", "Bearer A21AA9999999999-0", "Basic YTpi"):
        answer = await http.get("/v2/checkout/orders/X", headers={"Authorization": token} if token else {})
        assert (answer.status_code, answer.json()["name"]) == (401, "AUTHENTICATION_FAILURE")


async def test_tokens(http: httpx.AsyncClient, paypal_simulator: SimulatorProcess) -> None:
    """A token lasts nine hours; the wrong secret gets none; too many within a minute are 429."""
    form = {"grant_type": "client_credentials"}
    wrong = await http.post("/v1/oauth2/token", auth=("client", "wrong"), data=form)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    given = (await http.post("/v1/oauth2/token", auth=("client", "secret"), data=form)).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 32400)
    header = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await http.get("/v2/checkout/orders/X", headers=header)).status_code == 404
    paypal_simulator.advance_clock(32401)
    assert (await http.get("/v2/checkout/orders/X", headers=header)).status_code == 401
    paypal_simulator.configure(tokens_per_minute=2)
    answers = [await http.post("/v1/oauth2/token", auth=("client", "secret"), data=form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["name"] == "RATE_LIMIT_REACHED"
