"""`prove --repair` over real parts: a database restored from an older copy, and what crashes leave out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from commands import proof, prove, repair
from commands.errors import AnswerIsNo, WrongUse
from commands.repair import Proposals
from gateways.records import reader
from ledger.charges import CaptureMode
from ledger.proofs.findings import Code
from ledger.reports import EntryRecord
from local import postgres
from tests.conftest import Database
from tests.prove.test_prove import BAD, administrator, use_settings
from tests.workflows.conftest import GOOD, Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand, VoidCommand

ACTOR = "person:tester"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again soon."""
    monkeypatch.setattr(proof, "PAUSES_SECONDS", (0.1, 0.3, 1.0))
    monkeypatch.setattr(reader, "FIRST_WAIT_SECONDS", 0.01)


class Backup:
    """A copy of the test's database, made with CREATE DATABASE ... TEMPLATE."""

    def __init__(self, server: postgres.Postgres, processes: Processes, name: str) -> None:
        self._server = server
        self._processes = processes
        self._name = name

    async def take(self) -> None:
        """Copy the database as it is."""
        await self._replace(f"{self._name}_backup", self._name)

    async def restore(self) -> None:
        """Put the copy in the database's place."""
        await self._replace(self._name, f"{self._name}_backup")

    async def _replace(self, target: str, source: str) -> None:
        await self._processes.engine.dispose()
        async with await psycopg.AsyncConnection.connect(self._server.url(), autocommit=True) as connection:
            for database in (source, target):
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
                )
            await connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(target)))
            copy = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(target), Identifier(source))
            await connection.execute(copy)
        await self._processes.engine.dispose()


@pytest.fixture
def backup(postgres_server: postgres.Postgres, processes: Processes, database: Database) -> Backup:
    """A copy of this test's database, once it is taken."""
    return Backup(postgres_server, processes, database.name)


async def all_endings(processes: Processes, gateway: str) -> list[str]:
    """Charges of every ending at a gateway; returns their ids."""
    paid = await processes.charge(processes.request(gateway))
    await processes.refund(paid.charge_id, f"refund_{paid.charge_id}_b", 1000)
    await processes.refund(paid.charge_id, f"refund_{paid.charge_id}_a", 500)
    declined = await processes.charge(processes.request(gateway, BAD[gateway]))
    held = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    in_part = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    command = CaptureCommand(amount_minor=2000, actor=ACTOR)
    await processes.handle(in_part.charge_id).execute_update(ChargeWorkflow.capture, command)
    voided = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    await processes.handle(voided.charge_id).execute_update(ChargeWorkflow.void, VoidCommand(actor=ACTOR))
    return [each.charge_id for each in (paid, declined, held, in_part, voided)]


async def contents(processes: Processes, charge_ids: list[str]) -> dict[str, Any]:
    """What the books say of charges, apart from when it was written down and who asked for it."""
    found = {}
    for charge_id in charge_ids:
        row = await processes.row(charge_id)
        operations = {
            each.operation_id: (
                each.outcome,
                each.gateway_reference,
                each.payment_reference,
                each.fee_minor,
                each.attempt,
            )
            for each in await processes.operations(charge_id)
        }
        view = row.view().model_dump(exclude={"gateway_reason", "message"})
        found[charge_id] = (view, row.request_hash, operations, sorted(await processes.rules(charge_id)))
    return found


async def repaired(processes: Processes) -> Proposals:
    """Propose, and do what was proposed; the entries posted are those that were shown."""
    proposals = await repair.propose(processes.settings, ACTOR)
    posted = await repair.carry_out(processes.settings, proposals)
    shown = [movements(each) for proposal in proposals.to_do for each in proposal.entries]
    assert shown == [movements(each) for proposal in posted for each in proposal.entries]
    return proposals


def movements(entry: EntryRecord) -> tuple[object, ...]:
    """What an entry books, wherever in its accounts: each proposal is shown as if it were the only one."""
    lines = [(line.account, line.side, line.amount_minor, line.currency) for line in entry.lines]
    return entry.reference, entry.rule, lines


@pytest.mark.parametrize("gateway", GOOD)
async def test_a_restored_backup_is_brought_up_to_date(processes: Processes, backup: Backup, gateway: str) -> None:
    """Charges made after the backup come back from gateway and histories: the same books, proved, and once only."""
    before = [(await processes.charge(processes.request(gateway))).charge_id]
    await backup.take()
    charge_ids = [*before, *await all_endings(processes, gateway)]
    await processes.refund(before[0], f"refund_{before[0]}", 700)
    books, balances = await contents(processes, charge_ids), await processes.balances()
    assert (await proof.run(processes.settings)).verdict == "proved"
    await backup.restore()
    lost = await proof.run(processes.settings)
    found = {finding.code for finding in lost.findings}
    assert {Code.EFFECT_UNEXPLAINED, Code.OPERATION_UNRECORDED, Code.ANSWER_DIFFERS} <= found
    proposals = await repaired(processes)
    assert proposals.cannot == []
    assert await contents(processes, charge_ids) == books
    assert await processes.balances() == balances
    report = await proof.run(processes.settings)
    assert [finding.message for finding in report.findings] == []
    again = await repair.propose(processes.settings, ACTOR)
    assert (again.to_do, again.cannot) == ([], [])


async def test_a_process_that_comes_later_finds_it_done(processes: Processes, backup: Backup) -> None:
    """A charge that is held while the backup is restored is captured by its own process afterwards, once."""
    await backup.take()
    held = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    await backup.restore()
    await repaired(processes)
    command = CaptureCommand(actor=ACTOR)
    view = await processes.handle(held.charge_id).execute_update(ChargeWorkflow.capture, command)
    assert view.status == "captured"
    assert len(processes.effects("stripe", "capture")) == 1
    assert (await proof.run(processes.settings)).findings == ()


@pytest.mark.parametrize("gateway", GOOD)
async def test_without_any_history_the_gateway_tells(
    processes: Processes, backup: Backup, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Temporal forgot as well, what the gateway shows is booked, and said to be read there."""
    await backup.take()
    paid = await processes.charge(processes.request(gateway))
    await processes.refund(paid.charge_id, f"refund_{paid.charge_id}", 700)
    in_part = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    command = CaptureCommand(amount_minor=2000, actor=ACTOR)
    await processes.handle(in_part.charge_id).execute_update(ChargeWorkflow.capture, command)
    balances = await processes.balances()
    await backup.restore()
    forgotten = processes.settings.model_copy(update={"task_queue": "forgotten"})
    monkeypatch.setattr(repair, "names_of", lambda *_: [])
    proposals = await repair.propose(forgotten, ACTOR)
    assert proposals.cannot == []
    assert any("as its gateway shows it" in str(step) for each in proposals.to_do for step in each.plan.steps)
    await repair.carry_out(forgotten, proposals)
    assert await processes.balances() == balances
    assert (await proof.run(forgotten, histories=None)).findings == ()


@asynccontextmanager
async def as_it_was(database: Database, *statements: str) -> AsyncIterator[None]:
    """Take out of the books what a crash or a partly restored backup would have left out."""
    async with administrator(database) as connection:
        for statement in statements:
            await connection.execute(statement.encode())
        await connection.execute(AS_THE_LINES_SAY)
    yield


AS_THE_LINES_SAY = """
UPDATE balances b SET (balance_minor, version, event_high) = (
    SELECT coalesce(sum(l.after_minor - l.before_minor), 0), count(*), coalesce(max(l.event_at), '-infinity')
        FROM lines l WHERE l.account_id = b.account_id
)
"""
"""A crash or an old backup takes balances and lines together."""
UNDECIDED = (
    "DELETE FROM lines",
    "DELETE FROM entries",
    "UPDATE operations SET outcome = NULL, decided_at = NULL, gateway_reference = NULL, fee_status = 'none'",
    "UPDATE operations SET fee_minor = NULL, fee_currency = NULL, requested_at = requested_at - interval '1 hour'",
    "UPDATE charges SET status = 'processing', authorized_minor = 0, captured_minor = 0",
    "UPDATE charges SET created_at = created_at - interval '1 hour'",
)


@pytest.mark.parametrize("gateway", GOOD)
@pytest.mark.parametrize(
    "statements",
    [
        UNDECIDED,
        ("DELETE FROM lines", "DELETE FROM entries"),
        (
            "DELETE FROM lines WHERE entry_id IN (SELECT entry_id FROM entries WHERE reference LIKE '%:fee')",
            "DELETE FROM entries WHERE reference LIKE '%:fee'",
            "UPDATE operations SET fee_minor = NULL, fee_currency = NULL, fee_status = 'pending'",
            "UPDATE operations SET decided_at = decided_at - interval '2 days'",
        ),
    ],
    ids=["outcome", "entries", "fee"],
)
async def test_what_a_crash_left_out_is_put_back(
    processes: Processes, database: Database, gateway: str, statements: tuple[str, ...]
) -> None:
    """An effect without its outcome, a row without its entries, a fee that was never booked: each is posted once."""
    paid = await processes.charge(processes.request(gateway))
    books, balances = await contents(processes, [paid.charge_id]), await processes.balances()
    async with as_it_was(database, *statements):
        assert (await proof.run(processes.settings)).verdict == "findings"
    assert (await repaired(processes)).cannot == []
    assert await contents(processes, [paid.charge_id]) == books
    assert await processes.balances() == balances
    assert (await proof.run(processes.settings)).findings == ()


async def test_a_refund_that_came_back_is_booked(processes: Processes) -> None:
    """The books say again what the customer has, before the refund's process reads it for the next time."""
    paid = await processes.charge(processes.request("stripe", "pm_card_refundFail"))
    await processes.refund(paid.charge_id, f"refund_{paid.charge_id}", 1000)
    processes.simulators["stripe"].advance_clock(3 * 24 * 3600)
    await repaired(processes)
    assert (await processes.row(paid.charge_id)).refunded_minor == 0
    assert (await proof.run(processes.settings)).findings == ()


async def test_what_cannot_be_repaired_is_said(processes: Processes, database: Database) -> None:
    """Nothing is posted for a counter that somebody changed, and nothing is guessed."""
    await processes.charge(processes.request("stripe"))
    async with as_it_was(database, "UPDATE charges SET refunded_minor = 1"):
        proposals = await repair.propose(processes.settings, ACTOR)
    assert (proposals.to_do, proposals.report.verdict) == ([], "findings")


async def test_nothing_is_posted_without_agreement(
    processes: Processes,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command shows the entries, posts them with --yes only, and says the second time that nothing is left."""
    use_settings(monkeypatch, processes)
    paid = await processes.charge(processes.request("stripe"))
    async with as_it_was(database, "DELETE FROM lines", "DELETE FROM entries"):
        with pytest.raises(AnswerIsNo, match="give the command again with --yes"):
            await asyncio.to_thread(prove.prove, repair=True)
    shown = capsys.readouterr().out
    assert f"post the missing entries of {paid.charge_id}:capture:1" in shown
    assert "clearing:stripe" in shown
    assert await processes.rules(paid.charge_id) == []
    await asyncio.to_thread(prove.prove, repair=True, yes=True, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["done"], document["cannot"]) == (True, [])
    [charge] = document["charges"]
    assert [entry["rule"] for entry in charge["entries"]] == ["captured", "fee_charged"]
    await asyncio.to_thread(prove.prove, repair=True, yes=True)
    assert "Nothing to repair." in capsys.readouterr().out
    with pytest.raises(WrongUse, match="leave out --since"):
        await asyncio.to_thread(prove.prove, repair=True, since="1d")
    with pytest.raises(WrongUse, match="give it with --repair"):
        await asyncio.to_thread(prove.prove, yes=True)
