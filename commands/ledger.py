"""`ledger`: what the books say: trial balance, accounts, journal entries, statements."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from commands import chart, ledger_check, options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.ledger_documents import StatementLineDocument, TrialBalanceDocument

Result = TypeVar("Result")

app = typer.Typer(help="What the books say: trial balance, accounts, journal entries, statements.")
app.command()(ledger_check.check)
app.add_typer(chart.app, name="chart")


@app.command(name="trial-balance")
def trial_balance(*, currency: options.CurrencyFilter = None, as_json: options.AsJson = False) -> None:
    """Sum up every account; in each currency, debits are credits."""
    from commands import arguments, ledger_documents
    from ledger import reports

    wanted = arguments.currency_code(currency)
    found = ledger_documents.of_trial_balance(_read(lambda books: reports.trial_balance(books, currency=wanted)))
    if as_json:
        output.document(found.plain())
    else:
        _show_trial_balance(found)
    off = [sums for sums in found.currencies if sums.difference_minor]
    if off:
        lines = [f"{sums.currency} is off by {_money(sums.difference_minor, sums.currency)}" for sums in off]
        raise AnswerIsNo(*(f"the trial balance of {line}: run `prove`" for line in lines))


@app.command()
def accounts(
    *,
    prefix: options.AccountPrefix = "",
    currency: options.CurrencyFilter = None,
    limit: options.Limit = 1000,
    as_json: options.AsJson = False,
) -> None:
    """List accounts with their balances."""
    from commands import arguments, ledger_documents
    from ledger import reports

    wanted = arguments.currency_code(currency)
    rows = _read(lambda books: reports.account_balances(books, prefix=prefix, currency=wanted, limit=limit))
    if as_json:
        output.document({"accounts": [ledger_documents.of_account(row).plain() for row in rows]})
    else:
        cells = [(row.account, row.type, row.normal_side, _money(row.balance_minor, row.currency)) for row in rows]
        output.table(("account", "type", "normal side", "balance"), cells, numbers=("balance",))


@app.command()
def entries(
    *,
    charge_id: options.ChargeFilter = None,
    since: options.Since = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List the last journal entries, oldest first."""
    from commands import arguments, ledger_documents, timeline
    from ledger import reports

    begin = arguments.point_in_time("--since", since)
    found = _read(lambda books: reports.entries(books, charge_id=charge_id, since=begin, limit=limit))
    shown = [ledger_documents.of_entry(entry) for entry in found]
    if as_json:
        output.document({"entries": [entry.plain() for entry in shown]})
    else:
        timeline.show_entries(shown)


@app.command()
def entry(reference: options.EntryReference, *, as_json: options.AsJson = False) -> None:
    """Show one journal entry with its lines."""
    from commands import ledger_documents, timeline
    from ledger import reports

    found = _read(lambda books: reports.entry_by_reference(books, reference))
    if found is None:
        raise WrongUse(f"there is no entry {reference}: find its reference with `ledger entries`")
    shown = ledger_documents.of_entry(found)
    if as_json:
        output.document(shown.plain())
    else:
        timeline.show_entries([shown])


@app.command()
def statement(
    account: options.AccountCode,
    *,
    currency: options.CurrencyFilter = None,
    before: options.BeforeLine = None,
    limit: options.Limit = 100,
    as_json: options.AsJson = False,
) -> None:
    """List the last lines of an account, oldest first, each with the balance after it."""
    from commands import arguments, ledger_documents
    from ledger import reports

    wanted = arguments.currency_code(currency)
    rows = _read(lambda books: reports.statement(books, account, currency=wanted, before=before, limit=limit))
    shown = [ledger_documents.of_statement_line(row) for row in rows]
    if as_json:
        output.document({"account": account, "lines": [line.plain() for line in shown]})
    else:
        _show_statement(shown)


@app.command()
def protection(*, as_json: options.AsJson = False) -> None:
    """Check who may do what in the database, its guards and its settings; exit code 1 where something is wrong."""
    from commands import protection_documents
    from ledger.protection import report

    found = protection_documents.of_report(_read(report.inspect))
    if as_json:
        output.document(found.plain())
    else:
        output.line(f"database {found.database}, schema {found.schema_version}, read as {found.read_as}")
        output.line(f"settings: {', '.join(f'{name} {value}' for name, value in found.settings.items())}")
        output.line(f"{len(found.guards)} guards, {len(found.grants)} grants to {len(found.roles)} roles")
        if found.is_protected:
            output.line("the ledger is protected")
    if not found.is_protected:
        raise AnswerIsNo(*(f"{fault.what}: {fault.remedy}" for fault in found.faults))


def _read(report: "Callable[[Books], Awaitable[Result]]") -> Result:
    from commands import connections
    from ledger.errors import TooManyRows, UnknownAccount
    from settings import Settings

    async def read(settings: Settings) -> Result:
        async with connections.books(settings) as books:
            return await report(books)

    try:
        return connections.run(read)
    except (UnknownAccount, TooManyRows) as error:
        raise WrongUse(str(error)) from None


def _show_trial_balance(found: "TrialBalanceDocument") -> None:
    columns = ("account", "type", "debit", "credit", "balance")
    numbers = ("debit", "credit", "balance")
    for sums in found.currencies:
        rows = [
            (row.account, row.type, *(_money(amount, row.currency) for amount in amounts))
            for row in found.accounts
            if row.currency == sums.currency
            for amounts in [(row.debit_minor, row.credit_minor, row.balance_minor)]
        ]
        total = (sums.debit_minor, sums.credit_minor, sums.difference_minor)
        rows.append((f"total {sums.currency}", "", *(_money(amount, sums.currency) for amount in total)))
        output.table(columns, rows, numbers=numbers)
        output.line("")
    if not found.currencies:
        output.line("the books are empty")


def _show_statement(lines: "list[StatementLineDocument]") -> None:
    columns = ("line", "recorded", "entry", "description", "debit", "credit", "balance")
    rows = []
    for line in lines:
        amount = _money(line.amount_minor, line.currency)
        debit, credit = (amount, "") if line.side == "debit" else ("", amount)
        at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}"
        balance = _money(line.balance_minor, line.currency)
        rows.append((str(line.line_id), at, line.entry_reference, line.description, debit, credit, balance))
    output.table(columns, rows, numbers=("line", "debit", "credit", "balance"))


def _money(amount_minor: int, currency: str) -> str:
    from ledger.money import Money

    return str(Money(amount_minor=amount_minor, currency=currency))
