"""How a refund of a split is shared out among its legs: the last one first, once, and not a cent more than was asked for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from commands.errors import AnswerIsNo
from commands.split_refund import Made, Part, Wanted, plan
from ledger.charges import ChargeStatus
from ledger.money import Money
from ledger.split_legs import Leg
from tests.activities.split_rows import leg, split, usd

AMOUNTS = some.lists(some.integers(1, 500), min_size=2, max_size=10)


def taken(amounts: Sequence[int]) -> list[Leg]:
    return [
        leg(number, ChargeStatus.CAPTURED, captured_minor=amount, amount_minor=amount)
        for number, amount in enumerate(amounts, start=1)
    ]


def wanted(amount: Money | None) -> Wanted:
    return Wanted("re_1", amount, None, "person:tester")


def amounts_of(parts: Sequence[Part]) -> dict[int, int]:
    return {part.leg.number: part.amount_minor for part in parts}


@given(AMOUNTS, some.data())
def test_the_parts_are_the_whole_and_the_last_legs_go_first(amounts: list[int], data: some.DataObject) -> None:
    """What is asked for is given back exactly, and no leg before the ones after it are empty."""
    asked = data.draw(some.integers(1, sum(amounts)))
    parts = plan(split(), taken(amounts), wanted(usd(asked)), {})
    assert sum(part.amount_minor for part in parts) == asked
    numbers = [part.leg.number for part in parts]
    assert numbers == list(range(len(amounts), len(amounts) - len(parts), -1))
    assert all(part.amount_minor == part.leg.captured_minor for part in parts[:-1])
    assert [part.refund_id for part in parts] == [f"re_1.{number}" for number in numbers]


@given(AMOUNTS, some.data())
def test_an_interrupted_refund_goes_on_where_it_stopped(amounts: list[int], data: some.DataObject) -> None:
    """The same command again asks each leg for the same, whatever became of those that were asked before."""
    asked = data.draw(some.one_of(some.none(), some.integers(1, sum(amounts))))
    money = None if asked is None else usd(asked)
    first = plan(split(), taken(amounts), wanted(money), {})
    made, legs = {}, taken(amounts)
    for part in first[: data.draw(some.integers(0, len(first)))]:
        number, amount, failed = part.leg.number, part.amount_minor, data.draw(some.booleans())
        made[number] = Made(amount, was_given_up=failed)
        if not failed:
            legs[number - 1] = legs[number - 1].model_copy(update={"refund_reserved_minor": amount})
    assert amounts_of(plan(split(), legs, wanted(money), made)) == amounts_of(first)


def test_more_than_is_left_is_refused() -> None:
    """What was given back before is not given back again."""
    legs = [each.model_copy(update={"refunded_minor": 60}) for each in taken([100, 100])]
    assert amounts_of(plan(split(), legs, wanted(None), {})) == {1: 40, 2: 40}
    with pytest.raises(AnswerIsNo, match=r"more than the 0\.80 USD that is left to refund of split sp_1"):
        plan(split(), legs, wanted(usd(81)), {})
    empty = [each.model_copy(update={"refunded_minor": 100}) for each in legs]
    with pytest.raises(AnswerIsNo, match="has nothing left to refund"):
        plan(split(), empty, wanted(None), {})


def test_the_same_id_with_another_amount_is_refused() -> None:
    """A leg that was asked for 10 under this id is not asked for 20 under it."""
    legs = taken([100, 100])
    legs[1] = legs[1].model_copy(update={"refunded_minor": 10})
    for other in (9, 20, 150):
        with pytest.raises(AnswerIsNo, match="refund re_1 exists with other content"):
            plan(split(), legs, wanted(usd(other)), {2: Made(10, was_given_up=False)})
