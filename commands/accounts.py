"""`accounts`: how an account stands, and what people do to it: freeze it, open it again, close it, let it fall below zero."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import options, output, standing_options

if TYPE_CHECKING:
    from commands.account_documents import AccountStandingDocument

app = typer.Typer(help="How an account stands: look at it, freeze it, open it again, close it, limit it.")


@app.command()
def show(
    account: options.AccountCode, *, currency: options.CurrencyFilter = None, as_json: options.AsJson = False
) -> None:
    """Show an account: posted, pending, available; its state and its guard; who changed that and why."""
    from commands import account_rows, connections, standing_arguments

    unit = None if currency is None else standing_arguments.currency(currency)
    code = standing_arguments.account_code("ACCOUNT", account)
    _show(connections.run(lambda settings: account_rows.whole(settings, code, unit)), as_json=as_json)


@app.command()
def freeze(
    account: options.AccountCode,
    *,
    currency: options.Currency,
    by: standing_options.Person,
    because: standing_options.Because,
    as_json: options.AsJson = False,
) -> None:
    """Let nothing in or out of an account until it is opened again; what is held of it stays held."""
    _set_state(account, currency, "frozen", by, because, as_json=as_json)


@app.command(name="open")
def open_again(
    account: options.AccountCode,
    *,
    currency: options.Currency,
    by: standing_options.Person,
    because: standing_options.Because,
    as_json: options.AsJson = False,
) -> None:
    """Open a frozen account again."""
    _set_state(account, currency, "open", by, because, as_json=as_json)


@app.command()
def close(
    account: options.AccountCode,
    *,
    currency: options.Currency,
    by: standing_options.Person,
    because: standing_options.Because,
    as_json: options.AsJson = False,
) -> None:
    """Close an account that holds nothing, for good."""
    _set_state(account, currency, "closed", by, because, as_json=as_json)


@app.command(name="bill-back")
def bill_back(
    account: options.AccountCode,
    *,
    currency: options.Currency,
    limit: standing_options.BillBackLimit,
    by: standing_options.Person,
    because: standing_options.Because,
    as_json: options.AsJson = False,
) -> None:
    """Let an account fall below zero to a limit: its owner is billed for it."""
    from commands import account_rows, connections, standing_arguments
    from ledger import account_standing

    code, unit = standing_arguments.account_code("ACCOUNT", account), standing_arguments.currency(currency)
    minor = standing_arguments.limit_minor(limit, unit)
    said = {"actor": standing_arguments.person(by), "because": standing_arguments.reason(because)}
    found = connections.run(
        lambda settings: account_rows.changed(
            settings, code, unit, lambda books: account_standing.set_bill_back(books, code, unit, minor, **said)
        )
    )
    _show(found, as_json=as_json)


def _set_state(account: str, currency: str, state: str, by: str, because: str, *, as_json: bool) -> None:  # as typed
    from commands import account_rows, connections, standing_arguments
    from ledger import account_standing
    from ledger.account_standing import AccountState

    code, unit = standing_arguments.account_code("ACCOUNT", account), standing_arguments.currency(currency)
    said = {"actor": standing_arguments.person(by), "because": standing_arguments.reason(because)}
    found = connections.run(
        lambda settings: account_rows.changed(
            settings,
            code,
            unit,
            lambda books: account_standing.set_state(books, code, unit, AccountState(state), **said),
        )
    )
    _show(found, as_json=as_json)


def _show(found: "AccountStandingDocument", *, as_json: bool) -> None:
    from commands.standing_arguments import shown

    if as_json:
        return output.document(found.plain())
    for each in found.standings:
        output.line(f"{each.account} in {each.currency}: {each.state}, {each.type} of {each.owner}")
        amounts = {"posted": each.posted_minor, "pending": each.pending_minor, "available": each.available_minor}
        for name, minor in amounts.items():
            output.line(f"  {name:<10} {shown(minor, each.currency)}")
        output.line(f"  {'guard':<10} {_guard(each.bill_back_minor, each.currency)}")
    if found.changes:
        output.line("")
        columns = ("changed", "currency", "state", "guard", "by", "because")
        rows = [
            (
                f"{each.changed_at:%Y-%m-%d %H:%M:%S}",
                each.currency,
                each.state,
                _guard(each.bill_back_minor, each.currency),
                each.by,
                each.because,
            )
            for each in found.changes
        ]
        output.table(columns, rows)
    return None


def _guard(bill_back_minor: int | None, currency: str) -> str:
    from commands.standing_arguments import shown

    if bill_back_minor is None:
        return "none"
    return f"never below {shown(-bill_back_minor, currency)}"
