"""`ledger income-statement` and `ledger balance-sheet`, in each currency."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import AnswerIsNo

if TYPE_CHECKING:
    from commands.financial_documents import FinancialRowDocument

MAX_PARTS = 20


def income_statement(
    *,
    begin: options.From = None,
    end: options.To = None,
    known_at: options.KnownAt = None,
    currency: options.CurrencyFilter = None,
    depth: options.Depth = MAX_PARTS,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """Show what was earned and spent in a time, and the result."""
    from commands import arguments, csv_output, financial_documents, ledger_reading, moments
    from ledger import financials

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    wanted, span = arguments.currency_code(currency), moments.span(begin, end)
    known = moments.at("--known-at", known_at)
    statements = ledger_reading.read(
        lambda books: financials.income_statements(books, span, known=known, currency=wanted, depth=depth)
    )
    found = financial_documents.of_income_statements(statements, span, known)
    if as_json:
        output.document(found.plain())
    elif as_csv:
        with csv_output.CsvWriter(financial_documents.FinancialLineDocument) as writer:
            for each in found.currencies:
                for line in financial_documents.lines_of(each.currency, each.rows, result=each.result_minor):
                    writer.write(line)
    else:
        for each in found.currencies:
            _show(each.currency, each.rows, [("result", each.result_minor)])
        if not found.currencies:
            output.line("nothing was earned or spent in that time")


def balance_sheet(
    *,
    at: options.At = None,
    known_at: options.KnownAt = None,
    begin: options.PeriodBegin = None,
    currency: options.CurrencyFilter = None,
    depth: options.Depth = MAX_PARTS,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """Show what is owned and owed at a moment, with the result of the period and what was retained before it."""
    from commands import arguments, csv_output, financial_documents, ledger_reading, moments
    from ledger import financials

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    wanted, moment = arguments.currency_code(currency), moments.moment(at, known_at)
    begins = moments.beginning("--from", begin) or _year_of(moment.happened)
    sheets = ledger_reading.read(
        lambda books: financials.balance_sheets(books, moment, begins, currency=wanted, depth=depth)
    )
    found = financial_documents.of_balance_sheets(sheets, moment, begins)
    if as_json:
        output.document(found.plain())
    elif as_csv:
        with csv_output.CsvWriter(financial_documents.FinancialLineDocument) as writer:
            for each in found.currencies:
                results = {"retained": each.retained_minor, "result": each.result_minor}
                for line in financial_documents.lines_of(each.currency, each.rows, **results):
                    writer.write(line)
    else:
        for each in found.currencies:
            results = {"retained earnings": each.retained_minor, "result of the period": each.result_minor}
            owed = each.liability_minor + each.equity_minor + each.retained_minor + each.result_minor
            sums = {"total of assets": each.asset_minor, "total of liabilities and equity": owed}
            _show(each.currency, each.rows, [*results.items(), *sums.items()])
        if not found.currencies:
            output.line("the books are empty")
    off = [each for each in found.currencies if each.difference_minor]
    if off:
        raise AnswerIsNo(
            *(
                f"the balance sheet of {each.currency} is off by "
                f"{ledger_reading.money(each.difference_minor, each.currency)}: run `prove`"
                for each in off
            )
        )


def _year_of(at: datetime | None) -> datetime:
    return datetime((at or datetime.now(UTC)).year, 1, 1, tzinfo=UTC)


def _show(currency: str, rows: "Sequence[FinancialRowDocument]", results: Sequence[tuple[str, int]]) -> None:
    from commands.ledger_reading import money

    shown = []
    kind = ""
    for row in rows:
        if row.type != kind:
            kind = row.type
            total = sum(each.amount_minor for each in rows if each.type == kind and each.level == 0)
            shown.append((kind, money(total, currency)))
        # Two columns in from the kind, and two more for each part that comes before.
        name = "  " * (row.level + 1) + row.account + (" (contra)" if row.is_contra else "")
        shown.append((name, money(row.amount_minor, currency)))
    shown += [(name, money(minor, currency)) for name, minor in results]
    output.table((currency, "amount"), shown, numbers=("amount",))
    output.line("")
