"""Reads reviews from the books: PostgreSQL is the authority, whatever has become of the process."""

from collections.abc import Sequence

from commands import charge_rows, connections, review_documents
from commands.errors import AnswerIsNo
from commands.review_documents import ReviewDocument
from ledger import reviews
from ledger.errors import NotInReview
from ledger.reviews import Review
from settings import Settings


async def listed(settings: Settings, *, resolved: bool, limit: int) -> Sequence[ReviewDocument]:
    """List open cases, the one that has waited longest first; or resolved ones, the last first."""
    async with connections.books(settings) as connection:
        found = await reviews.find(connection, resolved=resolved, limit=limit)
    return [review_documents.of_review(settings, review) for review in found]


async def of_charge(settings: Settings, charge_id: str) -> Sequence[ReviewDocument]:
    """List all cases of a charge and its refunds, oldest first; raises WrongUse, or AnswerIsNo where there are none."""
    charge = await charge_rows.known(settings, charge_id)
    async with connections.books(settings) as connection:
        found = await reviews.of_charge(connection, charge_id)
    if not found:
        raise AnswerIsNo(f"charge {charge_id} is {charge.status.replace('_', ' ')} and was never in review")
    return [review_documents.of_review(settings, review) for review in found]


async def latest(settings: Settings, charge_id: str, refund_id: str | None) -> Review:
    """Read the last case of a charge or a refund; raises WrongUse, or AnswerIsNo where there is none."""
    await charge_rows.known(settings, charge_id)
    async with connections.books(settings) as connection:
        try:
            return await reviews.latest_of(connection, charge_id, refund_id)
        except NotInReview as error:
            raise AnswerIsNo(str(error)) from None
