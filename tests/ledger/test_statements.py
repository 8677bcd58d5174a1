"""Statements: opening balance, lines that run on from it, closing balance, in either order and however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import general_ledger, statements
from ledger.entries import Entry
from ledger.errors import TooManyRows, UnknownAccount, UnknownLine
from ledger.log_lines import LogLine, Order
from ledger.moments import TICK, Moment, Span
from ledger.statements import Question, Statement
from tests.ledger import pasts
from tests.ledger.pasts import Past, Recorded, many_pasts


def asked(data: st.DataObject, past: Past) -> Question:
    """Draw a question about a past: a time, an order, and what is known."""
    order = data.draw(st.sampled_from(Order))
    clock = st.sampled_from(past.happenings if order is Order.HAPPENED else past.recordings)
    first, last = data.draw(clock), data.draw(clock)
    if first is not None and last is not None and first > last:
        first, last = last, first
    return Question(Span(first=first, last=last), order, data.draw(st.sampled_from(past.recordings)))


def expected(past: Past, account: tuple[str, str], question: Question) -> list[Recorded]:
    """The lines of a question in its order, by the plainest way."""

    def at(line: Recorded) -> tuple[object, int]:
        return (line.event_at if question.order is Order.HAPPENED else line.recorded_at), past.lines.index(line)

    first, last = question.span.first, question.span.last
    return sorted(
        (
            line
            for line in past.lines
            if line.account == account
            and line.counts(Moment(known=question.known))
            and (first is None or at(line)[0] >= first)  # type: ignore[operator]
            and (last is None or at(line)[0] <= last)  # type: ignore[operator]
        ),
        key=at,
    )


def balance(past: Past, account: tuple[str, str], moment: Moment | None) -> int:
    """What an account held; None for the time before everything."""
    return 0 if moment is None else past.balances(moment).get(account, 0)


def holds_together(statement: Statement, past: Past, question: Question) -> None:
    """Hold a statement against the plain sum, and its lines against each other."""
    account = (statement.account, statement.currency)
    first = question.span.first
    before = None if first is None else first - TICK
    if question.order is Order.HAPPENED:
        opening, closing = Moment(happened=before, known=question.known), question.closing
    else:
        known = [each for each in (before, question.known) if each is not None]
        opening, closing = Moment(known=min(known, default=None)), question.closing
    assert statement.opening_minor == balance(past, account, None if first is None else opening)
    assert statement.closing_minor == balance(past, account, closing)
    assert statement.opening_minor + sum(line.change_minor for line in statement.lines) == statement.closing_minor
    runs_on(statement.lines, statement.opening_minor)
    wanted = expected(past, account, question)
    assert [(line.reference, line.change_minor) for line in statement.lines] == [
        (line.reference, line.change_minor) for line in wanted
    ]
    last = question.span.last
    assert [line.recorded_later for line in statement.lines] == [
        last is not None and line.recorded_at > last for line in wanted
    ]


def runs_on(lines: tuple[LogLine, ...], opening_minor: int) -> None:
    """Each line starts from the balance that the one before it left."""
    for line in lines:
        assert line.before_minor == opening_minor
        opening_minor = line.after_minor
        assert line.after_minor - line.before_minor == line.change_minor
        assert abs(line.change_minor) == line.amount_minor


@many_pasts
@given(batches=pasts.postings(), data=st.data())
async def test_closing_is_opening_and_every_line_between(
    connection: AsyncConnection, batches: list[list[Entry]], data: st.DataObject
) -> None:
    """In either order and for any time, a statement has the lines of that time, no more and no fewer, and adds up."""
    past = await pasts.post(connection, batches)
    question = asked(data, past)
    for code in sorted({line.account[0] for line in past.lines}):
        for statement in await statements.statements(connection, code, question):
            holds_together(statement, past, question)
            assert not statement.has_earlier


@many_pasts
@given(batches=pasts.postings(), data=st.data(), limit=st.integers(1, 4))
async def test_pages_are_the_statement_in_pieces(
    connection: AsyncConnection, batches: list[list[Entry]], data: st.DataObject, limit: int
) -> None:
    """However it is cut, each line is on one page, with the balances that it has in the whole."""
    past = await pasts.post(connection, batches)
    question = asked(data, past)
    code, currency = data.draw(st.sampled_from(sorted({line.account for line in past.lines})))
    [whole] = await statements.statements(connection, code, question, currency=currency)
    pages: tuple[LogLine, ...] = ()
    while True:
        before = pages[0].line_id if pages else None
        [page] = await statements.statements(
            connection, code, question, currency=currency, before=before, limit=limit
        )
        assert len(page.lines) <= limit
        pages = page.lines + pages
        if not page.has_earlier:
            break
    assert pages == whole.lines


@many_pasts
@given(batches=pasts.postings(), data=st.data())
async def test_the_general_ledger_is_every_accounts_statement(
    connection: AsyncConnection, batches: list[list[Entry]], data: st.DataObject
) -> None:
    """Accounts that had no line yet are left out, no other; what is streamed is what is stated."""
    past = await pasts.post(connection, batches)
    question = asked(data, past)
    found = await general_ledger.general_ledger(connection, question)
    stated = [
        statement
        for code in sorted({line.account[0] for line in past.lines})
        for statement in await statements.statements(connection, code, question)
    ]
    assert found == [statement for statement in stated if statement.line_count]
