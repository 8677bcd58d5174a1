"""A month is closed while others post into it: whatever comes of the race, nothing gets in after the close, and nothing is lost."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import journal, periods
from ledger.database import create_engine
from ledger.errors import LedgerError
from ledger.period_errors import NotInThisRole, PeriodRefused
from tests.conftest import Database
from tests.ledger.months import appoint, first_day, name_of, within
from tests.ledger.samples import capture

MONTH, NEXT = name_of(2), name_of(1)
POSTERS = 4
MOST_SECONDS = 0.008
"""Within which everybody begins; about as long as a posting takes."""
BY_HAND = text(
    "WITH e AS (INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash, period)"
    " VALUES (:reference, 'by_hand', 'by hand', :at, 'person:owner', 2, '{\"USD\": 5}', '', :period) RETURNING entry_id)"
    " INSERT INTO lines (entry_id, line_number, account_id, side, amount_minor, currency,"
    " sequence, before_minor, after_minor, event_at, recorded_at, event_high)"
    " SELECT e.entry_id, row_number() OVER (), a.account_id, s.side, 5, 'USD', 1000000 + e.entry_id, 0, 5, :at, now(), :at"
    " FROM e, accounts a,"
    " (VALUES ('debit', 'clearing:stripe'), ('credit', 'revenue:sales')) s (side, code)"
    " WHERE a.code = s.code AND a.currency = 'USD'"
)


@pytest.fixture(autouse=True)
def people(superuser: psycopg.Connection) -> None:
    """Two closers and an accountant."""
    appoint(superuser, closer="alice bob", accountant="carol")


class Race:
    """One month that is closed under those who post into it, again and again."""

    def __init__(self, engine: AsyncEngine, owner: AsyncEngine, chance: random.Random) -> None:
        self._engine = engine
        self._owner = owner
        self._chance = chance
        self._number = 0
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.placed: Counter[str] = Counter()

    async def run(self) -> None:
        """Close the month once while others post; raises AssertionError where an entry got in after the close."""
        self._number += 1
        ways = [self._usual, self._fixed_snapshot, self._by_hand, self._usual]
        posting = [way(f"race_{self._number}_{place}") for place, way in enumerate(ways)]
        closing = asyncio.create_task(self._close())
        posted = await asyncio.gather(*posting, return_exceptions=True)
        closed = await closing
        for outcome in posted:
            if isinstance(outcome, BaseException):
                assert _is_refusal(outcome), outcome
                self.refused += 1
            else:
                self.acknowledged.add(outcome)
        await self._check(closed)

    async def reopen(self) -> None:
        """Open the month for the next race."""
        async with self._engine.begin() as connection:
            await periods.reopen(connection, MONTH, by="carol", approved_by="bob", because="the next race")

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.random() * MOST_SECONDS)

    async def _close(self) -> datetime:
        async with self._engine.connect() as connection:
            await self._pause()
            await periods.close(connection, MONTH, by="alice")
            await connection.commit()
            at = await connection.scalar(text("SELECT max(changed_at) FROM period_changes WHERE to_state = 'closed'"))
            self._held = await self._in_the_month(connection)
            assert isinstance(at, datetime)
            return at

    async def _usual(self, charge_id: str) -> str:
        async with self._engine.begin() as connection:
            await self._pause()
            [posted] = await journal.post(connection, [capture(charge_id).model_copy(update={"event_at": within(2)})])
            await self._pause()  # the close waits for who has posted and not committed
        return posted.reference

    async def _fixed_snapshot(self, charge_id: str) -> str:
        """In a transaction that saw the month open before it did anything, and sees nothing of later changes."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            await connection.execute(text("SELECT state FROM periods"))
            await self._pause()
            [posted] = await journal.post(connection, [capture(charge_id).model_copy(update={"event_at": within(2)})])
            await connection.commit()
        return posted.reference

    async def _by_hand(self, reference: str) -> str:
        """By the owner of the tables, who names the month without asking any function."""
        async with self._owner.begin() as connection:
            await connection.execute(text("SET LOCAL ROLE quittance_owner"))
            await self._pause()
            await connection.execute(BY_HAND, {"reference": reference, "at": within(2), "period": MONTH})
        return reference

    async def _in_the_month(self, connection: AsyncConnection) -> int:
        return int(await connection.scalar(text("SELECT count(*) FROM entries WHERE period = :m"), {"m": MONTH}) or 0)

    async def _check(self, closed_at: datetime) -> None:
        async with self._engine.connect() as connection:
            assert await self._in_the_month(connection) == self._held, "an entry got into the month after it was closed"
            late = text("SELECT count(*) FROM entries WHERE period = :m AND recorded_at > :at")
            assert await connection.scalar(late, {"m": MONTH, "at": closed_at}) == 0
            rows = await connection.execute(text("SELECT reference, period FROM entries"))
            found: dict[str, str] = {reference: period for reference, period in rows}  # noqa: C416 # as mypy wants it
        assert self.acknowledged <= found.keys(), "an acknowledged posting is lost"
        assert set(found.values()) <= {MONTH, NEXT}
        self.placed = Counter(found.values())


def _is_refusal(outcome: BaseException) -> bool:
    """Whether a posting was told no, or to come again: which a fixed snapshot and a named month are, after the close."""
    state = getattr(getattr(outcome, "orig", None), "sqlstate", None)
    return isinstance(outcome, LedgerError) or (isinstance(outcome, DBAPIError) and state in {"40001", "QT422"})


@pytest.mark.parametrize("races", [40, pytest.param(1000, marks=pytest.mark.faults)])
async def test_nothing_gets_into_a_month_after_it_was_closed(
    engine: AsyncEngine, database: Database, races: int
) -> None:
    """A posting that races with the close is in the month before it, or in the next one, or refused; never in a closed one."""
    owner = create_engine(database.superuser_url, 5)
    seed = random.randrange(2**32)
    async with engine.begin() as connection:
        await journal.post(connection, [capture("first").model_copy(update={"event_at": within(2)})])
    race = Race(engine, owner, random.Random(seed))
    try:
        for number in range(races):
            await race.run()
            if number < races - 1:
                await race.reopen()
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise
    finally:
        await owner.dispose()
    # Both ends of the race were met, or it was none.
    assert race.placed[MONTH] > races // 4, race.placed
    assert race.placed[NEXT] > races // 4, race.placed
    assert race.refused > 0


async def test_of_many_who_close_or_reopen_one_does(engine: AsyncEngine) -> None:
    """The others hear how it stands; the trail has one row for each change, and no self-approval gets in between."""

    async def attempt(number: int, *, is_close: bool) -> None:
        async with engine.begin() as connection:
            if is_close:
                await periods.close(connection, MONTH, by="alice")
            else:
                approver = "carol" if number % 2 else "bob"
                await periods.reopen(connection, MONTH, by="carol", approved_by=approver, because=f"because {number}")

    for is_close in (True, False) * 5:
        outcomes = await asyncio.gather(*(attempt(n, is_close=is_close) for n in range(12)), return_exceptions=True)
        kinds = Counter(type(outcome) for outcome in outcomes)
        assert kinds.pop(type(None)) == 1
        assert kinds.keys() <= {PeriodRefused, NotInThisRole}
    async with engine.connect() as connection:
        changes = (await periods.sheet(connection, MONTH)).changes
    assert [change.to_state for change in changes] == ["closed", "open"] * 5
    assert {change.approved_by for change in changes} == {None, "bob"}


async def test_a_closer_who_is_dismissed_meanwhile_closes_before_it_or_not_at_all(
    engine: AsyncEngine, superuser: psycopg.Connection
) -> None:
    """A change of role in mid-flight is seen: no period is closed by somebody whose role had ended."""
    for number in range(20):
        appoint(superuser, closer="alice bob", accountant="carol")

        async def close() -> None:
            async with engine.begin() as connection:
                await periods.close(connection, MONTH, by="alice")

        async def dismiss() -> None:
            await asyncio.to_thread(appoint, superuser, closer="bob")

        outcome, _ = await asyncio.gather(close(), dismiss(), return_exceptions=True)
        assert outcome is None or isinstance(outcome, NotInThisRole)
        wrong = superuser.execute(
            "SELECT count(*) FROM period_changes c WHERE c.to_state = 'closed' AND c.changed_by = 'alice' AND NOT EXISTS ("
            " SELECT FROM people_roles r WHERE r.person = 'alice' AND r.role = 'closer' AND r.from_at <= c.changed_at"
            " AND (r.until_at IS NULL OR r.until_at >= c.changed_at))"
        ).fetchone()
        assert wrong == (0,), number
        if outcome is None:
            async with engine.begin() as connection:
                await periods.reopen(connection, MONTH, by="carol", approved_by="bob", because="again")


async def test_the_first_entries_of_a_month_make_it_once(engine: AsyncEngine, database: Database) -> None:
    """At midnight of the first every worker posts into a month that is not there yet; each entry gets it, and there is one."""
    soon = datetime.combine(first_day(-1), datetime.min.time(), UTC)
    ahead = min(soon, datetime.now(UTC).replace(microsecond=0))
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        # As it was before this month's first entry.
        superuser.execute("ALTER TABLE periods DISABLE TRIGGER never_deleted")
        superuser.execute("DELETE FROM periods WHERE starts_on >= %s", [first_day(0)])
        superuser.execute("ALTER TABLE periods ENABLE ALWAYS TRIGGER never_deleted")

    async def post(number: int) -> None:
        async with engine.begin() as connection:
            await journal.post(connection, [capture(f"ch_{number}").model_copy(update={"event_at": ahead})])

    await asyncio.gather(*(post(number) for number in range(20)))
    async with engine.connect() as connection:
        found = [period.name for period in await periods.listed(connection)]
        rows = await connection.execute(text("SELECT period, count(*) FROM entries GROUP BY period"))
        assert [tuple(row) for row in rows] == [(name_of(0), 20)]
    assert found.count(name_of(0)) == 1
    assert found == sorted(found)
