"""Accounts with what they hold now, and journal entries. Read only; amounts in minor units, every list has a limit."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ARRAY, BigInteger, Select, Text, column, select, table, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import AccountType, Side
from ledger.database import accounts, balances, lines
from ledger.database import entries as entry_rows

MAX_LISTED = 1000


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountBalance(_Row):
    """What an account holds, positive on its normal side."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    balance_minor: int


class EntryLine(_Row):
    """One line of an entry, and what it did to its account's balance."""

    account: str
    side: Side
    amount_minor: int
    currency: str
    sequence: int
    """The line's place in its account."""
    before_minor: int
    after_minor: int


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
    gateway: str | None
    gateway_reference: str | None
    """The gateway's object that it comes from."""
    reverses: str | None
    """Reference of the entry that this one undoes."""
    reversed_by: tuple[str, ...]
    """References of the entries that undo this one, each in full or in part."""
    left_to_undo: dict[str, int] | None
    """Of one that others undo, what of its debits they have left, by currency in minor units."""
    lines: tuple[EntryLine, ...]


# A view of the database.
_origins = table(
    "entry_origins",
    column("entry_id", BigInteger),
    column("gateway", Text),
    column("gateway_reference", Text),
    column("reverses", Text),
    column("reversed_by", ARRAY(Text)),
    column("left_to_undo", JSONB),
)


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
    statement = (
        select(
            accounts.c.code.label("account"),
            accounts.c.type,
            accounts.c.currency,
            accounts.c.normal_side,
            balances.c.balance_minor,
        )
        .join(balances, balances.c.account_id == accounts.c.account_id)
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


async def balances_of(connection: AsyncConnection, code: str) -> dict[str, int]:
    """Read what an account holds in each currency that it is kept in, positive on its normal side."""
    statement = (
        select(accounts.c.currency, balances.c.balance_minor)
        .join(balances, balances.c.account_id == accounts.c.account_id)
        .where(accounts.c.code == code)
    )
    return {row.currency.strip(): row.balance_minor for row in await connection.execute(statement)}


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
        _origins.c.gateway,
        _origins.c.gateway_reference,
        _origins.c.reverses,
        _origins.c.reversed_by,
        _origins.c.left_to_undo,
    ).join_from(entry_rows, _origins, _origins.c.entry_id == entry_rows.c.entry_id)


async def _records(connection: AsyncConnection, headers: Select[Any]) -> list[EntryRecord]:
    headers_found = (await connection.execute(headers)).mappings().all()
    # Entries never change, so that a second statement sees the same ones, complete.
    statement = (
        select(
            lines.c.entry_id,
            accounts.c.code.label("account"),
            lines.c.side,
            lines.c.amount_minor,
            lines.c.currency,
            lines.c.sequence,
            lines.c.before_minor,
            lines.c.after_minor,
        )
        .join_from(lines, accounts, accounts.c.account_id == lines.c.account_id)
        .where(lines.c.entry_id.in_([header["entry_id"] for header in headers_found]))
        .order_by(lines.c.entry_id, lines.c.line_number)
    )
    found: defaultdict[int, list[EntryLine]] = defaultdict(list)
    for row in (await connection.execute(statement)).mappings():
        found[row["entry_id"]].append(EntryLine(**{name: row[name] for name in EntryLine.model_fields}))
    return [EntryRecord(**header, lines=tuple(found[header["entry_id"]])) for header in headers_found]
