"""Every adapter in turn, over real HTTP to its simulator."""

from collections.abc import AsyncIterator

import pytest

from tests.gateways.cases import CASES, GatewayCase


@pytest.fixture(params=list(CASES))
async def case(request: pytest.FixtureRequest) -> AsyncIterator[GatewayCase]:
    """An adapter and its simulator, which starts empty; tests that name one gateway parametrize this indirectly."""
    gateway_case = GatewayCase(request.param, request.getfixturevalue(f"{request.param}_simulator"))
    yield gateway_case
    await gateway_case.gateway.close()
