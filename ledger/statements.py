"""Statements of an account: the balance that it opens with, its lines with the balance before and after each, the closing one.

In the order of what happened or of what was recorded; corrections that came later are marked. Read only: a statement takes
several queries, so give a connection whose transaction sees one state of the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import log_lines
from ledger.accounts import AccountType, Side
from ledger.errors import UnknownAccount, UnknownLine
from ledger.log_lines import LogLine, Order
from ledger.moments import EVER, NEVER, TICK, Moment, Span
from ledger.record import Record

MAX_LISTED = 1000
_BEHIND_ALL = 2**63 - 1
"""A sequence that no line has."""


class Frame(Record):
    """An account in a time: what it held before and at the end."""

    account: str
    type: AccountType
    currency: str
    normal_side: Side
    opening_minor: int
    closing_minor: int
    line_count: int
    """Lines up to the end, of any time."""


class Statement(Frame):
    """The frame with its last lines, oldest first."""

    has_earlier: bool
    """Whether there are lines before these: the first one does not start from the opening balance."""
    lines: tuple[LogLine, ...]


@dataclass(frozen=True)
class Question:
    """Which lines, and in which order. Without `known`, by what is known now."""

    span: Span
    order: Order = Order.HAPPENED
    known: datetime | None = None

    @property
    def opening(self) -> Moment | None:
        """When it opens; None at the beginning, where nothing was."""
        return None if self.span.before is None else self._moment(self.span.before)

    @property
    def closing(self) -> Moment:
        """When it closes."""
        return self._moment(self.span.last)

    @property
    def last(self) -> datetime | None:
        """The last moment by the order's own clock."""
        return self.span.last if self.order is Order.HAPPENED else self.closing.known

    def values(self) -> dict[str, Any]:
        """Name its beginning, and what is known, for a query."""
        values = {"first": self.span.first or NEVER}
        return values if self.order is Order.RECORDED else values | {"known": self.known or EVER}

    def _moment(self, at: datetime | None) -> Moment:
        if self.order is Order.HAPPENED:
            return Moment(happened=at, known=self.known)
        ends = [end for end in (at, self.known) if end is not None]
        return Moment(known=min(ends, default=None))


@dataclass(frozen=True)
class _Place:
    """The line that a page ends before, by the clock of the order."""

    at: datetime
    sequence: int


_ACCOUNTS = text(
    "SELECT account_id, code AS account, type, currency, normal_side FROM accounts"
    " WHERE code = :code AND (CAST(:currency AS text) IS NULL OR currency = :currency) ORDER BY currency"
)
_BALANCE = text(
    "SELECT b.balance_minor, b.line_count"
    " FROM balance_at(:account, CAST(:happened AS timestamptz), CAST(:known AS timestamptz)) b"
)
_LINE = text("SELECT event_at, recorded_at, sequence FROM lines WHERE line_id = :line_id AND account_id = :account")
_BEFORE = text("SELECT before_minor FROM lines WHERE account_id = :account AND sequence = :sequence")
_SAME_TIME = text(
    "SELECT coalesce(sum(h.change_minor), 0)::bigint"
    " FROM happened_between(:account, :at, :at, CAST(:known AS timestamptz)) h WHERE h.sequence < :sequence"
)
_PAGE = {
    Order.HAPPENED: text(
        "SELECT g.* FROM last_happened(:account, CAST(:first AS timestamptz), CAST(:at AS timestamptz), :sequence,"
        "  CAST(:known AS timestamptz), :most) p"
        " JOIN account_log g ON g.line_id = p.line_id ORDER BY g.event_at DESC, g.sequence DESC"
    ),
    Order.RECORDED: text(
        "SELECT g.* FROM account_log g WHERE g.account_id = :account AND g.recorded_at >= CAST(:first AS timestamptz)"
        " AND (g.recorded_at, g.sequence) < (CAST(:at AS timestamptz), :sequence)"
        " ORDER BY g.recorded_at DESC, g.sequence DESC LIMIT :most"
    ),
}


async def statements(
    connection: AsyncConnection,
    code: str,
    question: Question,
    *,
    currency: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Statement]:
    """State an account in each of its currencies; raises UnknownAccount.

    Each has its last lines, at most `limit`. For the page before one, give its first line's `line_id` as `before`; raises
    UnknownLine where the account has no such line.
    """
    wanted = await _wanted(connection, code, currency)
    if before is None:
        return [await _statement(connection, row, question, None, limit) for row in wanted]
    for row in wanted:
        place = await _place_of(connection, row["account_id"], question.order, before)
        if place is not None:
            return [await _statement(connection, row, question, place, limit)]
    raise UnknownLine(code, before)


async def frames(
    connection: AsyncConnection, code: str, question: Question, *, currency: str | None = None
) -> list[tuple[int, Frame]]:
    """Frame an account in each of its currencies, with the account's number; raises UnknownAccount."""
    return [
        (row["account_id"], await frame(connection, row, question)) for row in await _wanted(connection, code, currency)
    ]


async def frame(connection: AsyncConnection, row: RowMapping, question: Question) -> Frame:
    """Frame the account of a row of `accounts`."""
    opening = await _balance(connection, row["account_id"], question.opening) if question.opening else (0, 0)
    closing = await _balance(connection, row["account_id"], question.closing)
    described = {name: row[name] for name in ("account", "type", "currency", "normal_side")}
    return Frame(**described, opening_minor=opening[0], closing_minor=closing[0], line_count=closing[1])


async def _wanted(connection: AsyncConnection, code: str, currency: str | None) -> Sequence[RowMapping]:
    rows = (await connection.execute(_ACCOUNTS, {"code": code, "currency": currency})).mappings().all()
    if not rows:
        raise UnknownAccount(code, currency)
    return rows


async def _statement(
    connection: AsyncConnection, row: RowMapping, question: Question, place: _Place | None, limit: int
) -> Statement:
    account_id = row["account_id"]
    framed = await frame(connection, row, question)
    last = question.last
    if place is None or (last is not None and place.at > last):
        ends_at, at, sequence = framed.closing_minor, last or EVER, _BEHIND_ALL
    else:
        ends_at, at, sequence = await _balance_before(connection, account_id, question, place), place.at, place.sequence
    most = min(limit, MAX_LISTED)
    values = {"account": account_id, "at": at, "sequence": sequence, "most": most + 1} | question.values()
    found = (await connection.execute(_PAGE[question.order], values)).mappings().all()
    page = tuple(log_lines.backwards(found[:most], ends_at, question.span.last))[::-1]
    return Statement(**framed.model_dump(), has_earlier=len(found) > most, lines=page)


async def _balance(connection: AsyncConnection, account_id: int, moment: Moment) -> tuple[int, int]:
    row = (await connection.execute(_BALANCE, {"account": account_id} | moment.values())).one()
    return row.balance_minor, row.line_count


async def _place_of(connection: AsyncConnection, account_id: int, order: Order, line_id: int) -> _Place | None:
    row = (await connection.execute(_LINE, {"account": account_id, "line_id": line_id})).one_or_none()
    if row is None:
        return None
    return _Place(row.event_at if order is Order.HAPPENED else row.recorded_at, row.sequence)


async def _balance_before(connection: AsyncConnection, account_id: int, question: Question, place: _Place) -> int:
    """What the account held before a line: at the moment before it, and with the lines of its moment that come first."""
    values: dict[str, Any] = {"account": account_id, "sequence": place.sequence}
    if question.order is Order.RECORDED:
        return int(await connection.scalar(_BEFORE, values))
    earlier, _ = await _balance(connection, account_id, Moment(happened=place.at - TICK, known=question.known))
    values |= {"at": place.at, "known": question.known or EVER}
    return earlier + int(await connection.scalar(_SAME_TIME, values))
