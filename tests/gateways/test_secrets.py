"""Secrets of a gateway: in the requests that need them, and nowhere else."""

import logging
import traceback
from typing import Any

import pytest

from gateways.errors import GatewayError
from gateways.paypal import PayPalGateway
from gateways.port import Gateway
from gateways.stripe import StripeGateway
from tests.gateways.cases import AUTHORIZE, RETURN_URL, GatewayCase

pytestmark = pytest.mark.simulator

KEY = "sk_test_CANARYkey"
SECRET = "CANARYsecret"
PAYPAL_TOKEN_PREFIX = "A21AA"
FAULTS: list[dict[str, Any]] = [
    {"action": "drop"},
    {"action": "status", "status": 500},
    {"action": "status", "status": 401},
    {"action": "status", "status": 403},
    {"action": "html"},
    {"action": "truncate", "when": "after"},
    {"action": "rate_limit"},
    {"action": "conflict"},
]


def adapter(name: str, url: str) -> Gateway:
    """An adapter with secrets that would be recognised."""
    if name == "stripe":
        return StripeGateway(KEY, url, RETURN_URL, 5.0)
    return PayPalGateway("client", SECRET, url, RETURN_URL, 5.0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['action']} {fault.get('status', '')}".strip())
async def test_no_secret_in_errors_or_logs(
    case: GatewayCase, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever fails, neither the error, nor what led to it, nor any log at its most talkative shows a key or a token."""
    caplog.set_level(logging.DEBUG)
    gateway = adapter(case.name, case.simulator.url)
    case.simulator.add_fault(**fault, times=None)
    try:
        with pytest.raises(GatewayError) as raised:
            await gateway.create_payment(case.operation(AUTHORIZE))
    finally:
        case.simulator.clear_faults()
        await gateway.close()
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(gateway) + caplog.text
    for secret in (KEY, SECRET, "Bearer ", "Basic "):
        assert secret not in shown


async def test_no_token_in_logs(case: GatewayCase, caplog: pytest.LogCaptureFixture) -> None:
    """A payment that goes well leaves no key and no token in any log either."""
    caplog.set_level(logging.DEBUG)
    gateway = adapter(case.name, case.simulator.url)
    await gateway.create_payment(case.operation(AUTHORIZE))
    await gateway.close()
    for secret in (KEY, SECRET, "Bearer ", "Basic ", PAYPAL_TOKEN_PREFIX):
        assert secret not in caplog.text
