"""A caller of the simulated PayPal that speaks plain HTTP, and holds every answer against PayPal's documents."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.simulators.paypal import documents

WALLET = {"paypal": {"vault_id": "wallet_ok"}}
REPRESENTATION = "return=representation"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def issue(self) -> str:
        """The issue of a refusal."""
        return str(self.body["details"][0]["issue"])


class Caller:
    """Sends JSON with a token; asks for whole representations unless told otherwise."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def post(
        self,
        path: str,
        body: Any = None,
        request_id: str | None = None,
        *,
        prefer: str = REPRESENTATION,
        **headers: str,
    ) -> Answer:
        """POST a body, under a PayPal-Request-Id if one is given."""
        sent = {"Prefer": prefer, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if request_id is not None:
            sent["PayPal-Request-Id"] = request_id
        return _answer(await self.client.post(path, json={} if body is None else body, headers=sent))

    async def get(self, path: str, **query: Any) -> Answer:
        """GET with a query."""
        return _answer(await self.client.get(path, params=query))

    async def delete(self, path: str) -> Answer:
        """DELETE."""
        return _answer(await self.client.delete(path))

    async def order(self, intent: str = "CAPTURE", value: str = "100.00", currency: str = "USD", **unit: Any) -> str:
        """Id of a new order without a payment source."""
        amount = {"currency_code": currency, "value": value}
        answer = await self.post(
            "/v2/checkout/orders", {"intent": intent, "purchase_units": [{"amount": amount, **unit}]}
        )
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def pay(self, order_id: str, source: Any, request_id: str | None = None, action: str = "capture") -> Answer:
        """Capture or authorize an order with a payment source."""
        return await self.post(f"/v2/checkout/orders/{order_id}/{action}", {"payment_source": source}, request_id)

    async def captured(self, source: Any = None, **order: Any) -> dict[str, Any]:
        """The capture of a new order, in one step."""
        answer = await self.pay(await self.order("CAPTURE", **order), source or WALLET)
        assert answer.status == 201, answer.body
        return _payment(answer.body, "captures")

    async def authorized(self, source: Any = None, **order: Any) -> dict[str, Any]:
        """The authorization of a new order."""
        answer = await self.pay(await self.order("AUTHORIZE", **order), source or WALLET, action="authorize")
        assert answer.status == 201, answer.body
        return _payment(answer.body, "authorizations")

    async def capture(self, authorization_id: str, request_id: str | None = None, **body: Any) -> Answer:
        """Capture an authorization; `value` is short for an amount of US dollars."""
        return await self.post(f"/v2/payments/authorizations/{authorization_id}/capture", _body(body), request_id)

    async def refund(self, capture_id: str, request_id: str | None = None, **body: Any) -> Answer:
        """Refund a capture; `value` is short for an amount of US dollars."""
        return await self.post(f"/v2/payments/captures/{capture_id}/refund", _body(body), request_id)

    async def read(self, kind: str, identity: str) -> dict[str, Any]:
        """An authorization, capture or refund as it is now."""
        return (await self.get(f"/v2/payments/{kind}/{identity}")).body


def wallet(vault_id: str) -> dict[str, Any]:
    """A wallet as a payment source."""
    return {"paypal": {"vault_id": vault_id}}


def card(vault_id: str) -> dict[str, Any]:
    """A card as a payment source."""
    return {"card": {"vault_id": vault_id}}


def dollars(value: str) -> dict[str, str]:
    """An amount of US dollars."""
    return {"currency_code": "USD", "value": value}


def _body(fields: dict[str, Any]) -> dict[str, Any]:
    value = fields.pop("value", None)
    return fields if value is None else {"amount": dollars(value), **fields}


def _payment(order: dict[str, Any], kind: str) -> dict[str, Any]:
    payment: dict[str, Any] = order["purchase_units"][0]["payments"][kind][0]
    return payment


def _answer(response: httpx.Response) -> Answer:
    body = response.json() if response.content else {}
    if body:
        documents.check(response.request.method, response.request.url.path, response.status_code, body)
    return Answer(response.status_code, body, response.headers)
