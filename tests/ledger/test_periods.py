"""Every entry belongs to one period, which lets in what it should; closing and reopening are a matter of persons and order."""

import itertools
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal, periods
from ledger.entries import Entry
from ledger.errors import InvalidEntry, NoPeriod
from ledger.period_errors import NotInThisRole, PeriodHasWarnings, PeriodRefused, UnknownPeriod
from tests.ledger.months import appoint, first_day, name_of, within
from tests.ledger.samples import capture
from tests.ledger.test_limits import CHARGE, OPERATION, insert


@pytest.fixture(autouse=True)
def people(superuser: psycopg.Connection) -> None:
    """Two closers and an accountant."""
    appoint(superuser, closer="alice bob", accountant="carol")


def happened(charge_id: str, at: datetime, actor: str = "workflow:charge") -> Entry:
    """The capture of a charge at a time."""
    return capture(charge_id).model_copy(update={"event_at": at, "actor": actor})


async def post(connection: AsyncConnection, *entries: Entry) -> list[str]:
    """Post, and return the period of each entry."""
    await journal.post(connection, entries)
    await connection.commit()
    rows = await connection.execute(text("SELECT reference, period FROM entries"))
    found: dict[str, str] = {reference: period for reference, period in rows}  # noqa: C416 # a row is no pair to mypy
    await connection.rollback()
    return [found[entry.reference] for entry in entries]


async def close(connection: AsyncConnection, name: str, by: str = "alice", despite: str | None = None) -> None:
    """Close a period."""
    await periods.close(connection, name, by=by, despite=despite)
    await connection.commit()


async def test_an_entry_belongs_to_the_period_of_its_event(connection: AsyncConnection) -> None:
    """A month's books hold what happened in that month, by the clock of UTC, to its last microsecond."""
    last = datetime.combine(first_day(0), datetime.min.time(), UTC) - timedelta(microseconds=1)
    entries = [happened("ch_1", last), happened("ch_2", last + timedelta(microseconds=1)), happened("ch_3", within(4))]
    assert await post(connection, *entries) == [name_of(1), name_of(0), name_of(4)]


async def test_a_late_fact_goes_to_the_next_open_period_and_keeps_its_date(connection: AsyncConnection) -> None:
    """A closed month stays as it was shown, and nothing that happened is left out of the books."""
    await post(connection, happened("ch_1", within(3)), happened("ch_2", within(2)))
    await close(connection, name_of(3))
    await close(connection, name_of(2))
    late = happened("ch_3", within(3))
    assert await post(connection, late) == [name_of(1)]
    found = await connection.scalar(text("SELECT event_at FROM entries WHERE reference = :r"), {"r": late.reference})
    assert found == within(3)
    sheet = await periods.sheet(connection, name_of(1))
    assert (sheet.entry_count, sheet.late_count) == (1, 1)


async def test_posting_again_after_a_close_returns_what_was_posted(connection: AsyncConnection) -> None:
    """A worker that lost the answer and asks again, a month later, hears of the entry that stands in the closed month."""
    entry = happened("ch_1", within(2))
    [first] = await journal.post(connection, [entry])
    await connection.commit()
    await close(connection, name_of(2))
    [again] = await journal.post(connection, [entry])
    assert (again.entry_id, again.is_new) == (first.entry_id, False)
    assert await post(connection, entry) == [name_of(2)]


async def test_while_a_period_is_closing_only_closers_post_into_it(connection: AsyncConnection) -> None:
    """The last adjustments of a month are made by those who close it, on figures that nobody else moves."""
    await periods.begin_close(connection, name_of(2), by="alice")
    await connection.commit()
    entries = [
        happened("ch_1", within(2)),
        happened("ch_2", within(2), "person:alice"),
        happened("ch_3", within(2), "person:carol"),
        happened("ch_4", within(2), "alice"),
    ]
    assert await post(connection, *entries) == [name_of(1), name_of(2), name_of(1), name_of(1)]


async def test_an_event_too_far_ahead_or_before_the_books_is_refused(connection: AsyncConnection) -> None:
    """A clock that is wrong by years writes nothing, and the refusal says what to look at."""
    soon, far = datetime.now(UTC) + timedelta(days=27), datetime.now(UTC) + timedelta(days=32)
    assert await post(connection, happened("ch_1", soon)) == [f"{soon:%Y-%m}"]
    with pytest.raises(NoPeriod, match="more than a month from now: check the clock"):
        await post(connection, happened("ch_2", far))
    await connection.rollback()
    with pytest.raises(NoPeriod, match="before the books begin on 20"):
        await post(connection, happened("ch_3", datetime(1999, 12, 31, tzinfo=UTC)))
    assert issubclass(NoPeriod, InvalidEntry)


async def test_a_month_to_come_is_made_by_its_first_entry(
    connection: AsyncConnection, owner: psycopg.Connection
) -> None:
    """Nobody has to prepare the new year, and what is made leaves no gap."""
    owner.execute("SELECT public.make_periods(%s)", [first_day(-14)])
    owner.commit()
    found = await periods.listed(connection)
    assert [period.name for period in found][-3:] == [name_of(-12), name_of(-13), name_of(-14)]
    for before, after in itertools.pairwise(found):
        assert after.starts_on == before.ends_on + timedelta(days=1)
        assert before.name == f"{before.starts_on:%Y-%m}"


GAPS = [
    "INSERT INTO periods (name, starts_on, ends_on) VALUES ('2001-01', '2001-01-01', '2001-01-31')",
    "INSERT INTO periods (name, starts_on, ends_on) SELECT '2099-01', max(ends_on) + 2, max(ends_on) + 3 FROM periods",
    "INSERT INTO periods (name, starts_on, ends_on) SELECT '2099-01', max(ends_on), max(ends_on) + 3 FROM periods",
    "INSERT INTO periods (name, starts_on, ends_on) SELECT '2099-01', max(ends_on) + 1, max(ends_on) FROM periods",
    "INSERT INTO periods SELECT '2099-01', max(ends_on) + 1, max(ends_on) + 3, 'closed' FROM periods",
    "UPDATE periods SET state = 'closed'",
    "UPDATE periods SET ends_on = ends_on - 1",
    "DELETE FROM periods",
    "TRUNCATE periods, period_changes, entries, lines, holds",
    "INSERT INTO period_changes (period, to_state, changed_by) SELECT min(name), 'closed', 'mallory' FROM periods",
    "INSERT INTO period_changes (period, to_state, changed_by) SELECT max(name), 'closed', 'alice' FROM periods",
    "INSERT INTO period_changes (period, to_state, changed_by) VALUES ('2099-01', 'closed', 'alice')",
    "UPDATE people_roles SET person = 'mallory'",
    "UPDATE people_roles SET role = 'approver', until_at = now()",
    "DELETE FROM people_roles",
    "TRUNCATE people_roles",
]


BY_HAND = """
WITH e AS (
    INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash, period)
    VALUES ('by_hand', 'by_hand', 'x', %s, 'person:alice', 2, '{"USD": 5}', '', %s) RETURNING entry_id, event_at
)
INSERT INTO lines (entry_id, line_number, account_id, side, amount_minor, currency,
    sequence, before_minor, after_minor, event_at, recorded_at, event_high)
SELECT e.entry_id, n, a.account_id, s, 5, 'USD', 1000 + n, 0, 5, e.event_at, now(), e.event_at
FROM e, (VALUES (1, 'debit'), (2, 'credit')) l (n, s), accounts a WHERE a.code = 'clearing:stripe' AND a.currency = 'USD'
"""


@pytest.mark.parametrize("replica", [False, True])
def test_nobody_bends_periods_by_hand(owner: psycopg.Connection, *, replica: bool) -> None:
    """Not the owner of the tables, nor a superuser who turned ordinary triggers off: no gap, no overlap, no silent change."""
    if replica:
        owner.execute("RESET ROLE")
        owner.execute("SET session_replication_role = replica")
        owner.commit()
    for statement in GAPS:
        with pytest.raises(psycopg.Error) as refused:
            owner.execute(statement.encode())
        owner.rollback()
        assert refused.value.sqlstate in {"QT403", "QT404", "QT409", "23P01", "23505", "23514", "0A000"}, statement


async def test_a_period_that_is_asked_for_is_given_or_refused(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """Whoever names a period means that one: it is never silently another, and never one that ended before the event."""
    await close(connection, name_of(3))
    await periods.begin_close(connection, name_of(2), by="alice")
    await connection.commit()

    def asked(at: datetime, name: str, actor: str = "workflow:x") -> str:
        found = superuser.execute("SELECT public.period_for(%s, %s, %s, 'ref_1')", [at, name, actor]).fetchone()
        assert found is not None
        return str(found[0])

    assert asked(within(3), name_of(1)) == name_of(1)
    assert asked(within(3), name_of(2), "person:bob") == name_of(2)
    for at, name, why in (
        (within(3), name_of(3), "is closed: leave its name out"),
        (within(3), name_of(2), "is closing: leave its name out"),
        (within(1), name_of(2), "before it happened on"),
        (within(3), "2001-01", "there is no period 2001-01"),
    ):
        with pytest.raises(psycopg.Error, match=why) as refused:
            asked(at, name)
        assert (refused.value.sqlstate, refused.value.diag.message_detail) == ("QT422", "ref_1")


async def test_an_entry_by_hand_is_not_let_into_a_closed_period(
    connection: AsyncConnection, owner: psycopg.Connection
) -> None:
    """The table itself refuses, whatever the function that posts may have got wrong."""
    await post(connection, happened("ch_1", within(2)))
    await close(connection, name_of(2))
    for name in (name_of(2), "2001-01", name_of(5)):
        with pytest.raises(psycopg.Error, match="is refused: period") as refused:
            owner.execute(BY_HAND, [within(2), name])
        owner.rollback()
        assert refused.value.diag.constraint_name == "period_is_open"


async def test_only_a_closer_closes(connection: AsyncConnection, superuser: psycopg.Connection) -> None:
    """Neither an accountant nor a stranger shuts the books, nor who was a closer until a moment ago."""
    for person in ("carol", "mallory", "", "ALICE"):
        with pytest.raises(NotInThisRole, match="may not close a period: that is for the persons in CLOSERS"):
            await periods.close(connection, name_of(1), by=person)
        await connection.rollback()
    appoint(superuser, closer="bob")
    with pytest.raises(NotInThisRole):
        await periods.begin_close(connection, name_of(1), by="alice")
    await connection.rollback()
    await close(connection, name_of(1), by="bob")


async def test_a_period_is_closed_in_order_and_once_it_is_over(connection: AsyncConnection) -> None:
    """What an auditor saw as the balance at the end of a month cannot change by what is before it."""
    await post(connection, happened("ch_1", within(3)))
    for attempt, why in (
        (name_of(0), "is not over: it can be closed from"),
        (name_of(2), f"cannot be closed while {name_of(3)} before it is not"),
    ):
        with pytest.raises(PeriodRefused, match=why):
            await periods.close(connection, attempt, by="alice")
        await connection.rollback()
    with pytest.raises(UnknownPeriod, match="there is no period 2001-01"):
        await periods.close(connection, "2001-01", by="alice")
    await connection.rollback()
    await close(connection, name_of(3))
    with pytest.raises(PeriodRefused, match="is closed already"):
        await close(connection, name_of(3))
    await connection.rollback()
    with pytest.raises(PeriodRefused, match="is closed already"):
        await periods.begin_close(connection, name_of(3), by="alice")


async def test_periods_in_which_nothing_happened_are_closed_with_a_later_one(connection: AsyncConnection) -> None:
    """A new ledger has months before its first entry that nobody has to close one by one."""
    await post(connection, happened("ch_1", within(1)))
    await close(connection, name_of(1))
    found = await periods.listed(connection)
    assert {period.state for period in found if period.name <= name_of(1)} == {"closed"}
    [change] = (await periods.sheet(connection, name_of(2))).changes
    assert (change.changed_by, change.because) == ("alice", f"it holds no entries, and {name_of(1)} is closed")


async def test_what_is_open_in_a_period_needs_a_reason(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """An outcome that nobody knows may move money of the month: it is closed all the same only by somebody who says why."""
    insert(superuser, "charges", CHARGE)
    insert(superuser, "operations", OPERATION | {"outcome": "unknown", "requested_at": within(1)})
    with pytest.raises(
        PeriodHasWarnings, match="has something open: settle that, or say with --despite why"
    ) as refused:
        await periods.close(connection, name_of(1), by="alice", despite="  ")
    await connection.rollback()
    [warning] = refused.value.warnings
    assert str(OPERATION["operation_id"]) in warning
    await close(connection, name_of(1), despite="the gateway is asked, and the amount is small")
    [*_, change] = (await periods.sheet(connection, name_of(1))).changes
    assert (change.warnings, change.because) == ((warning,), "the gateway is asked, and the amount is small")


async def test_a_trial_balance_that_is_off_keeps_a_period_open(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """Wrong books are not closed over, whatever reason is given."""
    await post(connection, happened("ch_1", within(1)))
    superuser.execute("ALTER TABLE lines DISABLE TRIGGER never_changed")
    superuser.execute(
        "UPDATE lines SET amount_minor = amount_minor + 7, after_minor = after_minor + 7 WHERE side = 'debit'"
    )
    superuser.execute("ALTER TABLE lines ENABLE ALWAYS TRIGGER never_changed")
    with pytest.raises(PeriodRefused, match="the trial balance of USD is off by 7 in minor units: run `prove`"):
        await periods.close(connection, name_of(1), by="alice", despite="we like it so")


async def test_reopening_takes_two_persons_and_a_reason(connection: AsyncConnection) -> None:
    """Nobody opens a closed month alone, and the trail shows who asked, who agreed and why."""
    await close(connection, name_of(1))
    for by, approved_by, because, fault, why in (
        ("alice", "alice", "x", NotInThisRole, "alice cannot approve what alice asks for"),
        ("alice", "Alice", "x", NotInThisRole, "another person has to"),
        ("carol", "carol", "x", NotInThisRole, "another person has to"),
        ("alice", "carol", "x", NotInThisRole, "carol may not approve that a period is reopened"),
        ("mallory", "alice", "x", NotInThisRole, "mallory may not ask for"),
        ("alice", "bob", " ", PeriodRefused, "is not reopened without a reason"),
    ):
        with pytest.raises(fault, match=why):
            await periods.reopen(connection, name_of(1), by=by, approved_by=approved_by, because=because)
        await connection.rollback()
    with pytest.raises(PeriodRefused, match=f"cannot be reopened while {name_of(1)} after it is not open"):
        await periods.reopen(connection, name_of(2), by="carol", approved_by="bob", because="an invoice came late")
    await connection.rollback()
    await periods.reopen(connection, name_of(1), by="carol", approved_by="bob", because="an invoice came late")
    await connection.commit()
    [*_, change] = (await periods.sheet(connection, name_of(1))).changes
    assert (change.to_state, change.changed_by, change.approved_by) == ("open", "carol", "bob")
    assert change.because == "an invoice came late"
    assert await post(connection, happened("ch_1", within(1))) == [name_of(1)]
    with pytest.raises(PeriodRefused, match="is open already"):
        await periods.reopen(connection, name_of(1), by="carol", approved_by="bob", because="again")
