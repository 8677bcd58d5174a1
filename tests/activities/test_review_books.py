"""The steps of a review on a real database: who may settle which case, once, and what is then recorded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities import review_books
from activities.review_books import OpenReview, ResolveReview
from gateways.port import Outcome, Pending, Refused, Succeeded
from ledger import reviews
from ledger.database import create_engine
from ledger.errors import LedgerError, NotAReviewer, NotInReview, ResolutionRefused, ReviewClosed
from ledger.reviews import Resolution, Review
from tests.activities.test_review_decision import request
from tests.conftest import Database
from tests.ledger.samples import usd
from tests.ledger.test_limits import CHARGE, OPERATION, insert

REVIEWERS = ("alice", "bob")
CAPTURE = "ch_1:capture:1"
REFUND = "ch_1:refund:1"
SUCCEEDED = Succeeded(reference="pi_1", amount=usd(100), occurred_at=datetime(2026, 11, 25, tzinfo=UTC))
RACERS = 6


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """Books with a charge whose capture is unknown, and a refund that is pending."""
    with psycopg.connect(database.app_url) as connection:
        insert(connection, "charges", CHARGE | {"status": "needs_review"})
        capture = {"operation_id": CAPTURE, "kind": "capture", "purpose": "attempt:1", "payment_reference": "pi_1"}
        insert(connection, "operations", OPERATION | capture | {"outcome": "unknown", "message": "no answer"})
        insert(connection, "operations", OPERATION | {"refund_id": "re_1", "outcome": "pending"})
    engine = create_engine(database.app_url, RACERS)
    yield engine
    await engine.dispose()


async def opened(engine: AsyncEngine, refund_id: str | None = None, operation_id: str | None = CAPTURE) -> Review:
    """Hand the charge, or its refund, over to a person."""
    case = OpenReview(charge_id="ch_1", refund_id=refund_id, operation_id=operation_id, reason="still unknown")
    async with engine.begin() as connection:
        return await review_books.open_review(connection, case)


def word(by: str = "alice", **changes: Any) -> ResolveReview:
    """A reviewer says that the capture succeeded, and the gateway says so too."""
    fields: dict[str, Any] = {
        "charge_id": "ch_1",
        "operation": request("capture"),
        "as_": "succeeded",
        "because": "seen in the dashboard",
        "by": by,
        "read": SUCCEEDED,
    }
    return ResolveReview.model_validate(fields | changes)


async def settle(engine: AsyncEngine, resolution: ResolveReview) -> Outcome:
    """Settle in a transaction of its own."""
    async with engine.begin() as connection:
        return await review_books.settle(connection, REVIEWERS, resolution)


async def latest(engine: AsyncEngine, refund_id: str | None = None) -> Review:
    """The case as it stands."""
    async with engine.connect() as connection:
        return await reviews.latest_of(connection, "ch_1", refund_id)


async def test_a_case_shows_what_is_known_and_what_may_be_said(engine: AsyncEngine) -> None:
    """Whoever has to settle it sees where to look, how much is at stake since when, and what each word does."""
    case = await opened(engine)
    assert case.evidence is not None
    assert (case.evidence.payment_reference, case.evidence.message) == ("pi_1", "no answer")
    assert (case.evidence.outcome, case.evidence.exposure_minor) == ("unknown", 100)
    assert [choice.resolution for choice in case.choices] == ["succeeded", "failed"]
    assert await opened(engine) == case


async def test_a_reviewers_word_closes_the_case_and_is_the_outcome(engine: AsyncEngine) -> None:
    """The books say who decided, when, how and why."""
    await opened(engine)
    assert await settle(engine, word()) == SUCCEEDED
    case = await latest(engine)
    assert (case.resolution, case.because, case.resolved_by) == ("succeeded", "seen in the dashboard", "person:alice")
    assert case.resolved_at is not None


async def test_the_case_of_a_refund_is_settled_apart_from_the_charges(engine: AsyncEngine) -> None:
    """A word about the refund says nothing about the capture."""
    await opened(engine)
    await opened(engine, "re_1", REFUND)
    read = Pending(reference="re_at_stripe", reason="with the bank")
    said = word(operation=request("refund", "ch_x"), refund_id="re_1", as_="failed", read=read)
    outcome = await settle(engine, said)
    assert isinstance(outcome, Refused)
    assert not (await latest(engine, "re_1")).is_open
    assert (await latest(engine)).is_open


async def test_a_step_that_runs_again_answers_as_before(engine: AsyncEngine) -> None:
    """A worker that was killed after its commit, and its successor, resolve the case once."""
    await opened(engine)
    first = await settle(engine, word())
    case = await latest(engine)
    assert await settle(engine, word()) == first
    assert await latest(engine) == case


REFUSED: list[tuple[dict[str, Any], type[LedgerError], str]] = [
    ({"by": "eve"}, NotAReviewer, "eve may not resolve a review: they are not among the reviewers"),
    ({"as_": "failed"}, ResolutionRefused, "stripe says that it succeeded"),
    ({"read": None}, ResolutionRefused, "stripe shows no trace of it"),
    ({"operation": request("void")}, ResolutionRefused, f"is about {CAPTURE}, not about ch_1:void:1"),
    ({"refund_id": "re_1"}, NotInReview, "refund re_1 of charge ch_1 is not in review"),
    ({"charge_id": "ch_2"}, NotInReview, "charge ch_2 is not in review"),
]


@pytest.mark.parametrize(("changes", "error", "words"), REFUSED)
async def test_what_is_refused_leaves_the_case_open(
    engine: AsyncEngine, changes: dict[str, Any], error: type[LedgerError], words: str
) -> None:
    """No right, another operation, or the gateway's own word against it: nothing is decided."""
    case = await opened(engine)
    with pytest.raises(error, match=words):
        await settle(engine, word(**changes))
    assert await latest(engine) == case


async def test_without_an_operation_there_is_nothing_to_resolve(engine: AsyncEngine) -> None:
    """A person cannot say that nothing in particular succeeded; the reason why it waits is told instead."""
    await opened(engine, operation_id=None)
    with pytest.raises(ResolutionRefused, match=r"no operation of charge ch_1 waits for an outcome.*still unknown"):
        await settle(engine, word())


@pytest.mark.parametrize("changes", [{"by": "bob"}, {"because": "another reason"}, {"as_": "failed", "read": None}])
async def test_a_case_is_resolved_once(engine: AsyncEngine, changes: dict[str, Any]) -> None:
    """Whoever comes second hears who was first, and changes nothing."""
    await opened(engine)
    await settle(engine, word())
    with pytest.raises(ReviewClosed, match="closed already, as succeeded by person:alice"):
        await settle(engine, word(**changes))
    assert (await latest(engine)).resolved_by == "person:alice"


async def test_of_two_words_at_once_one_counts(engine: AsyncEngine) -> None:
    """Reviewers who contradict each other at the same moment do not both get an outcome recorded."""
    await opened(engine)
    pending = Pending(reference="pi_1", reason="with the bank")
    words = [
        word(by=REVIEWERS[number % 2], as_=("succeeded", "failed")[number % 2], read=pending)
        for number in range(RACERS)
    ]
    words = [said.model_copy(update={"because": f"reason {number}"}) for number, said in enumerate(words)]
    results = await asyncio.gather(*(settle(engine, said) for said in words), return_exceptions=True)
    kinds = Counter("closed" if isinstance(result, ReviewClosed) else type(result).__name__ for result in results)
    assert kinds["closed"] == RACERS - 1, results
    assert kinds["Succeeded"] + kinds["Refused"] == 1


async def test_a_reading_of_another_operation_settles_nothing(engine: AsyncEngine) -> None:
    """That the customer's refund went through does not say whether the capture did."""
    await opened(engine)
    async with engine.begin() as connection:
        settled = await review_books.settled_by_gateway(
            connection, request("refund", "ch_x"), SUCCEEDED, refund_id=None, actor="workflow:charge/ch_1"
        )
    assert settled is None
    assert (await latest(engine)).is_open


async def test_a_later_reading_of_the_gateway_settles_the_case(engine: AsyncEngine) -> None:
    """Nobody is asked any more once the gateway has answered; a person who comes later hears that."""
    await opened(engine)
    async with engine.begin() as connection:
        case = await review_books.settled_by_gateway(
            connection, request("capture"), SUCCEEDED, refund_id=None, actor="workflow:charge/ch_1"
        )
        assert case is not None
        again = await review_books.settled_by_gateway(
            connection, request("capture"), SUCCEEDED, refund_id=None, actor="workflow:charge/ch_1"
        )
        assert again is None
    assert (case.resolution, case.resolved_by) == (Resolution.SETTLED_BY_GATEWAY, "workflow:charge/ch_1")
    assert case.because == f"stripe, asked about {CAPTURE}, says that it succeeded (pi_1)"
    with pytest.raises(ReviewClosed, match="by the gateway's own word"):
        await settle(engine, word())


@pytest.mark.parametrize("because", ["", " ", "x" * 501, "charged 4242424242424242 twice"])
def test_a_word_without_a_reason_is_no_word(because: str) -> None:
    """Years later somebody has to understand it; and card data does not come in here either."""
    with pytest.raises(ValueError, match="because"):
        word(because=because)


def test_only_two_words_can_be_said() -> None:
    """That the gateway settled it is not for a person to say."""
    with pytest.raises(ValueError, match="as_"):
        word(as_="settled_by_gateway")
