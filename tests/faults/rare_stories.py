"""Stories of steps that come seldom: a late fee, a gateway that knows nothing for days, a dispute, a charge in legs, an adjustment, a hold.

The matrix plays them beside the others, for these steps alone.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import AdjustmentState
from ledger.charges import ChargeStatus, ChargeView
from ledger.holds import HoldRequest
from ledger.refunds import RefundStatus, RefundView
from ledger.splits import SplitRequest, SplitStatus, SplitView
from tests.faults.billed_stories import BILLED
from tests.faults.evidence import Acknowledged
from tests.faults.patience import as_patient
from tests.faults.stories import (
    ACTOR,
    LATE_SECONDS,
    Story,
    Told,
    amount,
    authorized,
    automatic,
    begun,
    invoice,
    pass_time,
    told_of,
)
from tests.workflows import adjustments, holds, splits
from tests.workflows.conftest import GOOD, Processes
from workflows import telling
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand
from workflows.hints import GatewayReported
from workflows.hold_messages import HoldView
from workflows.review_messages import GATEWAY_NOT_READ, RESOLVE_REVIEW, ResolveReview

View = TypeVar("View", ChargeView, RefundView)
A_DAY = timedelta(days=1)
OTHER = {"stripe": "paypal", "paypal": "stripe"}
REVIEWER = "alice"
TURNED_AWAY: dict[str, Any] = {"method": "POST", "action": "rate_limit", "retry_after": 90, "times": 1000}
"""For longer than a call is tried, so that each call is asked once."""


async def fee_comes_later(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Charge at once; the gateway tells what it keeps a minute later."""
    simulator = processes.simulators[gateway]
    simulator.configure(balance_transaction_delay_seconds=LATE_SECONDS)
    told = await automatic(processes, gateway, charge_id, chance)
    await asyncio.to_thread(simulator.advance_clock, LATE_SECONDS + 1)
    while any(each.fee_status == "pending" for each in await processes.operations(charge_id)):
        await asyncio.sleep(0.2)
    return told


async def given_up_by_a_person(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Capture what was reserved days ago: the gateway turns it away, shows no trace of it, and a person gives it up.

    By the clock of the charge its key is forgotten by then, so that it is asked for once.
    """
    view = await authorized(processes, gateway, charge_id, chance)
    if view.status is not ChargeStatus.AUTHORIZED:
        return told_of(view, as_wished=False)
    process = await begun(processes, f"charge/{charge_id}")
    await pass_time(processes, process, 2 * A_DAY)
    operation = f"{charge_id}:capture:1"
    await asyncio.to_thread(processes.simulators[gateway].add_fault, operation=operation, **TURNED_AWAY)
    view = await processes.handle(charge_id).execute_update(ChargeWorkflow.capture, CaptureCommand(actor=ACTOR))
    if view.status is not ChargeStatus.NEEDS_REVIEW:
        return told_of(view, as_wished=False)
    view = await _give_up(processes, process, ChargeView)
    return told_of(view, view.status is ChargeStatus.AUTHORIZED)


async def refund_given_up_by_a_person(
    processes: Processes, gateway: str, charge_id: str, chance: random.Random
) -> Told:
    """Charge at once; the gateway turns the refund away as long, and a person gives that up."""
    request = processes.request(gateway, charge_id=charge_id, amount=amount(chance), invoice=invoice(chance))
    view = await processes.charge(request)
    operation = f"{charge_id}:refund:1"
    await asyncio.to_thread(processes.simulators[gateway].add_fault, operation=operation, **TURNED_AWAY)
    asking = asyncio.create_task(processes.refund(charge_id, f"re_{charge_id}"))
    process = await begun(processes, f"refund/re_{charge_id}")
    while not asking.done():
        await pass_time(processes, process, A_DAY)
    if (await asking).status is not RefundStatus.NEEDS_REVIEW:
        return told_of(view, as_wished=False)
    refund = await _give_up(processes, process, RefundView)
    return told_of(view, refund.status is RefundStatus.FAILED)


async def disputed(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Charge at once; the customer's bank contests it and wins: the gateway takes the money back by itself."""
    told = await automatic(processes, gateway, charge_id, chance)
    payment = (await processes.operations(charge_id))[0].payment_reference or ""
    simulator = processes.simulators[gateway]
    dispute = await asyncio.to_thread(simulator.dispute, payment)
    await _until_told(processes, gateway, charge_id, ChargeStatus.DISPUTED)
    await asyncio.to_thread(simulator.lose_dispute, dispute)
    await _until_told(processes, gateway, charge_id, ChargeStatus.REVERSED)
    return told


async def split(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Take an amount in two legs."""
    view = await _taken(processes, _in_legs(gateway, charge_id, chance))
    return _told_of_legs(view, view.status is SplitStatus.CAPTURED)


async def split_not_made(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Ask for a split in a currency that no gateway takes: no leg of it can be made."""
    view = await _taken(processes, _in_legs(gateway, charge_id, chance, currency="KWD"))
    return _told_of_legs(view, view.status is SplitStatus.UNDONE)


async def split_called_off(processes: Processes, gateway: str, charge_id: str, chance: random.Random) -> Told:
    """Take an amount in two legs, and give it back."""
    asked = _in_legs(gateway, charge_id, chance)
    await _taken(processes, asked)
    view = await as_patient(processes, lambda: splits.cancel(processes, asked))
    return _told_of_legs(view, view.status is SplitStatus.UNDONE)


async def adjusted(
    processes: Processes, gateway: str, charge_id: str, chance: random.Random
) -> Told:  # no gateway hears of it
    """Write a debt off by hand, above the amount for which one approval is enough: two persons approve it."""
    adjustments.let_people_in(processes)
    asked = adjustments.request(adjustment_id=charge_id, amount_minor=adjustments.LARGE_MINOR + chance.randrange(1000))
    await as_patient(processes, lambda: adjustments.ask(processes, asked, f"{charge_id}-asked"))
    for person in ("bob", "carol"):
        said = partial(adjustments.say, processes, asked, person, id=f"{charge_id}-{person}")
        await as_patient(processes, said)
    return await _told_of_adjustment(processes, asked, AdjustmentState.POSTED)


async def adjustment_expires(
    processes: Processes, gateway: str, charge_id: str, chance: random.Random
) -> Told:  # as above
    """Ask for a write-off that nobody decides in time."""
    adjustments.let_people_in(processes)
    asked = adjustments.request(adjustment_id=charge_id, valid_seconds=chance.choice([2, 3]))
    await as_patient(processes, lambda: adjustments.ask(processes, asked, f"{charge_id}-asked"))
    return await _told_of_adjustment(processes, asked, AdjustmentState.EXPIRED)


async def hold_posted(processes: Processes, _gateway: str, hold_id: str, chance: random.Random) -> Told:
    """Set money of a wallet aside, and take some or all of it: once, and the rest is there again."""
    asked = await _held(processes, hold_id, chance)
    taken = chance.randint(1, asked.amount.amount_minor)
    view = await as_patient(processes, lambda: holds.post(processes, hold_id, taken))
    return await _told_of_hold(processes, asked, view, left_minor=holds.FILLED - taken)


async def hold_voided(processes: Processes, _gateway: str, hold_id: str, chance: random.Random) -> Told:
    """Set money of a wallet aside, and let it go."""
    asked = await _held(processes, hold_id, chance)
    view = await as_patient(processes, lambda: holds.void(processes, hold_id))
    return await _told_of_hold(processes, asked, view, left_minor=holds.FILLED)


async def hold_expired(processes: Processes, _gateway: str, hold_id: str, chance: random.Random) -> Told:
    """Set money of a wallet aside for seconds: it goes by itself."""
    asked = await _held(processes, hold_id, chance, expires_at=holds.soon())
    view = await as_patient(processes, lambda: holds.handle(processes, hold_id).result())
    return await _told_of_hold(processes, asked, view, left_minor=holds.FILLED)


RARE: dict[str, tuple[Story, set[str]]] = {
    story.__name__: (story, steps)
    for story, steps in (
        (fee_comes_later, {"record_fee"}),
        (given_up_by_a_person, {"record_unknown", "park", "resolve_review"}),
        (refund_given_up_by_a_person, {"record_refund", "park_refund", "resolve_refund_review"}),
        (disputed, {"record_withdrawals"}),
        (split, {"open_split", "look_at_legs", "begin_leg"}),
        (split_not_made, {"refuse_leg"}),
        (split_called_off, {"cancel_split"}),
        (adjusted, {"request_adjustment", "decide_adjustment", "post_adjustment"}),
        (adjustment_expires, {"expire_adjustment"}),
        (hold_posted, {"place_hold", "post_hold"}),
        (hold_voided, {"void_hold"}),
        (hold_expired, {"expire_hold"}),
    )
} | BILLED
"""The stories, and the steps for which they have cells: others have theirs elsewhere, or come as often as chance will."""
ONLY_AT = {"fee_comes_later": {"stripe"}, "adjusted": {"stripe"}, "adjustment_expires": {"stripe"}}
"""Stories that not every gateway can play, as the others tell their fee at once; and those of which no gateway hears."""
ALONE = {"fee_comes_later"}
"""Stories that change how a gateway is to everybody, and so are not played beside others."""


async def _until_told(processes: Processes, gateway: str, charge_id: str, status: ChargeStatus) -> None:
    """Tell the processes that something has happened, as an event does, and wait until the books show it."""
    hint = GatewayReported(gateway=gateway, event_id="evt_1", event_type="something", reference=None)
    await telling.tell(processes.client, processes.settings.task_queue, charge_id, None, hint, is_later=True)
    while (await processes.row(charge_id)).status is not status:
        await asyncio.sleep(0.2)


async def _give_up(processes: Processes, process: WorkflowHandle[Any, Any], kind: type[View]) -> View:
    """Be the person who gives the operation in review up: again where the gateway could not be read, as they are told."""
    said = {"as_": "failed", "because": "the gateway knows nothing of it", "by": REVIEWER}
    word = ResolveReview.model_validate(said)

    def say(identity: str) -> Awaitable[View]:
        return process.execute_update(RESOLVE_REVIEW, word, id=identity, result_type=kind)

    for number in itertools.count(1):
        try:
            return await as_patient(processes, partial(say, f"{process.id}-given-up-{number}"))
        except WorkflowUpdateFailedError as error:
            if not isinstance(error.cause, ApplicationError) or error.cause.type != GATEWAY_NOT_READ:
                raise
    raise AssertionError("the numbers never end")


async def _told_of_adjustment(processes: Processes, asked: AdjustmentRequest, end: AdjustmentState) -> Told:
    """Where it stands when it is over: as wished where it has its entry once, or none where it must have none."""
    while not (found := await adjustments.row(processes, asked)).state.is_over:
        await asyncio.sleep(0.2)
    is_posted_once = await adjustments.entries(processes, asked) == (1 if end is AdjustmentState.POSTED else 0)
    answer = Acknowledged(asked.adjustment_id, found.state.value, 0)
    return Told(answer, found.state is end and is_posted_once, legs=())


async def _taken(processes: Processes, asked: SplitRequest) -> SplitView:
    return await as_patient(processes, lambda: splits.play(processes, asked))


async def _held(processes: Processes, hold_id: str, chance: random.Random, **changes: Any) -> HoldRequest:
    asked = await holds.asked(processes, chance.randint(1, holds.FILLED), hold_id, **changes)
    await as_patient(processes, lambda: holds.place(processes, asked, update_id=f"{hold_id}-placed"))
    return asked


async def _told_of_hold(processes: Processes, asked: HoldRequest, view: HoldView, *, left_minor: int) -> Told:
    """What the caller of a hold was told, as wished where the books have it so: ended, and the wallet with what is left."""
    row, standing = await holds.row(processes, asked.hold_id), await holds.standing(processes, asked)
    as_wished = row.state.value == view.status.value and holds.three(standing) == (left_minor, 0, left_minor)
    answer = Acknowledged(asked.hold_id, view.status.value, view.posted_minor)
    return Told(answer, as_wished, legs=())  # no charge: there is none to be held against the books


def _in_legs(gateway: str, split_id: str, chance: random.Random, **changes: Any) -> SplitRequest:
    legs = [(str(chance.randint(5, 500)), at, GOOD[at]) for at in (gateway, OTHER[gateway])]
    return splits.request(*legs, split_id=split_id, **changes)


def _told_of_legs(view: SplitView, as_wished: bool) -> Told:  # noqa: FBT001 # as in stories
    legs = [Acknowledged(leg.charge_id, leg.status.value, leg.captured_minor) for leg in view.legs if leg.status]
    whole = Acknowledged(view.split_id, view.status.value, sum(leg.captured_minor for leg in legs))
    return Told(whole, as_wished, tuple(legs))
