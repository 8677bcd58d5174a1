"""Determinism: recorded histories of every ending replay with today's code, and today's code gives the same commands.

After a change of sequence that `workflow.patched` guards, keep the old recordings and add new ones with
`RECORD_HISTORIES=1 pytest tests/workflows/test_replay.py`.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.billed import SHORT_POLICY
from tests.workflows.billed_endings import BILLED_ENDINGS
from tests.workflows.conftest import Processes, run_processes, settings_for
from tests.workflows.endings import ENDINGS as OF_CHARGES
from workflows.adjustment import AdjustmentWorkflow
from workflows.charge import ChargeWorkflow
from workflows.dunning import DunningWorkflow
from workflows.hold import HoldWorkflow
from workflows.refund import RefundWorkflow
from workflows.split import SplitWorkflow
from workflows.subscription import SubscriptionWorkflow

ENDINGS = OF_CHARGES | BILLED_ENDINGS
HISTORIES = Path(__file__).parent / "histories"
RECORDED = sorted(HISTORIES.glob("*.json"))
CARELESS = (
    "the command sequence of a process has changed: charges that are under way would fail when they replay. Guard the"
    " change with `workflow.patched('name-of-the-change')`, keep the old recording under another name, and record the new"
    " one with `RECORD_HISTORIES=1 pytest tests/workflows/test_replay.py`"
)
COMMANDS = {
    "marker_recorded_event_attributes",
    "activity_task_scheduled_event_attributes",
    "timer_started_event_attributes",
    "start_child_workflow_execution_initiated_event_attributes",
    "signal_external_workflow_execution_initiated_event_attributes",
    "upsert_workflow_search_attributes_event_attributes",
    "workflow_execution_completed_event_attributes",
    "workflow_execution_failed_event_attributes",
}
LONG = {"dunning_ended_unpaid", "dunning_written_off"}
"""Endings that take their time to play; their recordings are replayed in any case."""
LOOKS = {
    "turn_subscription",
    "collect_invoice",
    "look_at_dunning",
    "timer_started",
    "upsert_workflow_search_attributes",
}


def fingerprint(history: WorkflowHistory) -> list[str]:
    """The commands of a run in their order, with the activity of each."""
    return [_command(event) for event in history.events if event.WhichOneof("attributes") in COMMANDS]


def _command(event: HistoryEvent) -> str:
    kind = str(event.WhichOneof("attributes")).removesuffix("_event_attributes")
    if event.HasField("activity_task_scheduled_event_attributes"):
        return f"{kind} {event.activity_task_scheduled_event_attributes.activity_type.name}"
    return kind


def steps(history: WorkflowHistory) -> list[str]:
    """The steps of a process that asks its books again whenever it is woken: how often it does so is chance, so looks are left out."""
    named = [_step(event) for event in history.events if event.WhichOneof("attributes") in COMMANDS]
    return [step for step in named if step not in LOOKS]


def _step(event: HistoryEvent) -> str:
    """A command, with the local activity of a marker."""
    if not event.HasField("marker_recorded_event_attributes"):
        return _command(event)
    (data,) = event.marker_recorded_event_attributes.details["data"].payloads
    return str(json.loads(data.data)["activity_type"])


def without_this_machine(part: Any) -> Any:
    """Leave out what says where a history was recorded: it is of no use to a replay."""
    if isinstance(part, dict):
        return {
            key: without_this_machine(value) for key, value in part.items() if key not in {"stackTrace", "identity"}
        }
    if isinstance(part, list):
        return [without_this_machine(value) for value in part]
    return part


def recorded(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


def test_every_ending_is_recorded() -> None:
    """A new ending comes with its history."""
    assert {path.stem for path in RECORDED} >= set(ENDINGS)


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
async def test_a_recorded_history_replays_with_todays_code(path: Path) -> None:
    """A charge that began before a deployment goes on after it."""
    replayer = Replayer(
        workflows=[
            ChargeWorkflow,
            RefundWorkflow,
            SplitWorkflow,
            AdjustmentWorkflow,
            HoldWorkflow,
            SubscriptionWorkflow,
            DunningWorkflow,
        ],
        data_converter=pydantic_data_converter,
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, path.read_text()))


@pytest.fixture
async def uncached(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
) -> AsyncIterator[Processes]:
    """Processes whose worker keeps nothing in memory, so that each step replays all before it."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        changes = {"max_cached_workflows": 0, "dunning_policy": str(SHORT_POLICY)}
        yield await run_processes(stack, settings.model_copy(update=changes), simulators)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.faults] if name in LONG else []) for name in ENDINGS]
)
async def test_todays_code_gives_the_recorded_commands(uncached: Processes, name: str) -> None:
    """A change of a process's command sequence is seen here before it meets a charge that is under way."""
    workflow_id = await ENDINGS[name](uncached)
    history = await uncached.client.get_workflow_handle(workflow_id).fetch_history()
    if os.environ.get("RECORD_HISTORIES"):
        cleaned = json.dumps(without_this_machine(json.loads(history.to_json())), separators=(",", ":"))
        (HISTORIES / f"{name}.json").write_text(cleaned + "\n")
    outline = steps if name in BILLED_ENDINGS else fingerprint
    assert outline(history) == outline(recorded(name)), CARELESS
