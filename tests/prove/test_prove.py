"""The proof over real parts: charges that ran through real processes, and defects planted in what they left."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from commands import proof, prove
from commands.errors import AnswerIsNo, OutOfReach
from commands.proof_report import ProofReport
from gateways.records import reader
from ledger.charges import CaptureMode
from ledger.money import Money
from ledger.proofs import withdrawal_checks
from ledger.proofs.findings import Code, NoteCode
from ledger.protection import declared
from tests.conftest import Database
from tests.workflows.conftest import GOOD, Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand, VoidCommand

ACTOR = "person:tester"
BAD = {"stripe": "pm_card_visa_chargeDeclined", "paypal": "wallet_locked"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again soon, and do not wait long for a gateway that fails."""
    monkeypatch.setattr(proof, "PAUSES_SECONDS", (0.1, 0.3, 1.0))
    monkeypatch.setattr(reader, "FIRST_WAIT_SECONDS", 0.01)


async def all_sorts(processes: Processes) -> list[str]:
    """Charges of every ending at both gateways; returns their ids."""
    charge_ids = []
    for gateway in GOOD:
        paid = await processes.charge(processes.request(gateway))
        await processes.refund(paid.charge_id, f"refund_{paid.charge_id}_1", 1000)
        await processes.refund(paid.charge_id, f"refund_{paid.charge_id}_2", 500)
        whole = await processes.charge(processes.request(gateway, amount=Money.parse("7000", "JPY")))
        declined = await processes.charge(processes.request(gateway, BAD[gateway]))
        held = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
        in_part = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
        command = CaptureCommand(amount_minor=2000, actor=ACTOR)
        await processes.handle(in_part.charge_id).execute_update(ChargeWorkflow.capture, command)
        voided = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
        await processes.handle(voided.charge_id).execute_update(ChargeWorkflow.void, VoidCommand(actor=ACTOR))
        charge_ids += [each.charge_id for each in (paid, whole, declined, held, in_part, voided)]
    return charge_ids


def codes(report: ProofReport) -> list[tuple[str, str | None]]:
    """What was found, and for which charge."""
    return [(finding.code.value, finding.charge_id) for finding in report.findings]


@asynccontextmanager
async def administrator(database: Database) -> AsyncIterator[psycopg.AsyncConnection]:
    """Somebody who may do anything, and turns the journal's guards off while the block runs."""
    async with await psycopg.AsyncConnection.connect(database.superuser_url) as connection:
        for table in ("entries", "lines"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        # What the processes post meanwhile still belongs to a month.
        await connection.execute("ALTER TABLE entries ENABLE ALWAYS TRIGGER entry_gets_period")
        yield connection
        await connection.commit()
        for table in ("entries", "lines"):
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        for guard in declared.guards():
            if guard.table in {"entries", "lines"}:
                await connection.execute(f"ALTER TABLE {guard.table} ENABLE ALWAYS TRIGGER {guard.name}".encode())


async def test_charges_of_every_ending_are_proved(processes: Processes) -> None:
    """What the processes do at the gateways is what they write into the books, to the last minor unit."""
    charge_ids = await all_sorts(processes)
    report = await proof.run(processes.settings)
    assert [finding.message for finding in report.findings] == []
    assert (report.verdict, report.exit_code, report.unread) == ("proved", 0, ())
    assert report.charges == len(charge_ids)
    assert report.effects == sum(
        effect["kind"] in {"authorize", "capture", "refund"}
        for gateway in GOOD
        for effect in processes.simulators[gateway].truth()["effects"]
    )


async def test_an_empty_system_is_proved(processes: Processes) -> None:
    """Nothing is in order."""
    report = await proof.run(processes.settings)
    assert (report.verdict, report.charges, report.effects) == ("proved", 0, 0)


async def test_a_running_system_gives_no_alarm(processes: Processes) -> None:
    """The proof may be run at any time: charges that are under way while it reads are no findings."""
    done = asyncio.Event()

    async def keep_charging(gateway: str) -> int:
        count = 0
        while not done.is_set():
            charged = await processes.charge(processes.request(gateway))
            await processes.refund(charged.charge_id, f"refund_{charged.charge_id}", 1000)
            count += 1
        return count

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(keep_charging(gateway)) for gateway in ("stripe", "paypal", "stripe", "paypal")]
        reports = [await proof.run(processes.settings)]
        async with asyncio.timeout(60):
            while reports[-1].charges < 12:
                reports.append(await proof.run(processes.settings))
        done.set()
    assert [finding.message for report in reports for finding in report.findings] == []
    assert [report.unread for report in reports if report.unread] == []
    assert sum(worker.result() for worker in workers) >= 12
    assert codes(await proof.run(processes.settings)) == []


async def test_a_refund_of_the_dashboard_is_missed_in_the_books(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money that somebody gives back past the books is found, with the gateway's object and the charge."""
    paid = await processes.charge(processes.request("stripe"))
    [operation] = await processes.operations(paid.charge_id)
    async with httpx.AsyncClient(base_url=processes.settings.stripe_api_base, trust_env=False) as person:
        headers = {"Authorization": "Bearer sk_test_person"}
        data = {"payment_intent": operation.payment_reference, "amount": "700"}
        made = (await person.post("/v1/refunds", headers=headers, data=data)).json()
    soon = await proof.run(processes.settings)
    assert (codes(soon), [note.code for note in soon.notes]) == ([], [NoteCode.IN_PROGRESS])
    monkeypatch.setattr(withdrawal_checks, "BOOKED_WITHIN", timedelta(0))
    report = await proof.run(processes.settings)
    assert codes(report) == [(Code.WITHDRAWAL_MISSING, paid.charge_id)]
    assert report.findings[0].gateway_reference == made["id"]
    assert "7.00 USD" in report.findings[0].message
    assert (report.verdict, report.exit_code) == ("findings", 1)


async def test_a_payment_of_another_program_is_unexplained(processes: Processes) -> None:
    """A payment that names no charge of ours is reported without one."""
    async with httpx.AsyncClient(base_url=processes.settings.stripe_api_base, trust_env=False) as person:
        headers = {"Authorization": "Bearer sk_test_person"}
        data = {"amount": "700", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
        await person.post("/v1/payment_intents", headers=headers, data=data | {"return_url": "https://shop.example"})
    assert codes(await proof.run(processes.settings)) == [(Code.EFFECT_UNEXPLAINED, None)]


async def test_a_refund_that_came_back_is_found_before_the_process_sees_it(processes: Processes) -> None:
    """The customer does not have the money, so the books are wrong from that moment on."""
    paid = await processes.charge(processes.request("stripe", "pm_card_refundFail"))
    await processes.refund(paid.charge_id, f"refund_{paid.charge_id}", 1000)
    assert codes(await proof.run(processes.settings)) == []
    processes.simulators["stripe"].advance_clock(3 * 24 * 3600)
    assert codes(await proof.run(processes.settings)) == [(Code.REFUND_RETURNED, paid.charge_id)]


ONE_MORE = "amount_minor = amount_minor + 1, after_minor = after_minor + sign(after_minor - before_minor)::bigint"
"""What somebody would change who knows that a line must move its amount."""


@pytest.mark.parametrize(
    ("tampering", "expected"),
    [
        ("DELETE FROM lines WHERE side = 'credit'", {Code.ENTRY_ALTERED}),
        (
            f"UPDATE lines SET {ONE_MORE} WHERE side = 'credit'",  # noqa: S608 # our own words
            {Code.ENTRY_UNBALANCED},
        ),
        (
            f"UPDATE lines SET {ONE_MORE} WHERE entry_id = (SELECT min(entry_id) FROM entries)",  # noqa: S608 # our own words
            {Code.ENTRY_ALTERED},
        ),
        ("DELETE FROM lines; DELETE FROM entries", {Code.ENTRY_MISSING}),
        ("UPDATE entries SET charge_id = NULL", {Code.ENTRY_UNEXPLAINED, Code.ENTRY_MISSING}),
        ("UPDATE charges SET refunded_minor = 1", {Code.COUNTER_DIFFERS}),
        ("UPDATE charges SET status = 'declined'", {Code.STATUS_DIFFERS}),
        ("UPDATE operations SET outcome = 'declined'", {Code.OUTCOME_DIFFERS}),
        ("UPDATE operations SET fee_minor = 1", {Code.FEE_DIFFERS}),
        (
            "ALTER TABLE lines DROP CONSTRAINT lines_entry_id_fkey; DELETE FROM entries",
            {Code.ENTRY_MISSING, Code.TRIAL_BALANCE_DIFFERS},
        ),
    ],
)
async def test_tampering_with_the_database_is_found(
    processes: Processes, database: Database, tampering: str, expected: set[Code]
) -> None:
    """Whoever can change the tables cannot change what the gateway says."""
    await processes.charge(processes.request("stripe"))
    async with administrator(database) as connection:
        if "DROP CONSTRAINT" in tampering:
            # Lines that belong to no entry; their debits and credits are made to differ.
            await connection.execute(
                "UPDATE lines SET amount_minor = 1, after_minor = before_minor + 1"
                " WHERE line_id = (SELECT min(line_id) FROM lines)"
            )
        for statement in tampering.split("; "):
            await connection.execute(statement.encode())
    report = await proof.run(processes.settings)
    assert {finding.code for finding in report.findings} == expected, [each.message for each in report.findings]


async def test_only_charges_since_then_are_proved(processes: Processes, database: Database) -> None:
    """A daily proof need not read all years; what older charges did since is not taken for unexplained."""
    older = await processes.charge(processes.request("stripe"))
    paypal = await processes.charge(processes.request("paypal"))
    async with administrator(database) as connection:
        await connection.execute("UPDATE charges SET created_at = created_at - interval '10 days'")
    await processes.refund(older.charge_id, "refund_late", 700)
    await processes.refund(paypal.charge_id, "refund_late_too", 700)
    newer = [await processes.charge(processes.request(gateway)) for gateway in GOOD]
    report = await proof.run(processes.settings, datetime.now(UTC) - timedelta(days=1))
    assert codes(report) == []
    assert report.charges == len(newer)


async def test_a_gateway_that_cannot_be_read_proves_nothing(processes: Processes) -> None:
    """An outage is said plainly: it is neither "all is well" nor a list of all charges as missing."""
    for gateway in GOOD:
        await processes.charge(processes.request(gateway))
    path = "/v1/reporting/transactions*"
    processes.simulators["paypal"].add_fault(method="GET", path=path, action="status", status=503, times=None)
    report = await proof.run(processes.settings)
    assert (report.verdict, report.exit_code, codes(report)) == ("not_read", 3, [])
    assert [line.startswith("paypal: GET /v1/reporting/transactions failed") for line in report.unread] == [True]


async def test_a_second_look_that_fails_keeps_what_the_first_saw(processes: Processes, database: Database) -> None:
    """A gateway that breaks down in between does not make findings go away."""
    paid = await processes.charge(processes.request("stripe"))
    async with administrator(database) as connection:
        await connection.execute("DELETE FROM lines")
        await connection.execute("DELETE FROM entries")
    path = "/v1/payment_intents/*"
    processes.simulators["stripe"].add_fault(method="GET", path=path, action="status", status=500, times=None)
    report = await proof.run(processes.settings)
    assert (report.verdict, codes(report)) == ("not_read", [(Code.ENTRY_MISSING, paid.charge_id)])


async def test_too_many_differences_for_a_second_look_are_all_told(
    processes: Processes, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is wrong, the proof ends in time and lists it."""
    monkeypatch.setattr(proof, "MOST_LOOKED_AT_AGAIN", 1)
    for _ in range(3):
        await processes.charge(processes.request("stripe"))
    async with administrator(database) as connection:
        await connection.execute("DELETE FROM lines")
        await connection.execute("DELETE FROM entries")
    report = await proof.run(processes.settings)
    assert [code for code, _ in codes(report)] == [Code.ENTRY_MISSING] * 3
    assert NoteCode.READ_ONCE in {note.code for note in report.notes}


async def test_the_command_prints_its_findings_and_says_no(
    processes: Processes, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts read the exit code and the documented fields, people what to do."""
    use_settings(monkeypatch, processes)
    paid = await processes.charge(processes.request("stripe"))
    await asyncio.to_thread(prove.prove, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    counts = {each["invariant"]: (each["state"], each["checked"]) for each in printed.pop("invariants")}
    assert counts.pop("I7") in {("kept", 2), ("kept", 3)}  # also by what it shows, once that can be searched
    assert counts == {
        **dict.fromkeys(("I1", "I3", "I4", "I5", "I6", "I9"), ("kept", 1)),
        "I2": ("kept", 2),
        "I8": ("not_checked", 0),
    }
    assert printed == {
        "verdict": "proved",
        "since": None,
        "checked": {"charges": 1, "operations": 1, "entries": 2, "effects": 1, "processes": 1, "histories": 1},
        "findings": [],
        "notes": [],
        "unread": [],
    }
    async with administrator(database) as connection:
        await connection.execute("UPDATE charges SET status = 'declined'")
    with pytest.raises(AnswerIsNo, match="1 finding"):
        await asyncio.to_thread(prove.prove, as_json=True)
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["charge_id"]) == ("status_differs", paid.charge_id)
    assert finding["what_to_do"] == Code.STATUS_DIFFERS.what_to_do
    with pytest.raises(AnswerIsNo):
        await asyncio.to_thread(prove.prove, as_json=False)
    printed = capsys.readouterr().out
    assert "status_differs (1): The charge's status is not what its operations say." in printed
    assert f"charge {paid.charge_id}: it is declined" in printed


async def test_the_command_says_what_it_cannot_reach(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PostgreSQL or a gateway that is away is one clear line, and exit code 3."""
    use_settings(monkeypatch, processes, paypal_api_base="http://127.0.0.1:9")
    with pytest.raises(OutOfReach, match=r"nothing is proved.*paypal"):
        await asyncio.to_thread(prove.prove, as_json=True)
    assert json.loads(capsys.readouterr().out)["verdict"] == "not_read"
    use_settings(monkeypatch, processes, database_url="postgresql://quittance_app@127.0.0.1:9/quittance")
    with pytest.raises(OutOfReach, match=r"PostgreSQL at 127\.0\.0\.1:9/quittance cannot be reached"):
        await asyncio.to_thread(prove.prove)


def use_settings(monkeypatch: pytest.MonkeyPatch, processes: Processes, **changes: Any) -> None:
    """Give the command the settings of this test by its environment."""
    settings = processes.settings.model_copy(update=changes)
    for name in ("database_url", "stripe_api_base", "paypal_api_base", "temporal_address", "task_queue"):
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    monkeypatch.setenv("ALLOW_UNSAFE_DATABASE", "true")
