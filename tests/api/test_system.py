"""The whole way: a simulator's own webhooks, over HTTP, through the inbox and a worker, to the process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.addresses import Ports
from local.process import ROOT
from local.simulators import SimulatorProcess
from local.system import System, running_system

pytestmark = pytest.mark.system

WAIT_SECONDS = 60.0
PAYERS = {"stripe": "pm_card_authenticationRequired", "paypal": "wallet_payer_action"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A whole system, as `make up` starts it, that asks for lost events every second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENT_CATCH_UP_SECONDS", "1")
        with running_system(tmp_path_factory.mktemp("system"), Ports.free()) as running:
            yield running


def starter(system: System, *arguments: str) -> Any:
    """Run a command to its end, and return the JSON that it prints."""
    command = [sys.executable, "starter.py", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=system.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def events_of(system: System, charge_id: str) -> list[dict[str, Any]]:
    """The events that were found to concern a charge, oldest first."""
    listed = starter(system, "webhooks", "list", "--limit", "1000")["events"]
    return [event for event in reversed(listed) if event["charge_id"] == charge_id]


def eventually(system: System, charge_id: str, event_types: set[str]) -> list[dict[str, Any]]:
    """Wait until events of these types have been handled, and return all of the charge's."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = events_of(system, charge_id)
        if event_types <= {event["event_type"] for event in found if event["state"] == "handled"}:
            return found
        time.sleep(0.3)
    raise AssertionError(f"not handled: {starter(system, 'webhooks', 'list')}")


def simulator(system: System, gateway: str) -> SimulatorProcess:
    """A gateway's simulator."""
    return {"stripe": system.stripe, "paypal": system.paypal}[gateway]


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
@pytest.mark.parametrize("mode", ["deliver", "duplicate", "reorder", "before_response"])
def test_events_of_a_payment_arrive_and_are_found_to_be_ours(system: System, gateway: str, mode: str) -> None:
    """Signed by the gateway, delivered once, twice, out of order or early: each event is kept once and finds its charge."""
    simulator(system, gateway).configure(webhooks=mode)
    charge_id = f"ch_{gateway}_{mode}"
    token = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}[gateway]
    base = ["--amount", "49.99", "--currency", "USD", "--customer", "cus_1", "--payment-method", f"{gateway}={token}"]
    assert starter(system, "charge", "--id", charge_id, *base)["status"] == "captured"
    last = {"stripe": "payment_intent.succeeded", "paypal": "PAYMENT.CAPTURE.COMPLETED"}[gateway]
    found = eventually(system, charge_id, {last})
    assert len({event["event_id"] for event in found}) == len(found)
    if mode == "duplicate":
        deadline = time.monotonic() + WAIT_SECONDS
        while {event["deliveries"] for event in events_of(system, charge_id)} != {2}:
            assert time.monotonic() < deadline
            time.sleep(0.3)
    simulator(system, gateway).configure(webhooks="deliver")


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_the_process_hears_of_what_its_customer_did(system: System, gateway: str) -> None:
    """The event that a customer's step causes reaches the process that waits for it."""
    charge_id = f"ch_{gateway}_step"
    base = ["--amount", "49.99", "--currency", "USD", "--customer", "cus_1"]
    method = ["--payment-method", f"{gateway}={PAYERS[gateway]}"]
    starter(system, "charge", "--id", charge_id, *base, *method, "--detach")
    deadline = time.monotonic() + WAIT_SECONDS
    while not (waiting := starter(system, "charges", "--status", "requires_action")["charges"]):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    [charge_id] = [charge["charge_id"] for charge in waiting]
    [operation] = starter(system, "status", charge_id)["operations"]
    simulator(system, gateway).complete_authentication(operation["payment_reference"])
    told = {"stripe": "payment_intent.succeeded", "paypal": "CHECKOUT.ORDER.APPROVED"}[gateway]
    eventually(system, charge_id, {told})
    while starter(system, "status", charge_id)["status"] != "captured":
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_worker_finds_by_itself_what_no_webhook_told(system: System, gateway: str) -> None:
    """With every webhook lost, the events of a payment are in the inbox and handled, and say how they came."""
    simulator(system, gateway).configure(webhooks="drop")
    charge_id = f"ch_{gateway}_lost"
    token = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}[gateway]
    base = ["--amount", "49.99", "--currency", "USD", "--customer", "cus_1", "--payment-method", f"{gateway}={token}"]
    assert starter(system, "charge", "--id", charge_id, *base)["status"] == "captured"
    last = {"stripe": "payment_intent.succeeded", "paypal": "PAYMENT.CAPTURE.COMPLETED"}[gateway]
    found = eventually(system, charge_id, {last})
    assert {(event["came_by"], event["deliveries"]) for event in found} == {("polling", 0)}
    simulator(system, gateway).configure(webhooks="deliver")


def test_events_wait_for_a_worker(system: System) -> None:
    """While no worker runs, events are taken and kept; `webhooks replay` names what is missing."""
    environment = {**system.environment, "TASK_QUEUE": f"nobody-{os.getpid()}"}
    command = [sys.executable, "starter.py", "webhooks", "replay", "--since", "1h"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    assert "no worker is running" in refused.stderr


def test_an_event_is_replayed_by_its_id(system: System) -> None:
    """A person can have one event handled again, and reads what became of it."""
    [event, *_] = events_of(system, "ch_stripe_deliver")
    [again] = starter(system, "webhooks", "replay", event["event_id"])["events"]
    assert (again["state"], again["charge_id"]) == ("handled", "ch_stripe_deliver")
    assert again["result"].startswith("told ")
    assert again["attempts"] == event["attempts"] + 1
