"""`ledger`: what the books say: accounts and journal entries; its reports have files of their own, and are put together here."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import typer

from commands import (
    chart,
    ledger_audit,
    ledger_balances,
    ledger_check,
    ledger_financials,
    ledger_protection,
    ledger_statements,
    options,
    output,
)
from commands.errors import WrongUse

app = typer.Typer(help="What the books say: balances, statements, reports, journal entries, who did what.")
app.command()(ledger_check.check)
app.add_typer(chart.app, name="chart")


@app.command()
def accounts(
    *,
    prefix: options.AccountPrefix = "",
    currency: options.CurrencyFilter = None,
    limit: options.Limit = 1000,
    as_json: options.AsJson = False,
) -> None:
    """List accounts with their balances."""
    from commands import arguments, ledger_documents, ledger_reading
    from ledger import reports

    wanted = arguments.currency_code(currency)
    rows = ledger_reading.read(
        lambda books: reports.account_balances(books, prefix=prefix, currency=wanted, limit=limit)
    )
    if as_json:
        output.document({"accounts": [ledger_documents.of_account(row).plain() for row in rows]})
    else:
        cells = [
            (row.account, row.type, row.normal_side, ledger_reading.money(row.balance_minor, row.currency))
            for row in rows
        ]
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
    from commands import arguments, ledger_documents, ledger_reading, timeline
    from ledger import reports

    begin = arguments.point_in_time("--since", since)
    found = ledger_reading.read(lambda books: reports.entries(books, charge_id=charge_id, since=begin, limit=limit))
    shown = [ledger_documents.of_entry(entry) for entry in found]
    if as_json:
        output.document({"entries": [entry.plain() for entry in shown]})
    else:
        timeline.show_entries(shown)


@app.command()
def entry(reference: options.EntryReference, *, as_json: options.AsJson = False) -> None:
    """Show one journal entry with its lines, and all that it comes from: operation, charge, objects at the gateway."""
    from commands import entry_documents, ledger_reading

    found = ledger_reading.read(lambda books: entry_documents.read(books, reference))
    if found is None:
        raise WrongUse(f"there is no entry {reference}: find its reference with `ledger entries`")
    if as_json:
        output.document(found.plain())
    else:
        entry_documents.show(found)


app.command()(ledger_balances.balance)
app.command()(ledger_balances.trial_balance)
app.command()(ledger_statements.statement)
app.command()(ledger_statements.general_ledger)
app.command()(ledger_financials.income_statement)
app.command()(ledger_financials.balance_sheet)
app.command()(ledger_audit.audit_trail)
app.command()(ledger_protection.protection)
