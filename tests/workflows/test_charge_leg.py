"""What a charge hears of a split: meant for it or not, said once or often, it does at most once what it is asked for."""

import asyncio
from collections.abc import Callable

from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus
from ledger.operations import Operation
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_leg import LegAsked

REFUSES_CAPTURE = "card/card_authorize_ok_capture_declined"
ACTOR = "workflow:split/sp_1"


async def held(processes: Processes, gateway: str, token: str | None = None) -> ChargeRequest:
    """Make a charge that is reserved and not taken."""
    asked = processes.request(gateway, token, capture=CaptureMode.MANUAL)
    assert (await processes.charge(asked)).status is ChargeStatus.AUTHORIZED
    return asked


async def until(processes: Processes, asked: ChargeRequest, wanted: Callable[[list[Operation]], bool]) -> None:
    """Wait until a charge's operations are as wanted."""
    async with asyncio.timeout(30):
        while not wanted(await processes.operations(asked.charge_id)):
            await asyncio.sleep(0.1)


async def test_a_capture_that_was_refused_is_not_asked_for_again(processes: Processes) -> None:
    """A split that asks twice, since the first may not have been heard, does not try the customer's card twice."""
    asked = await held(processes, "paypal", REFUSES_CAPTURE)
    handle = processes.handle(asked.charge_id)
    meant = LegAsked(content_hash=asked.content_hash(), actor=ACTOR)
    await handle.signal(ChargeWorkflow.capture_asked, meant)
    await until(processes, asked, lambda found: found[-1].kind == "capture" and found[-1].is_decided)
    for _ in range(3):
        await handle.signal(ChargeWorkflow.capture_asked, meant)
    await handle.signal(ChargeWorkflow.cancel_asked, meant)
    await handle.signal(ChargeWorkflow.cancel_asked, meant)
    assert (await handle.result()).status is ChargeStatus.VOIDED
    operations = await processes.operations(asked.charge_id)
    assert [operation.purpose for operation in operations] == ["attempt:1", "command:capture:split", "cancel"]
    assert operations[1].actor == ACTOR


async def test_what_is_meant_for_another_charge_is_not_heard(processes: Processes) -> None:
    """A charge that only has the name of a leg is neither taken nor called off by the split."""
    asked = await held(processes, "stripe")
    handle = processes.handle(asked.charge_id)
    other = LegAsked(content_hash="another", actor=ACTOR)
    for signal in (ChargeWorkflow.capture_asked, ChargeWorkflow.cancel_asked):
        await handle.signal(signal, other)
    view = await handle.query(ChargeWorkflow.status)
    assert (view.status, view.canceled_by) == (ChargeStatus.AUTHORIZED, None)
    await handle.signal(ChargeWorkflow.capture_asked, LegAsked(content_hash=asked.content_hash(), actor=ACTOR))
    assert (await handle.result()).status is ChargeStatus.CAPTURED
