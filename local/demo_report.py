"""What the demo shows at its end: outcomes per gateway, the money, the trial balance, and what is not as it should be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from ledger.accounts import clearing
from ledger.money import Money
from local.demo_scenario import GATEWAYS, PlannedCharge
from local.demo_verdict import Books, Verdict

MOST_SHOWN = 20
UP_AGAIN = ".venv/bin/python -m local up --directory"
LOOK = ".venv/bin/python starter.py status"

Place = tuple[str, str]
"""A gateway and a currency."""


def show_outcomes(console: Console, plan: Sequence[PlannedCharge], books: Books, verdict: Verdict) -> None:
    """Count, for each story and gateway, the charges that ended as the scenario says."""
    planned = Counter((charge.story.name, charge.ending.gateway) for charge in plan)
    astray = Counter(
        (charge.story.name, charge.ending.gateway) for charge in plan if charge.charge_id in verdict.deviations
    )
    table = _table("Outcomes", "charges", "end as", numbers=GATEWAYS.values())
    for name, status in sorted({(charge.story.name, charge.ending.status) for charge in plan}):
        counts = (_as_said(planned[name, gateway], astray[name, gateway]) for gateway in GATEWAYS)
        table.add_row(name, status.replace("_", " "), *counts)
    table.add_section()
    table.add_row("all", "", *(_as_said(_at(planned, gateway), _at(astray, gateway)) for gateway in GATEWAYS))
    _show(console, table)
    for gateway, title in GATEWAYS.items():
        codes = Counter(charge.decline_code for charge in books.charges.values() if charge.gateway == gateway)
        said = ", ".join(f"{code} {count}" for code, count in sorted(codes.items(), key=str) if code)
        console.print(Padding(f"Declines of {title}: {said}", (0, 2)), soft_wrap=False)


def show_money(console: Console, books: Books) -> None:
    """Show what each gateway took, gave back and kept, and what it owes us by the journal."""
    taken, given_back, fees = _moved(books, "capture"), _moved(books, "refund"), _fees(books)
    owed = {(row.account, row.currency): row.balance_minor for row in books.trial_balance}
    table = _table("Money", "gateway", numbers=("captured", "refunded", "fees paid", "owed to us"))
    for gateway, title in GATEWAYS.items():
        for currency in sorted({currency for where, currency in taken if where == gateway}):
            place, account = (gateway, currency), (clearing(gateway).code, currency)
            amounts = (taken[place], given_back[place], fees[place], owed.get(account, 0))
            table.add_row(title, *(str(Money(amount_minor=amount, currency=currency)) for amount in amounts))
        table.add_section()
    _show(console, table)


def show_trial_balance(console: Console, verdict: Verdict) -> None:
    """Show that debits are credits, in every currency."""
    table = _table("Trial balance", "currency", numbers=("debits", "credits", "difference"))
    for total in verdict.totals:
        sides = (Money(amount_minor=side, currency=total.currency) for side in (total.debit_minor, total.credit_minor))
        table.add_row(total.currency, *(str(side) for side in sides), str(total.difference))
    _show(console, table)
    console.print()


def show_verdict(console: Console, plan: Sequence[PlannedCharge], verdict: Verdict, path: Path) -> None:
    """Say whether all is as the scenario says, or list what is not, with the command that shows it.

    `path` is the system's directory.
    """
    for charge_id, found in list(verdict.deviations.items())[:MOST_SHOWN]:
        _object(console, f"{charge_id} did not end as the scenario says: {'; '.join(found)}")
        _object(console, f"  to see it: {LOOK} {charge_id}")
    if len(verdict.deviations) > MOST_SHOWN:
        _object(console, f"... and {len(verdict.deviations) - MOST_SHOWN} charges more")
    for total in verdict.unbalanced:
        _object(console, f"The books do not balance in {total.currency}: debits exceed credits by {total.difference}")
    for currency in verdict.absent:
        _object(console, f"The journal has nothing in {currency}, in which money was taken")
    if verdict.exit_code:
        _object(console, f"Not as it should be. The data is kept; to bring the system up again: {UP_AGAIN} {path}")
    else:
        console.print(
            f"All {len(plan)} charges ended as the scenario says, and the books balance in {len(verdict.totals)} currencies.",
            style="green",
        )


def _moved(books: Books, kind: str) -> Counter[Place]:
    moved: Counter[Place] = Counter()
    for operations in books.operations.values():
        for operation in operations:
            if operation.kind == kind and operation.outcome == "succeeded":
                moved[operation.gateway, operation.currency] += operation.amount_minor
    return moved


def _fees(books: Books) -> Counter[Place]:
    fees: Counter[Place] = Counter()
    for operations in books.operations.values():
        for operation in operations:
            if operation.fee_minor is not None and operation.fee_currency is not None:
                fees[operation.gateway, operation.fee_currency] += operation.fee_minor
    return fees


def _at(counts: Counter[tuple[str, str]], gateway: str) -> int:
    return sum(count for (_, where), count in counts.items() if where == gateway)


def _as_said(planned: int, astray: int) -> str:
    if not planned:
        return "-"
    return f"[red]{planned - astray} of {planned}[/red]" if astray else str(planned)


def _table(title: str, *columns: str, numbers: Iterable[str]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    for column in columns:
        table.add_column(column)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _show(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _object(console: Console, line: str) -> None:
    console.print(line, style="red", markup=False)
