"""Statements: opening balance, lines that run on from it, closing balance, in either order and however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import general_ledger, journal, statements
from ledger.accounts import Side
from ledger.entries import Entry
from ledger.errors import TooManyRows, UnknownAccount, UnknownLine
from ledger.log_lines import LogLine, Order
from ledger.moments import TICK, Moment, Span
from ledger.statements import Question, Statement
from tests.ledger import pasts
from tests.ledger.pasts import CHART, DAY, Past, Recorded, many_pasts
from tests.ledger.samples import capture, two_currencies


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
        [page] = await statements.statements(connection, code, question, currency=currency, before=before, limit=limit)
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
    first = data.draw(st.sampled_from(past.happenings[:-1]))
    known = data.draw(st.sampled_from(past.recordings))
    spans = [Span(first=first, last=last) for last in past.happenings if last is None or first is None or first <= last]
    for question in [asked(data, past), *(Question(span, Order.HAPPENED, known) for span in spans)]:
        found = await general_ledger.general_ledger(connection, question)
        stated = [
            statement
            for code in sorted({line.account[0] for line in past.lines})
            for statement in await statements.statements(connection, code, question)
        ]
        assert found == [statement for statement in stated if statement.line_count]


async def test_corrections_that_came_later_are_marked(connection: AsyncConnection) -> None:
    """A reader of January's statement sees what was written into January only afterwards, and what undoes what."""
    stripe, sales = CHART[0], CHART[5]
    sale = [pasts.line(stripe, Side.DEBIT, 4999), pasts.line(sales, Side.CREDIT, 4999)]
    await pasts.post(connection, [[pasts.entry("sale", 1, sale)], [pasts.entry("other_sale", 2, sale)]])
    undone = pasts.entry("sale_undone", 1, [line.reversed() for line in sale]).model_copy(update={"reverses": "sale"})
    await journal.post(connection, [undone])
    [statement] = await statements.statements(
        connection, "clearing:stripe", Question(Span(first=DAY, last=DAY.replace(minute=1)))
    )
    assert [(line.reference, line.before_minor, line.change_minor, line.after_minor) for line in statement.lines] == [
        ("sale", 0, 4999, 4999),
        ("sale_undone", 4999, -4999, 0),
    ]
    assert [(line.reverses, line.reversed_by) for line in statement.lines] == [
        (None, ("sale_undone",)),
        ("sale", ()),
    ]
    assert all(line.recorded_later for line in statement.lines)
    [log] = await statements.statements(connection, "clearing:stripe", Question(Span(), Order.RECORDED))
    assert [(line.sequence, line.before_minor, line.after_minor) for line in log.lines] == [
        (1, 0, 4999),
        (2, 4999, 9998),
        (3, 9998, 4999),
    ]
    assert not any(line.recorded_later for line in log.lines)


async def test_yen_are_not_added_to_dollars(connection: AsyncConnection) -> None:
    """An account has a statement for each of its currencies, and a page is of one of them."""
    await journal.post(connection, [capture("ch_1")])
    await journal.post(connection, [two_currencies()])
    yen, dollars = await statements.statements(connection, "clearing:stripe", Question(Span()))
    assert [(each.currency, each.closing_minor) for each in (yen, dollars)] == [("JPY", 800), ("USD", 5499)]
    last = dollars.lines[-1].line_id
    [page] = await statements.statements(connection, "clearing:stripe", Question(Span()), before=last)
    assert page.lines == dollars.lines[:-1]


@pytest.mark.parametrize(("code", "currency"), [("clearing:nobody", None), ("clearing:stripe", "KWD")])
async def test_a_statement_of_no_account_is_refused(
    connection: AsyncConnection, code: str, currency: str | None
) -> None:
    """A misspelt code must not look like an account that nothing has moved."""
    await journal.post(connection, [capture("ch_1")])
    with pytest.raises(UnknownAccount, match=f"there is no account {code}"):
        await statements.statements(connection, code, Question(Span()), currency=currency)


async def test_a_page_before_no_line_of_the_account_is_refused(connection: AsyncConnection) -> None:
    """A number that was mistyped, or of another account, must not look like the first page."""
    await journal.post(connection, [capture("ch_1")])
    [sales] = await statements.statements(connection, "revenue:sales", Question(Span()))
    for line_id in (10**9, sales.lines[0].line_id):
        with pytest.raises(UnknownLine, match=f"account clearing:stripe has no line {line_id}"):
            await statements.statements(connection, "clearing:stripe", Question(Span()), before=line_id)


async def test_nothing_is_listed_without_end(connection: AsyncConnection) -> None:
    """A statement has a page, a general ledger is whole or refused, and a stream has no end of its own."""
    await journal.post(connection, [capture(f"ch_{number}") for number in range(1000)])
    await journal.post(connection, [capture("ch_last")])
    for order in Order:
        question = Question(Span(), order)
        [statement] = await statements.statements(connection, "clearing:stripe", question, limit=10**9)
        assert (len(statement.lines), statement.has_earlier) == (statements.MAX_LISTED, True)
        with pytest.raises(TooManyRows, match="the general ledger has more than 1,000 rows: narrow it by --from"):
            await general_ledger.general_ledger(connection, question)
        [(account_id, frame)] = await statements.frames(connection, "clearing:stripe", question)
        lines = [line async for line in general_ledger.stream_lines(connection, account_id, frame, question)]
        assert len(lines) == 1001
        runs_on(tuple(lines), 0)


async def test_a_line_says_who_did_it_and_why_and_from_what(connection: AsyncConnection) -> None:
    """The log of an account can be followed to people, to rules, to operations."""
    entry = capture("ch_1").model_copy(update={"reason_code": "requested_by_customer"})
    await journal.post(connection, [entry])
    [statement] = await statements.statements(connection, "clearing:stripe", Question(Span()))
    [line] = statement.lines
    assert (line.actor, line.reason_code, line.rule) == ("workflow:charge", "requested_by_customer", "captured")
    assert (line.charge_id, line.operation_id, line.reference) == ("ch_1", "ch_1:capture:1", "ch_1:capture:1")
    assert (line.gateway, line.gateway_reference) == (None, None)
