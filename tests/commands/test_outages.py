"""A part of the system that does not answer: one line that names it, exit code 3, soon, and nothing half done."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from local import worker
from local.ports import free_port
from tests.commands.conftest import Answer, CommandLine, Servers

pytestmark = pytest.mark.system

CHARGE = (
    "charge",
    "--amount",
    "5",
    "--currency",
    "USD",
    "--customer",
    "cus_1",
    "--payment-method",
    "stripe=pm_card_visa",
)
READING = [
    ("status", "any"),
    ("charges",),
    ("review", "list"),
    ("review", "show", "any"),
    ("ledger", "trial-balance"),
    ("ledger", "accounts"),
    ("ledger", "entries"),
    ("ledger", "entry", "any"),
    ("ledger", "statement", "any"),
    ("ledger", "chart", "show"),
    ("accounts", "show", "wallet:user:any"),
    ("holds", "list"),
    ("holds", "show", "any"),
]
SAID = ("--by", "alice", "--because", "looked")
WRITING = [
    (*CHARGE, "--id", "any"),
    (*CHARGE, "--id", "any", "--detach"),
    ("capture", "any"),
    ("void", "any"),
    ("refund", "any"),
    ("review", "resolve", "any", "--as", "failed", "--because", "looked", "--by", "alice"),
    ("accounts", "freeze", "wallet:user:any", "--currency", "USD", *SAID),
    ("holds", "void", "any", *SAID),
    ("holds", "post", "any", "--to", "revenue:sales", *SAID),
]
MOST_SECONDS = 9.0
"""The command's own limit is 5; the rest is for a machine that is busy."""

UNTIL_REFUSED = 4
"""Temporal takes no more questions once three attempts at a process's task have failed."""


@contextmanager
def silence() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def own_worker(servers: Servers, log: Path, **environment: str) -> Iterator[tuple[CommandLine, worker.Worker]]:
    """A worker of this test's own, on a task queue of its own."""
    changed = {**servers.environment, "TASK_QUEUE": f"own-{log.stem}", **environment}
    with worker.start(changed, health_port=free_port(), log=log) as running:
        yield CommandLine(changed, servers.simulators), running


def unreachable(answer: Answer, *parts: str) -> None:
    """Hold an answer to one line that names the part, and exit code 3."""
    assert (answer.exit_code, answer.stdout, len(answer.lines)) == (3, "", 1), answer
    assert all(part in answer.stderr for part in parts), answer.stderr


@pytest.mark.parametrize("arguments", [*READING, *WRITING, ("prove",)], ids=" ".join)
def test_without_postgresql_a_command_says_so(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """An operator reads which server at which address, and what to do; the password is not shown."""
    answer = cli(*arguments, DATABASE_URL="postgresql://app:secret@127.0.0.1:1/books")
    unreachable(answer, "PostgreSQL at 127.0.0.1:1/books cannot be reached", "make up", "DATABASE_URL")
    assert "secret" not in answer.stderr


def test_a_postgresql_that_is_silent_is_given_up_soon(cli: CommandLine) -> None:
    """A black hole in the network does not hang a script."""
    with silence() as address:
        begin = time.monotonic()
        answer = cli("charges", DATABASE_URL=f"postgresql://app@{address}/books")
        assert time.monotonic() - begin < MOST_SECONDS
    unreachable(answer, f"PostgreSQL at {address}/books cannot be reached")


def test_a_database_without_the_schema_is_told_from_a_missing_server(cli: CommandLine, servers: Servers) -> None:
    """The line says which command makes it."""
    empty = servers.superuser_url.rpartition("/")[0] + "/postgres"
    unreachable(cli("charges", DATABASE_URL=empty), "has not this version's schema", "python worker.py --migrate")
    missing = servers.superuser_url.rpartition("/")[0] + "/nothing"
    unreachable(cli("charges", DATABASE_URL=missing), "/nothing", "does not exist")


def test_without_temporal_nothing_is_started(cli: CommandLine) -> None:
    """The charge is not half there: later the same command makes it from the beginning."""
    arguments = (*CHARGE, "--id", "no_temporal")
    for options in ((), ("--detach",)):
        answer = cli(*arguments, *options, TEMPORAL_ADDRESS="127.0.0.1:1")
        unreachable(answer, "Temporal at 127.0.0.1:1 cannot be reached (Connection refused)", "TEMPORAL_ADDRESS")
    assert cli("status", "no_temporal").exit_code == 2
    assert cli(*arguments).exit_code == 0


@pytest.mark.parametrize("command", ["capture", "void", "refund"])
def test_without_temporal_a_command_changes_nothing(cli: CommandLine, command: str) -> None:
    """What the books say before is what they say after."""
    charge_id = f"down_{command}"
    cli.charge(charge_id, "stripe", "--capture", "automatic" if command == "refund" else "manual")
    before = cli("status", charge_id, "--json").document
    unreachable(cli(command, charge_id, TEMPORAL_ADDRESS="127.0.0.1:1"), "Temporal at 127.0.0.1:1 cannot be reached")
    assert cli("status", charge_id, "--json").document == before


def test_a_temporal_that_is_silent_is_given_up_soon(cli: CommandLine) -> None:
    """A black hole in the network does not hang a script."""
    with silence() as address:
        begin = time.monotonic()
        answer = cli(*CHARGE, "--id", "silent", TEMPORAL_ADDRESS=address)
        assert time.monotonic() - begin < MOST_SECONDS
    unreachable(answer, f"Temporal at {address} cannot be reached")


def test_a_namespace_that_is_not_there_is_named(cli: CommandLine) -> None:
    """A wrong setting is told from a server that is down."""
    unreachable(cli(*CHARGE, TEMPORAL_NAMESPACE="nowhere"), "has no namespace 'nowhere'", "TEMPORAL_NAMESPACE")


def test_reading_needs_no_temporal(cli: CommandLine) -> None:
    """The books can be read while the processes stand still."""
    cli.charge("readable")
    assert cli("status", "readable", TEMPORAL_ADDRESS="127.0.0.1:1").exit_code == 0
    assert cli("charges", TEMPORAL_ADDRESS="127.0.0.1:1").exit_code == 0


def test_without_a_worker_nothing_is_started(cli: CommandLine) -> None:
    """Nobody would carry it out: the line says what to start, and nothing waits in the dark."""
    arguments = (*CHARGE, "--id", "no_worker")
    answer = cli.process(*arguments, TASK_QUEUE="nobody")
    unreachable(
        answer, "no worker is running on task queue 'nobody', so nothing was done", "python worker.py", "make up"
    )
    assert cli("status", "no_worker").exit_code == 2
    assert cli(*arguments).exit_code == 0


def test_a_worker_that_died_is_named_and_the_next_one_goes_on(servers: Servers, tmp_path: Path) -> None:
    """The charge waits for a worker, not for a person; the same command joins it."""
    arguments = (*CHARGE, "--id", "orphan", "--json")
    with own_worker(servers, tmp_path / "died") as (cli, running):
        assert cli(*CHARGE).exit_code == 0
        running.process.kill()
        answer = cli.process(*arguments, "--timeout", "3")
        unreachable(answer, "charge orphan is not decided after 3 s", "worker", "'own-died'", "status orphan")
    with own_worker(servers, tmp_path / "died") as (cli, _):
        answer = cli(*arguments)
        assert (answer.exit_code, answer.document["status"]) == (0, "captured")


async def test_a_process_at_which_workers_fail_again_and_again_is_waited_for(servers: Servers, tmp_path: Path) -> None:
    """Temporal takes no questions for such a process: the command is no judge of that, and asks until a worker is mended."""
    arguments = (*CHARGE, "--id", "mended", "--json")
    cli = CommandLine({**servers.environment, "TASK_QUEUE": "own-mended"}, servers.simulators)
    client = await Client.connect(servers.environment["TEMPORAL_ADDRESS"])
    assert (await asyncio.to_thread(cli.process, *arguments, "--detach")).exit_code == 0
    async with Worker(client, task_queue="own-mended", workflows=[DefectiveCharge]):
        while await _failures(client, "charge/mended") < UNTIL_REFUSED:
            await asyncio.sleep(0.2)
        asking = cli.start(*arguments, "--timeout", "50")
        await asyncio.sleep(5)
        assert asking.poll() is None
    with asking, own_worker(servers, tmp_path / "mended"):
        answer = await asyncio.to_thread(cli.end, asking)
    assert answer.exit_code == 0, answer.stderr
    assert answer.document["status"] == "captured"


@workflow.defn(name="Charge", sandboxed=False)
class DefectiveCharge:
    """A charge of a worker with a defect: none of its tasks comes to an end."""

    @workflow.run
    async def run(self, request: Any) -> None:  # noqa: ARG002 # the input of a charge
        """Fail the task, not the process."""
        raise RuntimeError("a defect")


async def _failures(client: Client, workflow_id: str) -> int:
    """How often the task that waits was tried."""
    description = await client.get_workflow_handle(workflow_id).describe()
    return description.raw_description.pending_workflow_task.attempt


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_gateway_that_is_down_is_named(servers: Servers, tmp_path: Path, gateway: str) -> None:
    """The line names the gateway and what failed, before the charge itself gives up; the other gateway is not blamed."""
    address = {f"{gateway.upper()}_API_BASE": "http://127.0.0.1:1"}
    with own_worker(servers, tmp_path / f"down-{gateway}", **address) as (cli, _):
        answer = cli.charge(f"gone_{gateway[0]}", gateway, "--timeout", "4")
        unreachable(
            answer,
            f"charge gone_{gateway[0]} is not decided after 4 s: {gateway} cannot be reached (",
            "it goes on by itself",
        )
        assert {"stripe": "paypal", "paypal": "stripe"}[gateway] not in answer.stderr


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"action": "html"}, "stripe gives no usable answer ("),
        ({"action": "rate_limit", "retry_after": 1}, "stripe takes no more requests for now ("),
    ],
)
def test_a_gateway_that_is_ill_is_named(cli: CommandLine, fault: dict[str, Any], reason: str) -> None:
    """An operator reads what the gateway does instead of answering; once it is well the charge is made."""
    stripe = cli.simulators["stripe"]
    charge_id = f"ill_{fault['action']}"
    stripe.add_fault(method="*", path="/v1/*", when="before", times=1000, **fault)
    try:
        unreachable(cli.charge(charge_id, "stripe", "--timeout", "2"), f"is not decided after 2 s: {reason}")
    finally:
        stripe.clear_faults()
    assert cli.until(charge_id, "captured")["captured_minor"] == 4999


def test_a_charge_that_was_never_sent_is_no_decline(cli: CommandLine, servers: Servers) -> None:
    """A gateway that was away until the charge gave up did not say no: the script may try again, under another id."""
    cli.charge("unsent", "stripe", "--payment-method", "stripe=pm_card_visa_chargeDeclined")
    with psycopg.connect(servers.superuser_url) as connection:
        reason = "stripe: no connection"
        changes = "UPDATE charges SET decline_code = 'gateway_unreachable', message = %s WHERE charge_id = 'unsent'"
        connection.execute(changes, [reason])
    answer = cli.charge("unsent", "stripe", "--payment-method", "stripe=pm_card_visa_chargeDeclined")
    assert (answer.exit_code, answer.document["decline_code"]) == (3, "gateway_unreachable")
    advice = "nothing was sent, so try again under another id once stripe answers"
    said = f"charge unsent is declined: 49.99 USD at stripe: gateway_unreachable: {reason}"
    assert answer.lines == [f"error: {said}; {advice}"]
