"""What a hold takes from outside, and how it shows itself."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ledger.accounts import AccountCode
from ledger.entries import MAX_LINE_MINOR
from ledger.holds import Hold, HoldRequest
from ledger.record import Record, Text

Actor = Annotated[str, Field(min_length=1, max_length=200)]
Because = Annotated[Text, Field(pattern=r"^[^\x00-\x1f\x7f]{1,500}$")]


class HoldStatus(StrEnum):
    """Where a hold stands; `processing` until it is placed, `refused` where it was not."""

    PROCESSING = "processing"
    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"
    REFUSED = "refused"

    @property
    def may_end(self) -> bool:
        """Whether it may still be posted or voided."""
        return self in {HoldStatus.PROCESSING, HoldStatus.PENDING}


class HoldView(Record):
    """A hold as callers see it; amounts in minor units of `currency`."""

    hold_id: str
    status: HoldStatus
    account: str
    amount_minor: int
    posted_minor: int = 0
    currency: str
    expires_at: datetime
    entry_reference: str | None = None
    ended_by: str | None = None
    message: str | None = None
    """Why it was refused, or why it has ended."""


class AwaitHold(Record):
    """Wait until the hold is placed or refused; told no where the hold of this id has other content."""

    content_hash: str | None = None


class PostHold(Record):
    """Take what is held for another account, in minor units; None for all of it. What is not taken is available again."""

    amount_minor: int | None = Field(default=None, gt=0, le=MAX_LINE_MINOR)
    to: AccountCode
    because: Because
    actor: Actor


class VoidHold(Record):
    """Let go of what is held."""

    because: Because
    actor: Actor


def asked(request: HoldRequest) -> HoldView:
    """Show a hold that is not placed yet."""
    return HoldView(
        hold_id=request.hold_id,
        status=HoldStatus.PROCESSING,
        account=request.account,
        amount_minor=request.amount.amount_minor,
        currency=request.amount.currency,
        expires_at=request.expires_at,
    )


def view(hold: Hold) -> HoldView:
    """Show a hold as the books have it."""
    return HoldView(
        hold_id=hold.hold_id,
        status=HoldStatus(hold.state),
        account=hold.account,
        amount_minor=hold.amount_minor,
        posted_minor=hold.posted_minor,
        currency=hold.currency,
        expires_at=hold.expires_at,
        entry_reference=hold.entry_reference,
        ended_by=hold.ended_by,
        message=hold.ended_because,
    )
