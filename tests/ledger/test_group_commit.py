"""Group commit: many callers, few statements that commit by themselves, and each hears of its own posting alone."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import group_commit
from ledger.database import OUTAGES
from ledger.errors import AccountNotInChart, InvalidEntry, LedgerError, ReferenceConflict
from ledger.group_commit import GroupCommit, TooManyWaiting
from tests.conftest import Database
from tests.ledger.samples import capture
from tests.ledger.test_account_lines import assert_kept

CALLERS = 100


@contextmanager
def statements_seen(engine: AsyncEngine) -> Iterator[list[bool]]:
    """A block in which an engine's statements are seen, each by whether it commits by itself."""
    seen: list[bool] = []

    def see(connection: Any, *_: object) -> None:
        seen.append(connection.connection.dbapi_connection.autocommit)

    event.listen(engine.sync_engine, "before_cursor_execute", see)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", see)


def unknown(number: int) -> Any:
    """An entry that is refused, for an account that the chart does not have."""
    entry = capture(f"unknown_{number}")
    lines = tuple(
        line.model_copy(update={"account": line.account.model_copy(update={"code": f"nowhere:a{place}"})})
        for place, line in enumerate(entry.lines)
    )
    return entry.model_copy(update={"lines": lines})


async def test_those_who_come_together_share_a_commit(engine: AsyncEngine, superuser: psycopg.Connection) -> None:
    """A hundred postings cost two commits: the first caller's, and one for all who came meanwhile."""
    group = GroupCommit(engine)
    with statements_seen(engine) as seen:
        results = await asyncio.gather(*(group.post([capture(f"ch_{number}")]) for number in range(CALLERS)))
    assert 1 <= len(seen) <= 2
    assert all(seen)
    assert [(posted.reference, posted.is_new) for (posted,) in results] == [
        (f"ch_{number}:capture:1", True) for number in range(CALLERS)
    ]
    assert_kept(superuser)


async def test_a_bad_posting_fails_alone(engine: AsyncEngine, superuser: psycopg.Connection) -> None:
    """Nobody's money waits for a neighbour's mistake."""
    group = GroupCommit(engine)
    await group.post([capture("taken")])
    items: list[Any] = []
    for number in range(CALLERS):
        match number % 5:
            case 0:
                items.append([unknown(number)])
            case 1:
                items.append([capture("taken", 1 + number)])
            case 2:
                items.append([capture(f"first_of_{number}"), unknown(number)])
            case _:
                items.append([capture(f"ch_{number}")])
    results = await asyncio.gather(*(group.post(entries) for entries in items), return_exceptions=True)
    kinds = Counter(type(result) for result in results)
    assert kinds == {AccountNotInChart: 40, ReferenceConflict: 20, list: 40}
    assert all(str(number) in str(result) for number, result in enumerate(results) if number % 5 in {0, 2})
    assert superuser.execute("SELECT count(*) FROM entries").fetchone() == (41,)
    assert_kept(superuser)


async def test_one_reference_of_two_callers_with_other_content_is_posted_once(engine: AsyncEngine) -> None:
    """In one flush too: the first is posted, and the other told."""
    group = GroupCommit(engine)
    results = await asyncio.gather(
        group.post([capture("warm")]),
        *(group.post([capture("same", 100 + number)]) for number in range(10)),
        return_exceptions=True,
    )
    assert Counter(type(result) for result in results[1:]) == {list: 1, ReferenceConflict: 9}


async def test_the_same_posting_of_many_callers_is_posted_once(engine: AsyncEngine) -> None:
    """All hear the same entry, one of them as new."""
    group = GroupCommit(engine)
    results = await asyncio.gather(*(group.post([capture("same")]) for _ in range(20)))
    assert len({posted.entry_id for (posted,) in results}) == 1
    assert sum(posted.is_new for (posted,) in results) == 1


async def test_a_flush_that_loses_to_a_rival_is_done_again(
    engine: AsyncEngine, superuser: psycopg.Connection, database: Database
) -> None:
    """A deadlock is nobody's fault: what was not written is written a moment later, and no caller hears of it."""
    group = GroupCommit(engine)
    await group.post([capture("warm")])
    lock = "SELECT FROM balances WHERE account_id = (SELECT {}(account_id) FROM balances) FOR UPDATE"
    with psycopg.connect(database.superuser_url) as rival:
        rival.execute("SET deadlock_timeout = '1min'")  # so that it is the flush that is turned away
        rival.execute(lock.format("max").encode())
        posting = asyncio.create_task(group.post([capture("late")]))
        while superuser.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone() is None:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(rival.execute, lock.format("min").encode())
        rival.rollback()
        assert (await posting)[0].is_new
    assert_kept(superuser)


async def test_what_a_person_cancelled_is_told(engine: AsyncEngine, database: Database) -> None:
    """No rival was in the way: trying again would undo what somebody meant."""
    group = GroupCommit(engine)
    await group.post([capture("warm")])
    with psycopg.connect(database.superuser_url) as rival:
        rival.execute("SELECT FROM balances FOR UPDATE")
        posting = asyncio.create_task(group.post([capture("late")]))
        cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while rival.execute(cancel).fetchone() == (0,):
            await asyncio.sleep(0.02)
        with pytest.raises(OUTAGES):
            await posting


async def test_an_outage_is_told_to_all_who_waited(
    engine: AsyncEngine, superuser: psycopg.Connection, database: Database
) -> None:
    """Whether it is posted is not known then: the same posting again finds out, and is posted once."""
    group = GroupCommit(engine)
    await group.post([capture("warm")])
    with psycopg.connect(database.superuser_url) as rival:
        rival.execute("SELECT FROM balances FOR UPDATE")
        first = asyncio.create_task(group.post([capture("ch_1")]))
        await asyncio.sleep(0.2)
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'quittance_app'")
        with pytest.raises(OUTAGES):
            await first
    assert (await group.post([capture("ch_1")]))[0].is_new


async def test_there_is_a_limit_to_how_many_wait(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is turned away at the door, with what to do, and the ledger goes on."""
    monkeypatch.setattr(group_commit, "MAX_WAITING", 10)
    group = GroupCommit(engine)
    results = await asyncio.gather(
        *(group.post([capture(f"ch_{number}")]) for number in range(30)), return_exceptions=True
    )
    assert Counter(type(result) for result in results) == {list: 10, TooManyWaiting: 20}
    assert (await group.post([capture("after")]))[0].is_new


@pytest.mark.parametrize("count", [0, group_commit.MAX_ENTRIES + 1])
async def test_a_posting_has_a_size(engine: AsyncEngine, count: int) -> None:
    """Nothing is no posting, and one caller cannot fill a flush beyond its limit."""
    with pytest.raises(InvalidEntry, match=f"it has {count} entries"):
        await GroupCommit(engine).post([capture(f"ch_{number}") for number in range(count)])


async def test_a_caller_that_is_called_off_takes_nobody_along(engine: AsyncEngine) -> None:
    """Its posting may be made all the same; the others hear of theirs."""
    group = GroupCommit(engine)
    tasks = [asyncio.create_task(group.post([capture(f"ch_{number}")])) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for number, result in enumerate(results) if number != 3] == [list] * 19
    assert not isinstance(results[3], LedgerError)
