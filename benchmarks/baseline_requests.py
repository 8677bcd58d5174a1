"""The gateway requests of the baseline, with plain httpx: those that a charge makes, with the same content.

A test holds them against what the simulators saw of a charge.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
from temporalio import activity

from benchmarks.baseline_payment import Payment, Taken
from settings import Settings

STRIPE_VERSION = "2026-10-28.endive"
CONNECTIONS = httpx.Limits(max_connections=1000, keepalive_expiry=4.0)


@activity.defn(name="do_nothing")
async def do_nothing() -> None:
    """Do nothing."""


@dataclass
class GatewayRequests:
    """Both gateways over one client; PayPal's token is fetched once, before the worker starts."""

    client: httpx.AsyncClient
    settings: Settings
    paypal_token: str

    @activity.defn(name="take")
    async def take(self, payment: Payment) -> Taken:
        """Create the payment, then confirm it."""
        take = self._stripe if payment.gateway == "stripe" else self._paypal
        return await take(payment)

    async def _stripe(self, payment: Payment) -> Taken:
        operation_id = payment.operation_id
        created = await self._stripe_request(
            "/v1/payment_intents",
            f"{operation_id}:create",
            {
                "amount": str(payment.amount_minor),
                "currency": payment.currency.lower(),
                "capture_method": "automatic",
                "automatic_payment_methods[enabled]": "true",
                "metadata[operation_id]": operation_id,
                "metadata[capture_operation_id]": operation_id,
                "metadata[charge_id]": payment.charge_id,
                "metadata[customer]": payment.customer,
            },
        )
        confirmed = await self._stripe_request(
            f"/v1/payment_intents/{created['id']}/confirm",
            operation_id,
            {
                "payment_method": payment.token,
                "return_url": self.settings.return_url,
                "expand[0]": "latest_charge.balance_transaction",
            },
        )
        booked = confirmed["latest_charge"]["balance_transaction"]
        taken_at = datetime.fromtimestamp(booked["created"], UTC).isoformat()
        return Taken(created["id"], confirmed["id"], booked["fee"], taken_at)

    async def _stripe_request(self, path: str, key: str, form: dict[str, str]) -> Any:
        response = await self.client.post(
            f"{self.settings.stripe_api_base}{path}",
            headers={
                "Authorization": f"Bearer {self.settings.stripe_api_key.get_secret_value()}",
                "Stripe-Version": STRIPE_VERSION,
                "Idempotency-Key": key,
            },
            data=form,
        )
        return response.raise_for_status().json()

    async def _paypal(self, payment: Payment) -> Taken:
        operation_id = payment.operation_id
        amount = {"currency_code": payment.currency, "value": str(Decimal(payment.amount_minor) / 100)}
        unit = {"reference_id": payment.charge_id, "custom_id": operation_id, "amount": amount}
        created = await self._paypal_request(
            "/v2/checkout/orders",
            f"{operation_id}:create",
            {"intent": "CAPTURE", "purchase_units": [unit]},
        )
        address = self.settings.return_url
        context = {"return_url": address, "cancel_url": address}
        performed = await self._paypal_request(
            f"/v2/checkout/orders/{created['id']}/capture",
            operation_id,
            {"payment_source": {"paypal": {"vault_id": payment.token, "experience_context": context}}},
        )
        capture = performed["purchase_units"][0]["payments"]["captures"][0]
        fee = Decimal(capture["seller_receivable_breakdown"]["paypal_fee"]["value"])
        return Taken(created["id"], capture["id"], int(fee * 100), capture["create_time"])

    async def _paypal_request(self, path: str, request_id: str, body: dict[str, Any]) -> Any:
        response = await self.client.post(
            f"{self.settings.paypal_api_base}{path}",
            headers={
                "Authorization": f"Bearer {self.paypal_token}",
                "PayPal-Request-Id": request_id,
                "Prefer": "return=representation",
            },
            json=body,
        )
        return response.raise_for_status().json()


def open_client(settings: Settings) -> httpx.AsyncClient:
    """Make the client, with as many connections as our adapters may have."""
    return httpx.AsyncClient(trust_env=False, timeout=settings.gateway_timeout_seconds, limits=CONNECTIONS)


async def fetch_paypal_token(client: httpx.AsyncClient, settings: Settings) -> str:
    """Ask PayPal for an access token, which lives for hours."""
    response = await client.post(
        f"{settings.paypal_api_base}/v1/oauth2/token",
        auth=(settings.paypal_client_id, settings.paypal_client_secret.get_secret_value()),
        data={"grant_type": "client_credentials"},
    )
    token: str = response.raise_for_status().json()["access_token"]
    return token
