"""What the processes say of a charge and of a refund, and the words for their states."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Message(BaseModel):
    """A message of a process: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChargeStatus(StrEnum):
    """Where a charge stands."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    PARTIALLY_CAPTURED = "partially_captured"
    VOIDED = "voided"
    DECLINED = "declined"
    EXPIRED = "expired"
    NEEDS_REVIEW = "needs_review"

    @property
    def is_final(self) -> bool:
        """Whether the charge's own process has ended."""
        return self in {
            ChargeStatus.CAPTURED,
            ChargeStatus.PARTIALLY_CAPTURED,
            ChargeStatus.VOIDED,
            ChargeStatus.DECLINED,
            ChargeStatus.EXPIRED,
            ChargeStatus.NEEDS_REVIEW,
        }

    @property
    def is_decided(self) -> bool:
        """Whether the caller has the answer that it asked for: money reserved, money taken, or no."""
        return self.is_final or self is ChargeStatus.AUTHORIZED


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PROCESSING = "processing"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    NEEDS_REVIEW = "needs_review"

    @property
    def is_decided(self) -> bool:
        """Whether the caller has the answer that it asked for."""
        return self not in {RefundStatus.PROCESSING, RefundStatus.UNKNOWN}


class ChargeView(Message):
    """A charge as its process and the books see it; amounts in minor units of `currency`."""

    charge_id: str
    status: ChargeStatus
    gateway: str | None = None
    gateway_reason: str | None = None
    """Why this gateway was chosen."""
    amount_minor: int
    currency: str
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    decline_code: str | None = None
    message: str | None = None
    """What the gateway said of a decline or a refusal, or why a person has to look."""
    action_url: str | None = None
    """Where the customer authenticates, while the status is requires_action."""
    authorization_expires_at: datetime | None = None


class RefundView(Message):
    """A refund as its process sees it; the amount in minor units of `currency`."""

    refund_id: str
    charge_id: str
    status: RefundStatus
    amount_minor: int | None = None
    currency: str | None = None
    operation_id: str | None = None
    gateway_reference: str | None = None
    message: str | None = None


class PaymentMethod(Message):
    """A token of the customer's at one gateway; never a card number."""

    gateway: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    token: str = Field(min_length=1, max_length=200)
