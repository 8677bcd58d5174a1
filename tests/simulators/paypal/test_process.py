"""The simulator as a process: its state outlives it, and faults spoil what the caller is told, not what happened."""

from pathlib import Path

import httpx
import pytest

from local import simulators
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, dollars
from tests.simulators.paypal.test_authorizations import kinds

ORDER = {"intent": "CAPTURE", "purchase_units": [{"amount": dollars("10.00")}]}


async def test_state_survives_a_kill(caller: Caller, tmp_path: Path) -> None:
    """After SIGKILL the same orders, request ids, tokens and truth are there."""
    state, token = tmp_path / "state", caller.client.headers["Authorization"]
    with simulators.start_paypal(free_port(), state=state, log=tmp_path / "log") as first:
        async with httpx.AsyncClient(base_url=first.url, headers={"Authorization": token}) as client:
            made = await Caller(client).post("/v2/checkout/orders", ORDER, "c1:create")
            await Caller(client).pay(made.body["id"], WALLET, "c1:capture:1")
        before = first.truth()["effects"]
        first.process.kill()
    with simulators.start_paypal(free_port(), state=state, log=tmp_path / "log") as second:
        async with httpx.AsyncClient(base_url=second.url, headers={"Authorization": token}) as client:
            repeated = await Caller(client).pay(made.body["id"], WALLET, "c1:capture:1")
        assert (repeated.status, repeated.body["status"]) == (200, "COMPLETED")
        assert second.truth()["effects"] == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("action", "status", "name"),
    [
        ("status", 500, "INTERNAL_SERVER_ERROR"),
        ("conflict", 409, "RESOURCE_CONFLICT"),
        ("rate_limit", 429, "RATE_LIMIT_REACHED"),
    ],
)
async def test_fault(
    caller: Caller, paypal_simulator: SimulatorProcess, when: str, action: str, status: int, name: str
) -> None:
    """A fault is told in PayPal's own words; the effect is there or not, and a repeat of the request tells which."""
    order_id = await caller.order()
    paypal_simulator.add_fault(path="/v2/checkout/orders/*/capture", when=when, action=action)
    spoiled = await caller.pay(order_id, WALLET, "c1:capture:1")
    assert (spoiled.status, spoiled.body["name"]) == (status, name)
    assert [kind for kind, _ in kinds(paypal_simulator)] == (["capture", "fee"] if when == "after" else [])
    assert (await caller.pay(order_id, WALLET, "c1:capture:1")).status == (200 if when == "after" else 201)
    assert [kind for kind, _ in kinds(paypal_simulator)] == ["capture", "fee"]


async def test_no_answer_after_the_effect(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A connection that is cut after a refund leaves the refund, and its repeat finds it."""
    capture = await caller.captured()
    paypal_simulator.add_fault(operation="c1:refund:1", when="after", action="drop")
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.refund(capture["id"], "c1:refund:1")
    repeated = await caller.refund(capture["id"], "c1:refund:1")
    assert (repeated.status, repeated.body["status"]) == (200, "COMPLETED")
    assert kinds(paypal_simulator)[2:] == [("refund", 10000)]
