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
        if not charge.is_parked or not charge.world.patched("open-while-in-review"):
            break
        standing = await review(charge, standing)
    if charge.left_behind:
        await charge.world.start_reconcile(charge.request.charge_id)
    charge.over = True


async def _settle(charge: ChargeSteps, standing: Standing) -> Standing:
    standing = await carry_out(charge, standing)
    if charge.view.status is ChargeStatus.AUTHORIZED:
        standing = await hold(charge, standing)
    charge.command = None  # one that came too late to be carried out: its sender gets the state as it is
    if charge.view.status in TAKEN:
        standing = await stand_by(charge, standing)
    return standing
