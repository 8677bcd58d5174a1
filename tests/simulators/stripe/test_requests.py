"""Requests: who may ask, the encoding of forms, and the strict list of parameters."""

from typing import Any

import httpx
import pytest
from stripe.params.checkout import SessionCreateParams, SessionRetrieveParams

from local.simulators import SimulatorProcess
from simulators.stripe import forms
from simulators.stripe.endpoints import ENDPOINTS
from tests.simulators.stripe import schema
from tests.simulators.stripe.caller import CARD_ONLY, VERSION, Caller

CREATE = {"amount": 2000, "currency": "usd", **CARD_ONLY}


@pytest.mark.parametrize("key", ["", "sk_live_123456789012", "pk_test_123456789012"])
async def test_wrong_api_key(stripe_simulator: SimulatorProcess, key: str) -> None:
    """Only secret and restricted test keys may ask."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=stripe_simulator.url, headers=headers, trust_env=False) as client:
        answer = await client.post("/v1/payment_intents", headers={"Idempotency-Key": "k"}, data={"amount": "1"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "123456789012" not in answer.text


async def test_basic_authentication(stripe_simulator: SimulatorProcess) -> None:
    """A key may come as the user name of basic authentication."""
    async with httpx.AsyncClient(base_url=stripe_simulator.url, auth=("rk_test_1", ""), trust_env=False) as client:
        assert (await client.get("/v1/charges")).status_code == 200


async def test_headers(caller: Caller, http: httpx.AsyncClient) -> None:
    """Each answer names its request and the version asked for."""
    first, second = await caller.get("/v1/charges"), await caller.get("/v1/charges")
    assert first.headers["request-id"].startswith("req_")
    assert first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["stripe-version"] == VERSION
    other = await http.get("/v1/charges", headers={"Stripe-Version": "2024-06-20"})
    assert other.headers["stripe-version"] == "2024-06-20"
    assert (await http.get("/v1/charges", headers={"Stripe-Version": "latest"})).status_code == 400


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"flavour": "mint"}, "parameter_unknown", "flavour"),
        (
            {"automatic_payment_methods": {"enabled": True, "extra": 1}},
            "parameter_unknown",
            "automatic_payment_methods[extra]",
        ),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": ""}, "parameter_invalid_empty", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"off_session": True}, None, "off_session"),
        ({"metadata": "text"}, None, "metadata"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
    ],
)
async def test_wrong_parameter(caller: Caller, form: dict[str, Any], code: str | None, param: str) -> None:
    """A wrong parameter is a 400 that names it, and nothing is created."""
    refused = await caller.post("/v1/payment_intents", **{**CREATE, **form})
    assert (refused.status, refused.error.get("code"), refused.error["param"]) == (400, code, param)
    assert (await caller.get("/v1/payment_intents")).body["data"] == []


async def test_missing_parameter(caller: Caller) -> None:
    """A required parameter that is missing is named."""
    refused = await caller.post("/v1/payment_intents", amount=500)
    assert (refused.error["code"], refused.error["param"]) == ("parameter_missing", "currency")
    refused = await caller.post("/v1/refunds")
    assert refused.error["code"] == "parameter_missing"


async def test_json_is_refused(http: httpx.AsyncClient) -> None:
    """Version 1 of the API takes forms."""
    assert (await http.post("/v1/payment_intents", json=CREATE)).status_code == 400


async def test_unknown_address(caller: Caller) -> None:
    """An address that is not simulated is a 404 that says so, and not a success."""
    answer = await caller.post("/v1/transfers", amount=1)
    assert answer.status == 404
    assert answer.error["message"].startswith("Unrecognized request URL (POST: /v1/transfers)")


def test_form_encoding() -> None:
    """Brackets nest, numbers and empty brackets make lists."""
    form = forms.decode("a=1&b%5Bc%5D%5Bd%5D=2&e[0]=x&e[1]=y&f[]=z&g=")
    assert form == {"a": "1", "b": {"c": {"d": "2"}}, "e": {"0": "x", "1": "y"}, "f": {"0": "z"}, "g": ""}


CHECKOUT = "/v1/checkout/"
"""Whose objects the description at hand does not have; the SDK has them."""
DESCRIBED = [endpoint for endpoint in ENDPOINTS if not endpoint.path.startswith(CHECKOUT)]


@pytest.mark.skipif(not schema.is_present(), reason="Stripe's description is not at hand")
@pytest.mark.parametrize("endpoint", DESCRIBED, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_parameters_exist_at_stripe(endpoint: Any) -> None:
    """The simulator takes no parameter that Stripe's own description does not have."""
    known = schema.definitions()[schema.parameters_of(endpoint.method, endpoint.path)]["properties"]
    assert set(endpoint.parameters) <= set(known)


@pytest.mark.parametrize(("method", "params"), [("POST", SessionCreateParams), ("GET", SessionRetrieveParams)])
def test_parameters_of_checkout_exist_in_the_sdk(method: str, params: Any) -> None:
    """Nor one of Checkout that Stripe's SDK does not have."""
    (endpoint,) = [each for each in ENDPOINTS if each.path.startswith(CHECKOUT) and each.method == method]
    assert set(endpoint.parameters) <= set(params.__annotations__)
