"""The steps of an adjustment on a real database: each may run again, after an answer that was lost or beside a zombie."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.adjustment_books import AdjustmentBooks, DecideAdjustment
from ledger.adjustments import Verdict
from ledger.database import create_engine
from tests.conftest import Database
from tests.ledger.adjustment_samples import asked, hold_role, set_tier

REQUEST = asked()
RUNS = 6


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """Books in which alice may ask, and bob and carol may decide."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        hold_role(superuser, "alice", "bob", "carol")
        set_tier(superuser)
    engine = create_engine(database.app_url, RUNS)
    yield engine
    await engine.dispose()


def word(person: str = "bob", because: str = "looked at it", verdict: Verdict = Verdict.APPROVE) -> DecideAdjustment:
    """A person's decision on the request."""
    return DecideAdjustment(
        adjustment_id=REQUEST.adjustment_id,
        person=person,
        verdict=verdict,
        because=because,
        seen_hash=REQUEST.entry_hash(),
    )


async def test_each_step_that_runs_again_finds_what_it_did(engine: AsyncEngine) -> None:
    """A worker that dies after its COMMIT has a successor that does nothing a second time, and says the same."""
    books = AdjustmentBooks(engine)
    assert {(await books.request_adjustment(REQUEST)).state for _ in range(2)} == {"requested"}
    assert {(await books.decide_adjustment(word())).state for _ in range(2)} == {"approved"}
    posted = [await books.post_adjustment(REQUEST.adjustment_id) for _ in range(2)]
    assert {each.posted_entry_id for each in posted} == {posted[0].posted_entry_id}
    assert (await books.expire_adjustment(REQUEST.adjustment_id)).state == "posted"
    assert {(await books.decide_adjustment(word())).state for _ in range(2)} == {"posted"}


async def test_a_step_that_runs_many_times_at_once_is_one(engine: AsyncEngine) -> None:
    """A zombie and its successor write one decision, and both find it."""
    books = AdjustmentBooks(engine)
    await books.request_adjustment(REQUEST)
    told = await asyncio.gather(*(books.decide_adjustment(word()) for _ in range(RUNS)))
    assert {each.approvers for each in told} == {("bob",)}


@pytest.mark.parametrize(
    "other", [word(because="another reason"), word(verdict=Verdict.REJECT)], ids=["other words", "other verdict"]
)
async def test_another_decision_of_the_same_person_is_refused_for_good(
    engine: AsyncEngine, other: DecideAdjustment
) -> None:
    """Only the very same one is taken for the step's own; what is refused is not tried again."""
    books = AdjustmentBooks(engine)
    await books.request_adjustment(REQUEST)
    await books.decide_adjustment(word())
    with pytest.raises(ApplicationError, match="each person decides once") as refused:
        await books.decide_adjustment(other)
    assert refused.value.non_retryable


async def test_what_the_books_refuse_is_told_with_its_kind(engine: AsyncEngine) -> None:
    """The process tells it to whoever asked, and tries nothing again."""
    books = AdjustmentBooks(engine)
    await books.request_adjustment(REQUEST)
    steps: list[Callable[[], Awaitable[object]]] = [
        lambda: books.request_adjustment(asked(amount_minor=1)),
        lambda: books.decide_adjustment(word("alice")),
        lambda: books.post_adjustment(REQUEST.adjustment_id),
        lambda: books.post_adjustment("adj_9"),
    ]
    kinds = {}
    for step in steps:
        with pytest.raises(ApplicationError) as refused:
            await step()
        assert refused.value.non_retryable
        kinds[refused.value.message] = refused.value.type
    assert list(kinds.values()) == ["AdjustmentConflict", "AdjustmentRefused", "AdjustmentRefused", "UnknownAdjustment"]
