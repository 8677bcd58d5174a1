"""An entry is undone once, in full or in parts: the database holds every reversal against what is left of its original."""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import audit_trail, journal, posting, reports, reversals, statements
from ledger.accounts import (
    Account,
    Side,
    clearing,
    gateway_fees,
    memo_unresolved,
    memo_unresolved_contra,
    revenue_sales,
)
from ledger.entries import Entry, Line, credit, debit
from ledger.errors import InvalidEntry
from ledger.journal import _content
from ledger.moments import Span
from ledger.money import Money
from ledger.reversal_errors import CannotReverse, ReversalExceeds
from ledger.reversals import Undoable
from ledger.statements import Question
from tests.ledger.samples import HAPPENED, fact, two_currencies, usd
from tests.ledger.wallets import BANK, entry

SALE = "sale"


def sale() -> Entry:
    """100.00, of which the gateway keeps 3.00: three lines."""
    return entry(
        SALE, debit(clearing("stripe"), usd(9700)), debit(gateway_fees(), usd(300)), credit(revenue_sales(), usd(10000))
    )


def undoing(reference: str, *lines: Line, of: str = SALE, rule: str = "undone") -> Entry:
    """An entry that says that it reverses another."""
    return entry(reference, *lines, rule=rule).model_copy(update={"reverses": of})


def back(reference: str, amount_minor: int, account: Account | None = None, of: str = SALE) -> Entry:
    """So much of a sale taken back from clearing, or from another account."""
    money = usd(amount_minor)
    return undoing(reference, debit(revenue_sales(), money), credit(account or clearing("stripe"), money), of=of)


@pytest.fixture
async def sold(connection: AsyncConnection) -> AsyncConnection:
    """Books with the sale in them."""
    await journal.post(connection, [sale()])
    await connection.commit()
    return connection


async def refused(connection: AsyncConnection, *entries: Entry) -> InvalidEntry:
    """Post what must be refused, and see that nothing of it is there."""
    with pytest.raises(InvalidEntry) as caught:
        await journal.post(connection, list(entries))
    await connection.rollback()
    for each in entries:
        assert await reports.entry_by_reference(connection, each.reference) is None
    return caught.value


async def test_parts_undo_an_entry_until_nothing_is_left(sold: AsyncConnection) -> None:
    """Each part is linked to its original and back, and the original says what is left."""
    await journal.post(sold, [back("first", 4000)])
    await journal.post(sold, [back("second", 300, gateway_fees())])
    found = await reports.entry_by_reference(sold, SALE)
    assert found is not None
    assert (found.reversed_by, found.left_to_undo) == (("first", "second"), {"USD": 5700})
    part = await reports.entry_by_reference(sold, "second")
    assert part is not None
    assert (part.reverses, part.reversed_by, part.left_to_undo) == (SALE, (), None)
    rest = await reversals.undoable(sold, SALE, but="")
    assert rest is not None
    assert [(line.account.code, line.side, line.money) for line in rest.left] == [
        ("clearing:stripe", Side.DEBIT, usd(5700)),
        ("revenue:sales", Side.CREDIT, usd(5700)),
    ]
    await journal.post(sold, [undoing("rest", *reversals.in_full(rest))])
    found = await reports.entry_by_reference(sold, SALE)
    assert found is not None
    assert found.left_to_undo == {"USD": 0}
    refusal = await refused(sold, back("more", 1))
    assert isinstance(refusal, ReversalExceeds)
    assert refusal.left == usd(0)


async def test_logs_show_what_undid_an_entry_and_what_is_left(sold: AsyncConnection) -> None:
    """Statement and audit trail, as the entry itself."""
    await journal.post(sold, [back("first", 4000), back("second", 1000)])
    [statement] = await statements.statements(sold, "clearing:stripe", Question(Span()))
    assert [(line.reverses, line.reversed_by, line.left_to_undo_minor) for line in statement.lines] == [
        (None, ("first", "second"), 5000),
        (SALE, (), None),
        (SALE, (), None),
    ]
    events, _ = await audit_trail.events(sold, Span())
    told = {each.subject: (each.reverses, each.reversed_by, each.left_to_undo) for each in events}
    assert told == {
        SALE: (None, ("first", "second"), {"USD": 5000}),
        "first": (SALE, (), None),
        "second": (SALE, (), None),
    }


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([back("all", 9701)], 9700),
        ([back("fees", 301, gateway_fees())], 300),
        ([back("elsewhere", 1, BANK)], 0),
        ([undoing("forth", *(line.reversed() for line in back("any", 1).lines))], 0),
        ([back("first", 9700), back("second", 1)], 0),
        ([back("b", 5000), back("a", 5000)], 4700),
        (
            [
                undoing(
                    "twice_in_one",
                    *(debit(revenue_sales(), usd(9800)), credit(clearing("stripe"), usd(4900))),
                    *(credit(clearing("stripe"), usd(4900)),),
                )
            ],
            9700,
        ),
    ],
    ids=["more", "more of an account", "another account", "not turned round", "two at once", "two that share", "split"],
)
async def test_no_account_is_undone_by_more_than_there_was(
    sold: AsyncConnection, entries: Sequence[Entry], left: int
) -> None:
    """By one entry or by several at once; the refusal says of which account how much is left."""
    refusal = await refused(sold, *entries)
    assert isinstance(refusal, ReversalExceeds)
    assert (refusal.reverses, refusal.left) == (SALE, usd(left))


async def test_a_side_is_undone_on_the_other_one_only(connection: AsyncConnection) -> None:
    """An entry may debit and credit one account: what it debited is undone by credits, and the other way round."""
    it = clearing("stripe")
    await journal.post(connection, [entry(SALE, debit(it, usd(1000)), credit(it, usd(30)), credit(BANK, usd(970)))])
    await connection.commit()
    undo = undoing("first", credit(it, usd(1000)), debit(it, usd(31)), debit(BANK, usd(969)))
    refusal = await refused(connection, undo)
    assert isinstance(refusal, ReversalExceeds)
    assert (refusal.account, refusal.left) == (it.code, usd(30))
    await journal.post(connection, [undoing("second", credit(it, usd(400)), debit(it, usd(30)), debit(BANK, usd(370)))])
    await journal.post(connection, [undoing("third", credit(it, usd(600)), debit(BANK, usd(600)))])


async def test_currencies_are_undone_apart(connection: AsyncConnection) -> None:
    """What is left of one currency says nothing of another, and a part may be of one alone."""
    await journal.post(connection, [two_currencies(SALE)])
    yen = Money(amount_minor=800, currency="JPY")
    await journal.post(connection, [undoing("yen", credit(clearing("stripe"), yen), debit(gateway_fees(), yen))])
    found = await reports.entry_by_reference(connection, SALE)
    assert found is not None
    assert found.left_to_undo == {"JPY": 0, "USD": 500}


async def test_what_reverses_another_is_not_reversed_itself(sold: AsyncConnection) -> None:
    """What is right is posted anew, so that what is left of an entry only ever gets less."""
    await journal.post(sold, [back("first", 4000)])
    await sold.commit()
    again = undoing("again", *(line.reversed() for line in back("any", 4000).lines), of="first")
    assert "first reverses another entry itself" in str(await refused(sold, again))


async def test_what_a_fact_will_undo_is_left_to_it(connection: AsyncConnection) -> None:
    """The next fact of an operation undoes these in full: it could not be booked if another had done it before."""
    refund = fact(kind="refund")
    await journal.post(connection, [posting.outcome_unknown(fact()), posting.refund_reserved(refund)])
    await connection.commit()
    for made, answer in (
        (posting.outcome_unknown(fact()), posting.outcome_known(fact())),
        (posting.refund_reserved(refund), posting.refund_failed(refund, had_succeeded=False)),
    ):
        lines = (line.reversed() for line in made.lines)
        refusal = await refused(connection, undoing("by_hand", *lines, of=made.reference))
        assert f"only what becomes of its operation undoes {made.reference}" in str(refusal)
        assert (await journal.post(connection, [answer]))[0].is_new
        assert not (await journal.post(connection, [answer]))[0].is_new


async def test_a_refund_that_fails_after_it_succeeded_is_booked_whatever_it_gave_back(
    connection: AsyncConnection,
) -> None:
    """It undoes two entries at once, so it names none, and no amount of theirs is in its way; twice it is one entry."""
    refund = fact(kind="refund")
    made = fact(kind="refund", amount_minor=4998)
    failed = posting.refund_failed(refund, had_succeeded=True)
    await journal.post(connection, [posting.refund_reserved(refund)])
    await journal.post(connection, [posting.refund_succeeded(made, refund.money)])
    assert [(await journal.post(connection, [failed]))[0].is_new for _ in range(2)] == [True, False]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_no_fixed_snapshot_hides_what_was_undone(
    sold: AsyncConnection, application: psycopg.Connection, level: str
) -> None:
    """A transaction that does not see what others have undone meanwhile cannot say what is left."""
    application.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
    with pytest.raises(psycopg.Error, match="at the isolation level read committed only"):
        application.execute("SELECT * FROM post_entries(%s)", [Jsonb([_content(back("first", 1))])])


def test_the_owner_reverses_nothing_twice_by_hand(owner: psycopg.Connection, sold: AsyncConnection) -> None:
    """The table itself refuses it, also where no posting function was asked, and ordinary triggers are off."""
    owner.execute("RESET ROLE")
    owner.execute("SET session_replication_role = replica")
    statement = (
        "WITH e AS (INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash,"
        " reverses_entry_id) SELECT 'by_hand', 'by_hand', 'by hand', now(), 'person:owner', 2, '{\"USD\": 9701}', '',"
        " entry_id FROM entries WHERE reference = 'sale' RETURNING entry_id), l AS (INSERT INTO lines (entry_id,"
        " line_number, account_id, side, amount_minor, currency, sequence, before_minor, after_minor, event_at,"
        " recorded_at, event_high) SELECT e.entry_id, n, a.account_id, s, 9701, 'USD', 1000 + n, 0, 9701, now(), now(),"
        " now() FROM e, (VALUES (1, 'revenue:sales', 'debit'), (2, 'clearing:stripe', 'credit')) v (n, c, s)"
        " JOIN accounts a ON a.code = v.c) SELECT"
    )
    with pytest.raises(psycopg.Error, match="of which 9700 are left"):
        owner.execute(statement.encode())


def left(*lines: Line, rule: str = "sold", is_reversal: bool = False) -> Undoable:
    """An entry of which these lines are left."""
    return Undoable(reference=SALE, rule=rule, event_at=HAPPENED, is_reversal=is_reversal, left=lines)


@given(
    debits=st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    cut=st.lists(st.integers(0, 10**6), max_size=5),
    data=st.data(),
)
def test_a_part_is_exact_on_both_sides_and_within_each_line(
    debits: list[int], cut: list[int], data: st.DataObject
) -> None:
    """Whatever the lines: debits and credits are the amount, no line undoes more than there is, and the rest adds up."""
    total = sum(debits)
    at = sorted({0, total, *(each % total for each in cut)})
    credits_ = [after - before for before, after in itertools.pairwise(at)]
    accounts = [clearing(f"g{number}") for number in range(12)]
    original = left(
        *(debit(account, usd(each)) for account, each in zip(accounts, debits, strict=False)),
        *(credit(account, usd(each)) for account, each in zip(accounts[6:], credits_, strict=False)),
    )
    amount = data.draw(st.integers(1, total))
    lines = reversals.in_part(original, usd(amount))
    sums: Counter[Side] = Counter()
    for line in lines:
        sums[line.side] += line.money.amount_minor
    assert sums == {Side.DEBIT: amount, Side.CREDIT: amount}
    reversals.require_within(original, lines)
    Entry(**{**sale().model_dump(), "lines": lines})
    assert reversals.in_part(original, usd(total)) == (
        *(line.reversed() for line in original.left if line.side is Side.DEBIT),
        *(line.reversed() for line in original.left if line.side is Side.CREDIT),
    )


def test_a_part_is_shared_by_what_is_left() -> None:
    """50.00 of a sale of 100.00 with a fee of 3.00 take half of each with them."""
    original = left(*sale().lines)
    assert [(line.account.code, line.side, line.money) for line in reversals.in_part(original, usd(5000))] == [
        ("clearing:stripe", Side.CREDIT, usd(4850)),
        ("expense:gateway_fees", Side.CREDIT, usd(150)),
        ("revenue:sales", Side.DEBIT, usd(5000)),
    ]


EXPOSED = debit(memo_unresolved("stripe"), usd(5)), credit(memo_unresolved_contra(), usd(5))


@pytest.mark.parametrize(
    ("original", "amount", "fault"),
    [
        (left(), 1, "nothing of it is left"),
        (left(*sale().lines, is_reversal=True), 1, "it reverses another entry itself"),
        (left(*EXPOSED, rule="outcome_unknown"), 1, "only what becomes of its operation"),
        (left(*two_currencies().lines), 1, "name the lines"),
        (left(*sale().lines, *EXPOSED), 1, "name the lines"),
        (left(*sale().lines), 10001, "100.00 USD is left to undo, and 100.01 USD was asked for"),
        (left(*sale().lines), 0, "100.00 USD is left to undo, and 0.00 USD was asked for"),
        (left(*sale().lines), -1, "100.00 USD is left to undo"),
    ],
)
def test_what_cannot_be_undone_is_said_before_anybody_approves_it(original: Undoable, amount: int, fault: str) -> None:
    """In one line, that says what is in the way."""
    with pytest.raises(CannotReverse, match=fault):
        reversals.in_part(original, usd(amount))


def test_lines_that_were_named_are_within_what_is_left() -> None:
    """They undo what the entry did, turned round, and no more of it."""
    original = left(*sale().lines)
    reversals.require_within(original, back("any", 9700).lines)
    for lines in (
        back("any", 9701).lines,
        back("any", 1, BANK).lines,
        tuple(line.reversed() for line in back("any", 1).lines),
    ):
        with pytest.raises(CannotReverse, match=r"is left to undo, and .* was asked for"):
            reversals.require_within(original, lines)


def test_a_reversal_of_today_is_dated_when_the_day_began() -> None:
    """So that it is the same for all of the day, and never before what it undoes."""
    original = left(*sale().lines)
    assert reversals.today(original, HAPPENED + timedelta(days=2)) == datetime(2026, 3, 31, tzinfo=UTC)
    assert reversals.today(original, HAPPENED) == HAPPENED


async def test_what_one_adjustment_has_undone_counts_as_left_for_itself(
    sold: AsyncConnection,
) -> None:
    """Whoever asks again for the same after it was posted asks for the same, and not for the rest."""
    await journal.post(sold, [back("mine", 4000)])
    for but, has in (("mine", 10000), ("another", 6000)):
        found = await reversals.undoable(sold, SALE, but=but)
        assert found is not None
        assert found.left_minor(Side.CREDIT) == has
    assert await reversals.undoable(sold, "nothing", but="") is None
