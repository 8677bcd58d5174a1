"""`ledger statement` and `ledger general-ledger`: accounts in a time, with the balance before and after each line."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from contextlib import aclosing
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import WrongUse

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.csv_output import CsvWriter
    from commands.history_documents import LogLineDocument, StatementDocument, StatementsDocument
    from ledger.statements import Frame, Question


def statement(
    account: options.AccountCode,
    *,
    begin: options.From = None,
    end: options.To = None,
    by: options.LogOrder = "happened",
    known_at: options.KnownAt = None,
    currency: options.CurrencyFilter = None,
    before: options.BeforeLine = None,
    limit: options.Limit = 100,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """State an account in a time: opening balance, its last lines with the balance before and after each, closing balance."""
    from commands import arguments, csv_output, history_documents, ledger_reading
    from ledger import statements

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    if as_csv and before is not None:
        raise WrongUse("--before is for pages, and --csv prints all lines: leave one of them out")
    wanted, question = arguments.currency_code(currency), _question(begin, end, by, known_at)
    if as_csv:
        ledger_reading.read(lambda books: _write_statement(books, account, question, wanted))
        return
    found = ledger_reading.read(
        lambda books: statements.statements(books, account, question, currency=wanted, before=before, limit=limit)
    )
    _show(history_documents.of_statements(found, question), as_json=as_json)


def general_ledger(
    *,
    begin: options.From = None,
    end: options.To = None,
    by: options.LogOrder = "happened",
    known_at: options.KnownAt = None,
    prefix: options.AccountPrefix = "",
    currency: options.CurrencyFilter = None,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """State every account in a time. With --csv there is no limit to it."""
    from commands import arguments, csv_output, history_documents, ledger_reading
    from ledger import general_ledger as ledger

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    wanted, question = arguments.currency_code(currency), _question(begin, end, by, known_at)
    if as_csv:
        ledger_reading.read(lambda books: _write_ledger(books, question, prefix, wanted))
        return
    found = ledger_reading.read(lambda books: ledger.general_ledger(books, question, prefix=prefix, currency=wanted))
    _show(history_documents.of_statements(found, question), as_json=as_json)


def _question(begin: str | None, end: str | None, by: str, known_at: str | None) -> "Question":
    from commands import moments
    from ledger.log_lines import Order
    from ledger.statements import Question

    if by not in set(Order):
        raise WrongUse(f"--by {by!r} is no order: write happened or recorded")
    order = Order(by)
    if order is Order.RECORDED and known_at is not None:
        raise WrongUse("--known-at is for what happened: by what was recorded, give --to")
    return Question(moments.span(begin, end), order, moments.at("--known-at", known_at))


async def _write_statement(books: "Books", account: str, question: "Question", currency: str | None) -> None:
    from commands import csv_output, history_documents
    from ledger import statements

    with csv_output.CsvWriter(history_documents.LedgerLineDocument) as writer:
        for account_id, frame in await statements.frames(books, account, question, currency=currency):
            await _write_frame(books, writer, account_id, frame, question)


async def _write_ledger(books: "Books", question: "Question", prefix: str, currency: str | None) -> None:
    from commands import csv_output, history_documents
    from ledger import general_ledger

    frames = general_ledger.frames(books, question, prefix=prefix, currency=currency)
    with csv_output.CsvWriter(history_documents.LedgerLineDocument) as writer:
        async with aclosing(frames):
            async for account_id, frame in frames:
                await _write_frame(books, writer, account_id, frame, question)


async def _write_frame(
    books: "Books", writer: "CsvWriter", account_id: int, frame: "Frame", question: "Question"
) -> None:
    from commands import history_documents
    from ledger import general_ledger

    writer.write(history_documents.of_opening(frame))
    lines = general_ledger.stream_lines(books, account_id, frame, question)
    async with aclosing(lines):
        async for line in lines:
            writer.write(history_documents.of_ledger_line(line))
    writer.write(history_documents.of_closing(frame))


def _show(found: "StatementsDocument", *, as_json: bool) -> None:
    if as_json:
        output.document(found.plain())
        return
    for number, each in enumerate(found.statements):
        if number:
            output.line("")
        _show_statement(each, found.by)
    if not found.statements:
        output.line("there is no account with a line by then")


def _show_statement(found: "StatementDocument", by: str) -> None:
    from commands.ledger_reading import money

    numbers = ("line", "before", "change", "after")
    columns = ("line", by, "before", "change", "after", "entry", "what", "by", "from", "mark")
    opening, closing = (money(minor, found.currency) for minor in (found.opening_minor, found.closing_minor))
    rows: list[tuple[str, ...]] = [("", "", "", "", opening, "", "opening balance", "", "", "")]
    if found.has_earlier:
        first = found.lines[0].line_id
        rows.append(("", "", "", "", "...", "", f"earlier lines: --before {first}", "", "", ""))
    rows += [_cells(line, by) for line in found.lines]
    rows.append(("", "", "", "", closing, "", "closing balance", "", "", ""))
    output.line(f"{found.account}, {found.currency}: {found.type}, grows by {found.normal_side}s")
    output.table(columns, rows, numbers=numbers)


def _cells(line: "LogLineDocument", by: str) -> tuple[str, ...]:
    from commands.ledger_reading import money

    at = line.event_at if by == "happened" else line.recorded_at
    why = f"{line.description} ({line.reason_code})" if line.reason_code else line.description
    source = " ".join(part for part in (line.rule, line.gateway, line.gateway_reference) if part)
    marks = [f"recorded {line.recorded_at:%Y-%m-%d %H:%M:%S}"] if line.recorded_later else []
    marks += [f"reverses {line.reverses}"] if line.reverses else []
    marks += [f"reversed by {reference}" for reference in line.reversed_by]
    marks += [f"{money(line.left_to_undo_minor, line.currency)} left to undo"] if line.left_to_undo_minor else []
    amounts = (money(minor, line.currency) for minor in (line.before_minor, line.change_minor, line.after_minor))
    return (
        *(str(line.line_id), f"{at:%Y-%m-%d %H:%M:%S}", *amounts),
        *(line.entry_reference, why, line.actor, source, ", ".join(marks)),
    )
