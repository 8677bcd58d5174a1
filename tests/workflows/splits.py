"""Splits on real parts: how a test asks for one, watches it, and holds what is left of it to all or nothing."""

import asyncio
import os
from collections.abc import Sequence
from itertools import count
from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from commands import proof
from ledger import operations, split_legs
from ledger import splits as rows
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.split_legs import Leg
from ledger.splits import Split, SplitLeg, SplitRequest, SplitStatus, SplitView
from tests.workflows.conftest import Processes
from workflows import split
from workflows.charge_commands import CancelCommand
from workflows.split import AwaitSplit, SplitWorkflow

Asked = tuple[str, str, str]
"""What a leg is asked for: an amount, a gateway, a token."""
GOOD: tuple[Asked, ...] = (("60", "stripe", "pm_card_visa"), ("40", "paypal", "wallet_ok"))
MONEY = ("authorize", "capture", "void", "refund")
WITH_PATIENCE = 60
ANSWER_SECONDS = 200
"""Longer than a worker that has died keeps anybody waiting."""
_numbers = count(1)


def request(*legs: Asked, currency: str = "USD", **changes: Any) -> SplitRequest:
    """Ask for these legs, under a fresh id."""
    asked = [
        SplitLeg(amount=Money.parse(amount, currency), payment_methods=(PaymentMethod(gateway=gateway, token=token),))
        for amount, gateway, token in legs
    ]
    whole = Money(amount_minor=sum(leg.amount.amount_minor for leg in asked), currency=currency)
    fields = {"split_id": f"sp_{os.getpid()}_{next(_numbers)}", "amount": whole, "customer": "cus_1"}
    return SplitRequest.model_validate({**fields, "legs": tuple(asked), "actor": "person:tester", **changes})


def _operation(processes: Processes, asked: SplitRequest) -> "WithStartWorkflowOperation[Any, Any]":
    return WithStartWorkflowOperation(
        SplitWorkflow.run,
        asked,
        id=split.workflow_id(asked.split_id),
        task_queue=processes.settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )


async def play(processes: Processes, asked: SplitRequest, known_action_url: str | None = None) -> SplitView:
    """Start a split, or join it, and wait for its answer."""
    question = AwaitSplit(content_hash=asked.content_hash(), known_action_url=known_action_url)
    async with asyncio.timeout(ANSWER_SECONDS):
        return await processes.client.execute_update_with_start_workflow(
            SplitWorkflow.await_decision, question, start_workflow_operation=_operation(processes, asked)
        )


async def cancel(processes: Processes, asked: SplitRequest) -> SplitView:
    """Call a split off; one whose process has ended is taken up again."""
    command = CancelCommand(actor="person:tester")
    async with asyncio.timeout(ANSWER_SECONDS):
        return await processes.client.execute_update_with_start_workflow(
            SplitWorkflow.cancel, command, start_workflow_operation=_operation(processes, asked)
        )


def handle(processes: Processes, asked: SplitRequest) -> Any:
    """The process of a split."""
    return processes.client.get_workflow_handle_for(SplitWorkflow.run, split.workflow_id(asked.split_id))


async def row(processes: Processes, asked: SplitRequest) -> tuple[Split, list[Leg]]:
    """What the books have of a split."""
    async with processes.engine.connect() as connection:
        found = await rows.known(connection, asked.split_id)
        return found, await split_legs.of_split(connection, asked.split_id, asked.charges)


async def until(processes: Processes, asked: SplitRequest, *statuses: SplitStatus) -> SplitView:
    """Wait until a split has one of these statuses."""
    async with asyncio.timeout(WITH_PATIENCE):
        while (view := await handle(processes, asked).query(SplitWorkflow.status)).status not in statuses:
            await asyncio.sleep(0.1)
    return SplitView.model_validate(view)


async def until_begun(processes: Processes, asked: SplitRequest, number: int, kind: str) -> None:
    """Wait until an operation of a leg is written down, and a moment longer, so that its gateway works on it."""
    async with asyncio.timeout(WITH_PATIENCE):
        while True:
            async with processes.engine.connect() as connection:
                found = await operations.of_charge(connection, f"{asked.split_id}.{number}")
            if any(operation.kind == kind for operation in found):
                break
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)


def at(processes: Processes, gateway: str) -> list[str]:
    """What moved money at one gateway, in its order, as `{leg}:{kind}`."""
    names = [
        effect["idempotency_key"] or ""
        for effect in processes.simulators[gateway].truth()["effects"]
        if effect["kind"] in MONEY
    ]
    return [":".join(name.rpartition(".")[2].split(":")[:2]) for name in names]


async def decided(processes: Processes, charge_ids: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """The operations of these kinds in the order in which they were written down, as `{leg}:{kind}`."""
    found = [
        (operation.requested_at, operation.operation_id)
        for charge_id in charge_ids
        for operation in await processes.operations(charge_id)
        if operation.kind in kinds
    ]
    return [":".join(name.rpartition(".")[2].split(":")[:2]) for _, name in sorted(found)]


async def require_nothing_kept(processes: Processes, asked: SplitRequest) -> None:
    """No leg holds or keeps anything, at the gateways and in the books, and the proof finds nothing."""
    for gateway in processes.simulators:
        taken = sum(effect["amount_minor"] for effect in processes.effects(gateway, "capture"))
        given_back = sum(effect["amount_minor"] for effect in processes.effects(gateway, "refund"))
        assert taken == given_back, gateway
    balances = await processes.balances()
    assert not [code for code, _ in balances if code.startswith(("memo:", "liability:"))]
    assert balances.get(("revenue:sales", "USD"), 0) == balances.get(("revenue:refunds", "USD"), 0)
    await require_proof(processes)


async def require_proof(processes: Processes) -> None:
    """The proof reads every source and finds nothing."""
    report = await proof.run(processes.settings)
    assert ([finding.message for finding in report.findings], report.unread) == ([], ())
