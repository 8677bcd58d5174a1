"""The charge as the business knows it: attempts until an answer, then confirmation, capture, release, or everything back."""

from temporalio.exceptions import ApplicationError

from activities.charge_books import Standing
from ledger.charges import ChargeStatus
from workflows.charge_attempts import carry_out
from workflows.charge_holding import hold
from workflows.charge_review import review
from workflows.charge_steps import TAKEN, ChargeSteps
from workflows.charge_taken import stand_by


async def run(charge: ChargeSteps, standing: Standing) -> None:
    """Bring an opened charge to its end."""
    charge.show(standing)
    while True:
        try:
            standing = await _settle(charge, standing)
        except ApplicationError as error:
            standing = await charge.park(f"a step cannot be done: {error.message}")
        if charge.is_parked and charge.world.patched("open-while-in-review"):
            standing = await review(charge, standing)
            continue
        if charge.left_behind:
            charge.left_behind = False
            await charge.world.start_reconcile(charge.request.charge_id)
        if charge.view.status.is_final and not charge.has_to_be_undone:
            break
    charge.over = True


async def _settle(charge: ChargeSteps, standing: Standing) -> Standing:
    charge.take_up_cancellation()
    standing = await carry_out(charge, standing)
    if charge.view.status is ChargeStatus.AUTHORIZED:
        standing = await hold(charge, standing)
    charge.command = None  # one that came too late to be carried out: its sender gets the state as it is
    if charge.view.status in TAKEN or standing.fee_pending:
        standing = await stand_by(charge, standing)
    return standing
