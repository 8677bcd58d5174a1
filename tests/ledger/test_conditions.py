"""Conditions of a posting: what the caller saw of an account must still be so, or nothing is posted."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import journal
from ledger.entries import Condition, Entry
from ledger.errors import AccountConditionFailed, AccountNotInChart, AccountVersionChanged
from tests.ledger.samples import capture, usd

RIVALS = 20


def conditional(charge_id: str, **what: Any) -> Entry:
    """A capture with a condition on the clearing account."""
    condition = Condition(code="clearing:stripe", currency="USD", **what)
    return capture(charge_id).model_copy(update={"conditions": (condition,)})


@pytest.fixture(autouse=True)
async def one_posted(connection: AsyncConnection) -> None:
    """A first capture of 49.99 dollars: the account is at version 1."""
    await journal.post(connection, [capture("first")])
    await connection.commit()


@pytest.mark.parametrize(
    "what", [{"version": 1}, {"at_least_minor": 4999}, {"at_most_minor": 4999}, {"at_least_minor": -1, "version": 1}]
)
async def test_what_is_still_so_is_posted(connection: AsyncConnection, what: dict[str, int]) -> None:
    """The bounds themselves are within."""
    assert (await journal.post(connection, [conditional("second", **what)]))[0].is_new


async def test_a_version_that_has_passed_is_refused_with_the_one_that_is(connection: AsyncConnection) -> None:
    """The caller can look again and decide anew."""
    with pytest.raises(AccountVersionChanged, match="clearing:stripe is at version 1, not 0") as caught:
        await journal.post(connection, [conditional("second", version=0)])
    assert (caught.value.account, caught.value.found) == ("clearing:stripe", 1)


@pytest.mark.parametrize("what", [{"at_least_minor": 5000}, {"at_most_minor": 4998}])
async def test_a_balance_outside_the_bounds_is_refused(connection: AsyncConnection, what: dict[str, int]) -> None:
    """The refusal says what is available."""
    with pytest.raises(AccountConditionFailed, match=r"49\.99 USD is available of account clearing:stripe") as caught:
        await journal.post(connection, [conditional("second", **what)])
    assert caught.value.available == usd(4999)


async def test_a_condition_on_an_account_that_is_not_there_is_refused(connection: AsyncConnection) -> None:
    """A slip in a code must not read as a condition that holds."""
    condition = Condition(code="wallet:nobody", currency="USD", at_least_minor=0)
    with pytest.raises(AccountNotInChart, match="there is no account wallet:nobody in USD"):
        await journal.post(connection, [capture("second").model_copy(update={"conditions": (condition,)})])


async def test_a_repeated_posting_is_not_asked_again(connection: AsyncConnection) -> None:
    """The answer was lost, the condition held then: the caller must hear that it is posted."""
    entry = conditional("second", version=1)
    await journal.post(connection, [entry])
    await connection.commit()
    assert not (await journal.post(connection, [entry]))[0].is_new


async def test_of_many_who_saw_the_same_version_one_posts(engine: AsyncEngine) -> None:
    """Optimistic locking: nobody builds on what another has changed meanwhile."""

    async def rival(number: int) -> Any:
        async with engine.begin() as connection:
            return await journal.post(connection, [conditional(f"rival_{number}", version=1)])

    results = await asyncio.gather(*(rival(number) for number in range(RIVALS)), return_exceptions=True)
    assert Counter(type(result) for result in results) == {list: 1, AccountVersionChanged: RIVALS - 1}


async def test_items_that_are_posted_together_see_each_other(connection: AsyncConnection) -> None:
    """Two that saw the same version do not both win because they came in one flush."""
    postings = [journal.Posting([conditional(f"together_{number}", version=1)]) for number in range(3)]
    results = await journal.post_each(connection, postings)
    assert [type(result) for result in results] == [list, AccountVersionChanged, AccountVersionChanged]
