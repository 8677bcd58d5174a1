"""Reports: what the books say, read only. Amounts in minor units of `currency`; every list has a limit.

Balances are sums of lines, read from an index: there is no balance row to keep, or to wait for.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, Select, case, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import AccountType, Side
from ledger.database import accounts, lines
from ledger.database import entries as entry_rows
from ledger.errors import TooManyRows, UnknownAccount

MAX_LISTED = 1000
MAX_TRIAL_BALANCE = 10_000


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrialBalanceRow(_Row):
    """One account in one currency; over all rows of a currency, debits are credits."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    debit_minor: int
    credit_minor: int
    balance_minor: int
    """Positive on the account's normal side."""


class AccountBalance(_Row):
    """What an account holds, positive on its normal side."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    balance_minor: int


class StatementLine(_Row):
    """One line of an account, and the account's balance in that currency after it."""

    line_id: int
    reference: str
    rule: str
    description: str
    event_at: datetime
    recorded_at: datetime
    charge_id: str | None
    side: Side
    amount_minor: int
    currency: str
    balance_minor: int


class EntryLine(_Row):
    """One line of an entry."""

    account: str
    side: Side
    amount_minor: int
    currency: str


class EntryRecord(_Row):
    """An entry as it stands in the journal."""

    entry_id: int
    reference: str
    rule: str
    description: str
    event_at: datetime
    recorded_at: datetime
    actor: str
    charge_id: str | None
    operation_id: str | None
    reason_code: str | None
    reverses: str | None
    """Reference of the entry that this one undoes."""
    lines: tuple[EntryLine, ...]


_debits = func.coalesce(func.sum(lines.c.amount_minor).filter(lines.c.side == Side.DEBIT), 0)
_credits = func.coalesce(func.sum(lines.c.amount_minor).filter(lines.c.side == Side.CREDIT), 0)
_signed = case((lines.c.side == accounts.c.normal_side, lines.c.amount_minor), else_=-lines.c.amount_minor)


async def trial_balance(
    connection: AsyncConnection, *, currency: str | None = None, limit: int = MAX_TRIAL_BALANCE
) -> list[TrialBalanceRow]:
    """Sum up every account, by currency and code; raises TooManyRows, since a part of it would not balance."""
    sums = (
        select(lines.c.account_id, _debits.label("debits"), _credits.label("credits"))
        .group_by(lines.c.account_id)
        .subquery()
    )
    statement = (
        select(
            accounts.c.code.label("account"),
            accounts.c.type,
            accounts.c.currency,
            accounts.c.normal_side,
            cast(sums.c.debits, BigInteger).label("debit_minor"),
            cast(sums.c.credits, BigInteger).label("credit_minor"),
        )
        .join(sums, sums.c.account_id == accounts.c.account_id)
        .order_by(accounts.c.currency, accounts.c.code)
        .limit(limit + 1)
    )
    if currency is not None:
        statement = statement.where(accounts.c.currency == currency)
    rows = (await connection.execute(statement)).mappings().all()
    if len(rows) > limit:
        raise TooManyRows("trial balance", limit)
    return [TrialBalanceRow(**row, balance_minor=_balance(row)) for row in rows]


def _balance(row: Any) -> int:
    surplus: int = row["debit_minor"] - row["credit_minor"]
    return surplus if row["normal_side"] == Side.DEBIT else -surplus


async def account_balances(
    connection: AsyncConnection,
    *,
    prefix: str = "",
    currency: str | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int = MAX_LISTED,
) -> list[AccountBalance]:
    """List the accounts whose code starts with `prefix`, with their balances, by code and currency.

    For the next page, give the last row's account and currency as `after`.
    """
    total = (
        select(func.coalesce(func.sum(_signed), 0))
        .where(lines.c.account_id == accounts.c.account_id)
        .correlate(accounts)
        .scalar_subquery()
    )
    statement = (
        select(
            accounts.c.code.label("account"),
            accounts.c.type,
            accounts.c.currency,
            accounts.c.normal_side,
            cast(total, BigInteger).label("balance_minor"),
        )
        .where(
            accounts.c.code.startswith(prefix, autoescape=True),
            tuple_(accounts.c.code, accounts.c.currency) > tuple_(*after),
        )
        .order_by(accounts.c.code, accounts.c.currency)
        .limit(min(limit, MAX_LISTED))
    )
    if currency is not None:
        statement = statement.where(accounts.c.currency == currency)
    return [AccountBalance(**row) for row in (await connection.execute(statement)).mappings()]


async def statement(
    connection: AsyncConnection,
    code: str,
    *,
    currency: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[StatementLine]:
    """List the last lines of an account, oldest first, each with the balance after it; raises UnknownAccount.

    For the page before this one, give the first line's `line_id` as `before`.
    """
    wanted = select(accounts.c.account_id).where(accounts.c.code == code)
    if currency is not None:
        wanted = wanted.where(accounts.c.currency == currency)
    account_ids = (await connection.scalars(wanted)).all()
    if not account_ids:
        raise UnknownAccount(code, currency)
    rows = (await connection.execute(_page(account_ids, before, min(limit, MAX_LISTED)))).mappings()
    return [StatementLine(**row) for row in rows]


def _page(account_ids: Sequence[int], before: int | None, limit: int) -> Select[Any]:
    newest = select(lines).where(lines.c.account_id.in_(account_ids)).order_by(lines.c.line_id.desc()).limit(limit)
    if before is not None:
        newest = newest.where(lines.c.line_id < before)
    page = newest.cte("page")
    earlier = (
        select(func.coalesce(func.sum(_signed), 0))
        .where(
            lines.c.account_id == accounts.c.account_id,
            lines.c.line_id < select(func.min(page.c.line_id)).scalar_subquery(),
        )
        .correlate(accounts)
        .scalar_subquery()
    )
    change = case((page.c.side == accounts.c.normal_side, page.c.amount_minor), else_=-page.c.amount_minor)
    running = earlier + func.sum(change).over(partition_by=page.c.account_id, order_by=page.c.line_id)
    return (
        select(
            page.c.line_id,
            entry_rows.c.reference,
            entry_rows.c.rule,
            entry_rows.c.description,
            entry_rows.c.event_at,
            entry_rows.c.recorded_at,
            page.c.charge_id,
            page.c.side,
            page.c.amount_minor,
            page.c.currency,
            cast(running, BigInteger).label("balance_minor"),
        )
        .join_from(page, entry_rows, entry_rows.c.entry_id == page.c.entry_id)
        .join(accounts, accounts.c.account_id == page.c.account_id)
        .order_by(page.c.line_id)
    )


async def entries(
    connection: AsyncConnection,
    *,
    charge_id: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[EntryRecord]:
    """List the last entries, oldest first; of one charge, or recorded since a time, if asked."""
    statement = _headers().order_by(entry_rows.c.entry_id.desc()).limit(min(limit, MAX_LISTED))
    if charge_id is not None:
        statement = statement.where(entry_rows.c.charge_id == charge_id)
    if since is not None:
        statement = statement.where(entry_rows.c.recorded_at >= since)
    return (await _records(connection, statement))[::-1]


async def entry_by_reference(connection: AsyncConnection, reference: str) -> EntryRecord | None:
    """Read one entry, or None."""
    found = await _records(connection, _headers().where(entry_rows.c.reference == reference))
    return found[0] if found else None


def _headers() -> Select[Any]:
    reversed_entry = entry_rows.alias("reversed_entry")
    return select(
        entry_rows.c.entry_id,
        entry_rows.c.reference,
        entry_rows.c.rule,
        entry_rows.c.description,
        entry_rows.c.event_at,
        entry_rows.c.recorded_at,
        entry_rows.c.actor,
        entry_rows.c.charge_id,
        entry_rows.c.operation_id,
        entry_rows.c.reason_code,
        reversed_entry.c.reference.label("reverses"),
    ).outerjoin_from(entry_rows, reversed_entry, reversed_entry.c.entry_id == entry_rows.c.reverses_entry_id)


async def _records(connection: AsyncConnection, headers: Select[Any]) -> list[EntryRecord]:
    rows = (await connection.execute(headers)).mappings().all()
    # Entries never change, so that a second statement sees the same ones, complete.
    statement = (
        select(lines.c.entry_id, accounts.c.code, lines.c.side, lines.c.amount_minor, lines.c.currency)
        .join_from(lines, accounts, accounts.c.account_id == lines.c.account_id)
        .where(lines.c.entry_id.in_([row["entry_id"] for row in rows]))
        .order_by(lines.c.entry_id, lines.c.line_number)
    )
    found: defaultdict[int, list[EntryLine]] = defaultdict(list)
    for entry_id, code, side, amount_minor, currency in await connection.execute(statement):
        found[entry_id].append(EntryLine(account=code, side=side, amount_minor=amount_minor, currency=currency))
    return [EntryRecord(**row, lines=tuple(found[row["entry_id"]])) for row in rows]
