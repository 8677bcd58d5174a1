"""What people say about the recovery of an invoice, through the whole system: heard, written down with who and why, or refused."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.dunning_messages import NextKind
from tests.commands.conftest import Answer, CommandLine
from workflows.running_dunnings import RunningDunnings

NOW = datetime.now(UTC)
ALICE = ("--by", "alice")
BECAUSE = ("--because", "they called", *ALICE)
PATIENCE_SECONDS = 60

_numbers = itertools.count(1)


class Unpaid:
    """An invoice of a customer of its own that has no payment method, and is being recovered."""

    def __init__(self, cli: CommandLine) -> None:
        number = next(_numbers)
        self.cli, self.invoice_id, self.customer_id = cli, f"in_desk_{number}", f"cus_desk_{number}"
        self.done("customers", "add", self.customer_id, "--currency", "USD", *ALICE)
        line = ("--line", "19.00 revenue:subscriptions Pro", *ALICE)
        self.done("invoices", "draft", self.invoice_id, "--customer", self.customer_id, "--currency", "USD", *line)
        self.done("invoices", "finalize", self.invoice_id, *ALICE)
        self.done("dunning", "start", self.invoice_id, *BECAUSE)

    def done(self, *arguments: str) -> str:
        """What a command that must work prints."""
        answer = self.cli(*arguments)
        assert (answer.exit_code, answer.stderr) == (0, ""), answer.stderr
        return answer.stdout

    def __call__(self, command: str, *arguments: str, **environment: str) -> Answer:
        """Say something of it."""
        return self.cli("dunning", command, self.invoice_id, *arguments, *BECAUSE, **environment)

    def heard(self, command: str, *arguments: str) -> Any:
        """How it stands after something that must be heard."""
        answer = self(command, *arguments, "--json")
        assert (answer.exit_code, answer.stderr) == (0, ""), answer.stderr
        return answer.document

    def refused(self, command: str, *arguments: str) -> str:
        """The one line of something that contradicts how it stands."""
        answer = self(command, *arguments)
        assert (answer.exit_code, answer.stdout) == (1, ""), answer.stderr
        [line] = answer.lines
        return line.removeprefix(f"error: dunning {self.invoice_id}: ")

    def sheet(self) -> Any:
        return json.loads(self.done("dunning", "show", self.invoice_id, "--json"))

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """Wait until it stands so, and return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if holds(sheet := self.sheet()):
                return sheet
            time.sleep(0.3)
        raise AssertionError(sheet)


@pytest.fixture
def unpaid(cli: CommandLine) -> Unpaid:
    return Unpaid(cli)


def test_each_word_is_heard_and_written_down_with_who_and_why(unpaid: Unpaid) -> None:
    """Whoever asks later finds what was said, by whom, and what it changed."""
    until = f"{NOW + timedelta(days=5):%Y-%m-%dT%H:%MZ}"
    paused = unpaid.heard("pause", "--until", until)
    assert (paused["stage"], paused["next"], paused["next_at"][:16]) == ("wait", "wait: pause", until[:16])
    assert unpaid.heard("resume")["stage"] == "ask_customer"
    assert unpaid.heard("promise", "--until", "3d")["next"] == "wait: promise"
    assert unpaid.heard("resume")["stage"] == "ask_customer"
    assert (
        unpaid.heard("extend", "--until", "90d")["deadline"][:10]
        == f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    )
    assert unpaid.heard("hold")["next"] == "wait: legal_hold"
    assert unpaid.heard("release")["stage"] == "ask_customer"
    assert unpaid.heard("give-up")["invoice_id"] == unpaid.invoice_id
    sheet = unpaid.until(lambda stands: stands["ended_at"] is not None)
    assert (sheet["reason"], sheet["recovered_by"], sheet["began_by"]) == ("given_up", None, "person:alice")
    said = [(command["kind"], command["by"], command["because"]) for command in sheet["commands"]]
    kinds = ["paused", "resumed", "promised", "resumed", "extended", "legal_hold_began", "legal_hold_ended", "given_up"]
    assert said[:-1] == [(kind, "person:alice", "they called") for kind in kinds]
    assert said[-1][0] == "ended"


def test_what_contradicts_how_it_stands_is_refused_and_changes_nothing(unpaid: Unpaid) -> None:
    """One line that says what is in the way, exit code 1; the same of what comes after the end."""
    assert "there is nothing to resume" in unpaid.refused("resume")
    assert "under no legal hold to end" in unpaid.refused("release")
    assert "extend it until later" in unpaid.refused("extend", "--until", "1d")
    assert "is over 180 days" in unpaid.refused("pause", "--until", "200d")
    assert "the customer has no payment method" in unpaid.refused("retry")
    assert "there is no dunning policy 2026-11/gold: use one of 2026-11/standard" in unpaid.refused(
        "move", "2026-11/gold"
    )
    assert "goes by 2026-11/standard already" in unpaid.refused("move", "2026-11/standard")
    assert unpaid.sheet()["commands"] == []
    unpaid.heard("hold")
    assert "under a legal hold since" in unpaid.refused("hold")
    assert "nothing is tried" in unpaid.refused("retry")
    unpaid.heard("release")
    unpaid.heard("give-up")
    unpaid.until(lambda stands: stands["ended_at"] is not None)
    assert unpaid.refused("pause", "--until", "5d").endswith("(given_up), and takes no command any more")


def test_a_process_that_temporal_has_lost_is_started_again(unpaid: Unpaid) -> None:
    """All that it knows is in the books: the word is heard, and the recovery goes on."""
    unpaid.until(lambda _: running(unpaid))
    asyncio.run(ended(unpaid))
    assert not running(unpaid)
    assert unpaid.heard("pause", "--until", "5d")["next"] == "wait: pause"
    assert running(unpaid)


def test_a_try_that_a_person_asks_for_is_made_at_once(unpaid: Unpaid) -> None:
    """It brings the money without using up a try of the policy, and the end says that a retry did."""
    unpaid.heard("pause", "--until", "5d")
    card = ("--token", "pm_card_visa", "--brand", "visa")
    unpaid.done("methods", "add", "pm_desk", "--customer", unpaid.customer_id, "--gateway", "stripe", *card, *ALICE)
    assert "payment method pm_other is gone" in unpaid.refused("retry", "--method", "pm_other")
    unpaid.heard("retry", "--method", "pm_desk")
    sheet = unpaid.until(lambda stands: stands["ended_at"] is not None)
    assert (sheet["reason"], sheet["due_minor"]) == ("paid", 0)
    [tried] = sheet["tried"]
    assert (tried["method_id"], tried["outcome"], tried["uses_rung"]) == ("pm_desk", "approved", False)
    report = json.loads(unpaid.done("dunning", "report", "--json"))
    assert report["violations"] == []


def test_without_a_worker_nothing_is_said(unpaid: Unpaid) -> None:
    """Exit code 3 within seconds, with what to start; the books are as they were."""
    answer = unpaid("pause", "--until", "5d", TASK_QUEUE="nobody")
    assert (answer.exit_code, len(answer.lines)) == (3, 1)
    assert "no worker is running on task queue 'nobody'" in answer.lines[0]
    assert unpaid.sheet()["commands"] == []


def test_those_that_run_are_counted_by_stage(unpaid: Unpaid) -> None:
    """A dashboard shows the length of each work list; what has ended is in none."""
    unpaid.heard("pause", "--until", "5d")
    paused = until_counted(unpaid, "wait", lambda count: count >= 1)
    unpaid.heard("give-up")
    assert until_counted(unpaid, "wait", lambda count: count < paused) == paused - 1


class Told:
    """Keeps the numbers that were told last."""

    def __init__(self) -> None:
        self.by_stage: dict[str, int] = {}

    def set(self, value: int, additional_attributes: Mapping[str, str] | None = None) -> None:
        self.by_stage[(additional_attributes or {})["stage"]] = value


def until_counted(unpaid: Unpaid, stage: str, holds: Callable[[int], bool]) -> int:
    """Count until it is so: Temporal's list follows within a second or two."""

    async def counted() -> int:
        told = Told()
        client = await Client.connect(unpaid.cli.environment["TEMPORAL_ADDRESS"])
        await RunningDunnings(client, told).tell()
        assert set(told.by_stage) == set(NextKind)
        return told.by_stage[stage]

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holds(count := asyncio.run(counted())):
            return count
        time.sleep(0.3)
    raise AssertionError(count)


def running(unpaid: Unpaid) -> bool:
    async def status() -> WorkflowExecutionStatus | None:
        client = await Client.connect(unpaid.cli.environment["TEMPORAL_ADDRESS"])
        try:
            return (await client.get_workflow_handle(f"dunning/{unpaid.invoice_id}").describe()).status
        except Exception:  # noqa: BLE001 # it is not there yet
            return None

    return asyncio.run(status()) is WorkflowExecutionStatus.RUNNING


async def ended(unpaid: Unpaid) -> None:
    client = await Client.connect(unpaid.cli.environment["TEMPORAL_ADDRESS"])
    await client.get_workflow_handle(f"dunning/{unpaid.invoice_id}").terminate("lost")
