"""Callers of the simulated Stripe: plain HTTP, and the official SDK."""

from collections.abc import AsyncIterator

import httpx
import pytest
import stripe

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import VERSION, Caller


@pytest.fixture
async def http(stripe_simulator: SimulatorProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client with a key."""
    headers = {"Authorization": "Bearer sk_test_caller", "Stripe-Version": VERSION}
    async with httpx.AsyncClient(base_url=stripe_simulator.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def caller(http: httpx.AsyncClient) -> Caller:
    """A caller whose every answer is held against Stripe's description."""
    return Caller(http)


@pytest.fixture
async def sdk(stripe_simulator: SimulatorProcess) -> AsyncIterator[stripe.StripeClient]:
    """The official SDK, pointed at the simulator."""
    transport = stripe.HTTPXClient(timeout=10)
    yield stripe.StripeClient(
        "sk_test_sdk",
        base_addresses={"api": stripe_simulator.url},
        http_client=transport,
        max_network_retries=0,
    )
    await transport.close_async()  # type: ignore[no-untyped-call]
