"""Balances: now, from one row of each account; and at any moment, by what had happened and by what was known then.

A moment is a place in the account's numbered lines, which an index finds, and the late lines that span it: see `balance_at`
in the migrations. So it costs the same however many lines there are. Read only.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import AccountType, Side
from ledger.errors import TooManyRows, UnknownAccount
from ledger.moments import Moment
from ledger.record import Record
from ledger.streams import stream

MAX_TRIAL_BALANCE = 10_000


class Balance(Record):
    """What an account held, positive on its normal side."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    balance_minor: int
    later_minor: int | None
    """Of the balance, what was recorded only after that moment; None where nothing can have been."""
    line_count: int
    """How many lines it is the sum of."""


class BalanceNow(Record):
    """What an account holds."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    balance_minor: int
    held_minor: int
    """Of the balance, what is promised elsewhere."""
    line_count: int
    state: str

    @property
    def available_minor(self) -> int:
        """What is not promised elsewhere."""
        return self.balance_minor - self.held_minor


class TrialBalanceRow(Record):
    """An account on the side that its balance is on; over all rows of a currency, debits are credits."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    debit_minor: int
    credit_minor: int
    balance_minor: int
    """Positive on the account's normal side."""
    later_minor: int | None = None
    """Of the balance, what was recorded only after that moment; None where nothing can have been."""


_NOW = text(
    "SELECT a.code AS account, a.type, a.currency, a.normal_side, b.balance_minor, b.held_minor, b.state,"
    " b.version AS line_count FROM accounts a JOIN balances b ON b.account_id = a.account_id"
    " WHERE a.code = :code AND (CAST(:currency AS text) IS NULL OR a.currency = :currency) ORDER BY a.currency"
)
_AT = text(
    "SELECT a.code AS account, a.type, a.currency, a.normal_side, b.balance_minor, b.line_count,"
    " CASE WHEN :is_compared THEN b.balance_minor - (SELECT t.balance_minor"
    "  FROM balance_at(a.account_id, CAST(:happened AS timestamptz), CAST(:happened AS timestamptz)) t) END AS later_minor"
    " FROM accounts a CROSS JOIN LATERAL"
    " balance_at(a.account_id, CAST(:happened AS timestamptz), CAST(:known AS timestamptz)) b"
    " WHERE a.code = :code AND (CAST(:currency AS text) IS NULL OR a.currency = :currency) ORDER BY a.currency"
)
_ALL_NOW = text(
    "SELECT a.code AS account, a.type, a.currency, a.normal_side, b.balance_minor, CAST(NULL AS bigint) AS later_minor"
    " FROM accounts a JOIN balances b ON b.account_id = a.account_id"
    " WHERE CAST(:currency AS text) IS NULL OR a.currency = :currency ORDER BY a.currency, a.code"
    " LIMIT CAST(:most AS bigint)"
)
# The accounts are sorted before their balances are looked up, so that a part of a long answer takes a part of the time.
_ALL_AT = text(
    "SELECT a.code AS account, a.type, a.currency, a.normal_side, b.balance_minor,"
    " CASE WHEN :is_compared THEN b.balance_minor - (SELECT t.balance_minor"
    "  FROM balance_at(a.account_id, CAST(:happened AS timestamptz), CAST(:happened AS timestamptz)) t) END AS later_minor"
    " FROM ("
    "  SELECT account_id, code, type, currency, normal_side FROM accounts"
    "  WHERE CAST(:currency AS text) IS NULL OR currency = :currency ORDER BY currency, code"
    " ) a CROSS JOIN LATERAL"
    " balance_at(a.account_id, CAST(:happened AS timestamptz), CAST(:known AS timestamptz)) b"
    " WHERE b.line_count > 0 ORDER BY a.currency, a.code LIMIT CAST(:most AS bigint)"
)


async def balances_now(connection: AsyncConnection, code: str, currency: str | None = None) -> list[BalanceNow]:
    """Read what an account holds, in each of its currencies; raises UnknownAccount."""
    rows = (await connection.execute(_NOW, {"code": code, "currency": currency})).mappings().all()
    if not rows:
        raise UnknownAccount(code, currency)
    return [BalanceNow.model_validate(dict(row)) for row in rows]


async def balances_at(
    connection: AsyncConnection, code: str, moment: Moment, currency: str | None = None
) -> list[Balance]:
    """Read what an account held at a moment, in each of its currencies; raises UnknownAccount."""
    rows = (await connection.execute(_AT, {"code": code} | _values(moment, currency))).mappings().all()
    if not rows:
        raise UnknownAccount(code, currency)
    return [Balance.model_validate(dict(row)) for row in rows]


async def trial_balance(
    connection: AsyncConnection,
    *,
    moment: Moment = Moment(),  # noqa: B008 # immutable
    currency: str | None = None,
    limit: int = MAX_TRIAL_BALANCE,
) -> list[TrialBalanceRow]:
    """List every account by currency and code; raises TooManyRows, since a part of it would not balance."""
    query, values = _trial_balance(moment, currency)
    rows = (await connection.execute(query, values | {"most": limit + 1})).mappings().all()
    if len(rows) > limit:
        raise TooManyRows("trial balance", limit, "ask for one currency, or take all of it with --csv")
    return [_on_its_side(row) for row in rows]


async def stream_trial_balance(
    connection: AsyncConnection, *, moment: Moment, currency: str | None = None
) -> AsyncGenerator[TrialBalanceRow]:
    """Read the same row by row, without end and in bounded memory; close it where you do not read to its end."""
    query, values = _trial_balance(moment, currency)
    async with aclosing(stream(connection, query, values | {"most": None})) as rows:
        async for row in rows:
            yield _on_its_side(row)


def _trial_balance(moment: Moment, currency: str | None) -> tuple[TextClause, dict[str, object]]:
    return (_ALL_NOW, {"currency": currency}) if moment.is_now else (_ALL_AT, _values(moment, currency))


def _on_its_side(row: RowMapping) -> TrialBalanceRow:
    debit = row["balance_minor"] if row["normal_side"] == Side.DEBIT else -row["balance_minor"]
    return TrialBalanceRow(**row, debit_minor=max(debit, 0), credit_minor=max(-debit, 0))


def _values(moment: Moment, currency: str | None) -> dict[str, object]:
    return {"currency": currency, "is_compared": moment.as_it_was_known is not None} | moment.values()
