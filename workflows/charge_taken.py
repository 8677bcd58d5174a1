"""A charge that was captured: until its fee is known, and until nobody may call it off any more; given back where it is.

Giving back is never given up silently: refund after refund, and then a person.
"""

from datetime import timedelta
from functools import partial
from itertools import count, repeat

from activities.charge_books import ChargeBooks, RecordFee, Standing
from activities.gateway_calls import Watched
from gateways.port import OperationRequest, Succeeded
from ledger.charges import ChargeStatus
from ledger.refunds import RefundRequest, RefundStatus, undoing_refund_id
from workflows.charge_steps import TAKEN, ChargeSteps
from workflows.world import Wake

FEE_DEADLINE = timedelta(days=3)
"""How long the fee of a capture is waited for; `prove` lists those that never came."""
REFUND_PAUSES = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=3), None)
"""Waits after each refund that did not succeed; after the last one a person has to look."""
REFUND_LOOKS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
"""How often the books are read while such a refund is under way, should its signal be lost; the last one goes on."""
REFUND_ENDED = frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.REFUSED})
OTHERS_PAUSE = timedelta(days=1)
"""How often it is tried again while others' refunds are under way for all that is left, ..."""
MAX_WAITS_FOR_OTHERS = 35
"""... and how many times: a gateway may take 30 days over a refund."""


async def stand_by(charge: ChargeSteps, standing: Standing) -> Standing:
    """Stay with a charge that was captured, and give it back where it is called off or not confirmed."""
    fee_until = charge.world.now() + FEE_DEADLINE
    while not charge.is_parked:
        await charge.note_wishes()
        now, undo = charge.world.now(), _undo_because(charge)
        if undo is not None:
            charge.cancellation = None
            await give_everything_back(charge, *undo)
            fee_until = charge.world.now() + FEE_DEADLINE  # it was not looked for meanwhile
        elif standing.fee_pending and standing.operation is not None and now < fee_until:
            standing = await _await_fee(charge, standing, standing.operation, fee_until - now)
        elif charge.unconfirmed_until is not None and charge.view.status in TAKEN:
            left = charge.unconfirmed_until - now
            await charge.world.wait(charge.has_wish, left, "until it has to be confirmed")
        else:
            break
    return standing


def _undo_because(charge: ChargeSteps) -> tuple[str, str] | None:
    """Why everything has to be given back, and who asks for it; None where it has not, or was."""
    if charge.view.status not in TAKEN:
        return None
    if charge.cancellation is not None:
        return "cancel", charge.cancellation.actor
    if charge.unconfirmed_until is not None and charge.world.now() >= charge.unconfirmed_until:
        return "unconfirmed", charge.own_name
    return None


async def _await_fee(charge: ChargeSteps, standing: Standing, operation: OperationRequest, left: timedelta) -> Standing:
    if charge.unconfirmed_until is not None and charge.view.status in TAKEN:
        left = max(min(left, charge.unconfirmed_until - charge.world.now()), timedelta(seconds=1))

    def is_called() -> bool:
        return charge.was_hinted() or (charge.view.status in TAKEN and charge.has_wish())

    return await book_late_fee(charge, standing, operation, left, is_called)


async def book_late_fee(
    charge: ChargeSteps, standing: Standing, operation: OperationRequest, left: timedelta, wake: Wake
) -> Standing:
    """Wait for the fee of a capture and book it; a wait that was broken off has to be begun again."""
    summary = f"wait for the fee of {operation.gateway}"
    found = await charge.world.watch(operation, Watched.FEE, left, summary, wake)
    if isinstance(found, Succeeded) and found.fee is not None:
        fee = RecordFee(operation=operation, fee=found.fee, occurred_at=found.occurred_at)
        await charge.world.ledger(ChargeBooks.record_fee, fee, f"book the fee of {found.fee}")
    told = isinstance(found, Succeeded)
    return standing.model_copy(update={"fee_pending": False, "operation": None}) if told else standing


async def give_everything_back(charge: ChargeSteps, why: str, actor: str) -> None:
    """Refund what is left of the charge, again where a gateway declines it, until nothing is left or a person has to look.

    While other refunds are under way for all that is left, ours is refused: that is no failure, and they may fail yet.
    """
    charge_id = charge.request.charge_id
    pauses, waits = iter(REFUND_PAUSES), repeat(OTHERS_PAUSE, MAX_WAITS_FOR_OTHERS)
    pause: timedelta | None = timedelta(0)
    while pause is not None:
        charge.refunds_started += 1
        refund_id = undoing_refund_id(charge_id, why, charge.refunds_started)
        await charge.world.start_refund(
            RefundRequest(refund_id=refund_id, charge_id=charge_id, reason=why, actor=actor)
        )
        told = await _follow_refund(charge, refund_id)
        if charge.view.status is ChargeStatus.REFUNDED:
            return
        pause = next(pauses) if told in {RefundStatus.SUCCEEDED, RefundStatus.FAILED} else next(waits, None)
        if pause is not None:
            await charge.world.wait(lambda: False, pause, "before the next refund")
    await charge.park(f"everything was to be given back ({why}), and {len(REFUND_PAUSES)} refunds did not succeed")


async def _follow_refund(charge: ChargeSteps, refund_id: str) -> RefundStatus | None:
    """Wait until a refund is over or everything is given back, by its signal or by the books; tell what became of it.

    One that succeeded may have given back only a part: another was under way for the rest, and it may have failed. One
    that tells nothing told a run before this one: whether money is left shows when the next is asked for.
    """
    told = None
    for look in count():
        told = charge.refunds.get(refund_id)
        if told not in REFUND_ENDED:
            patience = REFUND_LOOKS[min(look, len(REFUND_LOOKS) - 1)]
            await charge.world.wait(partial(_has_moved, charge, refund_id, told), patience, "wait for the refund")
        charge_id = charge.request.charge_id
        charge.show(await charge.world.ledger(ChargeBooks.settle_undone, charge_id, "see whether all is given back"))
        untold = told is None and look >= len(REFUND_LOOKS)
        if charge.view.status is ChargeStatus.REFUNDED or told in REFUND_ENDED or untold:
            break
    return told


def _has_moved(charge: ChargeSteps, refund_id: str, told: RefundStatus | None) -> bool:
    return charge.refunds.get(refund_id) is not told
