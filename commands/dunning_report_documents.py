"""What `dunning report` prints with `--json` and `--csv`."""

from collections.abc import Sequence
from datetime import datetime

from billing.card_audit import Violation
from billing.dunning.recovery import Figures
from commands.documents import Document


class RecoveryDocument(Document):
    """What dunning brought of one cohort in one currency at one horizon."""

    group: str
    currency: str
    horizon_days: int
    is_complete: bool
    invoices: int
    amount_minor: int
    recovered: int
    recovered_minor: int
    share: float | None
    share_of_amount: float | None
    recovered_by: dict[str, int]
    recovered_minor_by: dict[str, int]
    tries: int
    rungs: int
    notices: int
    tries_per_recovery: float | None
    rungs_per_recovery: float | None
    notices_per_recovery: float | None
    median_seconds: int | None
    ninetieth_seconds: int | None
    ended: dict[str, int]
    still_open: int
    paid_after_end: int
    subscriptions_ended: int
    next_decided: int
    next_failed: int
    recurrence: float | None


class ViolationDocument(Document):
    """A try that a network forbids."""

    operation_id: str
    card: str
    tried_at: datetime
    rule: str


class RecoveryReportDocument(Document):
    """What dunning brought, and whether a rule was broken."""

    first: datetime
    last: datetime
    as_of: datetime
    by: str | None
    rows: list[RecoveryDocument]
    violations: list[ViolationDocument]


def of_figures(figures: Figures) -> RecoveryDocument:
    """Show a row."""
    return RecoveryDocument(**figures.model_dump())


def of_violations(violations: Sequence[Violation]) -> list[ViolationDocument]:
    """Show what was broken."""
    return [ViolationDocument(**violation.model_dump()) for violation in violations]
