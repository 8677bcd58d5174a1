"""Injected faults: before the effect nothing happened, after it everything did, whatever the caller was told."""

import asyncio
import json
import time

import httpx
import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller

KEY = "c1:capture:1"
CONFIRM = "/v1/payment_intents/*/confirm"


async def _path(caller: Caller) -> str:
    created = await caller.payment_intent(capture_method="automatic")
    return f"/v1/payment_intents/{created['id']}"


def _kinds(simulator: SimulatorProcess) -> list[str]:
    return [effect["kind"] for effect in simulator.truth()["effects"]]


@pytest.mark.parametrize(("when", "effects"), [("before", []), ("after", ["capture", "fee"])])
async def test_dropped_connection(
    caller: Caller, stripe_simulator: SimulatorProcess, when: str, effects: list[str]
) -> None:
    """A dropped connection tells nothing; the repeat under the same key settles it with one effect."""
    path = await _path(caller)
    stripe_simulator.add_fault(method="POST", path=CONFIRM, when=when, action="drop")
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.post(f"{path}/confirm", KEY)
    assert _kinds(stripe_simulator) == effects
    assert stripe_simulator.truth()["requests"][-1]["status"] is None
    again = await caller.post(f"{path}/confirm", KEY)
    assert again.body["status"] == "succeeded"
    assert ("idempotent-replayed" in again.headers) == (when == "after")
    assert _kinds(stripe_simulator) == ["capture", "fee"]


async def test_stored_server_error(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A 500 after the effect is replayed for ever under its key, though the money was taken: only a GET tells."""
    path = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, when="after", action="status", status=500)
    first = await caller.post(f"{path}/confirm", KEY)
    again = await caller.post(f"{path}/confirm", KEY)
    assert (first.status, first.error["type"]) == (500, "api_error")
    assert (again.status, again.headers["idempotent-replayed"], again.raw) == (500, "true", first.raw)
    assert (await caller.get(path)).body["status"] == "succeeded"
    assert _kinds(stripe_simulator) == ["capture", "fee"]


async def test_server_error_before_the_effect(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A 500 before the effect is not kept, so the repeat executes; one that is kept is replayed without effect."""
    path = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, when="before", action="status", status=503)
    assert (await caller.post(f"{path}/confirm", KEY)).status == 503
    assert (await caller.post(f"{path}/confirm", KEY)).status == 200
    other = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, when="before", action="status", stored=True)
    assert (await caller.post(f"{other}/confirm", "other")).status == 500
    assert (await caller.post(f"{other}/confirm", "other")).status == 500
    assert (await caller.get(other)).body["status"] == "requires_confirmation"


async def test_server_error_upon_a_repeat(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A 500 upon a repeat does not replace the answer that is kept."""
    path = await _path(caller)
    first = await caller.post(f"{path}/confirm", KEY)
    stripe_simulator.add_fault(path=CONFIRM, when="after", action="status")
    assert (await caller.post(f"{path}/confirm", KEY)).status == 500
    assert (await caller.post(f"{path}/confirm", KEY)).raw == first.raw


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"action": "conflict"}, 409, "idempotency_key_in_use"),
        ({"action": "rate_limit", "retry_after": 2}, 429, "rate_limit"),
        ({"action": "rate_limit", "code": "lock_timeout"}, 429, "lock_timeout"),
    ],
)
async def test_not_executed(
    caller: Caller, stripe_simulator: SimulatorProcess, fault: dict[str, object], status: int, code: str
) -> None:
    """409 and 429 mean that nothing was executed and nothing is kept."""
    path = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, **fault)
    refused = await caller.post(f"{path}/confirm", KEY)
    assert (refused.status, refused.error["code"]) == (status, code)
    assert refused.headers.get("retry-after") == ("2" if "retry_after" in fault else None)
    assert _kinds(stripe_simulator) == []
    assert (await caller.post(f"{path}/confirm", KEY)).status == 200


async def test_unreadable_answers(http: httpx.AsyncClient, caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A proxy's HTML page and a cut body hide an effect that happened."""
    for action, status in (("html", 502), ("truncate", 200)):
        path = await _path(caller)
        stripe_simulator.add_fault(path=CONFIRM, when="after", action=action)
        answer = await http.post(f"{path}/confirm", headers={"Idempotency-Key": path})
        assert answer.status_code == status
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert (await caller.get(path)).body["status"] == "succeeded"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_slow_answer(
    http: httpx.AsyncClient, caller: Caller, stripe_simulator: SimulatorProcess, when: str
) -> None:
    """A caller that gives up waiting does not stop the effect, and nobody else waits meanwhile."""
    path = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, when=when, action="delay", delay_seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"{path}/confirm", headers={"Idempotency-Key": KEY}, timeout=0.2)
    began = time.monotonic()
    status = (await caller.get(path)).body["status"]
    assert time.monotonic() - began < 0.3
    assert status == ("succeeded" if when == "after" else "requires_confirmation")
    await asyncio.sleep(0.6)
    assert _kinds(stripe_simulator) == ["capture", "fee"]


async def test_chosen_requests(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A fault hits the operation, the path and the number of requests that it names, and goes when it is cleared."""
    stripe_simulator.add_fault(path="/v1/refunds", operation="c1:*", action="status", times=2)
    assert (await caller.post("/v1/refunds", "c2:refund:1", charge="ch_x")).status == 404
    assert [(await caller.post("/v1/refunds", f"c1:{n}", charge="ch_x")).status for n in range(3)] == [500, 500, 404]
    stripe_simulator.add_fault(action="status", times=None)
    assert [(await caller.get("/v1/charges")).status for _ in range(3)] == [500] * 3
    stripe_simulator.clear_faults()
    assert (await caller.get("/v1/charges")).status == 200


@pytest.mark.parametrize(
    "fault",
    [{}, {"action": "explode"}, {"action": "drop", "when": "later"}, {"action": "drop", "colour": "red"}],
)
def test_impossible_fault(stripe_simulator: SimulatorProcess, fault: dict[str, str]) -> None:
    """A fault that cannot be injected as described is refused, so that no test passes for want of one."""
    with pytest.raises(LocalError, match="fault"):
        stripe_simulator.add_fault(**fault)


def test_impossible_setting(stripe_simulator: SimulatorProcess) -> None:
    """Unknown settings and the clock's way back are refused."""
    with pytest.raises(LocalError, match="unknown setting"):
        stripe_simulator.configure(flavour="mint")
    with pytest.raises(LocalError, match="settlement"):
        stripe_simulator.configure(settlement="xyz")
    with pytest.raises(LocalError, match="forward"):
        stripe_simulator.advance_clock(-1)
