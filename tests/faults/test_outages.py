"""What happens when a server is away for a while: the charge goes on where it was, and nothing is lost or done twice."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger import migrate
from ledger.charges import ChargeStatus
from local import postgres
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import run_processes, settings_for

pytestmark = pytest.mark.system


async def test_what_the_gateway_did_while_postgresql_was_away_comes_into_the_books(
    tmp_path: Path, temporal_server: Any, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> None:
    """The money was taken while the database restarted: the charge ends as captured, with one effect and its entries once."""
    port = free_port()
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        with postgres.start(tmp_path / "data", port, log=tmp_path / "log") as server:
            server.ensure_database("books")
            migrate.upgrade(server.url("books"))
            database = Database("books", server.url("books", user="quittance_app"), server.url("books"))
            settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
            running = await run_processes(stack, settings, simulators)
            confirm = "/v1/payment_intents/*/confirm"
            stripe_simulator.add_fault(method="POST", path=confirm, when="before", action="delay", delay_seconds=1.5)
            asking = asyncio.create_task(running.charge(running.request("stripe")))
            while not any("create" in str(row["idempotency_key"]) for row in stripe_simulator.truth()["requests"]):
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
        await asyncio.sleep(4)
        assert len(running.effects("stripe", "capture")) == 1
        assert not asking.done()
        with postgres.start(tmp_path / "data", port, log=tmp_path / "log"):
            view = await asyncio.wait_for(asking, 60)
            assert view.status is ChargeStatus.CAPTURED
            assert sorted(await running.rules(view.charge_id)) == ["captured", "fee_charged"]
            await running.engine.dispose()
    assert len(running.effects("stripe", "capture")) == 1
