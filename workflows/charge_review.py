"""A charge in review: a person is asked, and the gateway is read on; whichever knows first settles it."""

from datetime import datetime, timedelta
from functools import partial

from temporalio.exceptions import ApplicationError

from activities.charge_books import ChargeBooks, Standing
from activities.gateway_calls import Watched
from activities.review_books import ResolveReview
from gateways.port import OperationKind, OperationRequest
from ledger.reviews import Word
from workflows.charge_attempts import execute, perform
from workflows.charge_steps import ChargeSteps
from workflows.charge_taken import book_late_fee, give_everything_back
from workflows.gateway_steps import NotKnown, Woken

READ_FOR = timedelta(days=30)
"""How long the gateway is read on while a person is asked."""
REFUSED_PAUSE = timedelta(days=1)
"""After what the books refused, the gateway is left alone for so long: it would say the same again."""


async def review(charge: ChargeSteps, standing: Standing) -> Standing:
    """Wait until it is settled; where no outcome is open, commands are taken."""
    until = charge.world.now() + READ_FOR
    while charge.is_parked:
        try:
            standing = await _settle(charge, standing, until)
        except ApplicationError as error:
            standing = await charge.park(f"a step cannot be done: {error.message}")
            wake = partial(_is_called, charge, standing.operation)
            await charge.world.wait(wake, REFUSED_PAUSE, "before the gateway is read again")
    return standing


async def _settle(charge: ChargeSteps, standing: Standing, until: datetime) -> Standing:
    """Take a word or a command if there is one, or else read the gateway once it is worth it."""
    operation = None if standing.fee_pending else standing.operation
    await charge.note_wishes()
    if charge.desk.word is not None:
        settled = await charge.desk.settle(
            charge.world, operation, None, lambda settlement: _take_word(charge, settlement)
        )
        return settled or standing
    if operation is None and (charge.command is not None or charge.cancellation is not None):
        return await _obey(charge, standing)
    await charge.begin_anew_when_full()
    return await _read(charge, standing, operation, until)


async def _take_word(charge: ChargeSteps, settlement: ResolveReview) -> Standing:
    summary = f"resolved as {settlement.as_} by {settlement.by}"
    standing = charge.show(await charge.world.ledger(ChargeBooks.resolve_review, settlement, summary))
    charge.left_behind = charge.left_behind or settlement.as_ is Word.FAILED
    return standing


async def _obey(charge: ChargeSteps, standing: Standing) -> Standing:
    """No outcome is open: what could not be settled can be settled by a command, as often as people try."""
    command, cancellation = charge.command, charge.cancellation
    charge.cancellation = None
    try:
        if cancellation is not None and charge.view.captured_minor:
            await give_everything_back(charge, "cancel", cancellation.actor)
        elif cancellation is not None:
            standing = await perform(charge, OperationKind.VOID, "cancel", None, cancellation.actor, until_done=True)
        elif command is not None:
            standing = await execute(charge, command)
    finally:
        charge.command = None
    return standing


async def _read(
    charge: ChargeSteps, standing: Standing, operation: OperationRequest | None, until: datetime
) -> Standing:
    def is_called() -> bool:
        return _is_called(charge, operation)

    left = until - charge.world.now()
    if standing.fee_pending and standing.operation is not None and left > timedelta(0):
        return await book_late_fee(charge, standing, standing.operation, left, is_called)
    if operation is None or left <= timedelta(0):
        await charge.world.wait(is_called, None, "until a person settles it")
        return standing
    summary = f"read {operation.gateway} while a person is asked"
    found = await charge.world.watch(operation, Watched.REVIEW, left, summary, is_called)
    if found is None or isinstance(found, Woken | NotKnown):
        return standing
    return await charge.record(operation, found, lapsed=False)


def _is_called(charge: ChargeSteps, operation: OperationRequest | None) -> bool:
    """Whether there is something to do: a word, a hint, a wish to write down, or a command that can be obeyed."""
    obeys = operation is None and charge.has_wish()
    said = charge.desk.word is not None or charge.has_unnoted_wish() or obeys
    return said or charge.was_hinted() or charge.world.is_full()
