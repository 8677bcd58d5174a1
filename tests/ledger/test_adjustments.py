"""Adjustments as the processes use them: what is written is read back whole, and of many at once exactly one decision counts."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import adjustments, journal
from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import Adjustment, AdjustmentState, Verdict
from ledger.errors import AdjustmentConflict, AdjustmentRefused, InvalidEntry, UnbalancedEntry, UnknownAdjustment
from tests.ledger.adjustment_samples import (
    THRESHOLD_MINOR,
    asked,
    hold_role,
    lose_role,
    pass_time,
    set_tier,
    two_lines,
)

AT_ONCE = 40
MANY_AT_ONCE = 1000
APPROVERS = [f"approver_{number}" for number in range(8)]


@pytest.fixture
async def books(superuser: psycopg.Connection, connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """Books in which alice may ask, and eight others may decide."""
    hold_role(superuser, "alice", *APPROVERS)
    set_tier(superuser)
    yield connection
    await connection.rollback()


async def written(books: AsyncConnection, request: AdjustmentRequest) -> Adjustment:
    """Write a request down and commit."""
    adjustment = await adjustments.request(books, request)
    await books.commit()
    return adjustment


async def decide(engine: AsyncEngine, adjustment: Adjustment, person: str, verdict: Verdict) -> Adjustment:
    """Decide in a transaction of its own."""
    async with engine.begin() as connection:
        return await adjustments.decide(
            connection,
            adjustment.adjustment_id,
            verdict,
            person=person,
            because="looked at it",
            seen_hash=adjustment.entry_hash,
        )


async def approve(engine: AsyncEngine, adjustment: Adjustment, person: str) -> Adjustment:
    """Approve in a transaction of its own."""
    return await decide(engine, adjustment, person, Verdict.APPROVE)


async def post(engine: AsyncEngine, adjustment: Adjustment) -> Adjustment:
    """Post in a transaction of its own."""
    async with engine.begin() as connection:
        return await adjustments.post(connection, adjustment.adjustment_id)


async def known(engine: AsyncEngine, adjustment_id: str) -> Adjustment:
    """The adjustment as it stands."""
    async with engine.connect() as connection:
        return await adjustments.known(connection, adjustment_id)


async def test_an_adjustment_is_read_back_whole(books: AsyncConnection, engine: AsyncEngine) -> None:
    """Who asked for what and why, what each person said, and where it stands."""
    request = asked(amount_minor=THRESHOLD_MINOR + 1)
    adjustment = await written(books, request)
    assert adjustment.request() == request
    assert (adjustment.entry, adjustment.entry_hash) == (request.canonical_entry(), request.entry_hash())
    assert (adjustment.state, adjustment.approvals_needed) == (AdjustmentState.REQUESTED, 2)
    assert [(tier.amount, tier.one_approval_up_to_minor) for tier in adjustment.tiers] == [
        (request.lines[0].money, THRESHOLD_MINOR)
    ]
    assert adjustment.expires_at - adjustment.requested_at == timedelta(days=1)
    assert 86_000 < adjustment.seconds_left < 86_400
    await approve(engine, adjustment, APPROVERS[0])
    approved = await approve(engine, adjustment, APPROVERS[1])
    assert (approved.state, approved.approvers, approved.rejecter) == ("approved", tuple(APPROVERS[:2]), None)
    assert {each.seen_hash for each in approved.decisions} == {request.entry_hash()}
    done = await post(engine, adjustment)
    assert (done.state, done.entry_reference) == (AdjustmentState.POSTED, "adjustment/adj_1")
    assert done.posted_entry_id is not None
    assert await post(engine, adjustment) == done.model_copy(
        update={"seconds_left": pytest.approx(done.seconds_left, abs=5)}
    )


async def test_what_is_refused_is_said_in_a_line(books: AsyncConnection, engine: AsyncEngine) -> None:
    """Each refusal is an error of ours, with what was held against it."""
    adjustment = await written(books, asked())
    attempts: list[tuple[Callable[[], Awaitable[object]], type[Exception], str]] = [
        (
            lambda: approve(engine, adjustment, "alice"),
            AdjustmentRefused,
            "alice asked for it, and another person has to",
        ),
        (
            lambda: approve(engine, adjustment, "eve"),
            AdjustmentRefused,
            "eve may not approve adjustment adj_1: that needs",
        ),
        (lambda: post(engine, adjustment), AdjustmentRefused, "it is requested, and only what is approved is posted"),
        (lambda: known(engine, "adj_9"), UnknownAdjustment, "there is no adjustment adj_9"),
        (lambda: written(books, asked(amount_minor=1)), AdjustmentConflict, "adj_1 exists with other content"),
    ]
    for attempt, kind, words in attempts:
        with pytest.raises(kind) as refused:
            await attempt()
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        await books.rollback()


async def test_the_ordinary_posting_takes_no_adjustment(books: AsyncConnection) -> None:
    """The application's own code gets the same answer as a stranger, in words of its own."""
    request = asked()
    await written(books, request)
    with pytest.raises(InvalidEntry, match="a manual adjustment is posted by its own approval only"):
        await journal.post(books, [request.entry()])


async def test_what_waits_is_listed(books: AsyncConnection, engine: AsyncEngine) -> None:
    """Open ones and those that are over are two lists, the one that was asked for last first."""
    first, second, third = [await written(books, asked(f"adj_{number}")) for number in (1, 2, 3)]
    await decide(engine, second, APPROVERS[0], Verdict.REJECT)
    open_states = [state for state in AdjustmentState if not state.is_over]
    assert [each.adjustment_id for each in await adjustments.find(books, states=open_states)] == ["adj_3", "adj_1"]
    over = await adjustments.find(books, states=[AdjustmentState.REJECTED])
    assert [(each.adjustment_id, each.rejecter) for each in over] == [("adj_2", APPROVERS[0])]
    assert len(await adjustments.find(books, states=list(AdjustmentState), limit=2)) == 2
    assert first.adjustment_id != third.adjustment_id


def test_an_entry_that_is_none_is_not_frozen() -> None:
    """What does not balance cannot be asked for, and no text is taken that the journal would not take."""
    with pytest.raises(UnbalancedEntry):
        asked(lines=two_lines()[:1] * 2).canonical_entry()
    wrong: list[dict[str, Any]] = [
        {"because": " "},
        {"because": "a\nb"},
        {"evidence": ""},
        {"reason_code": "Fee"},
        {"requester": "a b"},
        {"valid_seconds": 31 * 86_400},
    ]
    for changes in wrong:
        with pytest.raises(ValidationError):
            asked(**changes)


@given(
    because=st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and text.isprintable()),
    amount_minor=st.integers(1, 999_999_999_999),
)
def test_whatever_can_be_asked_can_be_frozen(because: str, amount_minor: int) -> None:
    """No words of a person make an entry that the ledger step cannot build: it would be tried for ever."""
    try:
        request = asked(because=because, amount_minor=amount_minor)
    except ValidationError:
        return
    assert request.entry().lines == request.lines
    assert len(request.entry_hash()) == 64


@pytest.mark.parametrize(
    "words", ["naïve \u202e ☃ \U0001f9fe", 'quote " backslash \\ slash /', "\u2028 line \u00a0 blank"]
)
async def test_python_and_postgresql_write_an_entry_alike(books: AsyncConnection, words: str) -> None:
    """The two would otherwise disagree about a hash, and nothing with such words could be asked for."""
    assert (await written(books, asked(because=words, evidence=words))).because == words


async def storm(engine: AsyncEngine, superuser: psycopg.Connection, books: AsyncConnection, number: int) -> None:
    """Self-, double-, late and other decisions on a few adjustments, all at once, and everybody posts."""
    chance = random.Random(number)
    made = [
        await written(books, asked(f"adj_{each}", amount_minor=chance.choice([5000, THRESHOLD_MINOR + 1])))
        for each in range(max(number // 40, 4))
    ]
    late = {each.adjustment_id for each in made[::4]}
    for adjustment_id in late:
        pass_time(superuser, adjustment_id, timedelta(days=2))
    hold_role(superuser, "Alice", *[person.upper() for person in APPROVERS])

    async def one() -> str:
        adjustment = chance.choice(made)
        person = chance.choice(["alice", "Alice", *APPROVERS[:3], *[each.upper() for each in APPROVERS[:3]], "eve"])
        verdict = chance.choice([Verdict.APPROVE] * 9 + [Verdict.REJECT])
        try:
            await decide(engine, adjustment, person, verdict)
            await post(engine, adjustment)
        except AdjustmentRefused as error:
            return error.rule
        return "taken"

    told = Counter(await asyncio.gather(*(one() for _ in range(number))))
    assert told["adjustment_is_decided_by_another_person"] > 0
    _nothing_wrong(superuser, late)


def _nothing_wrong(superuser: psycopg.Connection, late: set[str]) -> None:
    """What is posted was approved by enough persons other than the requester, in time, once, before it was rejected."""
    rows = superuser.execute(
        "SELECT a.adjustment_id, a.state, a.approvals_needed, (SELECT count(*) FROM entries e WHERE e.reference ="
        " 'adjustment/' || a.adjustment_id), array(SELECT lower(d.person) FROM adjustment_decisions d WHERE"
        " d.adjustment_id = a.adjustment_id AND d.decision = 'approve'), array(SELECT lower(d.person) FROM"
        " adjustment_decisions d WHERE d.adjustment_id = a.adjustment_id AND d.decision = 'reject') FROM adjustments a"
    ).fetchall()
    for adjustment_id, state, needed, entries, approvers, rejecters in rows:
        assert "alice" not in approvers + rejecters
        assert "eve" not in approvers + rejecters
        assert len(set(approvers + rejecters)) == len(approvers + rejecters)
        assert len(approvers) <= needed
        assert len(rejecters) <= 1
        assert entries == (state == "posted")
        assert (state in {"approved", "posted"}) == (len(approvers) == needed and not rejecters)
        assert (state == "rejected") == bool(rejecters)
        assert adjustment_id not in late or not approvers + rejecters
    assert any(state == "posted" for _, state, *_ in rows)


async def test_of_many_decisions_at_once_none_is_wrong(
    engine: AsyncEngine, superuser: psycopg.Connection, books: AsyncConnection
) -> None:
    """Self-approvals, second approvals, late ones and rejections in one crowd: none counts that must not."""
    await storm(engine, superuser, books, AT_ONCE)


@pytest.mark.faults
async def test_of_a_thousand_decisions_at_once_none_is_wrong(
    engine: AsyncEngine, superuser: psycopg.Connection, books: AsyncConnection
) -> None:
    """The same, with a crowd that no company has."""
    await storm(engine, superuser, books, MANY_AT_ONCE)


async def test_of_an_approval_and_a_rejection_at_once_one_counts(engine: AsyncEngine, books: AsyncConnection) -> None:
    """Whoever comes second hears what the first one said, and what was rejected is never posted."""
    for number in range(10):
        adjustment = await written(books, asked(f"adj_{number}"))
        told = await asyncio.gather(
            approve(engine, adjustment, APPROVERS[0]),
            decide(engine, adjustment, APPROVERS[1], Verdict.REJECT),
            return_exceptions=True,
        )
        [done] = [each for each in told if isinstance(each, Adjustment)]
        [refused] = [each for each in told if isinstance(each, AdjustmentRefused)]
        assert str(refused).endswith(f"it is {done.state} already")
        assert (await known(engine, adjustment.adjustment_id)).state is done.state


async def test_of_many_who_post_at_once_one_posts(engine: AsyncEngine, books: AsyncConnection) -> None:
    """A worker that was taken for dead and its successor write one entry, and both find it."""
    adjustment = await written(books, asked())
    await approve(engine, adjustment, APPROVERS[0])
    posted = await asyncio.gather(*(post(engine, adjustment) for _ in range(10)))
    assert len({each.posted_entry_id for each in posted}) == 1


async def test_of_many_who_ask_at_once_one_request_is_written(engine: AsyncEngine, books: AsyncConnection) -> None:
    """The others find it as it is; who asks for something else under its id is refused."""
    requests = [asked(amount_minor=5000 + number % 2) for number in range(10)]

    async def ask(request: AdjustmentRequest) -> Adjustment:
        async with engine.begin() as connection:
            return await adjustments.request(connection, request)

    told = await asyncio.gather(*(ask(request) for request in requests), return_exceptions=True)
    assert Counter(type(each) for each in told) == {Adjustment: 5, AdjustmentConflict: 5}


async def test_a_role_that_changes_meanwhile_lets_nobody_through(
    engine: AsyncEngine, superuser: psycopg.Connection, books: AsyncConnection
) -> None:
    """While roles come and go, whoever decided held the role then, and the requester never decided."""
    going_on = True

    def change_roles() -> None:
        chance = random.Random(1)
        while going_on:
            person = chance.choice(["alice", "ALICE", *APPROVERS[:2]])
            chance.choice([hold_role, lose_role])(superuser, person)

    changing = asyncio.create_task(asyncio.to_thread(change_roles))
    hold_role(superuser, "zoe")
    for number in range(20):
        adjustment = await written(books, asked(f"adj_{number}", requester="zoe"))
        people = ["zoe", "ZOE", "alice", "ALICE", *APPROVERS[:2]]
        await asyncio.gather(*(approve(engine, adjustment, person) for person in people), return_exceptions=True)
    going_on = False
    await changing
    [(decided, without)] = superuser.execute(
        "SELECT count(*), count(*) FILTER (WHERE lower(d.person) = 'zoe' OR NOT EXISTS (SELECT FROM people_roles r"
        " WHERE r.person = d.person AND d.decided_at >= r.from_at AND d.decided_at <= coalesce(r.until_at, 'infinity')))"
        " FROM adjustment_decisions d"
    ).fetchall()
    assert decided > 0
    assert without == 0
