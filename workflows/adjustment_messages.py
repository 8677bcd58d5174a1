"""What an adjustment is told, and what it tells: the updates `approve` and `reject`, and the view of where it stands."""

from datetime import datetime

from pydantic import Field

from ledger.adjustment_requests import EntryHash
from ledger.adjustments import Adjustment, AdjustmentState
from ledger.money import Money
from ledger.record import Identifier, Record
from ledger.reviews import Because


class AwaitRequest(Record):
    """Wait until the request is in the books; refused where the adjustment of this id has other content."""

    content_hash: str | None = None


class AdjustmentWord(Record):
    """A person's word on an adjustment; refused where they may not say it."""

    by: Identifier
    """The person; never the one who asked, however their name is written."""
    because: Because
    entry_hash: EntryHash
    """The hash of the entry that the person has seen."""


class AdjustmentView(Record):
    """An adjustment as callers see it."""

    adjustment_id: str
    state: AdjustmentState
    requester: str
    reason_code: str
    amounts: tuple[Money, ...] = ()
    """What is debited, in each currency."""
    entry_hash: str | None = None
    approvals_needed: int | None = Field(default=None, ge=1, le=2)
    """None while the request is not in the books yet."""
    approved_by: tuple[str, ...] = ()
    rejected_by: str | None = None
    expires_at: datetime | None = None
    entry_reference: str | None = None
    """The entry, once it is posted."""
    message: str | None = None
    """Why it is not posted yet although it is approved."""

    @property
    def approvals_missing(self) -> int:
        """How many more persons have to approve."""
        is_open = self.state is AdjustmentState.REQUESTED
        return max((self.approvals_needed or 0) - len(self.approved_by), 1) if is_open else 0

    def has_decided(self, person: str) -> bool:
        """Whether this person has said their word, under whichever spelling."""
        return person.lower() in {each.lower() for each in (*self.approved_by, self.rejected_by or "")}


def view_of(adjustment: Adjustment) -> AdjustmentView:
    """Show an adjustment to its callers."""
    return AdjustmentView(
        adjustment_id=adjustment.adjustment_id,
        state=adjustment.state,
        requester=adjustment.requester,
        reason_code=adjustment.reason_code,
        amounts=tuple(tier.amount for tier in adjustment.tiers),
        entry_hash=adjustment.entry_hash,
        approvals_needed=adjustment.approvals_needed,
        approved_by=adjustment.approvers,
        rejected_by=adjustment.rejecter,
        expires_at=adjustment.expires_at,
        entry_reference=adjustment.entry_reference if adjustment.state is AdjustmentState.POSTED else None,
    )
