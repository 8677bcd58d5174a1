"""A worker in this process over real parts: PostgreSQL, Temporal and both gateway simulators."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

import worker
from gateways import adapters
from ledger import charges, operations, reports
from ledger.charges import Charge, ChargeRequest, ChargeView
from ledger.database import create_engine
from ledger.money import Money
from ledger.operations import Operation
from ledger.payment_methods import PaymentMethod
from ledger.refunds import RefundRequest, RefundView
from local.simulators import SimulatorProcess
from settings import Settings
from tests.conftest import Database
from workflows import charge, refund
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import AwaitDecision
from workflows.client import connect
from workflows.refund import AwaitRefundDecision, RefundWorkflow

_numbers = itertools.count(1)

GOOD = {"stripe": "pm_card_visa", "paypal": "wallet_ok"}


@dataclass(frozen=True)
class Processes:
    """What a test does with the running processes."""

    settings: Settings
    client: Client
    engine: AsyncEngine
    simulators: dict[str, SimulatorProcess]

    def request(self, gateway: str, token: str | None = None, **changes: Any) -> ChargeRequest:
        """Ask for 49.99 USD at one gateway, under a fresh id."""
        fields = {
            "charge_id": f"ch_{os.getpid()}_{next(_numbers)}",
            "amount": Money.parse("49.99", "USD"),
            "customer": "cus_1",
            "payment_methods": (PaymentMethod(gateway=gateway, token=token or GOOD[gateway]),),
            "actor": "person:tester",
        }
        return ChargeRequest.model_validate(fields | changes)

    async def charge(
        self, request: ChargeRequest, *, through_action: bool = False, update_id: str | None = None
    ) -> ChargeView:
        """Start a charge and wait for its decision, in one call; who asks again under one update id asks once."""
        start = WithStartWorkflowOperation(
            ChargeWorkflow.run,
            request,
            id=charge.workflow_id(request.charge_id),
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        _take_error(start)
        decision = AwaitDecision(content_hash=request.content_hash(), through_action=through_action)
        return await self.client.execute_update_with_start_workflow(
            ChargeWorkflow.await_decision, decision, start_workflow_operation=start, id=update_id
        )

    async def refund(
        self, charge_id: str, refund_id: str, amount_minor: int | None = None, *, update_id: str | None = None
    ) -> RefundView:
        """Start a refund and wait for its decision; who asks again under one update id asks once."""
        request = RefundRequest(
            refund_id=refund_id, charge_id=charge_id, amount_minor=amount_minor, actor="person:tester"
        )
        start = WithStartWorkflowOperation(
            RefundWorkflow.run,
            request,
            id=refund.workflow_id(refund_id),
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        _take_error(start)
        return await self.client.execute_update_with_start_workflow(
            RefundWorkflow.await_decision, AwaitRefundDecision(), start_workflow_operation=start, id=update_id
        )

    def handle(self, charge_id: str) -> Any:
        """The process of a charge."""
        return self.client.get_workflow_handle_for(ChargeWorkflow.run, charge.workflow_id(charge_id))

    async def row(self, charge_id: str) -> Charge:
        """The charge's row."""
        async with self.engine.connect() as connection:
            return await charges.known(connection, charge_id)

    async def operations(self, charge_id: str) -> list[Operation]:
        """The charge's operations."""
        async with self.engine.connect() as connection:
            return list(await operations.of_charge(connection, charge_id))

    async def rules(self, charge_id: str) -> list[str]:
        """The posting rules of the charge's entries, in the order in which they were recorded."""
        async with self.engine.connect() as connection:
            return [entry.rule for entry in await reports.entries(connection, charge_id=charge_id)]

    async def balances(self) -> dict[tuple[str, str], int]:
        """Each account's balance in minor units on its normal side, without those that are zero."""
        async with self.engine.connect() as connection:
            rows = await reports.account_balances(connection)
        return {(row.account, row.currency): row.balance_minor for row in rows if row.balance_minor}

    def effects(self, gateway: str, kind: str) -> list[dict[str, Any]]:
        """What really happened at a gateway, from its own record."""
        return [effect for effect in self.simulators[gateway].truth()["effects"] if effect["kind"] == kind]


def _take_error(start: WithStartWorkflowOperation[Any, Any]) -> None:
    """Take the error that a start keeps for whoever asks it for the process: nobody does, and asyncio reports that."""
    process = asyncio.ensure_future(start.workflow_handle())
    process.add_done_callback(lambda task: task.cancelled() or task.exception())


def settings_for(
    database: Database, temporal_address: str, stripe: SimulatorProcess, paypal: SimulatorProcess
) -> Settings:
    """Settings of one test: its own database and its own task queue."""
    return Settings(
        _env_file=None,
        database_url=database.app_url,
        migration_database_url=database.superuser_url,
        temporal_address=temporal_address,
        stripe_api_base=stripe.url,
        paypal_api_base=paypal.url,
        task_queue=f"test-{os.getpid()}-{next(_numbers)}",
        gateway_timeout_seconds=2,
        allow_unsafe_database=True,
    )


async def run_processes(
    stack: AsyncExitStack, settings: Settings, simulators: dict[str, SimulatorProcess]
) -> Processes:
    """Run a worker for as long as the stack stands."""
    client = await connect(settings)
    engine = create_engine(settings.database_url, settings.database_pool_size)
    stack.push_async_callback(engine.dispose)
    gateways = adapters.of_settings(settings)
    for gateway in gateways.values():
        stack.push_async_callback(gateway.close)
    for part in worker.workers_of(settings, client, engine, gateways):
        await stack.enter_async_context(part)
    return Processes(settings, client, engine, simulators)


@pytest.fixture
async def processes(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
) -> AsyncIterator[Processes]:
    """Charges and refunds, running over this test's own database."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    async with AsyncExitStack() as stack:
        yield await run_processes(stack, settings, {"stripe": stripe_simulator, "paypal": paypal_simulator})
