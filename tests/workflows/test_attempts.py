"""A charge that is tried at another gateway: only where the first is known to have done nothing, and never twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ledger.charges import CaptureMode, ChargeStatus
from ledger.payment_methods import PaymentMethod
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from tests.workflows.endings import skip

BOTH = (PaymentMethod(gateway="stripe", token="pm_card_visa"), PaymentMethod(gateway="paypal", token="wallet_ok"))
AMOUNT = 4999


@pytest.fixture
async def without_stripe(
    database: Database, temporal_server: Any, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> AsyncIterator[Processes]:
    """Processes that cannot reach Stripe: every connection is refused."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    nobody = {"stripe_api_base": f"http://127.0.0.1:{free_port()}"}
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        yield await run_processes(stack, settings.model_copy(update=nobody), simulators)


@pytest.mark.parametrize("capture", list(CaptureMode))
async def test_a_gateway_that_refuses_connections_is_passed_over(
    without_stripe: Processes, capture: CaptureMode
) -> None:
    """Nothing was sent, so the customer can be served by the other gateway, under a number of its own."""
    request = without_stripe.request("stripe", payment_methods=BOTH, capture=capture)
    asking = asyncio.create_task(without_stripe.charge(request))
    await asyncio.sleep(2)
    await skip(without_stripe, f"charge/{request.charge_id}", minutes=2)
    view = await asking
    kind = "capture" if capture is CaptureMode.AUTOMATIC else "authorize"
    assert (view.status.value, view.gateway) == (f"{kind}d".replace("ee", "e"), "paypal")
    first, second = await without_stripe.operations(view.charge_id)
    assert (first.operation_id, first.outcome, first.decline_code) == (
        f"{view.charge_id}:{kind}:1",
        "refused",
        "gateway_unreachable",
    )
    assert (second.operation_id, second.gateway, second.attempt) == (f"{view.charge_id}:{kind}:2", "paypal", 2)
    assert second.outcome == "succeeded"
    assert len(without_stripe.effects("paypal", kind)) == 1


async def test_nothing_else_is_tried_while_an_outcome_is_unknown(processes: Processes) -> None:
    """A timeout is no no: the other gateway hears nothing, and the first is asked under the same key only."""
    stripe = processes.simulators["stripe"]
    stripe.add_fault(method="POST", path="/v1/payment_intents/*/confirm", when="after", action="drop", times=1)
    stripe.add_fault(
        method="GET", path="/v1/payment_intents/*", when="before", action="status", status=503, times=10_000
    )
    request = processes.request("stripe", payment_methods=BOTH)
    asking = asyncio.create_task(processes.charge(request))
    async with asyncio.timeout(30):
        while not processes.effects("stripe", "capture"):
            await asyncio.sleep(0.1)
    await skip(processes, f"charge/{request.charge_id}", minutes=10)
    assert (await processes.row(request.charge_id)).status is ChargeStatus.UNKNOWN
    assert [operation.gateway for operation in await processes.operations(request.charge_id)] == ["stripe"]
    assert processes.simulators["paypal"].truth()["requests"] == []
    stripe.clear_faults()
    await skip(processes, f"charge/{request.charge_id}", hours=1)
    assert (await asking).status is ChargeStatus.CAPTURED
    keys = {row["idempotency_key"] for row in stripe.truth()["requests"] if row["idempotency_key"]}
    assert keys == {f"{request.charge_id}:capture:1", f"{request.charge_id}:capture:1:create"}
