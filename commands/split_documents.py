"""The documents of splits with `--json`."""

from collections.abc import Sequence
from datetime import datetime

from commands.charge_documents import RefundDocument
from commands.documents import Document
from ledger.split_legs import Leg
from ledger.splits import Split


class LegDocument(Document):
    """A leg of a split: the charge that it is, where there is one."""

    number: int
    charge_id: str
    amount_minor: int
    status: str | None
    gateway: str | None
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refund_reserved_minor: int
    decline_code: str | None
    message: str | None
    action_url: str | None
    canceled_by: str | None
    refusal: str | None


class SplitDocument(Document):
    """A split with its legs."""

    split_id: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    customer: str
    invoice: str | None
    metadata: dict[str, str]
    actor: str
    canceled_by: str | None
    because: str | None
    message: str | None
    action_url: str | None
    legs: list[LegDocument]
    created_at: datetime
    updated_at: datetime
    web_ui: str


class StartedSplitDocument(Document):
    """A split that was started and not waited for."""

    split_id: str
    web_ui: str


class SplitRefundDocument(Document):
    """A refund of a split: the refunds of its legs, in the order in which they were made."""

    refund_id: str
    split_id: str
    status: str
    amount_minor: int
    currency: str
    refunds: list[RefundDocument]


def of_split(split: Split, legs: Sequence[Leg], web_ui: str) -> SplitDocument:
    """Show a split with its legs."""
    view, asked = split.view(legs), split.request
    return SplitDocument(
        split_id=split.split_id,
        status=split.status,
        amount_minor=split.amount_minor,
        currency=split.currency,
        captured_minor=sum(leg.captured_minor for leg in legs),
        refunded_minor=sum(leg.refunded_minor for leg in legs),
        customer=asked.customer,
        invoice=asked.invoice,
        metadata=asked.metadata,
        actor=asked.actor,
        canceled_by=split.canceled_by,
        because=split.because,
        message=split.message,
        action_url=view.action_url,
        legs=[_of_leg(leg) for leg in legs],
        created_at=split.created_at,
        updated_at=split.updated_at,
        web_ui=web_ui,
    )


def _of_leg(leg: Leg) -> LegDocument:
    return LegDocument(**{name: getattr(leg, name) for name in LegDocument.model_fields})
