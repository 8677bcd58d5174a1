"""The processes as a source of the proof: over real Temporal, and over recorded histories."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from commands import proof, replays
from commands.process_records import ProcessesUnreadable, history_row
from ledger.proofs.evidence import Answer, Sent
from ledger.proofs.findings import Code
from ledger.proofs.invariants import Invariant, State
from tests.conftest import Database
from tests.workflows.billed import billed
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow

HISTORIES = Path(__file__).parents[1] / "workflows" / "histories"
AUTHENTICATE = "pm_card_authenticationRequired"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again soon."""
    monkeypatch.setattr(proof, "PAUSES_SECONDS", (0.1, 0.3, 1.0))


def recorded(name: str, *changes: tuple[str, str]) -> WorkflowHistory:
    """A recorded history, with some of its text changed."""
    text = (HISTORIES / f"{name}.json").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return WorkflowHistory.from_json(f"charge/{name}", text)


async def replayed(*histories: WorkflowHistory) -> dict[str, str | None]:
    """Replay, and tell which failed and why."""

    async def given() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    return dict([each async for each in replays.failures(given())])


async def test_a_history_that_todays_code_would_not_write_is_told() -> None:
    """One that differs does not hide those behind it."""
    changed = recorded("declined", ('"activityType":{"name":"capture"}', '"activityType":{"name":"refund"}'))
    found = await replayed(recorded("captured"), changed, recorded("voided"))
    assert (found["charge/captured"], found["charge/voided"]) == (None, None)
    assert "charge/declined" in found
    assert found["charge/declined"]


def test_a_history_is_read_as_what_was_sent_and_told() -> None:
    """Who reads it needs none of our code: payloads are plain JSON."""
    history = recorded("partially_captured")
    row = history_row(history.events, history.workflow_id)
    assert row.charge_id is not None
    assert row.sent == (
        Sent(f"{row.charge_id}:authorize:1", "authorize", row.sent[0].gateway),
        Sent(f"{row.charge_id}:capture:1", "capture", row.sent[0].gateway),
    )
    assert [answer.status for answer in row.answers][-1] == "partially_captured"
    assert isinstance(row.answers[-1], Answer)


def test_payloads_that_cannot_be_read_prove_nothing() -> None:
    """A namespace whose payloads are encrypted is said to be unreadable, and not taken for silent."""
    history = recorded("captured")
    started = history.events[0].workflow_execution_started_event_attributes
    started.input.payloads[0].CopyFrom(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?"))
    with pytest.raises(ProcessesUnreadable, match="written as binary/encrypted"):
        history_row(history.events, history.workflow_id)


async def test_an_operation_whose_process_was_ended_is_orphaned(processes: Processes, database: Database) -> None:
    """Somebody terminates a process in the Web UI: the charge would wait for ever, and nobody would know."""
    view = await processes.charge(processes.request("stripe", AUTHENTICATE))
    assert (await proof.run(processes.settings)).findings == ()
    await processes.handle(view.charge_id).terminate()
    async with await psycopg.AsyncConnection.connect(database.superuser_url) as administrator:
        await administrator.execute("UPDATE operations SET requested_at = requested_at - interval '5 minutes'")
    report = await proof.run(processes.settings)
    assert [finding.code for finding in report.findings] == [Code.OPERATION_ORPHANED]
    assert f"charge/{view.charge_id} is terminated" in report.findings[0].message


async def test_without_temporal_nothing_is_proved_unless_it_is_left_out(processes: Processes) -> None:
    """An outage is said; whoever leaves the processes out is told what was not checked."""
    await processes.charge(processes.request("stripe"))
    away = processes.settings.model_copy(update={"temporal_address": "127.0.0.1:9"})
    report = await proof.run(away)
    assert (report.verdict, report.exit_code, report.findings) == ("not_read", 3, ())
    assert [line.startswith("Temporal: the server could not be read") for line in report.unread] == [True]
    report = await proof.run(away, histories=None)
    assert report.verdict == "proved"
    unchecked = {each.invariant for each in report.invariants if each.state is State.NOT_CHECKED}
    assert unchecked == {Invariant.I5, Invariant.I7, Invariant.I8, Invariant.I9}  # nothing is sealed here


async def test_as_many_histories_are_replayed_as_was_asked_for(processes: Processes) -> None:
    """A daily proof has a bound; the report says how many of how many."""
    for _ in range(3):
        await processes.charge(processes.request("stripe"))
    report = await proof.run(processes.settings, histories=2)
    assert (report.processes, report.histories, report.verdict) == (3, 2, "proved")
    assert (await proof.run(processes.settings, histories=1000)).histories == 3


async def test_a_history_that_does_not_replay_is_a_finding(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that would break processes under way is seen before it is deployed."""
    view = await processes.charge(processes.request("stripe"))
    monkeypatch.setattr(replays, "process_classes", lambda: [_other_charge()])
    report = await proof.run(processes.settings)
    assert [(each.code, each.charge_id) for each in report.findings] == [(Code.HISTORY_DIFFERS, view.charge_id)]


async def test_the_processes_of_billing_are_replayed_too(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they move is moved by charges; of them the proof says whether they would survive a release."""
    async with billed(processes) as story:
        await story.customer()
        await story.card_method("refused", "insufficient_funds")
        await story.subscribe()
        await story.begin()
        await story.until_dunned()
        report = await proof.run(processes.settings)
        assert (report.processes, report.histories, report.verdict) == (3, 3, "proved")
        monkeypatch.setattr(replays, "process_classes", lambda: [ChargeWorkflow])
        report = await proof.run(processes.settings)
    found = [(each.code, each.charge_id, each.message.split(":")[0]) for each in report.findings]
    assert sorted(found, key=str) == [
        (Code.HISTORY_DIFFERS, None, f"process dunning/{story.first}"),
        (Code.HISTORY_DIFFERS, None, f"process subscription/{story.name}"),
    ]


def _other_charge() -> type:
    from tests.prove.other_charge import OtherCharge  # noqa: PLC0415 # the SDK reads the class from its module

    return OtherCharge
