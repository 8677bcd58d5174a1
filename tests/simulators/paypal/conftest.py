"""Callers of the simulated PayPal: plain HTTP, and PayPal's own SDK."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller


@pytest.fixture
async def http(paypal_simulator: SimulatorProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client without a token."""
    async with httpx.AsyncClient(base_url=paypal_simulator.url, trust_env=False) as client:
        yield client


@pytest.fixture
async def caller(http: httpx.AsyncClient) -> Caller:
    """A caller with a token, whose every answer is held against PayPal's documents."""
    answer = await http.post("/v1/oauth2/token", auth=("client", "secret"), data={"grant_type": "client_credentials"})
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Caller(http)


@pytest.fixture
def sdk(paypal_simulator: SimulatorProcess) -> Iterator[PaypalServersdkClient]:
    """PayPal's own SDK, pointed at the simulator."""
    servers = Configuration.environments[Environment.SANDBOX]
    before = servers[Server.DEFAULT]
    servers[Server.DEFAULT] = paypal_simulator.url
    yield PaypalServersdkClient(
        client_credentials_auth_credentials=ClientCredentialsAuthCredentials(
            o_auth_client_id="client", o_auth_client_secret="secret"
        )
    )
    servers[Server.DEFAULT] = before
