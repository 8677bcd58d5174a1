"""What is wrong with a chart of which each row is well formed: rows that contradict each other, or what facts are booked on."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from ledger.accounts import ANY, BOOKED_BY_RULES, FACTS, Account, refunds_payable
from ledger.chart import Chart, ChartRow, Owner
from ledger.lined_yaml import Fault

Parts = Sequence[str | None]
"""The parts of a code; None stands for any one."""


def faults_of(chart: Chart) -> list[Fault]:
    """List all that is wrong."""
    return [*_ambiguous(chart), *_misleading_sums(chart), *_unbookable(chart)]


def _ambiguous(chart: Chart) -> Iterator[Fault]:
    """Two rows of which nobody can say which is meant: they fit the same code, and neither is the more literal."""
    for (_, first), (number, second) in combinations(enumerate(chart.accounts), 2):
        if first.literals == second.literals and _overlap(first.parts, second.parts):
            same = first.parts == second.parts
            why = (
                "stand for the same accounts"
                if same
                else "both stand for some accounts, and are as literal as each other"
            )
            yield Fault(("accounts", number, "code"), f"{first.code} and {second.code} {why}: keep one of them")


def _misleading_sums(chart: Chart) -> Iterator[Fault]:
    """A row beneath another, by its code, that counts something else.

    Whoever sums up an account with all beneath it adds what is of one type, or the sum says nothing: an expense within an
    asset would raise it. The normal side may differ, since contra accounts are taken off. A row whose parents are not
    charted is no trouble: nobody sums up an account that there cannot be.
    """
    for upper in chart.accounts:
        for number, row in enumerate(chart.accounts):
            depth = len(upper.parts)
            if depth < len(row.parts) and _overlap(upper.parts, row.parts[:depth]) and upper.type is not row.type:
                words = f"{row.code} is {row.type} beneath {upper.code}, which is {upper.type}"
                yield Fault(("accounts", number, "type"), f"{words}: sums of that would add both, so name it otherwise")


def _unbookable(chart: Chart) -> Iterator[Fault]:
    """What the posting rules move is there as they move it; and what facts are booked on is never in the way of them."""
    for account in BOOKED_BY_RULES:
        needed = _parts(account)
        if not any(_covers(row.parts, needed) for row in chart.accounts):
            yield Fault(("accounts",), f"there is no row for {_shown(account)}, which the posting rules move: add it")
        others = [_parts(other) for other in BOOKED_BY_RULES if other is not account]
        for number, row in enumerate(chart.accounts):
            if _overlap(row.parts, needed) and row.parts not in others and _is_meant(chart, row, needed):
                yield from (Fault(("accounts", number), f"{row.code} {why}") for why in _in_the_way(row, account))


def _in_the_way(row: ChartRow, account: Account) -> Iterator[str]:
    name = _shown(account)
    if (row.type, row.normal_side) != (account.type, account.normal_side):
        yield f"must be {account.type} with normal side {account.normal_side}, as the posting rules move {name}"
    if account not in FACTS:
        return
    if row.currencies is not None:
        yield f"may not be bound to currencies: facts are booked on {name} in any"
    # What is owed for refunds never falls below nothing, as the posting rules see to.
    if row.guarded and not (account == refunds_payable() and row.owner in {Owner.HOUSE, Owner.GATEWAY}):
        yield f"may not be guarded: facts are booked on {name} whatever it holds"


def _is_meant(chart: Chart, row: ChartRow, needed: Parts) -> bool:
    """Whether the row is the one for at least some of the codes that are needed."""
    better = (other for other in chart.accounts if other.literals > row.literals)
    return not any(_covers(other.parts, needed) for other in better)


def _parts(account: Account) -> Parts:
    return tuple(None if part == ANY else part for part in account.code.split(":"))


def _shown(account: Account) -> str:
    return account.code.replace(ANY, "{any}")


def _overlap(first: Parts, second: Parts) -> bool:
    """Whether there is a code that both fit."""
    pairs = zip(first, second, strict=False)
    return len(first) == len(second) and all(a is None or b is None or a == b for a, b in pairs)


def _covers(wide: Parts, narrow: Parts) -> bool:
    """Whether every code that fits the second fits the first."""
    return len(wide) == len(narrow) and all(a is None or a == b for a, b in zip(wide, narrow, strict=True))
