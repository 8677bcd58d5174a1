"""`ledger balance` and `ledger trial-balance`: what accounts hold, now or at a moment."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import AnswerIsNo

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.history_documents import BalanceDocument, TrialBalanceDocument
    from ledger.moments import Moment


def balance(
    account: options.AccountCode,
    *,
    at: options.At = None,
    known_at: options.KnownAt = None,
    currency: options.CurrencyFilter = None,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """Say what an account holds, or held at a moment, and what of that was recorded only later."""
    from commands import arguments, csv_output, ledger_reading, moments
    from commands.history_documents import BalanceDocument

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    wanted, moment = arguments.currency_code(currency), moments.moment(at, known_at)
    found = ledger_reading.read(lambda books: _balances(books, account, moment, wanted))
    if as_json:
        output.document({"balances": [each.plain() for each in found]})
    elif as_csv:
        with csv_output.CsvWriter(BalanceDocument) as writer:
            for each in found:
                writer.write(each)
    else:
        _show_balances(found)


def trial_balance(
    *,
    at: options.At = None,
    known_at: options.KnownAt = None,
    currency: options.CurrencyFilter = None,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """List every account on the side that its balance is on; in each currency, debits are credits."""
    from commands import arguments, csv_output, history_documents, ledger_reading, moments
    from ledger import history

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    wanted, moment = arguments.currency_code(currency), moments.moment(at, known_at)
    if as_csv:
        differences = ledger_reading.read(lambda books: _write_trial_balance(books, moment, wanted))
    else:
        rows = ledger_reading.read(lambda books: history.trial_balance(books, moment=moment, currency=wanted))
        found = history_documents.of_trial_balance(rows, moment)
        differences = Counter({sums.currency: sums.difference_minor for sums in found.currencies})
        if as_json:
            output.document(found.plain())
        else:
            _show_trial_balance(found)
    off = [f"{unit} is off by {ledger_reading.money(minor, unit)}" for unit, minor in differences.items() if minor]
    if off:
        raise AnswerIsNo(*(f"the trial balance of {line}: run `prove`" for line in off))


async def _balances(books: "Books", account: str, moment: "Moment", currency: str | None) -> "list[BalanceDocument]":
    from commands import history_documents
    from ledger import history

    if moment.is_now:
        return [history_documents.of_balance_now(each) for each in await history.balances_now(books, account, currency)]
    found = await history.balances_at(books, account, moment, currency)
    return [history_documents.of_balance(each, moment) for each in found]


async def _write_trial_balance(books: "Books", moment: "Moment", currency: str | None) -> "Counter[str]":
    from commands import csv_output, history_documents
    from ledger import history

    differences = Counter[str]()
    rows = history.stream_trial_balance(books, moment=moment, currency=currency)
    with csv_output.CsvWriter(history_documents.TrialBalanceAccount) as writer:
        async with aclosing(rows):
            async for row in rows:
                differences[row.currency] += row.debit_minor - row.credit_minor
                writer.write(history_documents.of_trial_balance_row(row))
    return differences


def _show_balances(found: "list[BalanceDocument]") -> None:
    from commands.ledger_reading import money

    is_now = all(each.state is not None for each in found)
    rows = []
    for each in found:
        others = (each.held_minor, each.available_minor) if is_now else (each.later_minor,)
        shown = ("" if minor is None else money(minor, each.currency) for minor in (each.balance_minor, *others))
        rows.append((each.account, each.type, each.normal_side, *shown, str(each.line_count)))
    numbers = ("balance", *(("of it held", "available") if is_now else ("recorded later",)), "lines")
    output.table(("account", "type", "normal side", *numbers), rows, numbers=numbers)


def _show_trial_balance(found: "TrialBalanceDocument") -> None:
    from commands.ledger_reading import money

    is_compared = any(row.later_minor is not None for row in found.accounts)
    numbers = ("debit", "credit", *(("recorded later",) if is_compared else ()))
    for sums in found.currencies:
        rows = [
            (row.account, row.type, *("" if not minor else money(minor, row.currency) for minor in amounts))
            for row in found.accounts
            if row.currency == sums.currency
            for amounts in [(row.debit_minor, row.credit_minor, row.later_minor)[: len(numbers)]]
        ]
        totals = (money(sums.debit_minor, sums.currency), money(sums.credit_minor, sums.currency))
        rows.append((f"total {sums.currency}", "", *totals, *("" for _ in numbers[2:])))
        output.table(("account", "type", *numbers), rows, numbers=numbers)
        output.line("")
    if not found.currencies:
        output.line("the books are empty")
