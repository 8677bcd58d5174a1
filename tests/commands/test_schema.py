"""`schema` is what other languages' programs start charges by: valid, complete, and enough on its own."""

import asyncio
import importlib
import inspect
import itertools
from pkgutil import iter_modules
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from temporalio.client import Client

import workflows
from tests.commands.conftest import CommandLine

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def described(cli: CommandLine) -> Any:
    """The printed document."""
    answer = cli.process("schema")
    assert answer.exit_code == 0
    return answer.document


def of_type(described: Any, name: str) -> Any:
    """The description of one process."""
    return next(process for process in described["workflows"] if process["type"] == name)


def test_every_schema_is_valid(described: Any) -> None:
    """A generator of code in another language can read each of them."""
    for process in described["workflows"]:
        messages = itertools.chain(process["updates"], process["signals"], process["queries"], [process])
        schemas = [message[part] for message in messages for part in ("input", "result") if message.get(part)]
        assert schemas
        for schema in schemas:
            Draft202012Validator.check_schema(schema)


def test_every_process_and_every_message_is_described(described: Any) -> None:
    """What the workers serve is what is printed: marked methods are counted in the sources, not through the SDK."""
    marks = {"updates": "@workflow.update", "signals": "@workflow.signal", "queries": "@workflow.query"}
    printed = {kind: sum(len(process[kind]) for process in described["workflows"]) for kind in marks}
    sources = [
        inspect.getsource(importlib.import_module(f"workflows.{module.name}"))
        for module in iter_modules(workflows.__path__)
    ]
    assert printed == {kind: sum(source.count(mark) for source in sources) for kind, mark in marks.items()}
    assert len(described["workflows"]) == sum(source.count("@workflow.defn") for source in sources)


def test_the_json_flag_changes_nothing(cli: CommandLine, described: Any) -> None:
    """A script may add `--json` to every reading command without knowing which."""
    assert cli("schema", "--json").document == described


def test_a_program_that_knows_only_the_schema_starts_a_charge(cli: CommandLine, described: Any) -> None:
    """Plain JSON in, plain JSON out: type, id, task queue, updates and results are as printed."""
    process = of_type(described, "Charge")
    request = {
        "charge_id": "foreign",
        "amount": {"amount_minor": 4999, "currency": "USD"},
        "customer": "cus_1",
        "payment_methods": [{"gateway": "stripe", "token": "pm_card_visa"}],
        "capture": "manual",
        "actor": "program:checkout",
    }
    Draft202012Validator(process["input"]).validate(request)

    async def play() -> tuple[Any, Any, Any]:
        client = await Client.connect(cli.environment["TEMPORAL_ADDRESS"])
        handle = await client.start_workflow(
            process["type"],
            request,
            id=process["workflow_id"].format(charge_id="foreign"),
            task_queue=described["task_queue"],
        )
        decided = await handle.execute_update("await_decision", {})
        await handle.execute_update("capture", {"amount_minor": 3000, "actor": "program:checkout"})
        return decided, await handle.query("status"), await handle.result()

    decided, status, result = asyncio.run(play())
    assert (decided["status"], status["status"]) == ("authorized", "partially_captured")
    assert result == status
    updates = {update["name"]: update for update in process["updates"]}
    [query] = process["queries"]
    Draft202012Validator(updates["await_decision"]["result"]).validate(decided)
    Draft202012Validator(query["result"]).validate(status)
    Draft202012Validator(process["result"]).validate(result)
    assert cli("status", "foreign", "--json").document["captured_minor"] == 3000
