"""The documents of adjustments with `--json`."""

from datetime import datetime

from commands import connections
from commands.documents import Document
from commands.ledger_documents import LineDocument
from ledger.adjustments import Adjustment
from settings import Settings
from workflows.adjustment import workflow_id
from workflows.adjustment_messages import view_of


class DecisionDocument(Document):
    """What a person said of an adjustment."""

    person: str
    decision: str
    because: str
    seen_hash: str
    decided_at: datetime


class TierDocument(Document):
    """An adjustment's amount in one currency, and up to which one approval is enough."""

    currency: str
    amount_minor: int
    one_approval_up_to_minor: int | None


class AdjustmentDocument(Document):
    """A manual adjustment."""

    adjustment_id: str
    state: str
    requester: str
    reason_code: str
    because: str
    evidence: str
    event_at: datetime
    reverses: str | None
    entry_reference: str
    entry_hash: str
    entry: str
    lines: list[LineDocument]
    tiers: list[TierDocument]
    approvals_needed: int
    approvals_missing: int
    decisions: list[DecisionDocument]
    requested_at: datetime
    expires_at: datetime
    changed_at: datetime
    posted_entry_id: int | None
    web_ui: str


def of_adjustment(settings: Settings, adjustment: Adjustment) -> AdjustmentDocument:
    """Show an adjustment, with the address of its process."""
    names = AdjustmentDocument.model_fields.keys() & {
        *Adjustment.model_fields,
        "event_at",
        "reverses",
        "entry_reference",
    }
    plain = {name: getattr(adjustment, name) for name in names - {"tiers", "decisions"}}
    return AdjustmentDocument(
        **plain,
        lines=[
            LineDocument(
                account=line.account.code,
                side=line.side,
                amount_minor=line.money.amount_minor,
                currency=line.money.currency,
            )
            for line in adjustment.lines
        ],
        tiers=[TierDocument(**tier.model_dump()) for tier in adjustment.tiers],
        decisions=[DecisionDocument(**decision.model_dump()) for decision in adjustment.decisions],
        approvals_missing=view_of(adjustment).approvals_missing,
        web_ui=connections.web_ui(settings, workflow_id(adjustment.adjustment_id)),
    )
