"""Income statement and balance sheet, in each currency, with sums by the parts of account codes. Read only.

Amounts are positive on the side that is normal for the kind of account (debit for assets and expenses, credit for the rest),
so that a contra account, such as revenue:refunds, is taken off. Memo accounts stand outside both.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import AccountType
from ledger.errors import TooManyRows
from ledger.moments import EVER, NEVER, Moment, Span
from ledger.record import Record

MAX_ROWS = 10_000
MAX_PARTS = 20
"""Parts of a code that are told apart where nothing else is asked: more than any code has."""


class Leaf(Record):
    """A sum of accounts whose codes begin alike; where all parts are told apart, one account."""

    type: AccountType
    currency: str
    code: str
    amount_minor: int
    is_contra: bool
    """Whether all of them are taken off the others of their kind."""
    is_sum: bool
    """Whether parts of the codes are left out."""


class FinancialRow(Record):
    """An account, or the sum of those whose codes begin so."""

    type: AccountType
    account: str
    """A code, or its first parts where `is_sum`."""
    level: int
    """How many parts come before: 0 for the first."""
    amount_minor: int
    is_sum: bool
    is_contra: bool
    """Whether it is taken off the others of its kind."""


class IncomeStatement(Record):
    """What was earned and spent in a time, in one currency."""

    currency: str
    rows: tuple[FinancialRow, ...]
    revenue_minor: int
    expense_minor: int

    @property
    def result_minor(self) -> int:
        """What is left of what was earned."""
        return self.revenue_minor - self.expense_minor


class BalanceSheet(Record):
    """What is owned and owed at a moment, in one currency."""

    currency: str
    rows: tuple[FinancialRow, ...]
    asset_minor: int
    liability_minor: int
    equity_minor: int
    """What equity accounts hold."""
    retained_minor: int
    """Results of the time before the period."""
    result_minor: int
    """Result of the period."""

    @property
    def difference_minor(self) -> int:
        """Zero where the books balance."""
        owed = self.liability_minor + self.equity_minor + self.retained_minor + self.result_minor
        return self.asset_minor - owed


# Of each kind of account what is normal for it; other accounts of the kind are taken off.
_LEAVES = text(
    "SELECT s.type, s.currency, s.code, bool_and(s.is_contra) AS is_contra, bool_or(s.code <> s.whole) AS is_sum,"
    "  sum(CASE WHEN s.is_contra THEN -s.moved ELSE s.moved END)::bigint AS amount_minor"
    " FROM ("
    "  SELECT a.type, a.currency, a.code AS whole,"
    "   array_to_string((string_to_array(a.code, ':'))[1:CAST(:depth AS integer)], ':') AS code,"
    "   a.normal_side <> CASE WHEN a.type IN ('asset', 'expense') THEN 'debit' ELSE 'credit' END AS is_contra,"
    "   e.balance_minor - b.balance_minor AS moved, e.line_count - b.line_count AS line_count"
    "  FROM accounts a"
    "  CROSS JOIN LATERAL balance_at(a.account_id, CAST(:before AS timestamptz), CAST(:known AS timestamptz)) b"
    "  CROSS JOIN LATERAL balance_at(a.account_id, CAST(:last AS timestamptz), CAST(:known AS timestamptz)) e"
    "  WHERE a.type = ANY (CAST(:types AS text[])) AND (CAST(:currency AS text) IS NULL OR a.currency = :currency)"
    " ) s WHERE s.line_count > 0 GROUP BY s.type, s.currency, s.code ORDER BY s.currency, s.type, s.code LIMIT :most"
)
_RESULTS = (AccountType.REVENUE, AccountType.EXPENSE)
_STANDING = (AccountType.ASSET, AccountType.LIABILITY, AccountType.EQUITY)


async def income_statements(
    connection: AsyncConnection,
    span: Span,
    *,
    known: datetime | None = None,
    currency: str | None = None,
    depth: int = MAX_PARTS,
) -> list[IncomeStatement]:
    """State what was earned and spent in a time, with accounts told apart by the first `depth` parts of their codes."""
    leaves = await _leaves(connection, _RESULTS, span, known=known, currency=currency, depth=depth)
    return [
        IncomeStatement(
            currency=unit,
            rows=tuple(rows_of(own, _RESULTS)),
            revenue_minor=_sum(own, AccountType.REVENUE),
            expense_minor=_sum(own, AccountType.EXPENSE),
        )
        for unit, own in _by_currency(leaves).items()
    ]


async def balance_sheets(
    connection: AsyncConnection,
    moment: Moment,
    period_begins: datetime,
    *,
    currency: str | None = None,
    depth: int = MAX_PARTS,
) -> list[BalanceSheet]:
    """State what is owned and owed; `period_begins` parts the period's result from what was retained before.

    Takes several queries: give a connection whose transaction sees one state of the books.
    """
    until = Span(last=moment.happened)
    standing = await _leaves(connection, _STANDING, until, known=moment.known, currency=currency, depth=depth)
    before = await _results(
        connection, Span(last=_earlier(Span(first=period_begins).before, moment.happened)), moment, currency
    )
    ever = await _results(connection, until, moment, currency)
    sheets = _by_currency(standing)
    return [
        BalanceSheet(
            currency=unit,
            rows=tuple(rows_of(sheets.get(unit, []), _STANDING)),
            asset_minor=_sum(sheets.get(unit, []), AccountType.ASSET),
            liability_minor=_sum(sheets.get(unit, []), AccountType.LIABILITY),
            equity_minor=_sum(sheets.get(unit, []), AccountType.EQUITY),
            retained_minor=before.get(unit, 0),
            result_minor=ever.get(unit, 0) - before.get(unit, 0),
        )
        for unit in sorted(sheets.keys() | ever.keys())
    ]


def rows_of(leaves: Sequence[Leaf], types: Sequence[AccountType]) -> Iterator[FinancialRow]:
    """Put leaves of one currency in order, each sum before what it is the sum of; kinds in the order given."""
    for kind in types:
        yield from _branch([leaf for leaf in leaves if leaf.type == kind], 0)


def _branch(leaves: Sequence[Leaf], level: int) -> Iterator[FinancialRow]:
    """The rows of leaves that are alike up to a level."""
    branches: defaultdict[str, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        branches[":".join(leaf.code.split(":")[: level + 1])].append(leaf)
    for code, branch in branches.items():
        whole = [leaf for leaf in branch if leaf.code == code]
        deeper = [leaf for leaf in branch if leaf.code != code]
        if deeper:
            yield FinancialRow(
                type=branch[0].type,
                account=code,
                level=level,
                amount_minor=sum(leaf.amount_minor for leaf in branch),
                is_sum=True,
                is_contra=False,
            )
        for leaf in whole:
            yield FinancialRow(
                type=leaf.type,
                account=code,
                level=level + bool(deeper),
                amount_minor=leaf.amount_minor,
                is_sum=leaf.is_sum,
                is_contra=leaf.is_contra,
            )
        yield from _branch(deeper, level + 1)


async def _leaves(
    connection: AsyncConnection,
    types: Sequence[AccountType],
    span: Span,
    *,
    known: datetime | None,
    currency: str | None,
    depth: int,
) -> list[Leaf]:
    values = {
        "types": list(types),
        "before": span.before or NEVER,
        "last": span.last or EVER,
        "known": known or EVER,
        "currency": currency,
        "depth": depth,
        "most": MAX_ROWS + 1,
    }
    rows = (await connection.execute(_LEAVES, values)).mappings().all()
    if len(rows) > MAX_ROWS:
        raise TooManyRows("report", MAX_ROWS, "ask for one currency, or for fewer parts of account codes with --depth")
    return [Leaf.model_validate(dict(row)) for row in rows]


async def _results(connection: AsyncConnection, span: Span, moment: Moment, currency: str | None) -> dict[str, int]:
    """What was earned less what was spent, in each currency."""
    leaves = await _leaves(connection, _RESULTS, span, known=moment.known, currency=currency, depth=1)
    return {
        unit: _sum(own, AccountType.REVENUE) - _sum(own, AccountType.EXPENSE)
        for unit, own in _by_currency(leaves).items()
    }


def _by_currency(leaves: Sequence[Leaf]) -> dict[str, list[Leaf]]:
    return {
        unit: [leaf for leaf in leaves if leaf.currency == unit] for unit in sorted({leaf.currency for leaf in leaves})
    }


def _sum(leaves: Sequence[Leaf], kind: AccountType) -> int:
    return sum(leaf.amount_minor for leaf in leaves if leaf.type == kind)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
