"""A charge in review: a person is asked, and the gateway is read on; whichever knows first settles it."""

from datetime import datetime, timedelta

from activities.charge_books import ChargeBooks, Standing
from activities.gateway_calls import Watched
from activities.review_books import ResolveReview
from gateways.port import OperationKind, OperationRequest
from ledger.reviews import Word
from workflows.charge_attempts import execute, perform
from workflows.charge_steps import ChargeSteps
from workflows.charge_taken import give_everything_back
from workflows.gateway_steps import NotKnown, Woken

READ_FOR = timedelta(days=30)
"""How long the gateway is read on while a person is asked."""


async def review(charge: ChargeSteps, standing: Standing) -> Standing:
    """Wait until it is settled; where no outcome is open, commands are taken."""
    operation = None if standing.fee_pending else standing.operation
    until = charge.world.now() + READ_FOR
    while charge.is_parked:
        await charge.note_wishes()
        if charge.desk.word is not None:
            settled = await charge.desk.settle(
                charge.world, operation, None, lambda settlement: _take_word(charge, settlement)
            )
            standing = settled or standing
        elif operation is None and (charge.command is not None or charge.cancellation is not None):
            standing = await _obey(charge, standing)
        else:
            await charge.begin_anew_when_full()
            standing = await _read(charge, standing, operation, until)
    return standing


async def _take_word(charge: ChargeSteps, settlement: ResolveReview) -> Standing:
    summary = f"resolved as {settlement.as_} by {settlement.by}"
    standing = charge.show(await charge.world.ledger(ChargeBooks.resolve_review, settlement, summary))
    charge.left_behind = charge.left_behind or settlement.as_ is Word.FAILED
    return standing


async def _obey(charge: ChargeSteps, standing: Standing) -> Standing:
    """No outcome is open: what could not be settled can be settled by a command, as often as people try."""
    command, cancellation = charge.command, charge.cancellation
    charge.cancellation = None
    if cancellation is not None and charge.view.captured_minor:
        await give_everything_back(charge, "cancel", cancellation.actor)
    elif cancellation is not None:
        standing = await perform(charge, OperationKind.VOID, "cancel", None, cancellation.actor, until_done=True)
    elif command is not None:
        standing = await execute(charge, command)
    charge.command = None
    return standing


async def _read(
    charge: ChargeSteps, standing: Standing, operation: OperationRequest | None, until: datetime
) -> Standing:
    def is_called() -> bool:
        obeys = operation is None and charge.has_wish()
        said = charge.desk.word is not None or charge.has_unnoted_wish() or obeys
        return said or charge.was_hinted() or charge.world.is_full()

    left = until - charge.world.now()
    if operation is None or left <= timedelta(0):
        await charge.world.wait(is_called, None, "until a person settles it")
        return standing
    summary = f"read {operation.gateway} while a person is asked"
    found = await charge.world.watch(operation, Watched.REVIEW, left, summary, is_called)
    if found is None or isinstance(found, Woken | NotKnown):
        return standing
    return await charge.record(operation, found, lapsed=False)
