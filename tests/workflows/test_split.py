"""A split on real parts: all of its legs are taken or none, in every ending, and the books say so."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from ledger.charges import ChargeStatus
from ledger.splits import SplitStatus
from tests.workflows import splits
from tests.workflows.conftest import Processes
from tests.workflows.splits import GOOD

AUTHORIZE = "/v1/payment_intents/*/confirm"
REFUSES_CAPTURE = "card/card_authorize_ok_capture_declined"
THREE = (("50", "stripe", "pm_card_visa"), ("30", "paypal", REFUSES_CAPTURE), ("20", "stripe", "pm_card_visa"))


async def test_all_legs_are_reserved_first_and_then_taken(processes: Processes) -> None:
    """The customer pays the whole, each method its part, and nothing is taken before all of it is sure."""
    asked = splits.request(*GOOD, ("10", "stripe", "pm_card_visa"))
    view = await splits.play(processes, asked)
    assert (view.status, view.because) == (SplitStatus.CAPTURED, None)
    assert [(leg.status, leg.captured_minor) for leg in view.legs] == [
        (ChargeStatus.CAPTURED, 6000),
        (ChargeStatus.CAPTURED, 4000),
        (ChargeStatus.CAPTURED, 1000),
    ]
    legs = [leg.charge_id for leg in view.legs]
    in_order = ["1:authorize", "2:authorize", "3:authorize", "1:capture", "2:capture", "3:capture"]
    assert await splits.decided(processes, legs, ["authorize", "capture"]) == in_order
    assert (await processes.balances())["revenue:sales", "USD"] == 11_000
    await splits.require_proof(processes)


async def test_a_declined_leg_releases_the_others_and_those_after_it_never_begin(processes: Processes) -> None:
    """Somebody whose second card is declined has paid nothing, and their first one is free again."""
    asked = splits.request(GOOD[0], ("40", "stripe", "pm_card_visa_chargeDeclined"), GOOD[1])
    view = await splits.play(processes, asked)
    assert view.status is SplitStatus.UNDONE
    assert (view.because or "").startswith(f"leg 2 ({asked.split_id}.2) is declined: ")
    assert [leg.status for leg in view.legs] == [ChargeStatus.VOIDED, ChargeStatus.DECLINED, None]
    assert splits.at(processes, "stripe") == ["1:authorize", "1:void"]
    assert splits.at(processes, "paypal") == []
    await splits.require_nothing_kept(processes, asked)


async def test_a_refused_capture_gives_back_what_was_taken_the_last_leg_first(processes: Processes) -> None:
    """The third leg is released, then the second, and then the first is given back: in reverse order, and in full."""
    asked = splits.request(*THREE)
    view = await splits.play(processes, asked)
    assert view.status is SplitStatus.UNDONE
    assert "could not be captured" in (view.because or "")
    assert [leg.status for leg in view.legs] == [ChargeStatus.REFUNDED, ChargeStatus.VOIDED, ChargeStatus.VOIDED]
    assert splits.at(processes, "stripe") == ["1:authorize", "3:authorize", "1:capture", "3:void", "1:refund"]
    assert splits.at(processes, "paypal") == ["2:authorize", "2:void"]
    legs = [leg.charge_id for leg in view.legs]
    assert await splits.decided(processes, legs, ["void", "refund"]) == ["3:void", "2:void", "1:refund"]
    await splits.require_nothing_kept(processes, asked)


async def test_a_captured_leg_whose_process_has_ended_is_given_back(processes: Processes) -> None:
    """A charge that has come to its end takes no message: it is started again, and finds that it was called off."""
    paypal = processes.simulators["paypal"]
    paypal.add_fault(
        method="POST", path="/v2/payments/authorizations/*/capture", when="before", action="delay", delay_seconds=1.5
    )
    asked = splits.request(GOOD[0], ("30", "paypal", REFUSES_CAPTURE))
    playing = asyncio.create_task(splits.play(processes, asked))
    await splits.until_begun(processes, asked, 2, "capture")
    first = processes.handle(f"{asked.split_id}.1")
    assert (await first.result()).status is ChargeStatus.CAPTURED
    view = await playing
    assert [leg.status for leg in view.legs] == [ChargeStatus.REFUNDED, ChargeStatus.VOIDED]
    await splits.require_nothing_kept(processes, asked)


async def test_a_leg_that_no_gateway_can_take_undoes_the_others(processes: Processes) -> None:
    """What cannot even be asked for is told like a decline, and leaves nothing behind."""
    asked = splits.request(GOOD[0], GOOD[1], currency="KWD")
    view = await splits.play(processes, asked)
    assert view.status is SplitStatus.UNDONE
    assert (view.because or "").startswith(f"leg 2 ({asked.split_id}.2) was not made: no gateway can take")
    assert [leg.status for leg in view.legs] == [ChargeStatus.VOIDED, None]
    await splits.require_nothing_kept(processes, asked)


async def test_another_charge_that_takes_the_name_of_a_leg_is_left_alone(processes: Processes) -> None:
    """Somebody else's charge is no leg, whatever it is called: it is neither counted nor called off."""
    stripe = processes.simulators["stripe"]
    stripe.add_fault(method="POST", path=AUTHORIZE, when="before", action="delay", delay_seconds=1.5, times=1)
    asked = splits.request(*GOOD)
    playing = asyncio.create_task(splits.play(processes, asked))
    await splits.until_begun(processes, asked, 1, "authorize")
    other = await processes.charge(processes.request("paypal", charge_id=f"{asked.split_id}.2"))
    view = await playing
    assert view.status is SplitStatus.UNDONE
    assert f"charge {other.charge_id} exists with other content" in (view.because or "")
    assert [leg.status for leg in view.legs] == [ChargeStatus.VOIDED, None]
    left_alone = await processes.row(other.charge_id)
    assert (left_alone.status, left_alone.canceled_by) == (ChargeStatus.CAPTURED, None)
    await splits.require_proof(processes)


async def test_a_split_whose_leg_has_the_name_of_another_charge_is_not_made(processes: Processes) -> None:
    """Nothing is written and nothing sent, and the caller is told which id is in the way."""
    asked = splits.request(*GOOD)
    await processes.charge(processes.request("paypal", charge_id=f"{asked.split_id}.2"))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await splits.play(processes, asked)
    assert f"charge {asked.split_id}.2 exists with other content" in str(refused.value.cause)
    with pytest.raises(WorkflowFailureError):
        await splits.handle(processes, asked).result()


async def test_the_same_id_is_the_same_split(processes: Processes) -> None:
    """Asked again it takes nothing again; with other content it is refused."""
    asked = splits.request(*GOOD)
    first = await splits.play(processes, asked)
    again = await splits.play(processes, asked)
    assert again == first
    other = asked.model_copy(update={"customer": "cus_2"})
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await splits.play(processes, other)
    assert "exists with other content" in str(refused.value.cause)
    assert len(processes.effects("stripe", "capture")) == len(processes.effects("paypal", "capture")) == 1


@pytest.mark.parametrize("acts", [True, False])
async def test_a_customer_has_to_act_on_one_leg(processes: Processes, acts: bool) -> None:  # noqa: FBT001 # a parameter
    """The next step is told at once; whoever takes it has paid, and whoever calls it off instead has not."""
    asked = splits.request(GOOD[0], ("40", "paypal", "wallet_payer_action"))
    view = await splits.play(processes, asked)
    assert view.status is SplitStatus.REQUIRES_ACTION
    assert view.action_url
    assert view.action_url == view.legs[1].action_url
    assert processes.effects("stripe", "capture") == []
    if acts:
        [operation] = await processes.operations(f"{asked.split_id}.2")
        processes.simulators["paypal"].complete_authentication(operation.payment_reference or "")
        ended = await splits.play(processes, asked, view.action_url)
        assert ended.status is SplitStatus.CAPTURED
        await splits.require_proof(processes)
    else:
        ended = await splits.cancel(processes, asked)
        assert ended.status is SplitStatus.UNDONE
        assert [leg.status for leg in ended.legs] == [ChargeStatus.VOIDED, ChargeStatus.CANCELED]
        await splits.require_nothing_kept(processes, asked)


MOMENTS = {
    "the first is being reserved": ("stripe", AUTHORIZE, 1, "authorize"),
    "the second is being reserved": ("paypal", "/v2/checkout/orders/*/authorize", 2, "authorize"),
    "the first is being taken": ("stripe", "/v1/payment_intents/*/capture", 1, "capture"),
    "the second is being taken": ("paypal", "/v2/payments/authorizations/*/capture", 2, "capture"),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_split_that_is_called_off_keeps_nothing(processes: Processes, moment: str) -> None:
    """Whatever is under way is awaited, and then everything is released or given back."""
    gateway, path, leg, kind = MOMENTS[moment]
    simulator = processes.simulators[gateway]
    simulator.add_fault(method="POST", path=path, when="before", action="delay", delay_seconds=1.5, times=1)
    asked = splits.request(*GOOD)
    playing = asyncio.create_task(splits.play(processes, asked))
    await splits.until_begun(processes, asked, leg, kind)
    view = await splits.cancel(processes, asked)
    assert (view.status, view.canceled_by) == (SplitStatus.UNDONE, "person:tester")
    assert view.because == "it was canceled by person:tester"
    assert (await playing).status is SplitStatus.UNDONE
    await splits.require_nothing_kept(processes, asked)


async def test_a_split_that_was_taken_is_given_back_when_it_is_called_off(processes: Processes) -> None:
    """All its processes have ended by then: they are taken up again, the last leg first."""
    asked = splits.request(*GOOD, ("10", "stripe", "pm_card_visa"))
    view = await splits.play(processes, asked)
    await splits.handle(processes, asked).result()
    for leg in view.legs:
        await processes.handle(leg.charge_id).result()
    undone = await splits.cancel(processes, asked)
    assert undone.status is SplitStatus.UNDONE
    assert [leg.status for leg in undone.legs] == [ChargeStatus.REFUNDED] * 3
    legs = [leg.charge_id for leg in view.legs]
    assert await splits.decided(processes, legs, ["refund"]) == ["3:refund", "2:refund", "1:refund"]
    await splits.require_nothing_kept(processes, asked)
