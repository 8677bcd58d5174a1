"""The documents of the `periods` commands with `--json`."""

from datetime import date, datetime

from commands.documents import Document
from ledger.periods import Period, PeriodSheet, PeriodState


class PeriodDocument(Document):
    """A period in a list."""

    period: str
    starts_on: date
    ends_on: date
    state: PeriodState


class PeriodChangeDocument(Document):
    """A change of a period's state."""

    changed_at: datetime
    from_state: PeriodState
    to_state: PeriodState
    changed_by: str
    because: str | None
    approved_by: str | None
    warnings: list[str]


class PeriodFindingDocument(Document):
    """What the closing of a period meets."""

    severity: str
    subject: str | None
    finding: str


class PeriodSheetDocument(PeriodDocument):
    """A period with its trail."""

    entry_count: int
    late_count: int
    changes: list[PeriodChangeDocument]
    findings: list[PeriodFindingDocument]


def of_period(period: Period) -> PeriodDocument:
    """Show a period in a list."""
    return PeriodDocument(period=period.name, starts_on=period.starts_on, ends_on=period.ends_on, state=period.state)


def of_sheet(sheet: PeriodSheet) -> PeriodSheetDocument:
    """Show all that is known of a period."""
    return PeriodSheetDocument(
        **of_period(sheet.period).model_dump(),
        entry_count=sheet.entry_count,
        late_count=sheet.late_count,
        changes=[PeriodChangeDocument(**change.model_dump()) for change in sheet.changes],
        findings=[PeriodFindingDocument(**finding.model_dump()) for finding in sheet.findings],
    )
