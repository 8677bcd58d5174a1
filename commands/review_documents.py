"""The document of a review with `--json`."""

from datetime import datetime

from commands import connections
from commands.documents import Document
from ledger.reviews import Choice, Evidence, Review
from settings import Settings
from workflows import charge, refund


class ReviewDocument(Document):
    """A case for a person, open or resolved."""

    review_id: int
    charge_id: str
    refund_id: str | None
    operation_id: str | None
    reason: str
    evidence: Evidence | None
    choices: list[Choice]
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    because: str | None
    resolved_by: str | None
    web_ui: str


def of_review(settings: Settings, review: Review) -> ReviewDocument:
    """Show a case, with the address of the process that waits for it."""
    names = ReviewDocument.model_fields.keys() - {"web_ui"}
    return ReviewDocument(
        web_ui=connections.web_ui(settings, workflow_id(review)), **{name: getattr(review, name) for name in names}
    )


def workflow_id(review: Review) -> str:
    """Name the process that a case belongs to."""
    if review.refund_id is None:
        return charge.workflow_id(review.charge_id)
    return refund.workflow_id(review.refund_id)
