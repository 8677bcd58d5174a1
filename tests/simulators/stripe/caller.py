"""A caller of the simulated Stripe that speaks plain HTTP, and holds every answer against Stripe's description."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.simulators.stripe import schema

VERSION = "2026-10-28.endive"
CARD_ONLY = {"allowed_payment_method_types": ["card"]}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers
    raw: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The inside of an error."""
        inside: dict[str, Any] = self.body["error"]
        return inside


class Caller:
    """Sends forms as the SDK does; values may be nested dictionaries and lists."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(self, path: str, key: str | None = None, /, **form: Any) -> Answer:
        """POST a form, under an idempotency key if one is given."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return _answer(await self._client.post(path, data=dict(flattened(form)), headers=headers))

    async def get(self, path: str, /, **query: Any) -> Answer:
        """GET with a query."""
        return _answer(await self._client.get(path, params=dict(flattened(query))))

    async def payment_intent(self, card: str = "pm_card_visa", **form: Any) -> dict[str, Any]:
        """A new, unconfirmed PaymentIntent over 20.00 USD, unless something else is asked for."""
        whole = {"amount": 2000, "currency": "usd", "payment_method": card, **CARD_ONLY, **form}
        answer = await self.post("/v1/payment_intents", **whole)
        assert answer.status == 200, answer.body
        return answer.body

    async def confirmed(self, card: str = "pm_card_visa", **form: Any) -> dict[str, Any]:
        """A confirmed one."""
        payment_intent = await self.payment_intent(card, **{"capture_method": "automatic", **form})
        answer = await self.post(f"/v1/payment_intents/{payment_intent['id']}/confirm")
        assert answer.status == 200, answer.body
        return answer.body

    async def authorized(self, card: str = "pm_card_visa", **form: Any) -> dict[str, Any]:
        """An authorized one that waits for its capture."""
        return await self.confirmed(card, capture_method="manual", **form)

    async def charge_of(self, payment_intent: dict[str, Any]) -> dict[str, Any]:
        """Its latest charge, with the balance transaction as an object."""
        answer = await self.get(f"/v1/charges/{payment_intent['latest_charge']}", expand=["balance_transaction"])
        return answer.body


def _answer(response: httpx.Response) -> Answer:
    body = response.json()
    schema.check(body)
    return Answer(response.status_code, body, response.headers, response.content)


def flattened(form: Any, prefix: str = "") -> list[tuple[str, str]]:
    """The pairs of a form: `a[b]=c`, `a[0]=x`, `true` and `false`."""
    if isinstance(form, dict):
        items = list(form.items())
    elif isinstance(form, list):
        items = list(enumerate(form))
    else:
        return [(prefix, str(form).lower() if isinstance(form, bool) else str(form))]
    pairs: list[tuple[str, str]] = []
    for name, value in items:
        pairs += flattened(value, f"{prefix}[{name}]" if prefix else str(name))
    return pairs
