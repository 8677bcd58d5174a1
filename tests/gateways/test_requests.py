"""What the adapters send, held against the official descriptions of both APIs where they are at hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from gateways import stripe as stripe_adapter
from gateways.port import ActionRequired, Succeeded
from gateways.wire import Answer, Wire
from tests.gateways.cases import AUTHORIZE, CAPTURE, REFUND, VOID, GatewayCase, money

pytestmark = pytest.mark.simulator

SPECIFICATIONS = Path(__file__).parents[3] / "shared" / "specs"
STRIPE_SCHEMA = SPECIFICATIONS / "stripe" / "sdk-16.1.0-schema.json"
STRIPE_SHAPES = {
    ("POST", "/v1/payment_intents"): "PaymentIntentCreateParams",
    ("POST", "/v1/payment_intents/*/confirm"): "PaymentIntentConfirmParams",
    ("POST", "/v1/payment_intents/*/capture"): "PaymentIntentCaptureParams",
    ("POST", "/v1/payment_intents/*/cancel"): "PaymentIntentCancelParams",
    ("POST", "/v1/refunds"): "RefundCreateParams",
    ("GET", "/v1/refunds"): "RefundListParams",
    ("GET", "/v1/disputes"): "DisputeListParams",
    ("GET", "/v1/payment_intents/*"): "PaymentIntentRetrieveParams",
}
ORDERS, PAYMENTS = "checkout_orders_v2.json", "payments_payment_v2.json"
PAYPAL_SHAPES = {
    "/v2/checkout/orders": (ORDERS, "order_request"),
    "/v2/checkout/orders/*/authorize": (ORDERS, "order_authorize_request"),
    "/v2/checkout/orders/*/capture": (ORDERS, "order_capture_request"),
    "/v2/payments/authorizations/*/capture": (PAYMENTS, "capture_request"),
    "/v2/payments/captures/*/refund": (PAYMENTS, "refund_request"),
}
NEWER_FIELDS = {"/payment_source/card/attributes/verification", "/payment_source/paypal/stored_credential"}
"""Fields that the description of 2024 does not have, and PayPal's own SDK 2.4 does."""
WORDS = {
    *("v1", "v2", "payment_intents", "confirm", "capture", "cancel", "refunds", "checkout", "orders", "authorize"),
    *("payments", "authorizations", "captures", "void", "refund", "oauth2", "token", "customer", "disputes"),
}
"""Parts of addresses; every other part is an id."""


class Sent:
    """One request that went out."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], content: str | bytes | None) -> None:
        parts = urlsplit(url)
        self.method = method.upper()
        self.path = "/".join(part if part in WORDS or not part else "*" for part in parts.path.split("/"))
        self.query = parts.query
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = content.decode() if isinstance(content, bytes) else content or ""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every request that leaves, on its way."""
    seen: list[Sent] = []
    exchange = Wire.exchange

    async def listening(
        wire: Wire, method: str, url: str, headers: Mapping[str, str], content: str | bytes | None = None
    ) -> Answer:
        seen.append(Sent(method, url, headers, content))
        return await exchange(wire, method, url, headers, content)

    monkeypatch.setattr(Wire, "exchange", listening)
    return seen


async def use_everything(case: GatewayCase) -> None:
    """Each operation once, with each way that a payment method can be given, and each reading."""
    refund = await case.prepared(REFUND, money("30.00"))
    refund = refund.model_copy(update={"reason": "asked at the desk"})
    capture = await case.prepared(CAPTURE, money("40.00"))
    void = await case.prepared(VOID)
    for request in (refund, capture, void):
        assert isinstance(await case.call(request), Succeeded)
        assert isinstance(await case.gateway.look_up(request), Succeeded)
    assert await case.gateway.withdrawals(capture) == ()
    action = await case.created(case.operation(AUTHORIZE, payment_method=case.traits.needs_action))
    assert isinstance(await case.call(action), ActionRequired)
    asked = await case.created(case.operation(AUTHORIZE, payment_method=case.traits.card, authenticate=True))
    assert isinstance(await case.call(asked), ActionRequired)
    away: dict[str, Any] = {"gateway_customer": "cus_1", "mandate": "mandate_1"} if case.name == "stripe" else {}
    if away:
        case.simulator.make_card("pm_debit", customer="cus_1", mandate="mandate_1")
    methods = {"stripe": ["pm_debit"], "paypal": ["wallet_ok", "card/card_ok"]}[case.name]
    for method in methods:
        request = case.operation(CAPTURE, payment_method=method, customer_present=False, **away)
        assert isinstance(await case.call(await case.created(request)), Succeeded)
    if case.name == "paypal":
        await case.paid(method="card/card_ok")


@pytest.mark.skipif(not STRIPE_SCHEMA.exists(), reason="the description of Stripe's API is not at hand")
@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_stripe_requests_keep_to_the_pinned_version(case: GatewayCase, sent: list[Sent]) -> None:
    """Everything that is sent to Stripe exists in the API version that is pinned, and says which version that is."""
    description = json.loads(STRIPE_SCHEMA.read_text())
    assert description["api_version"] == stripe_adapter.API_VERSION
    await use_everything(case)
    assert {(request.method, request.path) for request in sent} == set(STRIPE_SHAPES)
    for request in sent:
        shape = {"$ref": f"#/$defs/{STRIPE_SHAPES[request.method, request.path]}", "$defs": description["$defs"]}
        Draft202012Validator(shape).validate(form(request.body or request.query))
        assert request.headers["stripe-version"] == stripe_adapter.API_VERSION


@pytest.mark.skipif(not SPECIFICATIONS.exists(), reason="the descriptions of PayPal's API are not at hand")
@pytest.mark.parametrize("case", ["paypal"], indirect=True)
async def test_paypal_requests_keep_to_the_description(case: GatewayCase, sent: list[Sent]) -> None:
    """Every body that is sent to PayPal has the shape that its description gives, without fields that it does not know."""
    await use_everything(case)
    bodies = [request for request in sent if request.body and request.path != "/v1/oauth2/token"]
    assert {request.path for request in bodies} == set(PAYPAL_SHAPES)
    for request in bodies:
        file, name = PAYPAL_SHAPES[request.path]
        components = json.loads((SPECIFICATIONS / "paypal" / file).read_text())["components"]
        body = json.loads(request.body)
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(body)
        found = unknown(body, {"$ref": f"#/components/schemas/{name}"}, components["schemas"])
        assert set(found) <= NEWER_FIELDS


async def test_every_write_carries_its_key(case: GatewayCase, sent: list[Sent]) -> None:
    """Every request that can change something carries the operation id as its key: on the wire, not only in our hands."""
    await use_everything(case)
    header = "idempotency-key" if case.name == "stripe" else "paypal-request-id"
    writes = [request for request in sent if request.method == "POST" and request.path != "/v1/oauth2/token"]
    assert all(request.headers[header].startswith(f"chg_{case.name}:") for request in writes)
    keys = [request.headers[header] for request in writes]
    assert len(set(keys)) == len(keys)
    came = [request for request in case.simulator.truth()["requests"] if request["method"] == "POST"]
    assert [request["idempotency_key"] for request in came if request["path"] != "/v1/oauth2/token"] == keys
    assert all(header not in request.headers for request in sent if request.method == "GET")
    if case.name == "paypal":
        assert all(request.headers["prefer"] == "return=representation" for request in writes)


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_opaque_customer(case: GatewayCase, sent: list[Sent]) -> None:
    """Our customer id goes into the metadata: it is not one of Stripe's customers."""
    await case.paid()
    created = form(sent[0].body)
    assert created["metadata"]["customer"] == "cus_suite"
    assert "customer" not in created


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_stripe_is_told_that_the_customer_is_away(case: GatewayCase, sent: list[Sent]) -> None:
    """A payment that the merchant initiates is declared as one: a network may fine one that only looks like it."""
    case.simulator.make_card("pm_debit", customer="cus_1", mandate="mandate_1")
    references: dict[str, Any] = {"gateway_customer": "cus_1", "mandate": "mandate_1"}
    request = case.operation(CAPTURE, payment_method="pm_debit", customer_present=False, **references)
    await case.call(await case.created(request))
    created, confirmed = (form(each.body) for each in sent)
    assert created["customer"] == "cus_1"
    assert (confirmed["off_session"], confirmed["mandate"]) == (True, "mandate_1")
    assert "return_url" not in confirmed
    await case.paid()
    assert not {"off_session", "mandate"} & form(sent[-1].body).keys()


@pytest.mark.parametrize("case", ["paypal"], indirect=True)
@pytest.mark.parametrize(
    ("method", "source", "credential"),
    [
        (
            "card/card_ok",
            "card",
            {"payment_initiator": "MERCHANT", "payment_type": "RECURRING", "usage": "SUBSEQUENT"},
        ),
        ("wallet_ok", "paypal", {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT"}),
    ],
)
async def test_paypal_is_told_that_the_merchant_initiates(
    case: GatewayCase, sent: list[Sent], method: str, source: str, credential: dict[str, str]
) -> None:
    """The vaulted method is charged as one of a series, and nobody is to be sent anywhere."""
    await case.call(await case.created(case.operation(CAPTURE, payment_method=method, customer_present=False)))
    paid = json.loads(sent[-1].body)["payment_source"][source]
    assert paid == {"vault_id": method.removeprefix("card/"), "stored_credential": credential}


@pytest.mark.parametrize("case", ["stripe"], indirect=True)
async def test_no_telemetry(case: GatewayCase, sent: list[Sent]) -> None:
    """Stripe's SDK sends no timings of earlier requests and no id of this machine."""
    await case.paid()
    await case.paid()
    assert len(sent) == 4
    for request in sent:
        assert "x-stripe-client-telemetry" not in request.headers
        assert "telemetry_id" not in request.headers["x-stripe-client-user-agent"]


def form(text: str) -> dict[str, Any]:
    """Read a form as Stripe does: `a[b]` and `a[0]`; digits are numbers, except in metadata."""
    read: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        path = name.replace("]", "").split("[")
        place: dict[str, Any] = read
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value if path[0] == "metadata" else _typed(value)
    return {name: _listed(value) for name, value in read.items()}


def unknown(value: Any, schema: Any, schemas: Mapping[str, Any], path: str = "") -> list[str]:
    """Paths of the fields that the schema does not know."""
    if not isinstance(value, dict):
        return [
            found
            for item in (value if isinstance(value, list) else [])
            for found in unknown(item, _merged(schema, schemas).get("items", {}), schemas, path)
        ]
    known = _merged(schema, schemas).get("properties", {})
    return [
        found
        for name, content in value.items()
        for found in (unknown(content, known[name], schemas, f"{path}/{name}") if name in known else [f"{path}/{name}"])
    ]


def _merged(schema: Any, schemas: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _merged(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    parts = [_merged(part, schemas) for part in schema.get("allOf", [])]
    properties: dict[str, Any] = {}
    for part in (*parts, schema):
        properties |= part.get("properties", {})
    return {**schema, "properties": properties} if properties else dict(schema)


def _typed(value: str) -> Any:
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if value.isdigit() else value


def _listed(value: Any) -> Any:
    return list(value.values()) if isinstance(value, dict) and "0" in value else value
