"""Reads adjustments from the books: PostgreSQL is the authority, whatever has become of the process."""

from collections.abc import Collection, Mapping, Sequence

from commands import adjustment_documents, connections
from commands.adjustment_documents import AdjustmentDocument
from commands.errors import AnswerIsNo, WrongUse
from ledger import account_standing, adjustments, reversals
from ledger.accounts import Account
from ledger.adjustment_requests import AdjustmentRequest, entry_reference, hash_of
from ledger.adjustments import Adjustment, AdjustmentState
from ledger.errors import AdjustmentConflict, UnknownAdjustment
from ledger.reversals import Undoable
from settings import Settings


async def accounts(settings: Settings, codes: Collection[str]) -> Mapping[str, Account]:
    """Read what the chart says of these codes; open accounts are as it says."""
    async with connections.books(settings) as connection:
        return await account_standing.all_charted(connection, codes)


async def undoable(settings: Settings, reference: str, adjustment_id: str) -> Undoable | None:
    """Read what is left to undo of an entry, if there is one; what this adjustment has undone already counts as left."""
    async with connections.books(settings) as connection:
        return await reversals.undoable(connection, reference, but=entry_reference(adjustment_id))


async def listed(settings: Settings, states: Collection[AdjustmentState], limit: int) -> Sequence[AdjustmentDocument]:
    """List adjustments in these states, the one that was asked for last first."""
    async with connections.books(settings) as connection:
        found = await adjustments.find(connection, states=states, limit=limit)
    return [adjustment_documents.of_adjustment(settings, adjustment) for adjustment in found]


async def known(settings: Settings, adjustment_id: str) -> Adjustment:
    """Read an adjustment that must exist; raises WrongUse, or AnswerIsNo where its entry was tampered with."""
    async with connections.books(settings) as connection:
        try:
            adjustment = await adjustments.known(connection, adjustment_id)
        except UnknownAdjustment as error:
            raise WrongUse(str(error)) from None
    if hash_of(adjustment.entry) != adjustment.entry_hash:
        raise AnswerIsNo(
            f"the entry of adjustment {adjustment_id} is not the one that was frozen: somebody has changed the row"
        )
    return adjustment


async def whole(settings: Settings, adjustment_id: str) -> AdjustmentDocument:
    """Read an adjustment as it is shown; raises as `known` does."""
    return adjustment_documents.of_adjustment(settings, await known(settings, adjustment_id))


async def same(settings: Settings, request: AdjustmentRequest) -> Adjustment | None:
    """Read the adjustment of this id, if there is one; raises AnswerIsNo where it has other content."""
    async with connections.books(settings) as connection:
        adjustment = await adjustments.get(connection, request.adjustment_id)
    if adjustment is not None and adjustment.request() != request:
        raise AnswerIsNo(str(AdjustmentConflict(request.adjustment_id)))
    return adjustment
