"""A charge that its merchant has to confirm: confirmed it stands, not confirmed it is undone, and never anything else."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ledger.charges import CaptureMode, ChargeStatus
from tests.workflows.conftest import Processes
from tests.workflows.endings import skip
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import ConfirmCommand

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
CONFIRM = ConfirmCommand(actor="person:merchant")


def in_a_day() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


@GATEWAYS
@pytest.mark.parametrize(
    ("capture", "answer", "ended"),
    [
        (CaptureMode.AUTOMATIC, ChargeStatus.CAPTURED, ChargeStatus.REFUNDED),
        (CaptureMode.MANUAL, ChargeStatus.AUTHORIZED, ChargeStatus.VOIDED),
    ],
)
async def test_a_charge_that_nobody_confirms_is_undone(
    processes: Processes, gateway: str, capture: CaptureMode, answer: ChargeStatus, ended: ChargeStatus
) -> None:
    """A merchant whose order fails does not keep the customer's money by forgetting it."""
    view = await processes.charge(processes.request(gateway, capture=capture, confirm_by=in_a_day()))
    assert view.status is answer
    await skip(processes, f"charge/{view.charge_id}", hours=26)
    row = await processes.handle(view.charge_id).result()
    assert (row.status, row.confirmed_at) == (ended, None)
    assert not [code for code, _ in await processes.balances() if code.startswith(("memo:", "liability:"))]


@GATEWAYS
async def test_a_charge_that_is_confirmed_stands(processes: Processes, gateway: str) -> None:
    """The deadline passes and nothing is given back."""
    view = await processes.charge(processes.request(gateway, confirm_by=in_a_day()))
    confirmed = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.confirm, CONFIRM)
    assert confirmed.confirmed_at is not None
    ended = await processes.handle(view.charge_id).result()
    assert ended.status is ChargeStatus.CAPTURED
    assert processes.effects(gateway, "refund") == []


async def test_an_authorization_that_is_confirmed_waits_for_its_capture(processes: Processes) -> None:
    """Confirmed is not captured: it is held until the merchant ships, or until it lapses."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL, confirm_by=in_a_day()))
    handle = processes.handle(view.charge_id)
    await handle.execute_update(ChargeWorkflow.confirm, CONFIRM)
    await skip(processes, f"charge/{view.charge_id}", days=2)
    assert (await handle.query(ChargeWorkflow.status)).status is ChargeStatus.AUTHORIZED


async def test_what_need_not_be_confirmed_cannot_be(processes: Processes) -> None:
    """A command that means nothing is refused, so that nobody relies on it."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await processes.handle(view.charge_id).execute_update(ChargeWorkflow.confirm, CONFIRM)
    assert "does not have to be confirmed" in str(refused.value.cause)
