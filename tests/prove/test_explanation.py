"""`prove --charge`: one charge, told from all four sources."""

import asyncio
import json

import psycopg
import pytest

from commands import explanation, prove
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from ledger.charges import CaptureMode
from ledger.proofs.findings import Code
from tests.conftest import Database
from tests.prove.test_prove import use_settings
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand


async def captured_and_refunded(processes: Processes) -> str:
    """A charge that was authorized, captured in part and refunded in part; returns its id."""
    charge_id = (await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))).charge_id
    command = CaptureCommand(amount_minor=2000, actor="person:tester")
    await processes.handle(charge_id).execute_update(ChargeWorkflow.capture, command)
    await processes.refund(charge_id, f"refund_{charge_id}", 500)
    return charge_id


async def test_every_source_speaks_of_a_charge(processes: Processes) -> None:
    """Whoever has to explain a charge sees each operation, effect, entry and process, and where it is read."""
    charge_id = await captured_and_refunded(processes)
    found = await explanation.explain(processes.settings, charge_id)
    assert (found.verdict, found.findings) == ("proved", ())
    names = {(each.about, each.name) for each in found.statements}
    assert {name for about, name in names if about == "operation"} == {
        f"{charge_id}:authorize:1",
        f"{charge_id}:capture:1",
        f"{charge_id}:refund:1",
    }
    assert {("process", f"charge/{charge_id}"), ("process", f"refund/refund_{charge_id}")} <= names
    assert ("attempt", "1") in names
    assert {each.name for each in found.statements if each.about == "entry"} >= {f"{charge_id}:refund:1:reserved"}
    capture = next(each for each in found.statements if each.name == f"{charge_id}:capture:1")
    assert capture.text == "stripe was asked to capture 20.00 USD; outcome: succeeded."
    assert ("process", f"charge/{charge_id}") in capture.sources
    shown = [each.text for each in found.statements if each.about == "effect"]
    assert any(text.startswith("stripe shows the refund of 5.00 USD as done") for text in shown)
    assert all(each.sources for each in found.statements)


async def test_what_is_wrong_with_the_charge_is_said(processes: Processes, database: Database) -> None:
    """The explanation has the findings of the proof, and not those of other charges."""
    charge_id = await captured_and_refunded(processes)
    other = (await processes.charge(processes.request("paypal"))).charge_id
    async with await psycopg.AsyncConnection.connect(database.superuser_url) as administrator:
        await administrator.execute("UPDATE charges SET refunded_minor = 1 WHERE charge_id = %s", [charge_id])
    found = await explanation.explain(processes.settings, charge_id)
    assert [finding.code for finding in found.findings] == [Code.COUNTER_DIFFERS]
    assert (await explanation.explain(processes.settings, other)).findings == ()


async def test_the_command_prints_statements_with_their_sources(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """People read sentences, scripts the same with names of fields; an unknown charge is no success."""
    use_settings(monkeypatch, processes)
    charge_id = (await processes.charge(processes.request("stripe"))).charge_id
    await asyncio.to_thread(prove.prove, charge=charge_id, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["charge_id"], document["verdict"]) == (charge_id, "proved")
    assert document["statements"][0]["sources"] == [{"source": "books", "reference": charge_id}]
    await asyncio.to_thread(prove.prove, charge=charge_id)
    assert f"Proved: all sources agree on charge {charge_id}." in capsys.readouterr().out
    with pytest.raises(AnswerIsNo, match="neither the books nor Temporal know it"):
        await asyncio.to_thread(prove.prove, charge="nobody")
    with pytest.raises(WrongUse, match="leave out --since"):
        await asyncio.to_thread(prove.prove, charge=charge_id, since="7d")
    use_settings(monkeypatch, processes, temporal_address="127.0.0.1:9")
    with pytest.raises(OutOfReach, match="Temporal: the server could not be read"):
        await asyncio.to_thread(prove.prove, charge=charge_id)
