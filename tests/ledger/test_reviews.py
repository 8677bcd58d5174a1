"""Cases for people: one is open at a time, it is resolved once, and nothing of it is changed or forgotten."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import reviews
from ledger.errors import NotInReview, ReviewClosed
from ledger.reviews import Choice, Evidence, NewReview, Resolution, Review, Word
from tests.ledger.samples import HAPPENED
from tests.ledger.test_limits import CHARGE, OPERATION, insert

RIVALS = 10
EVIDENCE = Evidence(
    kind="refund",
    gateway="stripe",
    amount_minor=100,
    currency="USD",
    payment_reference="pi_1",
    target_reference="ch_at_stripe",
    gateway_reference=None,
    asked_at=HAPPENED,
    outcome="unknown",
    message="no answer in time",
    exposure_minor=100,
)
CHOICES = (
    Choice(resolution=Word.SUCCEEDED, consequence="the money is booked"),
    Choice(resolution=Word.FAILED, consequence="nothing is booked"),
)
OF_CHARGE = NewReview(charge_id="ch_1", reason="the outcome is still unknown")
OF_REFUND = NewReview(
    charge_id="ch_1",
    refund_id="re_1",
    operation_id="ch_1:refund:1",
    reason="the outcome is still unknown",
    evidence=EVIDENCE,
    choices=CHOICES,
)


@pytest.fixture
async def books(application: psycopg.Connection, connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """A connection to books with a charge of 100 cents and a refund of it."""
    insert(application, "charges", CHARGE)
    insert(application, "operations", OPERATION | {"refund_id": "re_1"})
    application.commit()
    yield connection
    await connection.rollback()


async def resolve(engine: AsyncEngine, review: Review, by: str, start: asyncio.Barrier) -> Review:
    """Resolve a case in a transaction of its own, at the same moment as the others."""
    async with engine.begin() as connection:
        await reviews.open_of(connection, review.charge_id, review.refund_id)
        await start.wait()
        return await reviews.close(connection, review.review_id, Resolution.SUCCEEDED, f"{by} looked", f"person:{by}")


async def test_a_case_holds_what_a_person_needs(books: AsyncConnection) -> None:
    """Reason, evidence and choices come back as they were when it was opened."""
    opened = await reviews.open_case(books, OF_REFUND)
    assert opened.is_open
    assert opened.model_dump(include=set(NewReview.model_fields)) == OF_REFUND.model_dump()
    assert await reviews.open_of(books, "ch_1", "re_1") == opened
    assert await reviews.latest_of(books, "ch_1", "re_1") == opened
    assert await reviews.open_of(books, "ch_1", None) is None


async def test_a_case_that_is_open_is_not_opened_again(books: AsyncConnection) -> None:
    """A step that runs again asks no second person; a charge and its refund are two cases."""
    first = await reviews.open_case(books, OF_REFUND)
    again = await reviews.open_case(books, OF_REFUND.model_copy(update={"reason": "another"}))
    assert again == first
    assert (await reviews.open_case(books, OF_CHARGE)).review_id != first.review_id


async def test_of_many_who_open_a_case_one_does(engine: AsyncEngine, books: AsyncConnection) -> None:
    """A worker that was thought dead and its successor hand over one case, also without a refund's id."""
    start = asyncio.Barrier(RIVALS)

    async def open_case() -> Review:
        async with engine.begin() as connection:
            await reviews.open_of(connection, "ch_1", None)
            await start.wait()
            return await reviews.open_case(connection, OF_CHARGE)

    opened = await asyncio.gather(*(open_case() for _ in range(RIVALS)))
    assert len({case.review_id for case in opened}) == 1
    assert len(await reviews.of_charge(books, "ch_1")) == 1


async def test_of_many_who_resolve_a_case_one_does(engine: AsyncEngine, books: AsyncConnection) -> None:
    """The others hear who was first, and how it was resolved; the row stays the winner's."""
    case = await reviews.open_case(books, OF_REFUND)
    await books.commit()
    start = asyncio.Barrier(RIVALS)
    results = await asyncio.gather(
        *(resolve(engine, case, f"p{number}", start) for number in range(RIVALS)), return_exceptions=True
    )
    assert Counter(type(result) for result in results) == {Review: 1, ReviewClosed: RIVALS - 1}
    [winner] = [result for result in results if isinstance(result, Review)]
    assert {str(result) for result in results if isinstance(result, ReviewClosed)} == {str(winner.closed())}
    assert str(winner.resolved_by) in str(winner.closed())
    assert await reviews.latest_of(books, "ch_1", "re_1") == winner


async def test_a_case_may_be_opened_anew_after_it_was_resolved(books: AsyncConnection) -> None:
    """A charge can need a person twice; both cases stay, and the latest is the one that counts."""
    first = await reviews.open_case(books, OF_CHARGE)
    await reviews.close(books, first.review_id, Resolution.FAILED, "nothing there", "person:alice")
    second = await reviews.open_case(books, OF_CHARGE)
    assert (await reviews.latest_of(books, "ch_1", None)).review_id == second.review_id != first.review_id
    assert [case.is_open for case in await reviews.of_charge(books, "ch_1")] == [False, True]


async def test_lists_show_who_has_waited_longest_and_what_was_resolved_last(books: AsyncConnection) -> None:
    """Whoever comes to work takes the first of the list."""
    charge, refund = await reviews.open_case(books, OF_CHARGE), await reviews.open_case(books, OF_REFUND)
    assert await reviews.find(books) == [charge, refund]
    assert await reviews.find(books, limit=1) == [charge]
    closed = [
        await reviews.close(books, case.review_id, Resolution.FAILED, "looked", "person:alice")
        for case in (refund, charge)
    ]
    assert await reviews.find(books) == []
    assert await reviews.find(books, resolved=True) == closed[::-1]


async def test_what_was_never_in_review_is_told_apart(books: AsyncConnection) -> None:
    """No case is not the same as a closed one."""
    with pytest.raises(NotInReview, match="refund re_1 of charge ch_1 is not in review"):
        await reviews.latest_of(books, "ch_1", "re_1")


RESOLVED = {"resolved_at": HAPPENED, "resolution": "failed", "because": "looked", "resolved_by": "person:alice"}
IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"operation_id": "ch_10:refund:1"}, "review_operation_is_of_the_charge"),
    ({"operation_id": "ch_1:refund:9"}, "reviews_operation_id_fkey"),
    ({"charge_id": "ch_2"}, "reviews_charge_id_fkey"),
    ({"refund_id": "re_9"}, "reviews_refund_id_fkey"),
    ({"reason": "  "}, "review_reason_said"),
    ({"resolution": "succeeded"}, "review_is_open_or_resolved_whole"),
    (RESOLVED | {"resolution": "forgotten"}, "review_resolution_known"),
    (RESOLVED | {"because": " "}, "review_because_said"),
    (RESOLVED | {"resolved_by": ""}, "review_resolver_named"),
]
CASE = {"charge_id": "ch_1", "reason": "unknown", "choices": "[]"}


@pytest.mark.parametrize(("changes", "constraint"), IMPOSSIBLE)
@pytest.mark.usefixtures("books")
def test_a_case_that_cannot_be_is_refused_by_name(
    owner: psycopg.Connection, changes: dict[str, Any], constraint: str
) -> None:
    """A case is about an operation of its charge, and is resolved whole or not at all, whoever writes it."""
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        insert(owner, "reviews", CASE | changes)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("UPDATE reviews SET resolution = 'failed', because = 'other', resolved_by = 'person:eve'", "QT409"),
        ("UPDATE reviews SET resolution = NULL, because = NULL, resolved_by = NULL", "QT409"),
        ("UPDATE reviews SET resolved_at = now()", "42501"),
        ("UPDATE reviews SET reason = 'other'", "42501"),
        ("DELETE FROM reviews", "42501"),
        ("TRUNCATE reviews", "42501"),
        ("INSERT INTO reviews (charge_id, reason, choices, opened_at) VALUES ('ch_1', 'x', '[]', now())", "42501"),
        ("INSERT INTO reviews (charge_id, reason, choices, resolution) VALUES ('ch_1', 'x', '[]', 'failed')", "42501"),
    ],
)
async def test_the_application_cannot_change_what_was_decided(
    books: AsyncConnection, application: psycopg.Connection, statement: str, sqlstate: str
) -> None:
    """Its rights end where a person's decision begins: not the evidence, not the moment, and not a second time."""
    case = await reviews.open_case(books, OF_REFUND)
    await reviews.close(books, case.review_id, Resolution.SUCCEEDED, "looked", "person:alice")
    await books.commit()
    with pytest.raises(psycopg.Error) as refused:
        application.execute(statement.encode())
    assert refused.value.sqlstate == sqlstate


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reviews SET reason = 'other'",
        "UPDATE reviews SET evidence = NULL",
        "UPDATE reviews SET opened_at = now()",
        "DELETE FROM reviews",
        "TRUNCATE reviews",
    ],
)
@pytest.mark.parametrize("replica", [False, True])
async def test_not_even_the_owner_changes_a_case(
    books: AsyncConnection, superuser: psycopg.Connection, statement: str, *, replica: bool
) -> None:
    """What a person was shown when they decided can be seen years later, also past triggers that were turned off."""
    await reviews.open_case(books, OF_REFUND)
    await books.commit()
    if replica:
        superuser.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.Error) as refused:
        superuser.execute(statement.encode())
    assert refused.value.sqlstate == "QT403"


async def test_the_moment_of_a_resolution_is_the_databases(
    books: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """Nobody dates a decision back, not even with all rights."""
    case = await reviews.open_case(books, OF_REFUND)
    await books.commit()
    superuser.execute(
        "UPDATE reviews SET resolution = 'failed', because = 'x', resolved_by = 'y', resolved_at = '2000-01-01'"
    )
    resolved = await reviews.latest_of(books, "ch_1", "re_1")
    assert resolved.resolved_at is not None
    assert resolved.resolved_at >= case.opened_at


@pytest.mark.usefixtures("books")
def test_evidence_of_a_case_is_read_as_it_was_written(application: psycopg.Connection) -> None:
    """Another program that reads the table finds plain JSON with the names of the document."""
    insert(application, "reviews", CASE | {"evidence": Jsonb(EVIDENCE.model_dump(mode="json"))})
    [(exposure,)] = application.execute("SELECT evidence ->> 'exposure_minor' FROM reviews").fetchall()
    assert exposure == "100"
