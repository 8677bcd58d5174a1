"""The general ledger: every account in a time, with the balance that it opens with, its lines, and the one that it closes with.

It streams, in bounded memory, so that it can be as long as the books; close a stream that you do not read to its end. Give
a connection whose transaction sees one state of them. Read only.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import log_lines, statements
from ledger.errors import TooManyRows
from ledger.log_lines import LogLine, Order
from ledger.moments import EVER
from ledger.statements import MAX_LISTED, Frame, Question, Statement
from ledger.streams import CHUNK, stream

_ACCOUNTS = text(
    "SELECT account_id, code AS account, type, currency, normal_side FROM accounts"
    " WHERE starts_with(code, :prefix) AND (CAST(:currency AS text) IS NULL OR currency = :currency)"
    " AND (code, currency) > (:after_code, :after_currency) ORDER BY code, currency LIMIT :most"
)
_LINES = {
    Order.HAPPENED: text(
        "SELECT g.* FROM happened_between(:account, CAST(:first AS timestamptz), CAST(:last AS timestamptz),"
        "  CAST(:known AS timestamptz)) h"
        " JOIN account_log g ON g.line_id = h.line_id ORDER BY g.event_at, g.sequence"
    ),
    Order.RECORDED: text(
        "SELECT g.* FROM account_log g WHERE g.account_id = :account"
        " AND g.recorded_at >= CAST(:first AS timestamptz) AND g.recorded_at <= CAST(:last AS timestamptz)"
        " ORDER BY g.recorded_at, g.sequence"
    ),
}
_NARROWER = "narrow it by --from, --to, --prefix or --currency, or take all of it with --csv"


async def general_ledger(
    connection: AsyncConnection, question: Question, *, prefix: str = "", currency: str | None = None
) -> list[Statement]:
    """Read it whole; raises TooManyRows where it has more than 1,000 accounts and lines."""
    found: list[Statement] = []
    rows = 0
    async with aclosing(frames(connection, question, prefix=prefix, currency=currency)) as accounts:
        async for account_id, frame in accounts:
            lines = await _first_lines(connection, account_id, frame, question, MAX_LISTED - rows)
            rows += 1 + len(lines)
            if rows > MAX_LISTED:
                raise TooManyRows("general ledger", MAX_LISTED, _NARROWER)
            found.append(Statement(**frame.model_dump(), has_earlier=False, lines=tuple(lines)))
    return found


async def _first_lines(
    connection: AsyncConnection, account_id: int, frame: Frame, question: Question, limit: int
) -> list[LogLine]:
    """Read lines until there are more than wanted."""
    lines: list[LogLine] = []
    async with aclosing(stream_lines(connection, account_id, frame, question)) as found:
        async for line in found:
            lines.append(line)
            if len(lines) > limit:
                break
    return lines


async def frames(
    connection: AsyncConnection, question: Question, *, prefix: str = "", currency: str | None = None
) -> AsyncGenerator[tuple[int, Frame]]:
    """Frame each account whose code starts so and that has lines by then, by code and currency, with its number."""
    values = {"prefix": prefix, "currency": currency, "after_code": "", "after_currency": "", "most": CHUNK}
    while True:
        page = (await connection.execute(_ACCOUNTS, values)).mappings().all()
        for row in page:
            frame = await statements.frame(connection, row, question)
            if frame.line_count:
                yield row["account_id"], frame
        if len(page) < CHUNK:
            return
        values |= {"after_code": page[-1]["account"], "after_currency": page[-1]["currency"]}


async def stream_lines(
    connection: AsyncConnection, account_id: int, frame: Frame, question: Question
) -> AsyncGenerator[LogLine]:
    """Read all lines of a frame, oldest first, each with the balance before and after it."""
    values = {"account": account_id, "last": question.last or EVER} | question.values()
    balance_minor = frame.opening_minor
    async with aclosing(stream(connection, _LINES[question.order], values)) as rows:
        async for row in rows:
            line = log_lines.of_row(row, balance_minor, question.span.last)
            balance_minor = line.after_minor
            yield line
