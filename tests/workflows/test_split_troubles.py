"""A split in trouble: legs in review, legs whose processes are gone or tell nothing, and people who act on a leg by hand."""

import asyncio
from typing import Any

from ledger.charges import ChargeStatus
from ledger.splits import SplitRequest, SplitStatus, SplitView
from tests.workflows import splits
from tests.workflows.conftest import Processes
from tests.workflows.endings import skip
from workflows import charge
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CancelCommand, CaptureCommand
from workflows.hints import GatewayReported

HELD = ("60", "paypal", "wallet_ok")
SILENT = ("40", "stripe", "pm_card_visa")
ACTS = ("40", "paypal", "wallet_payer_action")


async def in_review(processes: Processes, asked: SplitRequest) -> SplitView:
    """The second leg is reserved, its answer is lost, and Stripe shows nothing until nobody may ask under its key."""
    stripe = processes.simulators["stripe"]
    stripe.add_fault(method="POST", path="/v1/payment_intents/*/confirm", when="after", action="drop", times=1)
    stripe.add_fault(
        method="GET", path="/v1/payment_intents/*", when="before", action="status", status=503, times=100_000
    )
    playing = asyncio.create_task(splits.play(processes, asked))
    async with asyncio.timeout(splits.WITH_PATIENCE):
        while not processes.effects("stripe", "authorize"):
            await asyncio.sleep(0.1)
    await skip(processes, f"charge/{asked.split_id}.2", days=1)
    return await playing


async def speaks_again(processes: Processes, asked: SplitRequest) -> None:
    """Stripe shows again what it did."""
    processes.simulators["stripe"].clear_faults()
    await skip(processes, f"charge/{asked.split_id}.2", hours=2)


async def test_a_leg_in_review_stops_the_split_until_it_is_settled(processes: Processes) -> None:
    """Nothing is taken while a person is asked; once it is known that all is reserved, all is taken."""
    asked = splits.request(HELD, SILENT)
    view = await in_review(processes, asked)
    assert view.status is SplitStatus.NEEDS_REVIEW
    assert (view.message or "").startswith(f"leg 2 ({asked.split_id}.2) needs review: the outcome of ")
    assert processes.effects("paypal", "capture") == []
    await speaks_again(processes, asked)
    ended = await splits.until(processes, asked, SplitStatus.CAPTURED)
    assert ended.message is None
    await splits.require_proof(processes)


async def test_a_leg_in_review_holds_up_none_of_the_others_when_it_is_called_off(processes: Processes) -> None:
    """The first leg is free at once, and the second as soon as it is known that it is held: never before."""
    asked = splits.request(HELD, SILENT)
    await in_review(processes, asked)
    view = await splits.cancel(processes, asked)
    assert (view.status, view.canceled_by) == (SplitStatus.NEEDS_REVIEW, "person:tester")
    async with asyncio.timeout(splits.WITH_PATIENCE):
        while (await processes.row(f"{asked.split_id}.1")).status is not ChargeStatus.VOIDED:
            await asyncio.sleep(0.1)
    assert splits.at(processes, "stripe") == ["2:authorize"]
    await speaks_again(processes, asked)
    ended = await splits.until(processes, asked, SplitStatus.UNDONE)
    assert [leg.status for leg in ended.legs] == [ChargeStatus.VOIDED, ChargeStatus.VOIDED]
    await splits.require_nothing_kept(processes, asked)


async def acting(processes: Processes, *legs: splits.Asked) -> SplitRequest:
    """Begin a split that waits for its customer at the last leg."""
    asked = splits.request(*legs, ACTS)
    assert (await splits.play(processes, asked)).status is SplitStatus.REQUIRES_ACTION
    return asked


async def act(processes: Processes, asked: SplitRequest) -> None:
    """The customer does their part."""
    [operation] = await processes.operations(asked.charges[-1].charge_id)
    processes.simulators["paypal"].complete_authentication(operation.payment_reference or "")


async def started_by_hand(processes: Processes, asked: SplitRequest, number: int) -> Any:
    """Somebody ended the process of a leg, and started it again: it knows no split that it could tell anything."""
    request = asked.leg(number)
    await processes.handle(request.charge_id).terminate("by an operator")
    return await processes.client.start_workflow(
        ChargeWorkflow.run, request, id=charge.workflow_id(request.charge_id), task_queue=processes.settings.task_queue
    )


async def test_a_leg_that_tells_nothing_is_found_in_the_books(processes: Processes) -> None:
    """A lost message costs minutes and never the split: it looks by itself, and asks again what may not have been heard."""
    asked = await acting(processes, HELD)
    for number in (1, 2):
        await started_by_hand(processes, asked, number)
    await act(processes, asked)
    hint = GatewayReported(gateway="paypal", event_id="WH-1", event_type="CHECKOUT.ORDER.APPROVED")
    await processes.handle(f"{asked.split_id}.2").signal(ChargeWorkflow.gateway_reported, hint)
    async with asyncio.timeout(splits.WITH_PATIENCE):
        while (await processes.row(f"{asked.split_id}.2")).status is not ChargeStatus.AUTHORIZED:
            await asyncio.sleep(0.1)
        while (await splits.row(processes, asked))[0].status is not SplitStatus.CAPTURED:
            await skip(processes, f"split/{asked.split_id}", minutes=5)
            await asyncio.sleep(0.5)
    await splits.require_proof(processes)


async def test_a_leg_whose_process_is_gone_is_released_all_the_same(processes: Processes) -> None:
    """Its money is not held for ever because nobody listens: its process is started again and finds that it is called off."""
    asked = await acting(processes, HELD)
    await processes.handle(f"{asked.split_id}.1").terminate("by an operator")
    view = await splits.cancel(processes, asked)
    assert [leg.status for leg in view.legs] == [ChargeStatus.VOIDED, ChargeStatus.CANCELED]
    await splits.require_nothing_kept(processes, asked)


async def test_a_leg_whose_process_is_gone_is_taken_all_the_same(processes: Processes) -> None:
    """Its process is started again, and takes what it has reserved, once."""
    asked = await acting(processes, HELD)
    await processes.handle(f"{asked.split_id}.1").terminate("by an operator")
    await act(processes, asked)
    view = await splits.until(processes, asked, SplitStatus.CAPTURED)
    assert [leg.captured_minor for leg in view.legs] == [6000, 4000]
    await splits.require_proof(processes)


async def test_a_leg_that_a_person_called_off_undoes_the_split(processes: Processes) -> None:
    """Who releases one leg by hand cannot mean that the rest of the amount be taken."""
    asked = await acting(processes, HELD, SILENT)
    command = CancelCommand(actor="person:p")
    await processes.handle(f"{asked.split_id}.1").execute_update(ChargeWorkflow.cancel, command)
    view = await splits.until(processes, asked, SplitStatus.UNDONE)
    assert view.because == f"leg 1 ({asked.split_id}.1) was canceled by person:p"
    assert [leg.status for leg in view.legs] == [ChargeStatus.VOIDED, ChargeStatus.VOIDED, ChargeStatus.CANCELED]
    await splits.require_nothing_kept(processes, asked)


async def test_a_leg_of_which_a_person_took_a_part_undoes_the_split(processes: Processes) -> None:
    """The whole cannot be had any more, so the part goes back too."""
    asked = await acting(processes, HELD)
    command = CaptureCommand(amount_minor=1000, actor="person:p")
    await processes.handle(f"{asked.split_id}.1").execute_update(ChargeWorkflow.capture, command)
    view = await splits.until(processes, asked, SplitStatus.UNDONE)
    assert [leg.status for leg in view.legs] == [ChargeStatus.REFUNDED, ChargeStatus.CANCELED]
    await splits.require_nothing_kept(processes, asked)


async def test_an_authorization_that_lapses_undoes_the_split(processes: Processes) -> None:
    """A customer who takes too long finds nothing held and nothing taken."""
    asked = await acting(processes, HELD)
    await skip(processes, f"charge/{asked.split_id}.1", days=40)
    view = await splits.until(processes, asked, SplitStatus.UNDONE)
    assert [leg.status for leg in view.legs] == [ChargeStatus.EXPIRED, ChargeStatus.CANCELED]
    await splits.require_nothing_kept(processes, asked)
