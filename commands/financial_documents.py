"""The documents of income statements and balance sheets with `--json`, and with `--csv` the lines of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from commands.documents import Document
from ledger.financials import BalanceSheet, FinancialRow, IncomeStatement
from ledger.moments import Moment, Span


class FinancialRowDocument(Document):
    """An account, or the sum of those whose codes begin so."""

    type: str
    account: str
    level: int
    amount_minor: int
    is_sum: bool
    is_contra: bool


class IncomeStatementDocument(Document):
    """What was earned and spent, in one currency."""

    currency: str
    revenue_minor: int
    expense_minor: int
    result_minor: int
    rows: list[FinancialRowDocument]


class IncomeStatementsDocument(Document):
    """What was earned and spent in a time."""

    begins_at: datetime | None
    ends_at: datetime | None
    known_at: datetime | None
    currencies: list[IncomeStatementDocument]


class BalanceSheetDocument(Document):
    """What is owned and owed, in one currency."""

    currency: str
    asset_minor: int
    liability_minor: int
    equity_minor: int
    retained_minor: int
    result_minor: int
    difference_minor: int
    rows: list[FinancialRowDocument]


class BalanceSheetsDocument(Document):
    """What is owned and owed at a moment."""

    at: datetime | None
    known_at: datetime | None
    period_begins_at: datetime
    currencies: list[BalanceSheetDocument]


class FinancialLineDocument(Document):
    """A line of CSV: an account, a sum, or one of the results."""

    currency: str
    type: str
    account: str | None
    level: int
    amount_minor: int
    is_sum: bool
    is_contra: bool


def of_income_statements(
    found: Sequence[IncomeStatement], span: Span, known: datetime | None
) -> IncomeStatementsDocument:
    """Show what was earned and spent in a time."""
    return IncomeStatementsDocument(
        begins_at=span.first,
        ends_at=span.last,
        known_at=known,
        currencies=[
            IncomeStatementDocument(
                currency=each.currency,
                revenue_minor=each.revenue_minor,
                expense_minor=each.expense_minor,
                result_minor=each.result_minor,
                rows=_rows(each.rows),
            )
            for each in found
        ],
    )


def of_balance_sheets(found: Sequence[BalanceSheet], moment: Moment, period_begins: datetime) -> BalanceSheetsDocument:
    """Show what is owned and owed at a moment."""
    return BalanceSheetsDocument(
        at=moment.happened,
        known_at=moment.known,
        period_begins_at=period_begins,
        currencies=[
            BalanceSheetDocument(
                difference_minor=each.difference_minor,
                rows=_rows(each.rows),
                **each.model_dump(exclude={"rows"}),
            )
            for each in found
        ],
    )


def lines_of(currency: str, rows: Sequence[FinancialRowDocument], **results: int) -> Iterator[FinancialLineDocument]:
    """Show rows of a currency as lines, with results by their names behind."""
    for row in rows:
        yield FinancialLineDocument(currency=currency, **row.model_dump())
    for name, amount_minor in results.items():
        yield FinancialLineDocument(
            currency=currency, type=name, account=None, level=0, amount_minor=amount_minor, is_sum=True, is_contra=False
        )


def _rows(rows: Sequence[FinancialRow]) -> list[FinancialRowDocument]:
    return [FinancialRowDocument(**row.model_dump()) for row in rows]
