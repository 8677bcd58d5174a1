"""The proof over what was undone: charges called off, and successes that came after the charge had moved on."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from commands import proof
from ledger.charges import CaptureMode
from ledger.proofs import withdrawal_checks
from ledger.proofs.findings import Code
from tests.conftest import Database
from tests.prove.test_prove import administrator
from tests.workflows.conftest import GOOD, Processes
from workflows import reconcile
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CancelCommand

ACTOR = "person:tester"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again soon."""
    monkeypatch.setattr(proof, "PAUSES_SECONDS", (0.1, 0.3, 1.0))


@pytest.mark.parametrize("gateway", GOOD)
@pytest.mark.parametrize(
    ("capture", "ends"), [(CaptureMode.AUTOMATIC, "refunded"), (CaptureMode.MANUAL, "voided")], ids=["taken", "held"]
)
async def test_a_charge_that_was_called_off_is_proved(
    processes: Processes, gateway: str, capture: CaptureMode, ends: str
) -> None:
    """What was taken is given back, what was held is released, and all four sources say so."""
    confirm_by = datetime.now(UTC) + timedelta(hours=1)
    request = processes.request(gateway, capture=capture, confirm_by=confirm_by)
    view = await processes.charge(request)
    command = CancelCommand(actor=ACTOR)
    canceled = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.cancel, command)
    assert canceled.status == ends
    report = await proof.run(processes.settings)
    assert [finding.message for finding in report.findings] == []


@pytest.mark.parametrize("gateway", GOOD)
@pytest.mark.parametrize("capture", list(CaptureMode))
async def test_a_late_success_is_proved_once_it_is_undone(
    processes: Processes, database: Database, gateway: str, capture: CaptureMode
) -> None:
    """Before, the customer's money is seen to be taken; after, the books and the gateway agree that it is given back."""
    view = await processes.charge(processes.request(gateway, capture=capture))
    async with administrator(database) as connection:
        for statement in (
            "DELETE FROM lines",
            "DELETE FROM entries",
            "UPDATE operations SET outcome = 'refused', decline_code = 'no_effect', fee_status = 'none'",
            "UPDATE operations SET fee_minor = NULL, fee_currency = NULL",
            "UPDATE charges SET status = 'declined', authorized_minor = 0, captured_minor = 0",
        ):
            await connection.execute(statement.encode())
    if capture is CaptureMode.MANUAL:
        await processes.handle(view.charge_id).terminate()
    found = {finding.code for finding in (await proof.run(processes.settings)).findings}
    assert Code.DECLINED_BUT_TAKEN in found
    await processes.client.start_workflow(
        "Reconcile",
        view.charge_id,
        id=reconcile.workflow_id(view.charge_id),
        task_queue=processes.settings.task_queue,
    )
    await _undone(processes, view.charge_id)
    report = await proof.run(processes.settings)
    # What its process had told before this test changed the books stays told.
    assert {finding.code for finding in report.findings} <= {Code.ANSWER_DIFFERS}


@pytest.mark.parametrize("gateway", GOOD)
@pytest.mark.parametrize("ends", ["won", "lost", "reversed", "refunded by hand"])
async def test_what_a_gateway_takes_back_is_proved_once_it_is_booked(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, gateway: str, ends: str
) -> None:
    """Before, the books are seen to miss it; after, journal and gateway agree on what is gone and what it cost."""
    monkeypatch.setattr(withdrawal_checks, "BOOKED_WITHIN", timedelta(0))
    view = await processes.charge(processes.request(gateway))
    [operation] = await processes.operations(view.charge_id)
    simulator, payment = processes.simulators[gateway], operation.payment_reference or ""
    if ends == "reversed":
        simulator.reverse(payment)
    elif ends == "refunded by hand":
        simulator.refund_by_hand(payment, 1000)
    else:
        dispute = simulator.dispute(payment)
        assert {finding.code for finding in (await proof.run(processes.settings)).findings} == {Code.WITHDRAWAL_MISSING}
        (simulator.win_dispute if ends == "won" else simulator.lose_dispute)(dispute)
    assert (await proof.run(processes.settings)).findings
    await processes.client.start_workflow(
        "Reconcile",
        view.charge_id,
        id=reconcile.workflow_id(view.charge_id),
        task_queue=processes.settings.task_queue,
    )
    async with asyncio.timeout(30):
        while not {"dispute_won", "dispute_lost", "payment_reversed", "dispute_fee"} & set(
            await processes.rules(view.charge_id)
        ):
            await asyncio.sleep(0.1)
    report = await proof.run(processes.settings)
    assert [finding.message for finding in report.findings] == []


async def _undone(processes: Processes, charge_id: str) -> None:
    async with asyncio.timeout(30):
        while True:
            rows = await processes.operations(charge_id)
            if any(row.compensates and row.outcome == "succeeded" for row in rows):
                return
            await asyncio.sleep(0.1)
